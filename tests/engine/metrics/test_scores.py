"""Scores against tables worked out by hand, and against SimulEval's own functions."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from audio_io.errors import UsageError
from engine.evaluation.files import instance_record
from engine.metrics.result import ItemResult, SpeechOutput, TextOutput
from engine.metrics.scores import (
    LATENCY,
    LONG,
    Score,
    ScoreConfig,
    Transcripts,
    check_metrics,
    latencies,
    score,
)

ALL = ("AL", "LAAL", "AP", "DAL", "ATD", "StartOffset", "EndOffset", "RTF", "NumChunks")


def written(
    delays: list[float], reference: str, source_ms: float, late_ms: float = 0.0, index: int = 0
) -> ItemResult:
    """Words w0, w1, ... written at these delays, each after so much computing."""
    words = tuple(f"w{place}" for place in range(len(delays)))
    elapsed = tuple(delay + late_ms * (place + 1) for place, delay in enumerate(delays))
    text = TextOutput(" ".join(words), words, tuple(delays), elapsed)
    return result(text=text, reference=reference, source_ms=source_ms, index=index)


def spoken(delays: list[float], durations: list[float], late_ms: float = 0.0) -> ItemResult:
    elapsed = tuple(delay + late_ms for delay in delays)
    speech = SpeechOutput("wavs/0_pred.wav", 16_000, tuple(delays), elapsed, tuple(durations))
    return result(speech=speech, reference="a b c d", source_ms=4000.0)


def result(
    text: TextOutput | None = None,
    speech: SpeechOutput | None = None,
    reference: str | None = "a b",
    source_ms: float = 2000.0,
    index: int = 0,
    target: str = "spa",
) -> ItemResult:
    return ItemResult(
        index=index,
        id=f"item{index}",
        audio="a.wav",
        target=target,
        reference=reference,
        source_text=None,
        source_ms=source_ms,
        source_rate_hz=16_000,
        text=text,
        speech=speech,
    )


def config(
    latency: tuple[str, ...] = ALL, quality: tuple[str, ...] = (), **more: Any
) -> ScoreConfig:
    return ScoreConfig(quality=quality, latency=latency, target="spa", **more)


def values(
    results: list[ItemResult], how: ScoreConfig, transcripts: Transcripts | None = None
) -> dict[str, float | None]:
    scores = score(results, how, transcripts or Transcripts(reason="nobody listened"))
    return {each.name: each.value for each in scores}


# Four words, four of the reference, 4 s of source: one word a second would be in time.
# AL and LAAL: lags are 1000-0, 2000-1000, 4000-2000 (the source is over): 4000/3.
# AP: (1000+2000+4000+4000) / (4000*4). DAL: g' = 1000, 2000, 4000, 5000 less 0, 1000, 2000, 3000.
# ATD: source words of 300 ms: words 1 to 4 end at 300, 600, 900, 1000: four in the first second,
# so that the words lag behind 300, 600, 900, 1000 ms: 700, 1400, 3100, 3000.
BY_HAND = {
    "AL": 4000 / 3,
    "LAAL": 4000 / 3,
    "AP": 11_000 / 16_000,
    "DAL": (1000 + 1000 + 2000 + 2000) / 4,
    "ATD": (700 + 1400 + 3100 + 3000) / 4,
    "StartOffset": 1000.0,
    "EndOffset": 0.0,
    "RTF": 1.0,
    "NumChunks": 4.0,
}


def test_latencies_of_text_are_those_worked_out_by_hand() -> None:
    seen = values([written([1000, 2000, 4000, 4000], "a b c d", 4000)], config())

    assert seen == pytest.approx(BY_HAND)


def test_more_words_than_the_reference_do_not_make_lagging_small() -> None:
    # Eight words for a reference of four: AL lets each be worth 1000 ms, LAAL 500 ms.
    delays = [1000.0] * 4 + [4000.0] * 4

    seen = values([written(delays, "a b c d", 4000)], config(("AL", "LAAL")))

    assert seen["AL"] == pytest.approx((1000 + 0 - 1000 - 2000 + 0) / 5)
    assert seen["LAAL"] == pytest.approx((1000 + 500 + 0 - 500 + 2000) / 5)


def test_latencies_of_speech_are_those_worked_out_by_hand() -> None:
    # 600 ms of speech at 1000 ms, 900 ms of it at 1200 ms: the second waits until 1600 ms.
    seen = values(
        [spoken([1000, 1200], [600, 900])],
        config((*ALL, "DiscontinuitySum", "DiscontinuityNum"), computation_aware=False),
    )

    assert seen["StartOffset"] == 1000
    assert seen["EndOffset"] == 1600 + 900 - 4000
    assert seen["RTF"] == pytest.approx(2500 / 4000)
    assert seen["DiscontinuitySum"] == 0
    # ATD counts speech in pieces of 300 ms: they end at 1300 and 1600, then at 1900, 2200, 2500.
    # Source pieces end at 300, 600, 900, 1000 and 1200. Before the second chunk four were heard and
    # two spoken, so each piece of speech answers the source piece of its own number.
    assert seen["ATD"] == pytest.approx((1000 + 1000 + 1000 + 1200 + 1300) / 5)


def test_speech_that_pauses_has_discontinuities() -> None:
    seen = values(
        [spoken([1000, 2000], [300, 300])],
        config(("DiscontinuitySum", "DiscontinuityAve", "DiscontinuityNum")),
    )

    assert seen == {"DiscontinuitySum": 700, "DiscontinuityAve": 700, "DiscontinuityNum": 1}


def test_the_time_computed_counts_in_the_computation_aware_end_of_speech() -> None:
    late = spoken([1000, 1200], [600, 900], late_ms=500)

    seen = values([late], config(("EndOffset", "StartOffset", "ATD"), computation_aware=True))

    assert seen["EndOffset_CA"] == pytest.approx(1500 + 600 + 900 - 4000)
    assert seen["StartOffset_CA"] == 1500
    assert seen["ATD_CA"] is not None and seen["ATD"] is not None
    assert seen["ATD_CA"] > seen["ATD"]


@pytest.mark.parametrize("seed", range(20))
def test_random_texts_score_as_simuleval_scores_its_own_log(seed: int) -> None:
    from simuleval.evaluator.instance import LogInstance
    from simuleval.evaluator.scorers.latency_scorer import LATENCY_SCORERS_DICT

    chance = random.Random(seed)
    results = [_random_text(chance, index) for index in range(5)]
    lines = [json.dumps(instance_record(each, Path(), "word")) for each in results]

    seen = values(results, config(computation_aware=True))

    for name in ALL:
        for aware in (False, True):
            if name == "RTF" and not aware:
                continue
            column = name if name == "RTF" or not aware else f"{name}_CA"
            own = {place: LogInstance(line) for place, line in enumerate(lines)}
            expected = LATENCY_SCORERS_DICT[name](computation_aware=aware)(own)
            assert seen[column] == pytest.approx(expected, abs=1e-6), column


@pytest.mark.parametrize("seed", range(5))
def test_computing_never_makes_what_an_item_waited_for_smaller(seed: int) -> None:
    chance = random.Random(seed)
    results = [_random_text(chance, index) for index in range(5)]

    seen = latencies(results, config(("AP", "DAL", "ATD", "StartOffset"), computation_aware=True))

    for name in ("AP", "DAL", "ATD", "StartOffset"):
        for ideal, aware in zip(seen[name], seen[f"{name}_CA"], strict=True):
            assert ideal is not None and aware is not None and aware > ideal


def _random_text(chance: random.Random, index: int) -> ItemResult:
    source_ms = chance.uniform(1000, 9000)
    hops = [320.0 * (step + 1) for step in range(int(source_ms // 320))] + [source_ms]
    delays = sorted(chance.choice(hops) for _ in range(chance.randint(1, 12)))
    reference = " ".join("r" * chance.randint(1, 5) for _ in range(chance.randint(1, 12)))
    return written(delays, reference, source_ms, late_ms=chance.uniform(1, 90), index=index)


def test_an_item_without_output_does_not_count_in_latencies_and_counts_in_quality() -> None:
    silent = result(text=TextOutput("", (), (), ()), reference="b", index=1)
    heard = written([1000], "w0", 1000)

    scores = {
        each.name: each for each in score([heard, silent], config(("AL",), ("TER",)), Transcripts())
    }

    assert (scores["AL"].value, scores["AL"].items) == (1000, 1)
    assert scores["TER"].value == pytest.approx(50.0)
    assert scores["TER"].items == 2


def test_what_was_not_measured_has_no_value_and_a_reason() -> None:
    nothing = result(text=TextOutput("", (), (), ()))

    scores = score(
        [nothing],
        config(("AL", "DiscontinuityNum"), ("ASR_BLEU", "NE")),
        Transcripts(reason="no recogniser was named"),
    )

    assert [(each.name, each.value, each.reason) for each in scores] == [
        ("ASR_BLEU", None, "no recogniser was named"),
        ("NE", None, "the agent shows no text that it may take back"),
        ("AL", None, "nothing was written"),
        ("DiscontinuityNum", None, "there was no speech"),
    ]


def test_qualities_are_sacrebleus_with_its_signature() -> None:
    from sacrebleu.metrics.bleu import BLEU

    texts = ["el gato come pescado hoy", "la casa es roja y grande"]
    references = ["el gato come pescado", "la casa es muy roja y grande"]
    results = [
        result(TextOutput(text, tuple(text.split()), (1.0,) * 5, (1.0,) * 5), None, reference)
        for text, reference in zip(texts, references, strict=True)
    ]

    (seen,) = score(results, config((), ("BLEU",)), Transcripts())

    assert seen.value == BLEU().corpus_score(texts, [references]).score
    assert "tok:13a" in seen.settings and "version:" in seen.settings


def test_wer_is_of_normalised_words_and_names_the_normaliser() -> None:
    said = result(
        TextOutput("Go forward, ten metres!", (), (), ()),
        None,
        "go forward ten meters",
        target="eng",
    )

    (seen,) = score([said], config((), ("WER",)), Transcripts())

    assert seen.value == pytest.approx(25.0)
    assert "s2st-1" in seen.settings


def test_asr_bleu_is_of_what_was_understood() -> None:
    speech = SpeechOutput("wavs/0_pred.wav", 16_000, (1000.0,), (1000.0,), (500.0,))
    item = result(None, speech, "El gato come pescado hoy.")

    heard = Transcripts({0: "el gato, come pescado hoy"}, "a recogniser")
    (seen,) = score([item], config((), ("ASR_BLEU",)), heard)

    assert seen.value == pytest.approx(100.0)
    assert "a recogniser" in seen.settings


@pytest.mark.parametrize("target,tokenizer", [("spa", "13a"), ("cmn", "zh"), ("jpn", "char")])
def test_the_tokenizer_follows_the_language(target: str, tokenizer: str) -> None:
    assert ScoreConfig((), (), target).tokenizer == tokenizer


@pytest.mark.parametrize(
    "quality,latency,says",
    [
        (["COMET"], [], "No quality metric is called 'COMET'"),
        ([], ["LongYAAL"], "comes with ⟦segmentation⟧"),
        ([], ["YAAL"], "No latency metric is called 'YAAL'"),
        ([], ["AL_SpeechAlign_BOW"], "not offered"),
        (["WHISPER_ASR_BLEU"], [], "not offered"),
    ],
)
def test_metrics_that_do_not_exist_are_named(
    quality: list[str], latency: list[str], says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        check_metrics(quality, latency)


def test_every_latency_has_a_name_in_simuleval() -> None:
    from simuleval.evaluator.scorers.latency_scorer import LATENCY_SCORERS_DICT

    assert LATENCY.keys() - set(LONG) <= LATENCY_SCORERS_DICT.keys()


def test_a_score_of_nothing_is_not_zero() -> None:
    assert Score("BLEU", None, "", "", 0, "why").value is None
