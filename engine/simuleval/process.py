"""`AgentProcess`: a SimulEval agent in a process of its own, of this Python or of another.

Such an agent may want versions that do not go with ours, may crash, and keeps one stream's memory
in itself. So each runs apart: `agent_program` starts and ends it, `agent_worker` is what runs
there, and here is how they talk.
"""

import contextlib
import json
import logging
import multiprocessing
import signal
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from audio_io.chunk import Samples
from audio_io.errors import UsageError
from audio_io.paths import expanded
from engine.errors import EngineError
from engine.simuleval.checks import check_speech
from engine.simuleval.port import GLANCE_S, AgentPort
from engine.simuleval.program import AgentProgram
from engine.simuleval.worker import FrameError, is_file, one_line, pack_frame, read_frame
from engine.streams.child import how_it_ended

logger = logging.getLogger(__name__)

GRACE_S = 5.0
"""How long a process that was asked to end may take before it is killed."""


@dataclass(frozen=True, slots=True)
class ForeignAgentConfig:
    agent: str
    """`package.module.Class`, or the path of a .py file."""
    options: tuple[str, ...] = ()
    """The agent's own options, and any of SimulEval's command, as on a command line."""
    agent_class: str | None = None
    """Which of a file's agents; None where it has one."""
    python: str | None = None
    """Path of the Python it runs in, 3.8 or newer, with simuleval; None: this one."""
    device: str = "cpu"
    log: Path | None = None
    """Where what the agent prints is appended; None: a temporary file, kept if something fails."""
    start_timeout_s: float = 600.0
    """From when somebody waits for it to be loaded."""
    step_timeout_s: float = 300.0
    threads: int | None = None
    """Threads for its linear algebra; None leaves it alone."""

    def __post_init__(self) -> None:
        if self.start_timeout_s <= 0 or self.step_timeout_s <= 0:
            raise ValueError("the time-outs must be longer than nothing")
        if self.threads is not None and self.threads < 1:
            raise ValueError("threads must be at least 1")
        if self.agent_class is not None and not self.is_file:
            raise UsageError(
                f"'{self.agent}' is one class already; '{self.agent_class}' cannot be chosen.",
                hint="A class is chosen from a .py file.",
            )

    @property
    def is_file(self) -> bool:
        """Whether `agent` is a path."""
        return is_file(self.agent)


@dataclass(frozen=True, slots=True)
class AgentDescription:
    """What a loaded agent says of itself."""

    name: str
    source_type: str
    """SimulEval's word: `speech`."""
    target_type: str
    """`text`, `speech`, or several joined by `_`."""
    simuleval_version: str
    python_version: str


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """One part of what the agent wrote. Neither text nor samples: a READ, maybe the last."""

    text: str | None
    samples: Samples | None
    sample_rate_hz: int
    """Of `samples`; 0 without."""
    finished: bool
    """Whether the agent says that it is through with this stream."""


