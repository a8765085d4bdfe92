#!/usr/bin/env python3
"""How well the echo guard holds our own voice back, and how much of a talker it lets through.

Our own voice is espeak-ng's Spanish, sent to the microphone through made-up rooms at levels told
against a talker's; the talkers are the English rows of a manifest. What the guard lets out goes
through the project's own segmenter and recogniser.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from pathlib import Path
from typing import TypeAlias

import numpy as np
from measuring import DATA, print_circumstances, print_table, print_verdict
from numpy.typing import NDArray
from recordings import english_rows
from rooms import (
    BELOW_ACTIVE_DB,
    FRAME,
    RATE_HZ,
    SPEECH_DBFS,
    Route,
    Scene,
    frame_power,
    own_voice,
    scene,
    talker,
)

from audio_io.chunk import AudioChunk, Boundary, Samples, silence
from audio_io.echo_guard import EchoGuard
from engine.agent import StreamRequest, Task
from engine.cascade.asr.pocketsphinx import PocketsphinxRecognizer
from engine.cascade.config import CascadeConfig
from engine.hearing.segmenter import Segmenter, SegmenterConfig
from engine.hearing.vad.pocketsphinx import EndpointerDetector

LEVELS_DB = (3, -6, -12, -20)
"""Of the echo, against a talker's. Double talk goes without the first."""
WELL_BELOW_DB = -10
"""Echo at most this loud: where the talker is promised to be heard."""
NOISES_DBFS = (-50, -35)
DELAYS_MS = (20, 100, 300)
ECHO_S, TALK_S = 13.0, 18.0
TALK_FROM_S = 3.0
"""When the talker of double talk starts; ours has talked since half a second."""
SETTLED_S = 2.5
"""After this, two seconds of playing, frames count."""
QUICK = slice(2, None, 23)
"""Two conditions: one level well below the talker, one hardly."""
UNHEARD_SAMPLES = 80
"""The mixture without the guard is heard a second time from its 5th millisecond on: what words are
lost by that are the recogniser's whim, and no guard could be blamed for as many."""
BLOCK = RATE_HZ // 50
PAUSE_FRAMES, TAIL_FRAMES = 15, 15
"""Frames without speech that make the next one an onset; frames after speech that are its own."""
ONSET_MS = 200.0


Key: TypeAlias = tuple[int, int, str]
"""Of a table's row: level of the echo, noise, route or "all"."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A recognised word and where in the recording it was."""

    text: str
    middle_s: float


class Listener:
    """The project's segmenter and recogniser, over whole recordings."""

    def __init__(self) -> None:
        self._segmenter = Segmenter(
            EndpointerDetector(), SegmenterConfig(silence_ms=CascadeConfig().silence_ms)
        )
        self._recognizer = PocketsphinxRecognizer()

    def words(self, sound: Samples) -> list[Heard]:
        state = self._segmenter.new_state(StreamRequest("eng", (), Task.ASR))
        memory = self._recognizer.new_state("eng")
        utterance: list[Samples] = []
        found: list[Heard] = []
        chunk = AudioChunk(sound, RATE_HZ, boundary=Boundary.STREAM)
        for part in self._segmenter.step(chunk, state):
            utterance.append(part.samples)
            if part.boundary is Boundary.NONE:
                continue
            samples, utterance = np.concatenate(utterance), []
            start_s = part.end_s - len(samples) / RATE_HZ
            found += [
                Heard(word.text, start_s + (word.start_s + word.end_s) / 2)
                for word in self._recognizer.recognize(samples, memory)
            ]
        self._recognizer.release(memory)
        return found


