"""Where translated speech is placed, worked out by hand."""

import numpy as np
import pytest

from audio_io.chunk import AudioChunk
from audio_io.stretch import stretch_available
from engine.events import TargetAudio
from engine.speaking.pacing import OneAfterAnother, Timeline, TimelineConfig

RATE_HZ = 8000


def said(utterance: int, speech_s: float, start_s: float, end_s: float) -> TargetAudio:
    time_s = np.arange(round(speech_s * RATE_HZ)) / RATE_HZ
    samples = (0.5 * np.sin(2 * np.pi * 200 * time_s)).astype(np.float32)
    return TargetAudio(utterance, "spa", AudioChunk(samples, RATE_HZ), start_s, end_s)


def placed(pacer: OneAfterAnother | Timeline, event: TargetAudio) -> tuple[float, float]:
    """Start and length in seconds of what one piece of an utterance becomes."""
    made = [*pacer.pace(event), *pacer.end_utterance()]
    chunks = [item for item in made if isinstance(item, AudioChunk)]
    return chunks[0].start_s, sum(len(chunk.samples) for chunk in chunks) / RATE_HZ


def test_utterances_follow_one_after_the_other_with_a_pause() -> None:
    pacer = OneAfterAnother(pause_ms=300)
    assert placed(pacer, said(0, 1.0, 5.0, 6.0)) == (0.0, 1.0)
    assert placed(pacer, said(0, 0.5, 5.0, 6.0)) == (1.0, 0.5)  # the same utterance goes on
    assert placed(pacer, said(2, 1.0, 60.0, 61.0)) == (1.8, 1.0)


needs_libsonic = pytest.mark.skipif(not stretch_available(), reason="libsonic is not installed")


@needs_libsonic
def test_on_the_timeline_speech_starts_with_its_source_and_keeps_its_speed_if_it_fits() -> None:
    pacer = Timeline()
    assert placed(pacer, said(0, 1.0, 2.0, 4.0)) == (2.0, 1.0)
    assert pacer.lag_s == pytest.approx(-1.0)
    assert placed(pacer, said(1, 2.0, 10.0, 12.0)) == (10.0, 2.0)


@needs_libsonic
def test_on_the_timeline_speech_is_sped_up_to_fit_but_not_beyond_the_limit() -> None:
    pacer = Timeline(TimelineConfig(max_speed=1.3))
    start_s, length_s = placed(pacer, said(0, 2.4, 0.0, 2.0))  # 1.2 times faster fits
    assert start_s == 0.0
    assert length_s == pytest.approx(2.0, rel=0.02)
    start_s, length_s = placed(pacer, said(1, 5.2, 2.0, 4.0))  # 2.6 times would; 1.3 it is
    assert start_s == pytest.approx(2.0, abs=0.04)
    assert length_s == pytest.approx(4.0, rel=0.02)
    assert pacer.lag_s == pytest.approx(2.0, abs=0.1)
    # The next one waits for it, and catches up in its turn.
    start_s, length_s = placed(pacer, said(2, 1.3, 4.5, 6.0))
    assert start_s == pytest.approx(6.0, abs=0.1)
    assert length_s == pytest.approx(1.0, rel=0.02)


@needs_libsonic
@pytest.mark.parametrize("pieces", [1, 4, 20])
def test_on_the_timeline_an_utterance_is_placed_whole_in_however_many_pieces_it_comes(
    pieces: int,
) -> None:
    pacer = Timeline()
    for _ in range(pieces):
        assert not list(pacer.pace(said(0, 4.0 / pieces, 2.0, 4.0)))
    (chunk,) = pacer.end_utterance()
    assert isinstance(chunk, AudioChunk)
    assert chunk.start_s == 2.0
    assert len(chunk.samples) / RATE_HZ == pytest.approx(4.0 / 1.3, rel=0.02)
    assert pacer.lag_s == pytest.approx(4.0 / 1.3 - 2.0, abs=0.1)
    assert not list(pacer.end_utterance())


def test_a_timeline_that_slows_speech_down_is_refused() -> None:
    with pytest.raises(ValueError, match="max_speed"):
        TimelineConfig(max_speed=0.9)
