"""The page of an evaluation, as a reader has it: its tables, its words, and what its figures get.

`html.parser` reads it as a browser would; what is drawn is looked at as the JSON it is drawn from.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from audio_io.errors import OutputError
from cli.evaluate.page.figures import BUCKETS, MOMENTS, RECORDINGS, envelope, histogram
from cli.evaluate.page.page import write_page
from engine.evaluation.summary import Summary
from engine.metrics.result import ItemResult, SpeechOutput, TextOutput
from engine.metrics.scores import Score

HOSTILE = (
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"double\" 'single' &amp; &lt;b&gt;",
    "one\u2028two\u2029three",
    "</title></style><!-- <a href='javascript:alert(1)'>",
    "مرحبا بالعالم",
    "আমি বাংলায় গান গাই",
    "我们今天去公园",
)
RUN = {"system": "cascade", "task": "s2tt", "src": "eng", "tgt": "spa", "latency_unit": "word"}
BLEU = Score("BLEU", 7.15081, "", "sacrebleu BLEU|tok:13a", 2)
AL = Score("AL", 3302.2316, "ms", "simuleval, delays", 2)
UNHEARD = Score("ASR_BLEU", None, "", "", 0, "no recogniser was named with --asr-model")
WRITTEN = TextOutput(
    "uno dos tres", ("uno", "dos", "tres"), (500.0, 500.0, 1000.0), (700.0, 700.0, 1250.0)
)
SPOKEN = SpeechOutput("wavs/0_pred.wav", 16000, (500.0, 1000.0), (700.0, 2000.0), (800.0, 300.0))


class Page(HTMLParser):
    """What a browser makes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.rows: list[list[str]] = []
        self.options: dict[str, list[str]] = {}
        self.styles: list[str] = []
        self.scripts: list[str] = []
        self.data: Any = None
        self._open = ""
        self._select = ""
        self._is_data = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.tags.append((tag, named))
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
        elif tag == "select":
            self._select = str(named["id"])
            self.options[self._select] = []
        self._is_data = named.get("type") == "application/json"
        if tag in ("script", "style", "td", "th", "option"):
            self._open = tag

    def handle_endtag(self, tag: str) -> None:
        if tag == self._open:
            self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open == "script" and self._is_data:
            self.data = json.loads(data)
        elif self._open == "script":
            self.scripts.append(data)
        elif self._open == "style":
            self.styles.append(data)
        else:
            self.texts.append(data)
            if self._open in ("td", "th"):
                self.rows[-1][-1] += data
            elif self._open == "option":
                self.options[self._select].append(data)

    @property
    def said(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def row(self, name: str) -> list[str]:
        return next(row for row in self.rows if row[0] == name)


def item(index: int, **changes: Any) -> ItemResult:
    plain = ItemResult(
        index=index,
        id=f"clip{index}",
        audio="/nowhere/clip.wav",
        target="spa",
        reference="uno dos",
        source_text="one two",
        source_ms=1000.0,
        source_rate_hz=16000,
        text=WRITTEN,
    )
    return replace(plain, **changes)


def summary(
    results: Sequence[ItemResult],
    scores: Sequence[Score] = (BLEU, AL),
    per_item: Mapping[str, Sequence[float | None]] | None = None,
    setting: str = "",
    **changes: Any,
) -> Summary:
    plain = Summary(
        folder=Path("out"),
        setting=setting,
        run=RUN,
        scores=tuple(scores),
        per_item=per_item or {},
        results=tuple(results),
        circumstances={"machine": "two cores", "workers": "1"},
    )
    return replace(plain, **changes)


def page_of(tmp_path: Path, *summaries: Summary) -> Page:
    write_page(tmp_path / "report.html", summaries)
    return Page((tmp_path / "report.html").read_text(encoding="utf-8"))


def test_the_title_says_what_was_run_and_on_how_much(tmp_path: Path) -> None:
    page = page_of(tmp_path, summary([item(0), item(1, error="it broke", text=None)]))
    assert "cascade, s2tt, English to Spanish" in page.said
    assert "1 of 2 recordings, 1.0 s of sound" in page.said


def test_scores_have_three_decimals_a_unit_and_a_meaning(tmp_path: Path) -> None:
    page = page_of(tmp_path, summary([item(0)]))
    assert page.row("BLEU") == ["BLEU", "7.151", "", "sacreBLEU's BLEU of the text"]
    assert page.row("AL") == ["AL", "3302.232", "ms", "average lagging"]
    assert "sacrebleu BLEU|tok:13a" in page.said
    assert "two cores" in page.said


@pytest.mark.parametrize("value", [None, float("nan")])
def test_what_was_not_measured_is_no_number(tmp_path: Path, value: float | None) -> None:
    page = page_of(tmp_path, summary([item(0)], [BLEU, replace(UNHEARD, value=value), AL]))
    assert page.row("ASR_BLEU")[1] == "not measured no recogniser was named with --asr-model"
    assert page.data["runs"][0]["scores"]["ASR_BLEU"] is None
    assert page.options["balance-quality"] == ["BLEU"]


def test_a_sweep_has_one_column_and_one_point_a_run(tmp_path: Path) -> None:
    first = summary([item(0)], setting="k=1")
    second = summary([item(0)], [replace(BLEU, value=9.0)], setting="k=2")
    page = page_of(tmp_path, first, second)
    assert page.rows[0] == ["score", "k=1", "k=2", "unit", "what it is"]
    assert page.row("BLEU")[1:3] == ["7.151", "9.000"]
    assert page.row("AL")[1:3] == ["3302.232", "not measured not asked for"]
    assert [run["name"] for run in page.data["runs"]] == ["k=1", "k=2"]
    assert page.options["timeline-run"] == ["k=1", "k=2"]


def test_what_differs_between_runs_is_said_for_each(tmp_path: Path) -> None:
    first = summary([item(0)], setting="k=1")
    second = summary(
        [item(0)], setting="k=2", circumstances={"machine": "two cores", "workers": "9"}
    )
    said = page_of(tmp_path, first, second).said
    assert "k=1: 1" in said
    assert "k=2: 9" in said
    assert said.count("two cores") == 1


def test_failed_recordings_are_listed_each_on_a_line(tmp_path: Path) -> None:
    broken = item(1, error="The agent died.\nIt said: no memory", text=None)
    page = page_of(tmp_path, summary([item(0), broken]))
    assert "clip1" in page.said
    assert "The agent died. It said: no memory" in "".join(page.texts)
    assert page.options["timeline-recording"] == ["clip0"]


def test_a_run_in_which_all_failed_has_a_page(tmp_path: Path) -> None:
    none = [replace(BLEU, value=None, reason="no item was finished")]
    page = page_of(tmp_path, summary([item(0, error="no", text=None)], none))
    assert page.row("BLEU")[1] == "not measured no item was finished"
    assert "No recording was finished." in page.said
    assert "figure" not in [tag for tag, _ in page.tags]


@pytest.mark.parametrize("text", HOSTILE)
def test_text_from_data_is_never_markup(tmp_path: Path, text: str) -> None:
    said = TextOutput(text, (text,), (500.0,), (600.0,))
    good = item(0, id=text, reference=text, source_text=text, text=said)
    bad = item(1, id=text, error=text, text=None)
    scores = [replace(BLEU, settings=text), AL, replace(UNHEARD, reason=text)]
    run = {**RUN, "system": text, "agent_args": text, "policy_values": {"key": text}}
    hostile = summary(
        [good, bad],
        scores,
        {"AL": [1.0]},
        run=run,
        transcripts={0: text},
        circumstances={text: text},
    )
    page = page_of(tmp_path, hostile, replace(hostile, setting=text))
    plain = page_of(tmp_path, *(summary([item(0), item(1, error="x")], scores, {"AL": [1.0]}),) * 2)
    assert {tag for tag, _ in page.tags} == {tag for tag, _ in plain.tags}
    assert len(page.scripts) == len(plain.scripts)
    assert not [name for _, named in page.tags for name in named if name.startswith("on")]
    assert text in page.texts
    (recording,), (made,) = page.data["recordings"], page.data["runs"][1]["made"]
    assert recording["id"] == recording["reference"] == recording["source_text"] == text
    assert made["text"] == made["pieces"][0]["text"] == made["transcript"] == text


def test_the_data_can_end_no_script(tmp_path: Path) -> None:
    write_page(tmp_path / "report.html", [summary([item(0, reference="<!--<script>&\u2028")])])
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    data = text.partition('id="data">')[2].partition("</script>")[0]
    assert json.loads(data)["recordings"][0]["reference"] == "<!--<script>&\u2028"
    assert not set("<>&\u2028\u2029") & set(data)


def test_half_a_character_in_a_name_does_not_stop_the_page(tmp_path: Path) -> None:
    page = page_of(tmp_path, summary([item(0, id="clip\udcff", reference="\ud800")]))
    assert page.options["timeline-recording"] == ["clip?"]


def test_the_page_needs_nothing_from_elsewhere(tmp_path: Path) -> None:
    page = page_of(tmp_path, summary([item(0)], per_item={"AL": [1.0]}))
    for _, named in page.tags:
        assert not {"src", "href", "srcset", "action"} & set(named)
    (style,) = page.styles
    assert not re.search(r"@import|url\(", style)
    (policy,) = [named["content"] for tag, named in page.tags if "http-equiv" in named]
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert policy.count("sha256-") == len([tag for tag, _ in page.tags if tag == "script"]) - 1
    own = "".join(page.scripts[-3:])
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|https?:", own)


def test_every_choice_has_a_label_and_text_may_run_from_right_to_left(tmp_path: Path) -> None:
    write_page(tmp_path / "report.html", [summary([item(0)], per_item={"AL": [1.0]})])
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert text.count("<label>") == text.count("<select ") == 5
    assert '<meta charset="utf-8">' in text
    assert re.search(r'<option value="0" dir="auto">clip0', text)


@pytest.mark.parametrize(("left", "kind"), [([AL], "quality"), ([BLEU], "latency")])
def test_without_quality_or_latency_a_sentence_says_so(
    tmp_path: Path, left: list[Score], kind: str
) -> None:
    page = page_of(tmp_path, summary([item(0)], left))
    assert f"as no {kind} was measured" in page.said
    assert "balance-quality" not in page.options


def test_a_lag_that_is_missing_is_a_gap(tmp_path: Path) -> None:
    results = [item(0), item(1, error="broke", text=None), item(2), item(3)]
    first = summary(results, per_item={"AL": [100.0, None, float("nan")]}, setting="k=1")
    second = summary([item(1)], per_item={"AL": [50.0]}, setting="k=2")
    page = page_of(tmp_path, first, second)
    assert page.options["timeline-recording"] == ["clip0", "clip1", "clip2", "clip3"]
    assert page.data["runs"][0]["lags"]["AL"] == [100.0, None, None, None]
    assert page.data["runs"][1]["lags"]["AL"] == [None, 50.0, None, None]
    assert page.data["runs"][0]["made"][1]["error"] == "broke"
    assert page.data["runs"][1]["made"][0] is None


def test_of_many_recordings_those_with_the_largest_lag_are_shown(tmp_path: Path) -> None:
    count = RECORDINGS + 20
    lags = [float(index % 7 * 1000 + index) for index in range(count)]
    page = page_of(tmp_path, summary([item(i) for i in range(count)], per_item={"AL": lags}))
    assert f"the 300 of {count} recordings with the largest AL" in page.said
    kept = [heard["index"] for heard in page.data["recordings"]]
    assert kept == sorted(sorted(range(count), key=lambda index: -lags[index])[:RECORDINGS])
    assert len(page.data["runs"][0]["lags"]["AL"]) == RECORDINGS
    assert sum(page.data["runs"][0]["histograms"]["AL"]["counts"]) == count


def test_of_many_recordings_without_lags_the_first_are_shown(tmp_path: Path) -> None:
    page = page_of(tmp_path, summary([item(i) for i in range(RECORDINGS + 1)]))
    assert "the first 300 of 301 recordings" in page.said
    assert len(page.options["timeline-recording"]) == RECORDINGS


def test_units_written_at_the_same_time_are_one_piece(tmp_path: Path) -> None:
    page = page_of(tmp_path, summary([item(0)]))
    assert page.data["runs"][0]["made"][0]["pieces"] == [
        {"delay_ms": 500.0, "elapsed_ms": 700.0, "text": "uno dos"},
        {"delay_ms": 1000.0, "elapsed_ms": 1250.0, "text": "tres"},
    ]


@pytest.mark.parametrize(
    ("unit", "units", "text"),
    [("char", ("我", "们"), "我们"), ("spm", ("▁uno", "▁d", "os"), "uno dos")],
)
def test_characters_and_pieces_are_joined_as_they_are_read(
    tmp_path: Path, unit: str, units: tuple[str, ...], text: str
) -> None:
    times = (500.0,) * len(units)
    made = item(0, text=TextOutput(text, units, times, times))
    page = page_of(tmp_path, summary([made], run={**RUN, "latency_unit": unit}))
    assert [each["text"] for each in page.data["runs"][0]["made"][0]["pieces"]] == [text]


def test_speech_plays_when_it_is_there_and_never_over_itself(tmp_path: Path) -> None:
    """By hand: the second chunk comes at 1000 ms while the first plays until 1300; with computing
    it comes at 2000, when the first has been over since 1500."""
    page = page_of(tmp_path, summary([item(0, speech=SPOKEN)]))
    made = page.data["runs"][0]["made"][0]
    assert made["speech"] == [[500.0, 800.0], [1300.0, 300.0]]
    assert made["speech_elapsed"] == [[700.0, 800.0], [2000.0, 300.0]]


def test_nothing_written_and_nothing_spoken_is_fine(tmp_path: Path) -> None:
    silent = item(0, text=TextOutput("", (), (), ()), speech=SpeechOutput("", 16000, (), (), ()))
    made = page_of(tmp_path, summary([silent])).data["runs"][0]["made"][0]
    assert made["pieces"] == made["speech"] == []


def test_a_long_talk_is_drawn_in_fewer_pieces_and_loses_no_text(tmp_path: Path) -> None:
    count = 9000
    units = tuple(f"w{number}" for number in range(count))
    times = tuple(400.0 * number for number in range(count))
    talk = item(
        0,
        source_ms=3_600_000.0,
        reference=None,
        text=TextOutput(" ".join(units), units, times, times),
        speech=SpeechOutput("talk.wav", 16000, times, times, (400.0,) * count),
    )
    latency = Score("LongYAAL", 1500.0, "ms", "omnisteval", 50)
    page = page_of(tmp_path, summary([talk], [BLEU, latency]))
    made = page.data["runs"][0]["made"][0]
    assert len(made["pieces"]) <= MOMENTS
    assert made["moments"] == made["chunks"] == count
    assert " ".join(piece["text"] for piece in made["pieces"]) == " ".join(units)
    assert made["speech"][0] == [0.0, 2000.0]
    assert "No latency of single recordings was measured." in page.said
    assert page.options["balance-latency"] == ["LongYAAL"]


def test_the_envelope_shows_where_a_recording_is_loud(tmp_path: Path) -> None:
    samples = np.zeros(16000)
    samples[8000:9600] = 0.5 * np.sign(np.sin(np.arange(1600)))
    soundfile.write(tmp_path / "clip.wav", samples, 16000)
    page = page_of(tmp_path, summary([item(0, audio=str(tmp_path / "clip.wav"))]))
    (heard,) = page.data["recordings"]
    assert heard["bucket_ms"] == 20
    assert heard["peaks"] == [0] * 25 + [500] * 5 + [0] * 20


def test_the_envelope_of_a_long_recording_is_bounded(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "clip.wav", np.full(8000 * 30, 0.25), 8000)
    page = page_of(tmp_path, summary([item(0, audio=str(tmp_path / "clip.wav"), source_ms=30e3)]))
    (heard,) = page.data["recordings"]
    assert heard["bucket_ms"] == 75
    assert len(heard["peaks"]) == BUCKETS


def test_a_recording_that_cannot_be_read_has_no_envelope(tmp_path: Path) -> None:
    (tmp_path / "broken.wav").write_bytes(b"no sound")
    assert envelope(tmp_path / "broken.wav", 20) == ()
    assert envelope(tmp_path, 20) == ()
    page = page_of(tmp_path, summary([item(0, audio="no\0where")]))
    assert page.data["recordings"][0]["peaks"] == []
    assert page.data["recordings"][0]["source_ms"] == 1000.0


@pytest.mark.parametrize(
    ("values", "start", "width", "counts"),
    [
        ([], 0.0, 1.0, ()),
        ([None, 0.0], 0.0, 0.001, (1,)),
        ([-50.0, 10.0, 40.0, 949.0], -200.0, 200.0, (1, 2, 0, 0, 0, 1)),
        ([100.0, 100.0], 100.0, 5.0, (2,)),
    ],
)
def test_a_histogram_has_bars_of_round_width(
    values: list[float | None], start: float, width: float, counts: tuple[int, ...]
) -> None:
    counted = histogram(values)
    assert counted.start == pytest.approx(start)
    assert counted.width == pytest.approx(width)
    assert counted.counts == counts


def test_a_page_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        write_page(tmp_path / "missing" / "report.html", [summary([item(0)])])
    page_of(tmp_path, summary([item(0)]))
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
