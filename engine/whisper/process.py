"""`WhisperProcess`: Whisper in a process of its own, asked one question at a time.

It computes for seconds while live sound needs this process to answer within milliseconds.
"""

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from audio_io.chunk import Samples
from audio_io.recordings.recording import open_recording
from audio_io.resample import StreamResampler
from engine.errors import EngineError
from engine.streams.child import Child, Do, Tell
from engine.whisper.model import RATE_HZ, OutputAsrConfig, Whisper


@dataclass(frozen=True, slots=True)
class Question:
    """More of an utterance; the answer is what is understood of all of it so far."""

    utterance: int
    language: str
    """ISO 639-3 code."""
    samples: Samples
    """Only what is new."""
    sample_rate_hz: int
    final: bool
    """Whether the utterance ends here."""


class WhisperProcess:
    """Start it early: it loads while other things happen. Threads that ask wait for each other."""

    def __init__(self, config: OutputAsrConfig, *, verbose: bool = False) -> None:
        self._config = config
        self._child = Child(
            partial(_loaded, config, verbose),
            name="s2st output check",
            ended="The output check's process ended",
            hint="Is there enough memory for the Whisper model?",
            verbose=verbose,
        )
        self._asking = threading.Lock()
        """Held from a question to its answer."""
        self._description: str | None = None

    def wait_until_loaded(self) -> str:
        """What it listens with, in words that make a score repeatable. Raises what loading
        raised."""
        with self._asking:
            if self._description is None:
                self._description = self._answer(None, timeout_s=None)
            return self._description

    def ask(self, question: Path | Question) -> str:
        """What is understood of a recording, or of an utterance so far.

        Raises:
            EngineError: the process has ended, or does not answer.
        """
        self.wait_until_loaded()
        with self._asking:
            return self._answer(question, self._config.timeout_s)

    def end(self) -> None:
        """End the process at once, whatever it does. From any thread."""
        self._child.end(grace_s=0.0)

    def _answer(self, question: Path | Question | None, timeout_s: float | None) -> str:
        try:
            answer: str = self._child.answer(question, timeout_s)
        except TimeoutError:
            self._child.kill()
            raise EngineError(
                f"The output check did not answer within {timeout_s:g} s.",
                hint="A smaller Whisper model is faster.",
            ) from None
        except RuntimeError as error:  # another than ours, with its name
            raise EngineError(f"The output check failed: {error}.") from error
        return answer


class _Ear:
    """In the process: Whisper, and the utterances that are not finished."""

    def __init__(self, whisper: Whisper, language: str) -> None:
        self._whisper = whisper
        self._language = language
        self._sounds: dict[int, tuple[StreamResampler, list[Samples]]] = {}

    def answer(self, question: Path | Question) -> str:
        if isinstance(question, Path):
            with open_recording(question, RATE_HZ) as recording:
                sound = np.concatenate([chunk.samples for chunk in recording])
            return self._whisper.understand(sound, self._language)
        number, rate_hz = question.utterance, question.sample_rate_hz
        if number not in self._sounds:
            self._sounds[number] = StreamResampler(rate_hz, RATE_HZ), []
        resampler, parts = self._sounds[number]
        parts.append(resampler.process(question.samples, last=question.final))
        if question.final:
            del self._sounds[number]
        sound = np.clip(np.concatenate(parts), -1.0, 1.0)
        return self._whisper.understand(sound, question.language)


@contextmanager
def _loaded(config: OutputAsrConfig, verbose: bool) -> Iterator[Do]:
    """In the process: answers a question with what is understood, and None with what listens."""
    if config.background:
        os.nice(10)
    if not verbose:
        logging.disable(logging.WARNING)
    whisper = Whisper(config)
    ear = _Ear(whisper, config.language)

    def do(question: Path | Question | None, tell: Tell) -> str:
        return whisper.description if question is None else ear.answer(question)

    yield do
