"""Filter banks, against those of transformers."""

import numpy as np
import pytest
from transformers import SeamlessM4TFeatureExtractor

from audio_io.chunk import Samples
from engine.m4t.features import Listener, normalised, whole_features
from tests.fakes import DATA


@pytest.mark.parametrize("samples", [16_000, 16_160, 47_999, 100_000])
def test_whole_features_are_those_of_transformers(samples: int, sound: Samples) -> None:
    extractor = SeamlessM4TFeatureExtractor.from_pretrained(DATA / "m4t")
    theirs = extractor(sound[8000 : 8000 + samples], sampling_rate=16_000, return_tensors="np")
    ours = whole_features(sound[8000 : 8000 + samples])
    count = int(theirs["attention_mask"].sum())
    assert len(ours) == count
    np.testing.assert_allclose(ours, theirs["input_features"][0, :count], atol=2e-3)


def test_sound_that_comes_in_pieces_is_heard_the_same(sound: Samples) -> None:
    listener, pieces = Listener(), []
    for first in range(0, 40_240, 777):
        pieces.append(listener.hear(sound[first : min(first + 777, 40_240)]))
    pairs = np.concatenate(pieces)
    np.testing.assert_allclose(normalised(pairs), whole_features(sound[:40_240]), atol=1e-5)
