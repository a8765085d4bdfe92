"""`WhisperProcess`: Whisper in a process of its own, asked one question at a time.

It computes for seconds while live sound needs this process to answer within milliseconds.
"""

import contextlib
import logging
import multiprocessing
import os
import signal
import threading
import traceback
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from audio_io.chunk import Samples
from audio_io.errors import S2stError
from audio_io.recording import open_recording
from audio_io.resample import StreamResampler
from engine.errors import EngineError
from engine.streams.child import how_it_ended
from engine.whisper.model import RATE_HZ, OutputAsrConfig, Whisper

GRACE_S = 5.0
"""How long a process that ends may take to say how."""


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
        context = multiprocessing.get_context("spawn")
        self._config = config
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, config, verbose), name="s2st output check", daemon=True
        )
        resource_tracker.ensure_running()  # starting it unblocks signals
        # Ctrl-C in a terminal is not for the child; it inherits that the signal is blocked.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        theirs.close()
        self._asking = threading.Lock()
        """Held from a question to its answer."""
        self._description: str | None = None

    def wait_until_loaded(self) -> str:
        """What it listens with, in words that make a score repeatable. Raises what loading
        raised."""
        with self._asking:
            if self._description is None:
                self._description = self._answer(timeout_s=None)
            return self._description

    def ask(self, question: Path | Question) -> str:
        """What is understood of a recording, or of an utterance so far.

        Raises:
            EngineError: the process has ended, or does not answer.
        """
        self.wait_until_loaded()
        with self._asking:
            try:
                self._connection.send(question)
            except (OSError, ValueError) as error:
                raise self._death() from error
            return self._answer(self._config.timeout_s)

    def end(self) -> None:
        """End the process at once, whatever it does. From any thread."""
        self._process.kill()
        self._process.join()

    def _answer(self, timeout_s: float | None) -> str:
        try:
            if not self._connection.poll(timeout_s):
                self._process.kill()
                raise EngineError(
                    f"The output check did not answer within {timeout_s:g} s.",
                    hint="A smaller Whisper model is faster.",
                )
            answer: str | _Failed = self._connection.recv()
        except (EOFError, OSError, TypeError) as error:  # TypeError: closed while it was read
            raise self._death() from error
        if isinstance(answer, _Failed):
            raise answer.error
        return answer

    def _death(self) -> EngineError:
        self._process.join(GRACE_S)
        how = how_it_ended(self._process.exitcode)
        return EngineError(
            f"The output check's process ended ({how}).",
            hint="Is there enough memory for the Whisper model?",
        )


@dataclass(frozen=True, slots=True)
class _Failed:
    error: S2stError


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


def _serve(connection: Connection, config: OutputAsrConfig, verbose: bool) -> None:
    """The life of the process, until the other end of the connection is closed."""
    # What ends the program is the other process's to handle; this one ends when that one does.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if config.background:
        os.nice(10)
    if not verbose:
        logging.disable(logging.WARNING)
    with contextlib.suppress(EOFError, OSError):  # nobody is at the other end any more
        try:
            whisper = Whisper(config)
        except Exception as error:
            connection.send(_failed(error, verbose))
            return
        connection.send(whisper.description)
        ear = _Ear(whisper, config.language)
        while True:
            question = connection.recv()
            try:
                answer: str | _Failed = ear.answer(question)
            except Exception as error:
                answer = _failed(error, verbose)
            connection.send(answer)


def _failed(error: Exception, verbose: bool) -> _Failed:
    if verbose:  # tracebacks do not cross to other processes
        traceback.print_exc()
    return _Failed(told(error))


def told(error: Exception) -> S2stError:
    """An error that a person is told of, and that crosses to other processes."""
    if isinstance(error, S2stError):
        return error
    return EngineError(f"The output check failed: {type(error).__name__}: {error}.")
