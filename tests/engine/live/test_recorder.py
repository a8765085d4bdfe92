"""What a live session leaves on the disk: whole at every moment, whatever happens."""

import html
import json
import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pysubs2
import pytest
import soundfile

from audio_io.chunk import AudioChunk, Samples, silence
from audio_io.clock import StreamClock
from audio_io.errors import OutputError, UsageError
from engine.events import (
    AudioLost,
    Event,
    SourceText,
    Stamped,
    TargetText,
    UtteranceEnded,
)
from engine.live.recorder import Recorder
from tests.live_fakes import noise

pytestmark = pytest.mark.real_time

RATE_HZ = 8_000
LANGUAGES = ("eng", "spa")
FORMS = ("srt", "vtt")


def nobody(text: str) -> None:
    raise AssertionError(f"nothing should fail here: {text}")


@pytest.fixture
def stream() -> StreamClock:
    return StreamClock()


@pytest.fixture
def recorder(tmp_path: Path, stream: StreamClock) -> Iterator[Recorder]:
    made = Recorder(tmp_path / "talk", LANGUAGES, nobody, stream)
    yield made
    made.close()


@contextmanager
def full_disk_after(file_bytes: int) -> Iterator[None]:
    """No file of this process may grow past that size meanwhile, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def stamped(event: Event, at_s: float = 50.0) -> Stamped:
    return Stamped(event, at_s, at_s, 0.0, None)


def sentences(count: int) -> list[Event]:
    """Two seconds of source a sentence: its words, its translation, its end."""
    events: list[Event] = []
    for n in range(count):
        start, end = 2.0 * n, 2.0 * n + 1.8
        text = f" Sentence number {n} <says> --> a & b."
        events.append(SourceText(n, "eng", text[:10], start, start + 0.5, committed=False))
        events.append(SourceText(n, "eng", text, start, end, committed=True))
        events.append(TargetText(n, "spa", f" Frase {n}, señor;", start, end - 1, committed=True))
        events.append(TargetText(n, "spa", f" y más {n}.", end - 1, end, committed=True))
        events.append(UtteranceEnded(n, start, end))
    return events


def records(folder: Path) -> list[dict[str, Any]]:
    text = (folder / "transcript.jsonl").read_text(encoding="utf-8")
    assert not text or text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def cues(folder: Path, language: str, form: str) -> list[pysubs2.SSAEvent]:
    """What a player shows; times and texts that no player takes fail."""
    path = folder / f"{language}.{form}"
    shown = list(pysubs2.load(str(path), encoding="utf-8", format_=form))
    text = path.read_text(encoding="utf-8")
    assert text.count(" --> ") == len(shown)
    if form == "vtt":
        assert text.startswith("WEBVTT\n\n")
    else:
        blocks = [block for block in text.split("\n\n") if block]
        assert [int(block.split("\n")[0]) for block in blocks] == list(range(1, len(shown) + 1))
    for before, after in pairwise(shown):
        assert before.start < before.end <= after.start
    return shown


def words(shown: list[pysubs2.SSAEvent]) -> str:
    return html.unescape(" ".join(" ".join(cue.plaintext.split()) for cue in shown))


def test_every_file_is_whole_after_every_single_event(recorder: Recorder) -> None:
    heard: dict[str, str] = {"eng": "", "spa": ""}
    for number, event in enumerate(sentences(30), 1):
        recorder.hear(stamped(event), 0.0)
        if isinstance(event, SourceText | TargetText) and event.committed:
            heard[event.language] += event.text
        assert len(records(recorder.folder)) == number
        for language in LANGUAGES:
            for form in FORMS:
                shown = cues(recorder.folder, language, form)
                # The last words stand there too, though their cue may still grow.
                last = heard[language].split()[-2:]
                assert not last or words(shown).split()[-len(last) :] == last


def test_closed_the_files_hold_every_word_once(recorder: Recorder) -> None:
    for event in sentences(30):
        recorder.hear(stamped(event), 0.0)
    recorder.close()
    for form in FORMS:
        said = "".join(f" Frase {n}, señor; y más {n}." for n in range(30))
        assert words(cues(recorder.folder, "spa", form)).split() == said.split()
        english = words(cues(recorder.folder, "eng", form))
        assert english.count("Sentence number") == 30
    assert cues(recorder.folder, "eng", "vtt")[0].start < 1_000


def test_a_session_without_a_word_leaves_whole_files(recorder: Recorder) -> None:
    recorder.close()
    recorder.close()
    assert (recorder.folder / "eng.vtt").read_text() == "WEBVTT\n\n"
    assert (recorder.folder / "eng.srt").read_text() == ""
    assert records(recorder.folder) == []


def test_the_transcript_says_when_since_the_session_began_and_never_goes_back(
    recorder: Recorder,
) -> None:
    lost = AudioLost(1.0, 1.5, "overrun")
    recorder.hear(stamped(lost), 4.5)
    recorder.note({"type": "mark", "number": 1}, 4.4)  # two threads came at once
    recorder.hear(stamped(lost), 5.0)
    first, mark, second = records(recorder.folder)
    assert (first["type"], first["reason"], first["at_s"]) == ("audio_lost", "overrun", 4.5)
    assert mark == {"type": "mark", "number": 1, "at_s": 4.5}
    assert second["at_s"] == 5.0


def sound_in(path: Path) -> Samples:
    samples: Samples = soundfile.read(path, dtype="float32")[0]
    return samples


def test_what_is_heard_is_kept_and_can_be_played_meanwhile(recorder: Recorder) -> None:
    sink = recorder.source_sink(RATE_HZ)
    sound = noise(3 * RATE_HZ)
    path = recorder.folder / "source.wav"
    for at in range(0, len(sound), 400):
        sink.write(AudioChunk(sound[at : at + 400], RATE_HZ, at))
        assert len(sound_in(path)) > at - RATE_HZ
    recorder.close()
    np.testing.assert_allclose(sound_in(path), sound, atol=1 / 32768)


def test_speech_lies_where_it_was_heard_beside_the_source(
    recorder: Recorder, stream: StreamClock
) -> None:
    keep = recorder.keep_speech(RATE_HZ)
    stream.note(AudioChunk(silence(2 * RATE_HZ), RATE_HZ, 0, 102.0))  # the session began at 100
    one, two, three = (noise(800, seed=seed) for seed in (1, 2, 3))
    keep(one, 101.0, True)
    keep(one, 101.1, False)
    keep(two, 105.0, True)
    keep(three, 105.01, True)  # would overlap: follows at once
    recorder.close()
    found = sound_in(recorder.folder / "translation.wav")
    expected = np.zeros(5 * RATE_HZ + 1_600, np.float32)
    expected[8_000:9_600] = np.concatenate([one, one])
    expected[40_000:] = np.concatenate([two, three])
    np.testing.assert_allclose(found, expected, atol=1 / 32768)


@pytest.mark.parametrize("name", ["source.wav", "translation.wav", "transcript.jsonl"])
def test_a_folder_with_an_earlier_session_is_not_touched(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"mine")
    with pytest.raises(UsageError, match=f"holds an earlier session .{name}"):
        Recorder(tmp_path, LANGUAGES, nobody)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_bytes() == b"mine"


def test_a_folder_with_something_else_in_it_may_be_recorded_to(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    Recorder(tmp_path, LANGUAGES, nobody).close()
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_folder_that_is_refused_stays_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "spa.vtt").write_text("mine")
    with pytest.raises((OutputError, UsageError)):
        Recorder(tmp_path, LANGUAGES, nobody)
    assert [path.name for path in tmp_path.iterdir()] == ["spa.vtt"]


def test_a_folder_that_cannot_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OutputError, match="cannot be recorded to"):
            Recorder(folder, LANGUAGES, nobody)


def test_a_full_disk_is_told_once_and_the_session_goes_on(tmp_path: Path) -> None:
    told: list[str] = []
    recorder = Recorder(tmp_path / "talk", LANGUAGES, told.append)
    source, keep = recorder.source_sink(RATE_HZ), recorder.keep_speech(RATE_HZ)
    with full_disk_after(30_000):
        for n, event in enumerate(sentences(100)):
            source.write(AudioChunk(noise(800), RATE_HZ, 800 * n))
            keep(noise(400), 0.0, False)
            recorder.hear(stamped(event), 0.0)
            recorder.note({"type": "mark", "number": n}, 0.0)
        recorder.close()
    assert len(told) == 1
    assert told[0].startswith("The recording ends here: '")
    assert "cannot be written: File too large." in told[0]
    assert recorder.error is not None
    assert len(sound_in(recorder.folder / "source.wav")) > 14_000 - RATE_HZ
    for language in LANGUAGES:
        for form in FORMS:
            assert cues(recorder.folder, language, form)
    recorder.close()


def test_a_transcript_that_fills_the_disk_has_only_whole_lines(tmp_path: Path) -> None:
    told: list[str] = []
    recorder = Recorder(tmp_path / "talk", (), told.append)
    with full_disk_after(4_321):
        for event in sentences(30):
            recorder.hear(stamped(event), 0.0)
    assert len(told) == 1
    lines = (recorder.folder / "transcript.jsonl").read_bytes().splitlines(keepends=True)
    assert len(lines) > 10
    assert [json.loads(line)["type"] for line in lines]


def test_subtitles_that_fill_the_disk_have_only_whole_cues(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "talk", ("eng",), lambda text: None)
    with full_disk_after(1_234):
        for event in sentences(30):
            if isinstance(event, SourceText):  # whose subtitles are longer than its lines
                for subtitles in recorder._subtitles:
                    recorder.guard(lambda s=subtitles, e=event: s.hear(stamped(e)))  # type: ignore[misc]
    path = recorder.folder / "eng.vtt"  # the longer one
    text = path.read_text(encoding="utf-8")
    assert text.count("Sentence number") > 5
    assert text.endswith(".\n\n")


def test_what_comes_after_the_end_is_not_kept_and_disturbs_nobody(recorder: Recorder) -> None:
    sink = recorder.source_sink(RATE_HZ)
    recorder.close()
    sink.write(AudioChunk(noise(100), RATE_HZ))
    recorder.note({"type": "mark"}, 0.0)
    for event in sentences(1):
        recorder.hear(stamped(event), 0.0)
    assert records(recorder.folder) == []


def test_two_threads_write_whole_lines(recorder: Recorder) -> None:
    sink = recorder.source_sink(RATE_HZ)

    def mark(name: str) -> None:
        for n in range(300):
            recorder.note({"name": name, "number": n}, 0.0)
            sink.write(AudioChunk(noise(10), RATE_HZ))

    threads = [threading.Thread(target=mark, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = records(recorder.folder)
    for name in "ab":
        assert [each["number"] for each in found if each["name"] == name] == list(range(300))
    recorder.close()
    assert len(sound_in(recorder.folder / "source.wav")) == 6_000
