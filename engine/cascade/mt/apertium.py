"""Apertium, rule-based translation, kept alive: one pipeline of processes for each mode.

A mode is a pipeline of programs described in a file. Started for every sentence it costs 145 to
360 ms; kept alive, with every program's null-flush option `-z`, a sentence is written followed by
NUL and its translation read up to NUL, in a few milliseconds.
"""

import logging
import os
import re
import select
import shlex
import shutil
import subprocess
import threading
import time
from pathlib import Path

from engine.errors import EngineError, LanguageError
from engine.programs.environment import environment
from engine.programs.last_words import Complaints
from engine.text.unclear import UNCLEAR

logger = logging.getLogger(__name__)

MODES_DIRS = (Path("/usr/share/apertium/modes"), Path("/usr/local/share/apertium/modes"))
ROUTES: dict[str, tuple[str, ...]] = {
    "spa": ("eng-spa",),
    "cat": ("eng-cat",),
    "glg": ("en-gl",),
    "epo": ("en-eo",),
    "por": ("eng-spa", "es-pt"),
    "ita": ("eng-cat", "cat-ita"),
    "fra": ("eng-cat", "cat-fra"),
}
"""Modes from English to each target. Two modes translate by way of the language between; Catalan
reads better than Spanish on the way to Italian and French."""
PACKAGES = {
    "eng-spa": "apertium-eng-spa",
    "eng-cat": "apertium-eng-cat",
    "en-gl": "apertium-en-gl",
    "en-eo": "apertium-eo-en",
    "es-pt": "apertium-es-pt",
    "cat-ita": "apertium-cat-ita",
    "cat-fra": "apertium-fra-cat",
}
"""Debian package of each mode."""
LONGEST_TEXT = 10_000
"""Characters; a clause has some hundred."""
TIMEOUT_S = 20.0
"""A sentence takes milliseconds and a cold start a second; longer means it hangs."""
GRACE_S = 1.0
"""Until a program whose output ended has ended itself."""

_SPECIAL = re.compile(r"([\\\[\]{}^$/@<>])")
_END = " .[][\n]"
"""What the plain-text deformatter puts behind the last sentence, so that it counts as ended. The
space keeps the stop from turning the last word into an abbreviation ("no." is "number")."""
_ENDED = re.compile(r"\s*\.?\[\]\[\s*\]$")
_OWN_STOP = re.compile(r"(?<=[^\s.])(?<!\.[^\s.])\.\s*$")
"""A text's own last stop; not that of "U.S.", which is part of the word."""
_END_SEEN = b"[][\n]\0"
"""What every complete answer ends with: the blank of `_END`, which no rule touches."""
_ESCAPED = re.compile(r"\\(.)")


class ApertiumTranslator:
    """`Translator` from English. Pipelines are shared by streams and entered one at a time."""

    targets = frozenset(ROUTES)

    def __init__(self, modes_dirs: tuple[Path, ...] = MODES_DIRS) -> None:
        self._modes_dirs = modes_dirs
        self._pipelines: dict[str, Pipeline] = {}
        self._lock = threading.Lock()

    def start(self, target: str) -> None:
        for mode in _route(target):
            self._pipeline(mode).start()

    def translate(self, text: str, target: str) -> str:
        for mode in _route(target):
            text = self._pipeline(mode).translate(text)
        return text

    def close(self) -> None:
        with self._lock:
            pipelines = list(self._pipelines.values())
        for pipeline in pipelines:
            pipeline.close()

    def _pipeline(self, mode: str) -> "Pipeline":
        with self._lock:
            if mode not in self._pipelines:
                self._pipelines[mode] = Pipeline(mode, mode_file(mode, self._modes_dirs))
            return self._pipelines[mode]


def mode_file(mode: str, modes_dirs: tuple[Path, ...] = MODES_DIRS) -> Path:
    """Where a mode is described. Raises `EngineError` with the package that brings it."""
    for folder in modes_dirs:
        path = folder / f"{mode}.mode"
        if path.is_file():
            return path
    raise EngineError(
        f"Apertium's mode '{mode}' is not installed.", hint=f"apt install {PACKAGES[mode]}"
    )


def _route(target: str) -> tuple[str, ...]:
    try:
        return ROUTES[target]
    except KeyError:
        raise LanguageError(f"Apertium does not translate English to '{target}' here.") from None