@dataclass(slots=True)
class Totals:
    """Counts of one row of a table. Frames are 20 ms."""

    seconds: float = 0.0
    echo: int = 0
    """Frames of echo above the noise, without speech."""
    echo_passed: int = 0
    late_echo: int = 0
    """Those of them that do not follow speech within 300 ms, after the guard has settled."""
    late_echo_passed: int = 0
    speech: int = 0
    """Frames of speech once settled."""
    speech_passed: int = 0
    both: int = 0
    """Frames of speech with echo above the noise."""
    both_passed: int = 0
    onsets_ms: list[float] = field(default_factory=list)
    """From each beginning of speech in echo to the first frame that passes."""
    words_before: int = 0
    words_after: int = 0
    words_kept: int = 0
    talker_before: int = 0
    """Words heard without the guard while the talker speaks."""
    talker_kept: int = 0
    clean: int = 0
    """Words heard when nothing is played at all."""
    clean_before: int = 0
    clean_after: int = 0
    same: int = 0
    """Words kept, without the guard, by a change that nobody hears: see `UNHEARD_SAMPLES`."""

    def add(self, other: "Totals") -> None:
        for name in self.__dataclass_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data-file",
        type=Path,
        default=DATA / "manifest.tsv",
        help="tsv manifest whose English recordings talk (default: the bundled recordings)",
    )
    parser.add_argument("--seed", type=int, default=7, help="of clauses, rooms and noise")
    parser.add_argument("--quick", action="store_true", help="two conditions, about a minute")
    parser.add_argument("--each", action="store_true", help="show every condition too")
    arguments = parser.parse_args()
    conditions = list(_conditions())[QUICK if arguments.quick else slice(None)]
    bench = Bench(arguments.data_file, arguments.seed)
    alone = bench.echo_alone(conditions, arguments.each)
    talk = bench.double_talk([c for c in conditions if c[0] <= 0], arguments.each)
    passed = bench.without_echo()
    _verdicts(alone, talk, passed, bench.cpu_share)
    print_circumstances(
        f"EchoGuard with its default configuration, blocks of {1000 * BLOCK // RATE_HZ} ms; "
        f"{len(conditions)} rooms of echo alone, {ECHO_S:g} s each, double talk {TALK_S:g} s each "
        f"(the talker from {TALK_FROM_S:g} s on), seed {arguments.seed}, talkers of "
        f"{arguments.data_file}; speech at {SPEECH_DBFS:g} dBFS; a frame holds speech when it is "
        f"at most {BELOW_ACTIVE_DB:g} dB below that, and echo when that is above the noise; words "
        "of every confidence, matched by difflib; cpu of the guard alone",
    )


def _conditions() -> Iterator[tuple[int, int, Route]]:
    for noise_dbfs in NOISES_DBFS:
        for room in (False, True):
            for delay_ms in DELAYS_MS:
                for level_db in LEVELS_DB:
                    yield level_db, noise_dbfs, Route(delay_ms, room)


