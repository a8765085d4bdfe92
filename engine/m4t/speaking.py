"""Decoder states to speech: letters, units, samples.

Letters: T tokens, L letters, U units, D width.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from audio_io.chunk import Samples, silence
from engine.m4t.loading import M4tModel
from engine.m4t.words import SPACE, UNKNOWN, Pieces

PAD_UNIT = 1


def speak(
    model: M4tModel, tokens: Sequence[int], states: Tensor, language: str, speaker: int
) -> Samples:
    """Speech at 16 kHz of tokens. `states` (T + 2, D) are the decoder's at the end sign, at what
    comes before the first token, and at each token."""
    counts, letters = letters_of(model.pieces, tokens)
    if not letters:
        return silence(0)
    network = model.network
    out = network.t2u_model(
        inputs_embeds=states[None].to(model.dtype),
        char_input_ids=torch.tensor([letters], device=model.device),
        # Each letter is made of the state that predicts its token, which is the one before it.
        char_count_per_id=torch.tensor([[0, *counts, 0]], device=model.device),
    )
    units = out[0].argmax(-1)
    # Signs of the beginning and the unknown are no units the vocoder knows.
    control = (units < network.config.vocoder_offset) & (units != PAD_UNIT)
    units = torch.where(control, PAD_UNIT, units)
    units = torch.where(units == PAD_UNIT, units, units - network.config.vocoder_offset)
    sound, lengths = network.vocoder(
        input_ids=units,
        speaker_id=torch.tensor([[speaker]], device=model.device),
        lang_id=torch.tensor([[model.voices[language]]], device=model.device),
    )
    samples: Samples = sound[0, : int(lengths)].float().cpu().numpy().astype(np.float32)
    return samples


def letters_of(pieces: Pieces, tokens: Sequence[int]) -> tuple[list[int], list[int]]:
    """How many letters each token stands for, and the number of each letter.

    The space in front of a word counts for a punctuation mark before it, as in training.
    """
    texts = ["x" if token == UNKNOWN else pieces.texts.get(token, "") for token in tokens]
    counts = [len(text) for text in texts]
    for place in range(len(texts) - 1):
        if _is_mark(texts[place]) and len(texts[place + 1]) > 1 and texts[place + 1][0] == SPACE:
            counts[place] += 1
            counts[place + 1] -= 1
    return counts, [number for token in tokens for number in pieces.letter_numbers(token)]


def _is_mark(text: str) -> bool:
    return len(text) == 1 and not text.isalpha() and not text.isnumeric() and text != SPACE
