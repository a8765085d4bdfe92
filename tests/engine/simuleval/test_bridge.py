"""Our engines, driven by SimulEval's own classes."""

import json
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from simuleval.data.segments import EmptySegment, SpeechSegment
from simuleval.evaluator import SentenceLevelEvaluator

from audio_io.chunk import AudioChunk, Boundary, Samples
from engine.agent import Agent, StreamRequest, Task
from engine.events import Event, SourceText, TargetAudio, TargetText
from engine.simuleval.bridge import EngineAgent, EngineStates, SpeechToSpeech, SpeechToText, pieces
from tests.fakes import speech

RATE_HZ = 16_000
TO_TEXT = StreamRequest("eng", ("spa",), task=Task.S2TT, partials=False)
TO_SPEECH = StreamRequest("eng", ("spa",), task=Task.S2ST, partials=False)


class Counter(Agent[AudioChunk, Event, dict[str, int]]):
    """Writes the number of each whole second of sound, and speaks it as a click of its own rate.
    Its state shows whether it was given back."""

    def __init__(self) -> None:
        self.open = 0

    def new_state(self, request: StreamRequest) -> dict[str, int]:
        self.open += 1
        return {"samples": 0, "said": 0}

    def step(self, chunk: AudioChunk, state: dict[str, int]) -> Iterator[Event]:
        assert chunk.sample_rate_hz == RATE_HZ
        assert chunk.start_sample == state["samples"]
        state["samples"] = chunk.end_sample
        while (state["said"] + 1) * RATE_HZ <= chunk.end_sample:
            state["said"] += 1
            text = f"{' ' * (state['said'] > 1)}n{state['said']}"
            yield SourceText(0, "eng", text, 0.0, 1.0, committed=True)
            yield TargetText(0, "spa", text, 0.0, 1.0, committed=True)
            click = AudioChunk(np.full(8000, state["said"] / 10, np.float32), 8000)
            yield TargetAudio(0, "spa", click, 0.0, 1.0)
        if chunk.boundary is Boundary.STREAM:
            yield TargetText(0, "spa", " end", 0.0, 1.0, committed=True)

    def release(self, state: dict[str, int]) -> None:
        self.open -= 1


@pytest.fixture
def recordings(tmp_path: Path) -> Namespace:
    """Two recordings of 2.5 s and 1.2 s, and the arguments SimulEval wants."""
    for name, seconds, rate_hz in (("a", 2.5, 16_000), ("b", 1.2, 22_050)):
        noise = 0.1 * np.random.default_rng(1).standard_normal(round(seconds * rate_hz))
        soundfile.write(tmp_path / f"{name}.wav", noise, rate_hz)
    (tmp_path / "source.txt").write_text(f"{tmp_path / 'a.wav'}\n{tmp_path / 'b.wav'}\n")
    (tmp_path / "target.txt").write_text("n1 n2 end\nn1 end\n")
    return Namespace(
        source=str(tmp_path / "source.txt"),
        target=str(tmp_path / "target.txt"),
        tgt_lang=None,
        output=str(tmp_path / "out"),
        score_only=False,
        no_scoring=False,
        continue_unfinished=False,
        computation_aware=False,
        no_use_ref_len=False,
        eval_latency_unit="word",
        source_segment_size=320,
        start_index=0,
        end_index=-1,
        no_progress_bar=True,
        latency_metrics=["AL", "StartOffset"],
        quality_metrics=["BLEU"],
        sacrebleu_tokenizer="13a",
    )


def log(arguments: Namespace) -> list[dict[str, Any]]:
    lines = (Path(arguments.output) / "instances.log").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_simulevals_evaluator_drives_an_engine_to_text(recordings: Namespace) -> None:
    engine = Counter()
    recordings.source_type, recordings.target_type = "speech", "text"
    evaluator = SentenceLevelEvaluator.from_args(recordings)

    evaluator(SpeechToText(engine, TO_TEXT, RATE_HZ))

    first, second = log(recordings)
    assert first["prediction"] == "n1 n2 end"
    assert first["delays"] == [1280.0, 2240.0, 2500.0]
    assert second["prediction"] == "n1 end"
    assert second["delays"][-1] == pytest.approx(1200.0)
    assert evaluator.results["StartOffset"][0] == pytest.approx(1240.0)
    assert engine.open == 0


def test_simulevals_evaluator_drives_an_engine_to_speech(recordings: Namespace) -> None:
    recordings.source_type, recordings.target_type = "speech", "speech"
    recordings.quality_metrics = []

    SentenceLevelEvaluator.from_args(recordings)(SpeechToSpeech(Counter(), TO_SPEECH, RATE_HZ))

    first, _ = log(recordings)
    assert first["delays"] == [1280.0, 2240.0]
    assert first["durations"] == [1000.0, 1000.0]
    samples, rate_hz = soundfile.read(first["prediction"])
    assert (len(samples), rate_hz) == (16_000, 8000)