class Pipeline:
    """The programs of one mode, joined by pipes."""

    def __init__(self, mode: str, path: Path) -> None:
        self._mode = mode
        self._commands = _read_mode(path)
        self._processes: list[subprocess.Popen[bytes]] = []
        self._complaints = Complaints()
        self._lock = threading.RLock()

    def start(self) -> None:
        """Start the programs, unless they run. They go on loading while this returns."""
        with self._lock:
            if self._processes and all(process.poll() is None for process in self._processes):
                return
            self.close()
            before = subprocess.PIPE
            try:
                for command in self._commands:
                    # A session of their own keeps Ctrl-C in a terminal away from them: we end them.
                    process = subprocess.Popen(
                        command,
                        stdin=before,
                        stdout=subprocess.PIPE,
                        stderr=subprocess.PIPE,
                        env=environment(),
                        start_new_session=True,
                    )
                    self._complaints.listen(process, Path(command[0]).name)
                    if self._processes:
                        last = self._processes[-1].stdout
                        assert last is not None
                        last.close()  # or the reader before would never see its end
                    self._processes.append(process)
                    assert process.stdout is not None
                    before = process.stdout.fileno()
            except OSError as error:
                self.close()
                raise EngineError(
                    f"Apertium's program '{command[0]}' could not be started ({error.strerror}).",
                    hint="`s2st doctor` says what is missing.",
                ) from error

    def translate(self, text: str) -> str:
        """Translate one sentence or clause; a dead pipeline is started again once."""
        if len(text) > LONGEST_TEXT:  # more than the pipes hold would never come out
            raise EngineError(
                f"A text of {len(text)} characters is too long to translate at once.",
                hint=f"At most {LONGEST_TEXT}.",
            )
        said = ""
        message = f"{_escape(_OWN_STOP.sub(' .', text))}{_END}".encode("utf-8", "replace") + b"\0"
        with self._lock:
            for attempt in (1, 2):
                self.start()
                try:
                    return _unescape(self._exchange(message))
                except BaseException as error:
                    said = self._last_words() if isinstance(error, BrokenPipeError) else ""
                    self.close()  # or the next one would read the answer to this one
                    if not isinstance(error, OSError):
                        raise
                    logger.warning(
                        "Apertium's %s died (%s), attempt %d", self._mode, said or error, attempt
                    )
        raise EngineError(
            f"Apertium's mode '{self._mode}' died twice over one sentence"
            f"{f'; {said}' if said else ''}.",
            hint=f"Try `echo hello | apertium {self._mode}`, or reinstall "
            f"{PACKAGES.get(self._mode, 'apertium')}.",
        )

    def _exchange(self, message: bytes) -> str:
        """Write one message, read one answer. Raises OSError when the pipeline is dead or hangs."""
        first, last = self._processes[0].stdin, self._processes[-1].stdout
        assert first is not None and last is not None
        first.write(message)
        first.flush()
        answer = b""
        deadline_s = time.monotonic() + TIMEOUT_S
        while not answer.endswith(b"\0"):
            left_s = max(0.0, deadline_s - time.monotonic())
            ready, _, _ = select.select([last, *self._complaints.pipes], [], [], left_s)
            if not ready:
                raise TimeoutError(f"no answer within {TIMEOUT_S:.0f} s")
            self._complaints.read()
            if last not in ready:
                continue
            piece = os.read(last.fileno(), 65536)
            if not piece:
                raise BrokenPipeError("it ended")
            answer += piece
        if not answer.endswith(_END_SEEN):
            # Programs behind one that died end their own output properly: what came is not all.
            raise BrokenPipeError("its answer was cut short")
        return answer[:-1].decode("utf-8", errors="replace")

    def _last_words(self) -> str:
        """Of the program that died, which may still be on its way out."""
        deadline_s = time.monotonic() + GRACE_S
        while not (said := self._complaints.of_the_dead(self._processes)):
            if time.monotonic() > deadline_s:
                break
            time.sleep(0.01)
        return said.rstrip(".")

    def close(self) -> None:
        with self._lock:
            for process in self._processes:
                process.kill()
            for process in self._processes:
                process.wait()
                for pipe in (process.stdin, process.stdout):
                    if pipe is not None:
                        try:
                            pipe.close()
                        except OSError:  # unsent bytes for a dead reader
                            logger.debug("closing %s lost unsent text", self._mode)
            self._complaints.close()
            self._processes = []


def _read_mode(path: Path) -> list[list[str]]:
    """The argument lists of a mode file, `a '$1' b | c '$2'`, each with `-z` in front.

    `$1` is the generator's option (`-n`: unknown words go through unmarked), `$2` the tagger's.
    """
    commands = []
    for stage in path.read_text(encoding="utf-8").strip().split("|"):
        words = ["-n" if word == "$1" else word for word in shlex.split(stage) if word != "$2"]
        program = shutil.which(words[0])
        if program is None:
            raise EngineError(
                f"Apertium's program '{words[0]}' is not installed.",
                hint="apt install apertium apertium-lex-tools apertium-separable "
                "apertium-anaphora cg3",
            )
        commands.append([program, "-z", *words[1:]])
    return commands


def _escape(text: str) -> str:
    """Plain text in Apertium's stream format, where `[unclear]` is a blank that no rule touches."""
    pieces = text.replace("\0", " ").split(UNCLEAR)
    return UNCLEAR.join(_SPECIAL.sub(r"\\\1", piece) for piece in pieces)


def _unescape(answer: str) -> str:
    text = _ESCAPED.sub(r"\1", _ENDED.sub("", answer))
    text = re.sub(r"\s+", " ", text).strip()
    return re.sub(r" ([.,;:!?])", r"\1", text)
