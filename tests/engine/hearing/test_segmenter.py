"""The segmenter, with pocketsphinx's endpointer and with a detector that counts."""

from collections.abc import Sequence

import numpy as np
import pytest

from audio_io.chunk import AudioChunk, Boundary, Samples, silence
from engine.agent import StreamRequest
from engine.hearing.segmenter import Segmenter, SegmenterConfig
from engine.hearing.vad.pocketsphinx import EndpointerDetector
from tests import agent_checks
from tests.fakes import RATE_HZ, chunks, speech

REQUEST = StreamRequest("eng", ("spa",))


class LoudDetector:
    """Says speech of frames that hold a one; reacts at once."""

    sample_rate_hz = 1000
    frame_samples = 10
    reaction_ms = 10

    def new_state(self) -> None:
        return None

    def in_speech(self, frame: Samples, state: None) -> bool:
        return bool(frame.any())


def segments(segmenter: Segmenter, items: list[AudioChunk]) -> list[tuple[int, int, str]]:
    """Start, end and boundary of each utterance, in samples."""
    found, start = [], None
    for made in agent_checks.run(segmenter, items, REQUEST):
        start = made.start_sample if start is None else start
        if made.boundary is not Boundary.NONE:
            found.append((start, made.end_sample, made.boundary.value))
            start = None
    return found


@pytest.fixture
def segmenter() -> Segmenter:
    return Segmenter(EndpointerDetector(), SegmenterConfig(silence_ms=240))


def test_an_utterance_has_its_pre_roll_and_ends_after_the_silence_promised() -> None:
    segmenter = Segmenter(LoudDetector(), SegmenterConfig(silence_ms=30, pre_roll_ms=20))
    sound = silence(200)
    sound[100:130] = 1.0
    items = chunks(sound, (7,), rate_hz=1000)
    # Frames of 10: speech from 100 to 130, 20 before it, 30 behind it. Then the stream ends.
    assert segments(segmenter, items) == [(80, 150, "utterance"), (200, 200, "stream")]


def test_a_short_pause_does_not_cut() -> None:
    segmenter = Segmenter(LoudDetector(), SegmenterConfig(silence_ms=30, pre_roll_ms=0))
    sound = np.ones(100, dtype=np.float32)
    sound[40:50] = 0.0
    assert segments(segmenter, chunks(sound, (10,), rate_hz=1000)) == [(0, 100, "stream")]


def test_pre_roll_never_reaches_into_the_utterance_before() -> None:
    segmenter = Segmenter(LoudDetector(), SegmenterConfig(silence_ms=20, pre_roll_ms=100))
    sound = silence(100)
    sound[10:20] = sound[50:60] = 1.0
    found = segments(segmenter, chunks(sound, (10,), rate_hz=1000))
    assert found == [(0, 30, "utterance"), (30, 70, "utterance"), (100, 100, "stream")]


def test_lost_sound_ends_the_utterance_where_it_was_lost() -> None:
    segmenter = Segmenter(LoudDetector(), SegmenterConfig(silence_ms=20, pre_roll_ms=0))
    loud = np.ones(25, dtype=np.float32)
    items = [AudioChunk(loud, 1000), AudioChunk(loud, 1000, 500, boundary=Boundary.STREAM)]
    assert segments(segmenter, items) == [(0, 25, "utterance"), (500, 525, "stream")]


def test_a_boundary_set_by_hand_ends_the_utterance() -> None:
    segmenter = Segmenter(LoudDetector(), SegmenterConfig(silence_ms=50, pre_roll_ms=20))
    loud = np.ones(25, dtype=np.float32)
    items = [
        AudioChunk(loud, 1000, boundary=Boundary.UTTERANCE),
        AudioChunk(loud, 1000, 25),
        AudioChunk(silence(0), 1000, 50, boundary=Boundary.STREAM),
    ]
    assert segments(segmenter, items) == [(0, 25, "utterance"), (25, 50, "stream")]


def test_after_lost_sound_nothing_of_before_is_in_the_pre_roll() -> None:
    segmenter = Segmenter(LoudDetector(), SegmenterConfig(silence_ms=20, pre_roll_ms=50))
    loud = np.ones(20, dtype=np.float32)
    items = [AudioChunk(silence(25), 1000), AudioChunk(loud, 1000, 500, boundary=Boundary.STREAM)]
    assert segments(segmenter, items) == [(500, 520, "stream")]


