"""Whole stretches of sound to words and speech: encode once, write each language, speak.

Used for complete utterances and for overlapping windows alike.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from audio_io.chunk import Samples
from engine.errors import EngineError
from engine.layers.features import RATE_HZ
from engine.layers.guards import is_noise, token_limit, without_loops
from engine.m4t.batches import buckets, in_memory
from engine.m4t.config import M4tPolicy
from engine.m4t.encoding import encode
from engine.m4t.features import LEAST_SAMPLES, whole_features
from engine.m4t.loading import M4tModel
from engine.m4t.speaking import speak
from engine.m4t.writing import Job, Search, read_back, search
from engine.text.output import SpelledWord


@dataclass(frozen=True, slots=True)
class Stretch:
    """Sound to translate, and to what."""

    samples: Samples
    languages: tuple[str, ...]
    speakers: Mapping[str, int]
    """Voices of the languages that are spoken, too."""
    policy: M4tPolicy
    seed: int = 0
    """Of what is drawn at random, where the policy says so."""

    @property
    def search(self) -> Search:
        return Search(self.policy.hypotheses, self.policy.temperature, self.seed)


@dataclass(frozen=True, slots=True)
class Translation:
    """One stretch in one language."""

    tokens: list[int]
    states: Tensor
    """(T + 2, D) of the decoder, as `Written` has them."""
    words: list[SpelledWord]
    speech: Samples | None
    """None where none was wanted."""


def translate(
    model: M4tModel, stretches: Sequence[Stretch]
) -> list[dict[str, Translation] | EngineError]:
    """Each stretch in each of its languages; an empty dict for one that holds only noise, an error
    for one that does not fit into memory.

    Stretches of like length go together, and say what each says alone. Those that are drawn at
    random go one by one: their draws must not depend on their neighbours.
    """
    found: list[dict[str, Translation] | EngineError] = [{} for _ in stretches]
    groups: dict[Search, list[int]] = {}
    for place, stretch in enumerate(stretches):
        gated = stretch.policy.gate_noise and is_noise(stretch.samples, RATE_HZ)
        if len(stretch.samples) >= LEAST_SAMPLES and not gated:
            groups.setdefault(stretch.search, []).append(place)
    for how, places in groups.items():
        lengths = [len(stretches[place].samples) for place in places]
        rows = [[k] for k in range(len(places))] if how.temperature > 0 else buckets(lengths)
        for row in rows:
            chosen = [places[k] for k in row]
            batch = [stretches[place] for place in chosen]
            made = in_memory(lambda part, how=how: _together(model, part, how), batch)  # type: ignore[misc]
            for place, each in zip(chosen, made, strict=True):
                found[place] = each
    return found


@torch.inference_mode()
def _together(
    model: M4tModel, stretches: Sequence[Stretch], how: Search
) -> list[dict[str, Translation]]:
    heard = encode(model, [whole_features(stretch.samples) for stretch in stretches])
    owners: list[tuple[int, str]] = []
    jobs: list[Job] = []
    for place, stretch in enumerate(stretches):
        limit = token_limit(len(stretch.samples) / RATE_HZ, stretch.policy.max_length)
        for language in stretch.languages:
            owners.append((place, language))
            jobs.append(Job(heard[place], language, limit))
    found: list[dict[str, Translation]] = [{} for _ in stretches]
    if not jobs:
        return found
    tokens = search(model, jobs, how)
    for k, (place, _) in enumerate(owners):
        if stretches[place].policy.block_loops:
            tokens[k] = [tokens[k][kept] for kept in without_loops(tokens[k])]
    for (place, language), written in zip(owners, read_back(model, jobs, tokens), strict=True):
        speaker = stretches[place].speakers.get(language)
        speech = None
        if speaker is not None and written.tokens:
            speech = speak(model, written.tokens, written.states, language, speaker)
        words = model.pieces.words(written.tokens, written.probabilities, language)
        found[place][language] = Translation(written.tokens, written.states, words, speech)
    return found
