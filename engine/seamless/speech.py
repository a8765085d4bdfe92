"""When enough of the translation is there to be spoken, and which units it is."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from engine.seamless.policy import Turn
from engine.seamless.tokens import TextPieces
from engine.seamless.unit_decoder import FIRST_UNIT, Characters, UnitDecoder, spell


@dataclass(slots=True)
class SpeechState:
    """What was spoken of the open utterance in one language."""

    characters: int = 0
    """Characters that were spoken; the newest sentence may lay them out anew."""
    durations: list[int] | None = None
    """Units of each character, as they were laid out last."""
    symbols: list[int] | None = None
    """Symbols of all units laid out last, for the trace; None before."""


@dataclass(frozen=True, slots=True)
class Speaking:
    """One language of an utterance, after a turn in which it had features."""

    turn: Turn
    tokens: list[int]
    """All that were written."""
    state: SpeechState
    source_finished: bool
    least_units: int
    duration_factor: float
    keep_symbols: bool = False
    """Lay out the units of every turn, for the trace; else only when enough are due."""


def next_units(
    decoder: UnitDecoder, pieces: TextPieces, speaking: Sequence[Speaking]
) -> list[Tensor | None]:
    """Of each the units to speak now, (U,), of all the tokens written; None when it is too early,
    or all is spoken. They are laid out together.

    At the end of the source one more character is laid out again, for the end of the sentence.
    """
    spelled = [_spelled(each, pieces) for each in speaking]
    some = [place for place, each in enumerate(spelled) if each.symbols]
    laid = decoder.durations(
        [_features(speaking[place]) for place in some],
        [spelled[place] for place in some],
        [speaking[place].duration_factor for place in some],
    )
    first: dict[int, int | None] = {}
    for place, (_, lasting) in zip(some, laid, strict=True):
        first[place] = _first_due(speaking[place], lasting.tolist())
    wanted = [
        (place, *each)
        for place, each in zip(some, laid, strict=True)
        if first[place] is not None or speaking[place].keep_symbols
    ]
    symbols = decoder.units([each[1] for each in wanted], [each[2] for each in wanted])
    found: list[Tensor | None] = [None] * len(speaking)
    for (place, _, _), own in zip(wanted, symbols, strict=True):
        if speaking[place].keep_symbols:
            speaking[place].state.symbols = own.tolist()
        if first[place] is not None:
            found[place] = own[first[place] :] - FIRST_UNIT
    return found


def _spelled(speaking: Speaking, pieces: TextPieces) -> Characters:
    tokens = [*speaking.tokens, pieces.comma] if speaking.turn.written else speaking.tokens
    return spell(tokens, len(_features(speaking)), pieces)


def _features(speaking: Speaking) -> Tensor:
    assert speaking.turn.features is not None
    return speaking.turn.features


def _first_due(speaking: Speaking, durations: list[int]) -> int | None:
    """The first of the units that are to be spoken now, of characters that last so long; None when
    none is."""
    state = speaking.state
    state.durations, state.symbols = durations, None
    if speaking.turn.finished and state.characters > 0:
        if not sum(durations[state.characters :]):
            return None
        state.characters -= 1
    due = sum(durations[state.characters :])
    ends = speaking.turn.finished or speaking.source_finished
    if not due or (due < speaking.least_units and not ends):
        return None
    if len(speaking.tokens) < 2 and not ends:
        return None
    spoken = sum(durations[: state.characters])
    # The last character is the comma's, which is said again with what comes next.
    state.characters = len(durations) - 1
    return spoken
