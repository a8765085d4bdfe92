"""Differences of two runs: what chance alone does must not be called a difference."""

from collections.abc import Sequence

import numpy as np
import pytest

from audio_io.errors import UsageError
from engine.metrics.compare import (
    ComparedRun,
    check_comparable,
    compare_latencies,
    compare_texts,
)
from engine.metrics.result import ItemResult, TextOutput

WORDS = ["la", "casa", "es", "muy", "grande", "y", "el", "perro", "come", "pan", "con", "agua"]


def items(texts: list[str], references: list[str] | None = None) -> list[ItemResult]:
    references = references or ["la casa es grande"] * len(texts)
    return [
        ItemResult(
            place, f"i{place}", "a.wav", "spa", reference, None, text=TextOutput(text, (), (), ())
        )
        for place, (text, reference) in enumerate(zip(texts, references, strict=True))
    ]


def test_chance_alone_is_called_a_difference_in_one_case_of_twenty() -> None:
    chance = np.random.default_rng(1)
    called = 0
    for _ in range(300):
        first = chance.normal(2000, 500, 40)
        second = first + chance.normal(0, 200, 40)
        found = compare_latencies("AL", "ms", list(first), list(second))
        assert found is not None and found.p_value is not None
        called += found.p_value < 0.05

    assert 3 <= called <= 30  # 15 expected; a one-sided count would call some 37


def test_a_true_difference_is_found_with_its_interval() -> None:
    chance = np.random.default_rng(1)
    first = chance.normal(2000, 500, 60)
    second = first + 300 + chance.normal(0, 200, 60)

    found = compare_latencies("AL", "ms", list(first), list(second))

    assert found is not None and found.p_value is not None and found.interval is not None
    assert found.p_value < 0.01
    assert found.interval[0] < 300 < found.interval[1]


def test_few_items_tell_nothing() -> None:
    found = compare_latencies("AL", "ms", [1.0, 2.0], [5.0, 6.0])

    assert found is not None and found.p_value is None and found.difference == 4


def test_items_that_one_run_has_not_measured_are_left_out() -> None:
    found = compare_latencies("AL", "ms", [1.0, None, 3.0], [2.0, 5.0, None])

    assert found is not None and found.items == 1
    assert compare_latencies("AL", "ms", [None], [1.0]) is None


@pytest.mark.parametrize("name", ["BLEU", "chrF", "TER"])
def test_texts_are_compared_by_sacrebleus_own_test(name: str) -> None:
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF
    from sacrebleu.metrics.ter import TER
    from sacrebleu.significance import PairedTest

    chance = np.random.default_rng(2)
    texts = [[" ".join(chance.choice(WORDS, 6)) for _ in range(30)] for _ in range(2)]
    references = [" ".join(chance.choice(WORDS, 6)) for _ in range(30)]
    metric = {"BLEU": BLEU, "chrF": CHRF, "TER": TER}[name]()
    named: list[tuple[str, Sequence[str]]] = [("a", texts[0]), ("b", texts[1])]
    _, theirs = PairedTest(named, {name: metric}, [references], "bs", 1000)()
    (key,) = (key for key in theirs if key != "System")
    before, after = (score for score in theirs[key] if not isinstance(score, str))

    runs = [ComparedRun(items(run, references), {}) for run in texts]
    (found,) = compare_texts([name], runs[0], runs[1], "13a")

    assert found.first == before.score
    assert found.second == after.score
    assert found.p_value == after.p_value


def test_equal_texts_have_no_p() -> None:
    runs = [ComparedRun(items(["la casa es grande"] * 12), {}) for _ in range(2)]

    for found in compare_texts(["BLEU", "chrF", "TER", "WER"], runs[0], runs[1], "13a"):
        assert found.p_value is None and found.difference == 0, found.name


def test_word_errors_are_compared_over_items() -> None:
    good, bad = ["la casa es grande"] * 12, ["la casa es roja"] * 12
    runs = [ComparedRun(items(texts), {}) for texts in (good, bad)]

    (found,) = compare_texts(["WER"], runs[0], runs[1], "13a")

    assert (found.first, found.second) == (0.0, 25.0)
    assert found.p_value is not None and found.p_value < 0.01


def test_runs_over_other_items_are_not_compared() -> None:
    with pytest.raises(UsageError, match="finished 2 and 1 items"):
        check_comparable(items(["a", "b"]), items(["a"]))
    with pytest.raises(UsageError, match="not over the same items"):
        check_comparable(items(["a"], ["x"]), items(["a"], ["y"]))