class AgentProcess:
    """For one stream at a time. One thread asks; any thread may close."""

    def __init__(self, config: ForeignAgentConfig) -> None:
        """Starts the process. Raises `EngineError` where there is none to start."""
        self._config = config
        self._description: AgentDescription | None = None
        self._connection: socket.socket | None = None
        self._asked = False
        """Whether an answer to a question is still to come."""
        self._closed = False
        agent = config.agent
        if config.is_file:
            path = expanded(Path(agent))
            if not path.is_file():
                raise EngineError(f"There is no agent file '{path}'.")
            agent = str(path.absolute())
        self._port = AgentPort()
        order = {
            "port": self._port.number,
            "token": self._port.token,
            "agent": agent,
            "agent_class": config.agent_class,
            "options": list(config.options),
            "device": config.device,
        }
        try:
            self._program = AgentProgram(
                json.dumps(order).encode() + b"\n", config.python, config.log, config.threads
            )
        except BaseException:
            self._port.close()
            raise

    @property
    def is_alive(self) -> bool:
        """Whether it can be asked. A step that was broken off, as by Ctrl-C, spoils it."""
        return not (self._closed or self._asked) and self._program.exit_code is None

    @property
    def log(self) -> Path:
        """Where what the agent prints is."""
        return self._program.log

    def wait_until_loaded(self) -> AgentDescription:
        """May be called again. Raises `EngineError` with what kept it from loading."""
        if self._description is not None:
            return self._description
        limit_s = self._config.start_timeout_s
        deadline_s = time.monotonic() + limit_s
        try:
            with self._told(f"was not loaded within {limit_s:g} s"):
                if self._connection is None:
                    self._connection = self._accept(deadline_s)
                answer, _ = read_frame(lambda count: self._read(count, deadline_s))
                self._description = self._loaded(answer)
        except BaseException:  # Ctrl-C too: its answer would come when nobody waits for it
            self._program.kill()
            raise
        return self._description

    def reset(self) -> None:
        """A new stream, or the same after the agent was through."""
        self._ask({"do": "reset"})

    def step(
        self,
        samples: Samples,
        sample_rate_hz: int,
        *,
        sent_ms: float,
        finished: bool,
        target_language: str | None,
    ) -> list[Written]:
        """One segment of source; no samples with `finished` where nothing was left to say it with.

        `sent_ms` is how much of the source the agent has heard with it.
        """
        if not len(samples) and not finished:
            raise ValueError("a segment without samples can only end the source")
        question = {
            "do": "step",
            "sample_rate_hz": sample_rate_hz,
            "sent_ms": sent_ms,
            "finished": finished,
            "target_language": target_language,
        }
        return self._ask(question, np.ascontiguousarray(samples, dtype="<f4").tobytes())

    def close(self) -> None:
        """Ends the process and those it started, and waits for that. May be called twice, and from
        any thread."""
        if self._closed:
            return
        self._closed = True
        idle = self._description is not None and not self._asked
        if self._connection is not None:
            with contextlib.suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)  # wakes whoever reads from it
        self._port.close()
        if idle:  # it leaves by itself
            self._program.wait(GRACE_S)
        self._program.signal(signal.SIGTERM)
        self._program.wait(GRACE_S)
        self._program.close()
        if self._connection is not None:
            self._connection.close()

    def _accept(self, deadline_s: float) -> socket.socket:
        def go_on() -> None:
            if self._closed or self._program.exit_code is not None:
                raise _EndedError
            _check_parent()
            if time.monotonic() > deadline_s:
                raise _TimedOutError

        try:
            connection = self._port.accept(go_on)
        except (OSError, ValueError) as error:  # closed meanwhile
            raise _EndedError from error
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def _loaded(self, answer: dict[str, Any]) -> AgentDescription:
        told = str(answer.get("error")).rstrip(".")
        agent = self._config.agent
        match answer["kind"]:
            case "loaded":
                return AgentDescription(
                    str(answer["name"]),
                    str(answer["source_type"]),
                    str(answer["target_type"]),
                    str(answer["simuleval_version"]),
                    str(answer["python_version"]),
                )
            case "no_package":
                raise EngineError(
                    f"The agent's Python lacks what it needs ({told}).",
                    hint=self._program.install_hint(),
                )
            case "wrong_options":
                raise self._failure(f"The agent '{agent}' does not take its options: {told}.")
            case _:
                raise self._failure(f"The agent '{agent}' cannot be loaded: {told}.")

    def _ask(self, question: dict[str, Any], samples: bytes = b"") -> list[Written]:
        self.wait_until_loaded()
        if self._closed:
            raise EngineError(f"The agent '{self._config.agent}' is closed.")
        assert self._connection is not None
        try:
            frame = pack_frame(question, samples)
        except FrameError as error:
            raise EngineError(f"The segment is too long for an agent: {error}.") from error
        limit_s = self._config.step_timeout_s
        deadline_s = time.monotonic() + limit_s
        self._asked = True
        with self._told(f"did not answer within {limit_s:g} s"):
            self._send(frame, limit_s)
            answer, sound = read_frame(lambda count: self._read(count, deadline_s))
            parts = list(_parts(answer, sound)) if answer["kind"] == "done" else []
        self._asked = False
        agent = self._config.agent
        if answer["kind"] != "done":
            logger.debug("%s", answer.get("traceback"))
            told = str(answer.get("error")).rstrip(".")
            raise self._failure(f"The agent '{agent}' failed: {told}.")
        try:
            return [part.written() for part in parts]
        except ValueError as error:
            raise self._failure(f"The agent '{agent}' failed: {error}.") from error

    def _send(self, frame: bytes, limit_s: float) -> None:
        assert self._connection is not None
        try:
            self._connection.settimeout(limit_s)
            self._connection.sendall(frame)
        except TimeoutError:
            raise _TimedOutError from None
        except OSError as error:
            raise _EndedError from error

    def _read(self, count: int, deadline_s: float) -> bytes:
        """Exactly `count` bytes. Children of the agent may keep the connection open when it is
        gone, so the process is looked at too."""
        assert self._connection is not None
        read = bytearray()
        ended = False
        while len(read) < count:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                raise _TimedOutError
            try:
                self._connection.settimeout(min(left_s, GLANCE_S))
                more = self._connection.recv(min(count - len(read), 2**20))
            except TimeoutError:
                if ended:
                    raise _EndedError from None
                _check_parent()
                # Once more after it has ended: its last words may be there.
                ended = self._program.exit_code is not None
                continue
            except OSError as error:
                raise _EndedError from error
            if not more:
                raise _EndedError
            read += more
        return bytes(read)

    @contextlib.contextmanager
    def _told(self, too_late: str) -> Iterator[None]:
        """What goes wrong with the connection, as errors for people. Nothing can follow it."""
        try:
            yield
        except _TimedOutError:
            raise self._stopped(too_late) from None
        except _EndedError:
            raise self._death() from None
        except _OrphanedError:
            raise self._stopped("was ended: nobody waits for it any more") from None
        except (ValueError, KeyError, TypeError) as error:
            raise self._stopped(f"does not answer as it should ({one_line(str(error))})") from error

    def _failure(self, message: str) -> EngineError:
        """What the agent did wrong, with the way to its log."""
        self._program.keep_log = True
        return EngineError(one_line(message), hint=f"Its log: {self._program.log}")

    def _stopped(self, what: str) -> EngineError:
        """It cannot be used any more: the process is killed."""
        self._program.kill()
        return self._failure(f"The agent '{self._config.agent}' {what}.")

    def _death(self) -> EngineError:
        """It ended, or its connection did: why, as far as can be seen."""
        if self._closed:
            return EngineError(f"The agent '{self._config.agent}' was closed.")
        self._program.wait(GRACE_S)
        code = self._program.exit_code
        self._program.kill()
        if self._connection is None:
            problem = self._program.python_problem()
            if problem is not None:
                return problem
        said = self._program.last_words().rstrip(".")
        told = f"{how_it_ended(code)}); it last said: {said}" if said else f"{how_it_ended(code)})"
        return self._failure(f"The agent '{self._config.agent}' ended ({told}.")


class _TimedOutError(Exception):
    pass


class _EndedError(Exception):
    """The process, or the connection to it, has ended."""


class _OrphanedError(Exception):
    """Whoever had this process ask is gone."""


def _check_parent() -> None:
    """A worker of a run that was killed would wait for the agent as long as that may take."""
    parent = multiprocessing.parent_process()
    if parent is not None and not parent.is_alive():
        raise _OrphanedError


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """What the agent's process sent as one `Written`, before anything is checked."""

    text: str | None
    samples: Samples | None
    sample_rate: float
    finished: bool

    def written(self) -> Written:
        rate_hz = 0 if self.samples is None else check_speech(self.samples, self.sample_rate)
        return Written(self.text, self.samples, rate_hz, self.finished)


def _parts(answer: dict[str, Any], sound: bytes) -> Iterator[_Part]:
    position = 0
    for text, size, sample_rate, finished in answer["parts"]:
        if not (text is None or isinstance(text, str)):
            raise FrameError("its text is not text")
        samples = None
        if size:
            samples = np.frombuffer(sound, "<f4", size // 4, position).astype(np.float32)
            position += size
        yield _Part(text, samples, float(sample_rate), bool(finished))
    if position != len(sound):
        raise FrameError("the sound does not fit the answer")
