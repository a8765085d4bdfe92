"""Silero, where the extra is installed: its own probabilities, with the memory in our state."""

import numpy as np
import pytest

from audio_io.chunk import silence
from engine.agent import StreamRequest
from engine.hearing.segmenter import Segmenter, SegmenterConfig
from tests import agent_checks
from tests.fakes import RATE_HZ, chunks, speech

silero_vad = pytest.importorskip("silero_vad", reason="the extra silero is not installed")

REQUEST = StreamRequest("eng", ("spa",))


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    from engine.hearing.vad.silero import SileroDetector

    return Segmenter(SileroDetector(), SegmenterConfig(silence_ms=240))


def test_speech_is_found_where_the_package_itself_finds_it() -> None:
    import torch

    from engine.hearing.vad.silero import SileroDetector

    sound = speech("two_sentences.wav")
    detector = SileroDetector()
    state = detector.new_state()
    size = detector.frame_samples
    starts = range(0, len(sound) - size + 1, size)
    ours = [detector.in_speech(sound[start : start + size], state) for start in starts]
    begun = [k * size / RATE_HZ for k in range(1, len(ours)) if ours[k] and not ours[k - 1]]
    theirs = silero_vad.get_speech_timestamps(
        torch.from_numpy(sound), silero_vad.load_silero_vad(), speech_pad_ms=0, return_seconds=False
    )
    assert len(begun) == len(theirs)
    assert np.allclose(begun, [span["start"] / RATE_HZ for span in theirs], atol=size / RATE_HZ)


def test_silence_is_no_speech(segmenter: Segmenter) -> None:
    assert len(agent_checks.run(segmenter, chunks(silence(RATE_HZ)), REQUEST)) == 1


def test_chunk_size_does_not_matter(segmenter: Segmenter) -> None:
    agent_checks.check_chunk_size_does_not_matter(segmenter, speech("two_sentences.wav"), REQUEST)


def test_two_streams_do_not_mix(segmenter: Segmenter) -> None:
    agent_checks.check_streams_do_not_mix(
        segmenter, speech("two_sentences.wav"), speech("short.wav"), REQUEST
    )
