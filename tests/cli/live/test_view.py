from collections.abc import Iterable

import pytest

from cli.live.view import KEPT_CHARACTERS, KEPT_UTTERANCES, LiveView, Transcript
from engine.events import (
    Event,
    SourceText,
    Stamped,
    TargetText,
    UtteranceEnded,
)


def view_after(events: Iterable[Event]) -> LiveView:
    view = LiveView("parrot", "eng", ("spa",))
    for event in events:
        view.hear(event)
    return view


def heard(text: str, utterance: int = 0, committed: bool = True) -> SourceText:
    return SourceText(utterance, "eng", text, 0.0, 1.0, committed)


def translated(text: str, utterance: int = 0, language: str = "spa") -> TargetText:
    return TargetText(utterance, language, text, 0.0, 1.0, committed=True)


def said(transcript: Transcript) -> list[tuple[int, str, str]]:
    return [(each.utterance, each.committed, each.partial) for each in transcript.said]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([heard(" Good"), heard(" morning.")], [(0, " Good morning.", "")]),
        (
            [heard(" Go", committed=False), heard(" Good more", committed=False)],
            [(0, "", " Good more")],
        ),
        (
            [heard(" Good more", committed=False), heard(" Good")],
            [(0, " Good", "")],
        ),
        (
            [heard(" Good"), heard(" more", committed=False), heard(" morning", committed=False)],
            [(0, " Good", " morning")],
        ),
        (
            [heard(" Good"), heard(" m", committed=False), heard("", committed=False)],
            [(0, " Good", "")],
        ),
        ([heard(" Go", committed=False), heard("", committed=False)], []),
        ([heard(" Go", committed=False), UtteranceEnded(0, 0.0, 1.0)], []),
        (
            [heard(" Good"), heard(" m", committed=False), UtteranceEnded(0, 0.0, 1.0)],
            [(0, " Good", "")],
        ),
        # A new stream, after a swap or a lost device, counts from 0 again.
        (
            [heard(" One"), UtteranceEnded(0, 0.0, 1.0), heard(" Two")],
            [(0, " One", ""), (0, " Two", "")],
        ),
        ([heard(" a\x1b[31mb\n")], [(0, " ab ", "")]),
    ],
)
def test_text_heard(events: list[Event], expected: list[tuple[int, str, str]]) -> None:
    assert said(view_after(events).heard) == expected


def test_a_translation_is_found_by_its_utterance_and_language() -> None:
    view = view_after(
        [
            *(heard(" One"), heard(" Two", 1)),
            *(translated(" Uno"), translated(" Dos", 1), translated(" Dos", 1, "cat")),
        ]
    )
    assert said(view.heard) == [(0, " One", ""), (1, " Two", "")]
    assert said(view.translated["spa"]) == [(0, " Uno", ""), (1, " Dos", "")]
    assert said(view.translated["cat"]) == [(1, " Dos", "")]


def test_stamped_events_are_heard_too() -> None:
    view = view_after([])
    view.hear(Stamped(heard(" One"), 1.0, 0.9, 1.0, None))
    assert said(view.heard) == [(0, " One", "")]


def test_only_the_newest_utterances_are_kept() -> None:
    view = view_after(heard(f" {number}", number) for number in range(3 * KEPT_UTTERANCES))
    assert len(view.heard.said) == KEPT_UTTERANCES
    assert view.heard.said[-1].committed == f" {3 * KEPT_UTTERANCES - 1}"


@pytest.mark.parametrize("per_utterance", [1, 100, 10**6])
def test_text_does_not_grow_for_ever(per_utterance: int) -> None:
    word = " abcdefghi"
    view = view_after(heard(word * 10, number // per_utterance) for number in range(1000))
    kept = sum(len(each.committed) for each in view.heard.said)
    assert KEPT_CHARACTERS // 2 < kept <= KEPT_CHARACTERS
    assert view.heard.said[-1].committed.endswith(word)


def test_lag_history_holds_a_minute() -> None:
    view = view_after([])
    view.lag_history.extend([1.0, None] * 60)
    assert len(view.lag_history) == 60
