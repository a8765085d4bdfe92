"""Agents that speak, and one that misbehaves when it is told to."""

import ctypes
import os
import signal
import subprocess
import time
from argparse import ArgumentParser, Namespace
from typing import Any

import numpy as np
from simuleval.agents import GenericAgent, SpeechToSpeechAgent, SpeechToTextAgent
from simuleval.agents.actions import Action, ReadAction, WriteAction
from simuleval.data.segments import (
    EmptySegment,
    Segment,
    SpeechSegment,
    SpeechTextSegment,
    TextSegment,
)

TONE_HZ = 440
SPOKEN_HZ = 8000
WRONG = {
    20: SpeechSegment(content=[0.5, float("nan"), float("inf")], sample_rate=SPOKEN_HZ),
    21: SpeechSegment(content=[0.5, 1e300], sample_rate=SPOKEN_HZ),
    22: SpeechSegment(content=[0.5] * 800, sample_rate=2**33),
    23: SpeechSegment(content=[0.5] * 800, sample_rate=1),
    24: SpeechSegment(content=[0.5] * 800, sample_rate=8000.5),
    25: SpeechSegment(content=[0.5] * 800),
    26: SpeechSegment(content=[0.5] * 800, sample_rate=float("inf")),
    27: SpeechSegment(content="hola", sample_rate=SPOKEN_HZ),
    28: TextSegment(content=5),
    29: TextSegment(content=["ho", "la"]),
}
"""What an agent cannot mean, by mood."""


class Tone(SpeechToSpeechAgent):  # type: ignore[misc]
    """Plays a tone as loud and as long as each segment; none for silence."""

    def pushpop(self, segment: Segment, states: Any = None, upstream_states: Any = None) -> Segment:
        loudness = max(segment.content, default=0.0)
        if not loudness:
            return EmptySegment(finished=segment.finished)
        samples = len(segment.content) * SPOKEN_HZ // segment.sample_rate
        tone = loudness * np.sin(2 * np.pi * TONE_HZ * np.arange(samples) / SPOKEN_HZ)
        return SpeechSegment(content=tone, sample_rate=SPOKEN_HZ, finished=segment.finished)


class Both(GenericAgent):  # type: ignore[misc]
    """Text and speech of each segment; says that it is through after every second one."""

    source_type = "speech"
    target_type = "speech_text"

    def reset(self) -> None:
        super().reset()
        self.segments = 0

    def pushpop(self, segment: Segment, states: Any = None, upstream_states: Any = None) -> Any:
        self.segments += 1
        through = self.segments == 2 or segment.finished
        text = TextSegment(content=f"{self.segments} {segment.tgt_lang}", finished=through)
        speech = SpeechSegment(content=[0.5] * 800, sample_rate=SPOKEN_HZ)
        if self.segments == 2:
            speech = SpeechSegment(content=[], sample_rate=SPOKEN_HZ)
        return SpeechTextSegment(text_segment=text, speech_segment=speech)


class Moody(SpeechToTextAgent):  # type: ignore[misc]
    """What it does depends on the first sample of a segment."""

    def __init__(self, args: Namespace) -> None:
        super().__init__(args)
        if args.hang:
            time.sleep(60)

    @staticmethod
    def add_args(parser: ArgumentParser) -> None:
        parser.add_argument("--hang", action="store_true")
        # What SimulEval has with other types and choices:
        parser.add_argument("--dtype", choices=["int8"])

    def pushpop(self, segment: Segment, states: Any = None, upstream_states: Any = None) -> Any:
        mood = round(segment.content[0]) if segment.content else 0
        if mood == 1:
            raise ValueError("too\nmany notes")
        if mood == 2:
            time.sleep(60)
        if mood == 3:
            print("I am leaving")
            os._exit(7)
        if mood == 4:
            os.kill(os.getpid(), signal.SIGKILL)
        if mood == 5:
            print("a printed line")
        if mood == 6:
            raise SystemExit("no more")
        if mood == 7:
            return [TextSegment(content="left", finished=True), EmptySegment()]
        if mood in (8, 9):
            child = subprocess.Popen(["sleep", "1234"])
            print("I started", child.pid)
            if mood == 9:
                os._exit(7)
            return TextSegment(content=str(child.pid))
        if mood == 10:
            ctypes.PyDLL(None).sleep(60)  # and no other thread runs meanwhile
        if mood in WRONG:
            return WRONG[mood]
        words = f"{mood} {self.args.source_segment_size} {self.args.latency_metrics}"
        return TextSegment(content=words, finished=segment.finished)

    def policy(self) -> Action:
        return WriteAction("", finished=False) if self.states.source else ReadAction()


class Reader(GenericAgent):  # type: ignore[misc]
    """Takes text, which nobody here has for it."""

    source_type = "text"
    target_type = "text"

    def policy(self) -> Action:
        return ReadAction()
