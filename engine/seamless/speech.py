"""When enough of the translation is there to be spoken, and which units it is."""

from dataclasses import dataclass

from torch import Tensor

from engine.seamless.policy import Turn
from engine.seamless.tokens import TextPieces
from engine.seamless.unit_decoder import FIRST_UNIT, UnitDecoder, spell


@dataclass(slots=True)
class SpeechState:
    """What was spoken of the open utterance in one language."""

    characters: int = 0
    """Characters that were spoken; the newest sentence may lay them out anew."""
    durations: list[int] | None = None
    """Units of each character, as they were laid out last."""
    symbols: list[int] | None = None
    """Symbols of all units laid out last, for the trace; None before."""


def next_units(
    decoder: UnitDecoder,
    turn: Turn,
    tokens: list[int],
    pieces: TextPieces,
    state: SpeechState,
    *,
    source_finished: bool,
    least_units: int,
    duration_factor: float,
    keep_symbols: bool = False,
) -> Tensor | None:
    """Units to speak now, (U,), of all the tokens written; None when it is too early, or all is
    spoken.

    Units are laid out only when enough are due, unless `keep_symbols` wants them all. At the end of
    the source one more character is laid out again, for the end of the sentence.
    """
    assert turn.features is not None
    spelled = [*tokens, pieces.comma] if turn.written else tokens
    characters = spell(spelled, len(turn.features), pieces)
    if not characters.symbols:
        return None
    states, lasting = decoder.durations(turn.features, characters, duration_factor)
    state.durations = durations = lasting.tolist()
    symbols = decoder.units(states, lasting) if keep_symbols else None
    state.symbols = symbols.tolist() if symbols is not None else None
    if turn.finished and state.characters > 0:
        if not sum(durations[state.characters :]):
            return None
        state.characters -= 1
    due = sum(durations[state.characters :])
    ends = turn.finished or source_finished
    if not due or (due < least_units and not ends) or (len(tokens) < 2 and not ends):
        return None
    if symbols is None:
        symbols = decoder.units(states, lasting)
    spoken = sum(durations[: state.characters])
    # The last character is the comma's, which is said again with what comes next.
    state.characters = len(durations) - 1
    return symbols[spoken:] - FIRST_UNIT