def test_a_second_utterance_gets_its_whole_silence_too() -> None:
    segmenter = Segmenter(LoudDetector(), SegmenterConfig(silence_ms=40, pre_roll_ms=0))
    sound = silence(200)
    sound[0:10] = sound[100:110] = sound[130:140] = 1.0
    found = segments(segmenter, chunks(sound, (10,), rate_hz=1000))
    assert found == [(0, 40, "utterance"), (100, 170, "utterance"), (200, 200, "stream")]


def test_sound_of_another_rate_is_refused(segmenter: Segmenter) -> None:
    with pytest.raises(ValueError, match="16000 Hz only"):
        agent_checks.run(segmenter, chunks(silence(100), rate_hz=44100), REQUEST)


def test_two_sentences_are_two_utterances_that_hold_all_the_speech(segmenter: Segmenter) -> None:
    sound = speech("two_sentences.wav")
    found = segments(segmenter, chunks(sound))
    assert [boundary for *_, boundary in found] == ["utterance", "utterance", "stream"]
    outside = sound.copy()
    for start, end, _ in found:
        outside[start:end] = 0.0
    assert np.abs(outside).max() < 0.02


def test_silence_makes_no_utterance_and_the_stream_still_ends(segmenter: Segmenter) -> None:
    made = agent_checks.run(segmenter, chunks(silence(3 * RATE_HZ)), REQUEST)
    assert [(len(item.samples), item.boundary) for item in made] == [(0, Boundary.STREAM)]


def test_chunk_size_does_not_matter(segmenter: Segmenter) -> None:
    agent_checks.check_chunk_size_does_not_matter(segmenter, speech("two_sentences.wav"), REQUEST)


def test_two_streams_do_not_mix(segmenter: Segmenter) -> None:
    agent_checks.check_streams_do_not_mix(
        segmenter, speech("two_sentences.wav"), speech("short.wav"), REQUEST
    )


def test_later_sound_changes_nothing_said_before(segmenter: Segmenter) -> None:
    agent_checks.check_later_sound_changes_nothing(
        segmenter, speech("two_sentences.wav"), 2 * RATE_HZ, speech("short.wav"), REQUEST
    )


@pytest.mark.parametrize("wrong", [{"silence_ms": -1}, {"pre_roll_ms": -1}])
def test_impossible_settings_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="negative"):
        SegmenterConfig(**wrong)


def _loud(levels: Sequence[float]) -> Samples:
    """Frames of these levels, one after the other."""
    return np.repeat(np.array(levels, dtype=np.float32), 10)


def test_a_long_utterance_is_ended_by_half_the_silence() -> None:
    config = SegmenterConfig(silence_ms=40, pre_roll_ms=0, long_ms=100)
    short = _loud([1] * 5 + [0] * 2 + [1])
    long = _loud([1] * 11 + [0] * 2 + [1])

    ends = [
        segments(Segmenter(LoudDetector(), config), chunks(sound, (10,), rate_hz=1000))[0]
        for sound in (short, long)
    ]

    # The detector's own 10 ms count as silence.
    assert ends == [(0, 80, "stream"), (0, 120, "utterance")]


def test_speech_without_a_pause_is_cut_where_it_is_quiet_and_nothing_is_lost() -> None:
    # Searched from 60 to 100 ms: the first half finds 0.5, and the second is that quiet at 100 ms.
    levels = [1, 1, 1, 1, 1, 1, 0.5, 1, 0.9, 0.5, 1, 1, 1]
    config = SegmenterConfig(silence_ms=40, pre_roll_ms=0, most_ms=100, search_ms=40)
    items = chunks(_loud(levels), (10,), rate_hz=1000)

    found = segments(Segmenter(LoudDetector(), config), items)

    assert found == [(0, 100, "utterance"), (100, 130, "stream")]


def test_speech_as_loud_throughout_is_cut_at_the_end_of_the_search() -> None:
    rising = [1 + place / 100 for place in range(25)]
    config = SegmenterConfig(silence_ms=40, pre_roll_ms=0, most_ms=100, search_ms=40)

    found = segments(Segmenter(LoudDetector(), config), chunks(_loud(rising), (10,), rate_hz=1000))

    assert found == [(0, 100, "utterance"), (100, 200, "utterance"), (200, 250, "stream")]


def test_where_it_is_cut_does_not_depend_on_the_chunks() -> None:
    chance = np.random.default_rng(3)
    sound = _loud([0.2 + float(level) for level in chance.random(70)])
    config = SegmenterConfig(silence_ms=40, pre_roll_ms=0, most_ms=200, search_ms=80)

    cuts = {
        tuple(segments(Segmenter(LoudDetector(), config), chunks(sound, sizes, rate_hz=1000)))
        for sizes in ((10,), (3, 50), (700,))
    }

    assert len(cuts) == 1