class Bench:
    """Makes the scenes and measures them; every scene has its own random numbers."""

    def __init__(self, manifest: Path, seed: int) -> None:
        self._rows = english_rows(manifest)
        self._seed = seed
        self._scenes = 0
        self._listener = Listener()
        self._cpu_s = self._guarded_s = 0.0

    def echo_alone(
        self, conditions: Sequence[tuple[int, int, Route]], each: bool
    ) -> dict[Key, Totals]:
        rows: dict[Key, Totals] = {}
        for level_db, noise_dbfs, route in conditions:
            random, length = self._next(ECHO_S)
            played = own_voice(length, random)
            made = scene(played, silence(length), route, level_db, noise_dbfs, random)
            totals = self._frames(made)[0]
            totals.words_before = len(self._listener.words(made.microphone))
            totals.words_after = len(self._listener.words(self._guarded(made)))
            if each:
                rows.setdefault((level_db, noise_dbfs, str(route)), Totals()).add(totals)
            rows.setdefault((level_db, noise_dbfs, "all"), Totals()).add(totals)
        print("Echo alone")
        print_table(
            ("echo dB", "noise dBFS", "route", "s", "words without", "words with", "leaked",
             "leaked once settled"),
            [
                (*key, t.seconds, t.words_before, t.words_after, _share(t.echo_passed, t.echo),
                 _share(t.late_echo_passed, t.late_echo))
                for key, t in rows.items()
            ],
        )  # fmt: skip
        return rows

    def double_talk(
        self, conditions: Sequence[tuple[int, int, Route]], each: bool
    ) -> dict[Key, Totals]:
        rows: dict[Key, Totals] = {}
        for index, (level_db, noise_dbfs, route) in enumerate(conditions):
            random, length = self._next(TALK_S)
            played = own_voice(length, random)
            said = talker(self._rows, TALK_FROM_S, length, random)
            made = scene(played, said, route, level_db, noise_dbfs, random)
            totals, speech = self._frames(made)
            if index % 2 == 0:  # recognition takes long; every level is met all the same
                self._hear(made, speech, totals)
            if each:
                rows.setdefault((level_db, noise_dbfs, str(route)), Totals()).add(totals)
            rows.setdefault((level_db, noise_dbfs, "all"), Totals()).add(totals)
        print("\nDouble talk")
        print_table(
            ("echo dB", "noise dBFS", "route", "s", "speech held", "held in echo", "echo passed",
             "far from speech", "onset ms median", "p95", "worst"),
            [
                (*key, t.seconds, 1 - _share(t.speech_passed, t.speech),
                 1 - _share(t.both_passed, t.both), _share(t.echo_passed, t.echo),
                 _share(t.late_echo_passed, t.late_echo), *_spread(t.onsets_ms))
                for key, t in rows.items()
            ],
        )  # fmt: skip
        print()
        print_table(
            ("echo dB", "noise dBFS", "route", "words without", "with", "kept",
             "kept while talking", "kept by 5 ms", "of clean words: without", "with"),
            [
                (*key, t.words_before, t.words_after, _share(t.words_kept, t.words_before),
                 _share(t.talker_kept, t.talker_before), _share(t.same, t.words_before),
                 _share(t.clean_before, t.clean), _share(t.clean_after, t.clean))
                for key, t in rows.items()
                if t.words_before
            ],
        )  # fmt: skip
        return rows

    def without_echo(self) -> tuple[float, float]:
        """Shares of speech frames that pass: when nothing is played, and with headphones."""
        nothing, headphones = Totals(), Totals()
        for noise_dbfs in NOISES_DBFS:
            for start_s in (0.3, TALK_FROM_S):
                random, length = self._next(TALK_S)
                said = talker(self._rows, start_s, length, random)
                for played, totals in (
                    (silence(length), nothing),
                    (own_voice(length, random), headphones),
                ):
                    made = scene(played, said, None, 0.0, noise_dbfs, random)
                    totals.add(self._frames(made)[0])
        shares = [_share(t.speech_passed, t.speech) for t in (nothing, headphones)]
        print("\nNo echo")
        names, seconds = ("nothing played", "headphones"), (nothing.seconds, headphones.seconds)
        rows = list(zip(names, seconds, shares, strict=True))
        print_table(("", "s", "speech passed"), rows)
        return shares[0], shares[1]

    @property
    def cpu_share(self) -> float:
        """Seconds of processor time the guard took for each second of sound."""
        return self._cpu_s / self._guarded_s

    def _next(self, seconds: float) -> tuple[np.random.Generator, int]:
        self._scenes += 1
        return np.random.default_rng([self._seed, self._scenes]), round(seconds * RATE_HZ)

    def _guarded(self, made: Scene) -> Samples:
        """What the guard lets out, its delay taken off again."""
        guard, sound = EchoGuard(RATE_HZ), made.microphone
        late = silence(guard.delay_samples)
        sound, played = np.concatenate([sound, late]), np.concatenate([made.played, late])
        begun_s = time.process_time()
        out = [
            guard.process(sound[at : at + BLOCK], played[at : at + BLOCK])
            for at in range(0, len(sound), BLOCK)
        ]
        self._cpu_s += time.process_time() - begun_s
        self._guarded_s += len(sound) / RATE_HZ
        return np.concatenate(out)[guard.delay_samples :]

    def _frames(self, made: Scene) -> tuple[Totals, NDArray[np.bool_]]:
        """What passed, counted; and which frames hold speech."""
        same = (self._guarded(made) == made.microphone)[: len(made.talker) // FRAME * FRAME]
        passed = np.mean(same.reshape(-1, FRAME), axis=1) > 0.5
        speech = frame_power(made.talker) > 10.0 ** ((SPEECH_DBFS - BELOW_ACTIVE_DB) / 10)
        echo = frame_power(made.echo) > np.mean(made.noise.astype(np.float64) ** 2)
        settled = np.arange(len(passed)) >= SETTLED_S * RATE_HZ / FRAME
        after = np.convolve(speech, np.ones(TAIL_FRAMES + 1))[: len(speech)] > 0.5
        alone, late = echo & ~speech, echo & ~after & settled
        totals = Totals(len(made.talker) / RATE_HZ)
        totals.echo, totals.echo_passed = _counts(alone, passed)
        totals.late_echo, totals.late_echo_passed = _counts(late, passed)
        totals.speech, totals.speech_passed = _counts(speech & settled, passed)
        totals.both, totals.both_passed = _counts(speech & echo & settled, passed)
        spoken = np.flatnonzero(speech)
        for at in spoken[np.diff(spoken, prepend=-PAUSE_FRAMES - 1) > PAUSE_FRAMES]:
            first = slice(at, at + PAUSE_FRAMES)
            if settled[at] and at + PAUSE_FRAMES <= len(speech) and np.any(echo[first]):
                opened = np.flatnonzero(passed[at:])
                frames = opened[0] if len(opened) else len(passed) - at
                totals.onsets_ms.append(1000.0 * FRAME / RATE_HZ * float(frames))
        return totals, speech

    def _hear(self, made: Scene, speech: NDArray[np.bool_], totals: Totals) -> None:
        """Compare the words with those without the guard, and without any echo."""
        before = self._listener.words(made.microphone)
        after = _texts(self._listener.words(self._guarded(made)))
        clean = _texts(self._listener.words(made.talker + made.noise))
        near = np.convolve(speech, np.ones(11), "same") > 0.5  # 100 ms to both sides
        spoken = [w.text for w in before if near[round(w.middle_s * RATE_HZ) // FRAME]]
        totals.words_before, totals.words_after = len(before), len(after)
        totals.words_kept = _matches(_texts(before), after)
        again = _texts(self._listener.words(made.microphone[UNHEARD_SAMPLES:]))
        totals.same = _matches(_texts(before), again)
        totals.talker_before, totals.talker_kept = len(spoken), _matches(spoken, after)
        totals.clean = len(clean)
        totals.clean_before = _matches(clean, _texts(before))
        totals.clean_after = _matches(clean, after)


def _verdicts(
    alone: dict[Key, Totals],
    talk: dict[Key, Totals],
    passed: tuple[float, float],
    cpu_share: float,
) -> None:
    echo, below = Totals(), Totals()
    for (_, _, route), totals in alone.items():
        if route == "all":
            echo.add(totals)
    for (level_db, _, route), totals in talk.items():
        if route == "all" and level_db <= WELL_BELOW_DB:
            below.add(totals)
    print_verdict(f"Words from {echo.seconds / 60:.1f} minutes of echo alone", echo.words_after, 0)
    print(f"(without the guard {echo.words_before})")
    what = f"Speech frames passed, echo {-WELL_BELOW_DB} dB or more below"
    print_verdict(what, _share(below.speech_passed, below.speech), 0.9, at_least=True)
    print(f"(of those in which there is echo {_share(below.both_passed, below.both):.3g})")
    soon = sum(time_ms <= ONSET_MS for time_ms in below.onsets_ms)
    share = _share(soon, len(below.onsets_ms))
    print_verdict(f"Onsets open within {ONSET_MS:g} ms", share, 1.0, at_least=True)
    median, p95, worst = _spread(below.onsets_ms)
    print(f"({len(below.onsets_ms)} onsets: median {median}, p95 {p95}, worst {worst} ms)")
    kept = _share(below.words_kept, below.words_before)
    print_verdict("Words kept of those without the guard", kept, 0.8, at_least=True)
    print(
        f"(while the talker speaks {_share(below.talker_kept, below.talker_before):.3g}; leaving "
        f"out the first 5 ms keeps {_share(below.same, below.words_before):.3g} without any guard; "
        f"of the words heard when nothing is played, {_share(below.clean_before, below.clean):.3g} "
        f"without the guard, {_share(below.clean_after, below.clean):.3g} with it)"
    )
    print_verdict("Speech frames passed, nothing played", passed[0], 1.0, at_least=True)
    print_verdict("Speech frames passed, headphones", passed[1], 0.99, at_least=True)
    print_verdict("Seconds of cpu a second of sound", cpu_share, 0.01)


def _counts(frames: NDArray[np.bool_], passed: NDArray[np.bool_]) -> tuple[int, int]:
    return int(np.count_nonzero(frames)), int(np.count_nonzero(frames & passed))


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")


def _spread(times_ms: Sequence[float]) -> tuple[object, object, object]:
    if not times_ms:
        return "-", "-", "-"
    return round(np.median(times_ms)), round(np.percentile(times_ms, 95)), round(max(times_ms))


def _texts(words: Sequence[Heard]) -> list[str]:
    return [word.text for word in words]


def _matches(expected: Sequence[str], found: Sequence[str]) -> int:
    matcher = SequenceMatcher(None, expected, found, autojunk=False)
    return sum(block.size for block in matcher.get_matching_blocks())


if __name__ == "__main__":
    main()