def segment(samples: Samples, rate_hz: int = RATE_HZ, *, finished: bool = False) -> SpeechSegment:
    return SpeechSegment(content=samples.tolist(), sample_rate=rate_hz, finished=finished)


def test_two_states_do_not_hear_each_other() -> None:
    agent = SpeechToText(Counter(), TO_TEXT, RATE_HZ)
    one, other = agent.build_states(), agent.build_states()
    second = np.zeros(RATE_HZ, np.float32)

    written = [agent.pushpop(segment(second), one).content for _ in range(3)]
    late = agent.pushpop(segment(second), other).content

    assert written == ["n1", " n2", " n3"]
    assert late == "n1"
    assert agent.states.next_sample == 0


def test_silence_in_the_source_is_a_read_and_the_end_says_finished() -> None:
    agent = SpeechToText(Counter(), TO_TEXT, RATE_HZ)

    nothing = agent.pushpop(segment(np.zeros(100, np.float32)))
    last = agent.pushpop(EmptySegment(finished=True))

    assert nothing.is_empty and not nothing.finished
    assert (last.content, last.finished) == (" end", True)


def test_a_reset_gives_the_stream_back_and_starts_afresh() -> None:
    engine = Counter()
    agent = SpeechToText(engine, TO_TEXT, RATE_HZ)
    agent.pushpop(segment(np.zeros(RATE_HZ, np.float32)))
    assert engine.open == 1

    agent.reset()

    assert engine.open == 0
    assert agent.pushpop(segment(np.zeros(RATE_HZ, np.float32))).content == "n1"


def test_other_rates_are_brought_to_the_engines() -> None:
    agent = SpeechToText(Counter(), TO_TEXT, RATE_HZ)

    written = agent.pushpop(segment(np.zeros(3 * 22_050, np.float32), 22_050, finished=True))

    assert written.content == "n1 n2 n3 end"


def test_speech_and_its_text_come_together() -> None:
    agent = EngineAgent(Counter(), TO_SPEECH, RATE_HZ)

    written = agent.pushpop(segment(np.zeros(RATE_HZ, np.float32)))

    assert written.text_segment.content == "n1"
    assert (len(written.speech_segment.content), written.speech_segment.sample_rate) == (8000, 8000)


def test_transcription_writes_the_source() -> None:
    request = StreamRequest("eng", ("eng",), task=Task.ASR, partials=False)
    agent = SpeechToText(Counter(), request, RATE_HZ)

    assert agent.pushpop(segment(np.zeros(RATE_HZ, np.float32), finished=True)).content == "n1"


def test_an_engine_is_had_by_name_as_simuleval_makes_agents() -> None:
    from argparse import ArgumentParser

    parser = ArgumentParser()
    SpeechToText.add_args(parser)
    agent = SpeechToText.from_args(parser.parse_args(["--src", "en", "--tgt", "es"]))
    try:
        written = agent.pushpop(segment(speech("short.wav"), finished=True)).content
    finally:
        agent.states.close()
        agent.engine.close()

    assert written.startswith("Mañana")


class Doubter(Counter):
    """Is sure of nothing but its last second."""

    def step(self, chunk: AudioChunk, state: dict[str, int]) -> Iterator[Event]:
        if chunk.boundary is not Boundary.STREAM:
            yield TargetText(0, "spa", "two dogs", 0.0, 1.0, committed=False)
            return
        yield TargetText(0, "spa", "[unclear] dogs [unclear].", 0.0, 1.0, committed=True)
        yield TargetText(0, "spa", " [unclear].", 0.0, 1.0, committed=True)


def test_what_stands_for_unclear_words_is_never_written_and_is_counted() -> None:
    agent = SpeechToText(Doubter(), replace(TO_TEXT, partials=True), RATE_HZ)
    agent.pushpop(segment(np.zeros(RATE_HZ, np.float32)))

    written = agent.pushpop(segment(np.zeros(RATE_HZ, np.float32), finished=True))

    assert written.content == "dogs."
    assert agent.states.unclear == 3
    assert agent.states.flicker is not None
    assert agent.states.flicker.erased == 2  # "two dogs" became "dogs."


def test_pieces_keep_the_space_that_text_brings() -> None:
    class Model:
        def encode(self, text: str, out_type: type) -> list[str]:
            return [f"▁{word}" for word in text.split()]

    joined = "".join([pieces(Model(), "uno dos"), " ", pieces(Model(), " tres")]).replace(" ", "")

    assert joined.replace("▁", " ") == "uno dos tres"


def test_a_state_can_be_closed_twice() -> None:
    closed: list[object] = []
    states = EngineStates(lambda: "stream", closed.append)
    states.open()

    states.close()
    states.close()

    assert closed == ["stream"]
