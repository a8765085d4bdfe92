"""`s2st live --check-output`: what is understood of our own speech, and that it delays nobody."""

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.segment import Segment

from audio_io.chunk import AudioChunk
from audio_io.cut import CutSource
from audio_io.errors import UsageError
from cli.live.command import LiveOptions
from cli.live.ends import SpeakerLoudness
from cli.live.output import JsonOutput, PlainOutput
from cli.live.panel import render
from cli.live.plan import LivePlan, plan_live
from cli.live.run import start_check
from cli.live.view import LiveView
from cli.terminal.cells import cell_width, clean
from engine.errors import EngineError
from engine.events import Event, OutputHeard, Stamped, TargetAudio, UtteranceEnded
from engine.live.conversation import Conversation, Ends
from engine.live.happenings import Happened, HappeningQueue
from engine.stepper import DirectStepper
from engine.text.records import event_record
from engine.whisper.check import OutputCheck
from engine.whisper.output_asr import OutputAsr
from tests.cli.live.test_panel import busy_view
from tests.cli.running import TWO, Running, inside
from tests.cli.virtual_audio import VirtualAudio
from tests.fakes import RATE_HZ, ListSource, ParrotAgent, chunks
from tests.live_fakes import HandClock, noise
from tests.tiny_whisper import make_tiny_whisper

pytestmark = pytest.mark.real_time

SPANISH = "la casa es grande"
HEARD = OutputHeard(3, "spa", SPANISH, 1.0, 2.5, final=True)


class FakeAsr(OutputAsr):
    """Understands what it is told to."""

    def __init__(self) -> None:
        self.given: list[object] = []
        self.to_tell: list[OutputHeard] = []
        self.to_raise: EngineError | None = None

    def hear(self, event: TargetAudio) -> bool:
        self.given.append((event.language, event.utterance))
        return True

    def end_utterance(self, utterance: int) -> None:
        self.given.append(utterance)

    def news(self) -> list[OutputHeard]:
        told, self.to_tell = self.to_tell, []
        error, self.to_raise = self.to_raise, None
        if error is not None:
            raise error
        return told


class Collected(list[str]):
    """Result lines that nobody reads."""

    def put(self, line: str) -> None:
        self.append(line)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_whisper(tmp_path_factory.mktemp("whisper") / "tiny")


@pytest.fixture(scope="module")
def audio() -> Iterator[VirtualAudio]:
    made = VirtualAudio()
    yield made
    made.close()


def stamped(event: Event) -> Stamped:
    return Stamped(event, 110.0, 109.0, heard_s=10.0, captured_at_s=108.0)


def happened(event: Event) -> Happened:
    return Happened(stamped(event), 12.0)


def session(check: OutputCheck | None, plan: LivePlan) -> Conversation:
    source = CutSource(ListSource(chunks(noise(RATE_HZ))))
    ends = Ends(source, lambda: None, None, SpeakerLoudness(None))
    stepper = DirectStepper(ParrotAgent())
    return Conversation(plan.request, ends, stepper, HappeningQueue(), check=check)


def row(view: LiveView, width: int, height: int = 24, **how: bool | str) -> list[Segment] | None:
    """The panel's row of what was understood; every row fits."""
    no_color, encoding = bool(how.get("no_color")), str(how.get("encoding", "utf-8"))
    rows = render(view, width, height, no_color=no_color, encoding=encoding).rows
    assert len(rows) == height
    texts = ["".join(segment.text for segment in row) for row in rows]
    assert all(cell_len(text) <= width for text in texts)
    found = [row for row, text in zip(rows, texts, strict=True) if "understood: " in text]
    return found[0] if found else None


def written(found: list[Segment] | None) -> str:
    assert found is not None
    return "".join(segment.text for segment in found)


def test_only_what_is_spoken_is_handed_over_and_where_each_utterance_ends() -> None:
    asr = FakeAsr()
    check = OutputCheck(asr, "spa")
    sound = AudioChunk(noise(100), RATE_HZ)
    check.hear(stamped(TargetAudio(0, "spa", sound, 0.0, 1.0)))
    check.hear(stamped(TargetAudio(0, "cat", sound, 0.0, 1.0)))
    check.hear(stamped(UtteranceEnded(0, 0.0, 1.0)))
    check.speaks = "eng"  # the languages were exchanged
    check.hear(stamped(TargetAudio(1, "eng", sound, 1.0, 2.0)))
    assert asr.given == [("spa", 0), 0, ("eng", 1)]


def test_what_was_understood_comes_with_the_time_at_which_it_came() -> None:
    asr = FakeAsr()
    check = OutputCheck(asr, "spa", clock=HandClock(113.0))
    check.hear(stamped(UtteranceEnded(3, 1.0, 2.5)))
    asr.to_tell = [HEARD]
    heard: list[Stamped] = []
    check.tell(heard.append, pytest.fail)
    assert heard == [Stamped(HEARD, 113.0, 109.0, 10.0, 108.0)]


def test_when_it_fails_that_is_one_sentence_and_no_error() -> None:
    asr = FakeAsr()
    asr.to_raise = EngineError("It is over.", hint="Is it?")
    said: list[str] = []
    check = OutputCheck(asr, "spa")
    check.tell(lambda _: pytest.fail("nothing was heard"), said.append)
    check.tell(lambda _: pytest.fail("nothing was heard"), said.append)
    assert said == ["It is over. Is it? The session goes on unchecked."]


def test_a_session_tells_the_check_all_it_speaks() -> None:
    plan = plan_live(LiveOptions(targets=("spa",)))
    asr = FakeAsr()
    running = session(OutputCheck(asr, "spa"), plan)
    running.start()
    assert running.over.wait(10.0)
    assert running.error is None
    assert asr.given == [("spa", 0), 0]


@pytest.mark.parametrize(("options", "code"), [(("--no-speech",), 2), (("--speak", "none"), 2)])
def test_without_speech_there_is_nothing_to_check(options: tuple[str, ...], code: int) -> None:
    ran = inside("live", "--input", TWO, "--tgt", "spa", "--check-output", "small", *options)
    assert ran.code == code
    assert ran.complaints == [
        "s2st: --check-output listens to the translated speech, and there is only text. "
        "Leave it out (and S2ST_CHECK_OUTPUT), or let a target be spoken."
    ]


def test_nothing_is_started_unless_it_is_asked_for() -> None:
    assert start_check(plan_live(LiveOptions(targets=("spa",), speak="none"))) is None
    with pytest.raises(UsageError, match="only text"):
        start_check(plan_live(LiveOptions(targets=("eng",), check_output="small")))


def test_a_final_text_is_a_line_on_standard_error_and_a_partial_is_none(
    capfd: pytest.CaptureFixture[str],
) -> None:
    lines = Collected()
    running = session(None, plan_live(LiveOptions(targets=("spa",))))
    for quiet in (False, True):
        plain = PlainOutput(running, lines, quiet=quiet)  # type: ignore[arg-type]
        plain.show([happened(replace(HEARD, final=False)), happened(HEARD)], 0)
        plain.show([happened(replace(HEARD, text=" "))], 0)
    assert lines == []
    assert capfd.readouterr().err.splitlines() == [
        f"understood (spa)  {SPANISH}",
        "understood (spa)  no words",
    ]


def test_json_carries_partials_and_finals() -> None:
    lines = Collected()
    running = session(None, plan_live(LiveOptions(targets=("spa",))))
    output = JsonOutput(running.meter, lines, HappeningQueue())  # type: ignore[arg-type]
    output.show([happened(replace(HEARD, final=False)), happened(HEARD)], 0)
    records = [json.loads(line) for line in lines]
    assert records[1] == {
        "type": "output_heard",
        "text": SPANISH,
        "language": "spa",
        "final": True,
        "utterance": 3,
        "start_s": 1.0,
        "end_s": 2.5,
        "at_s": 12.0,
    }
    assert records[0] == records[1] | {"final": False}
    assert event_record(HEARD) == {key: records[1][key] for key in records[1] if key != "at_s"}


def test_the_panel_has_a_row_for_it_only_when_it_is_asked_for() -> None:
    view = busy_view(("cmn",))
    view.hear(HEARD)
    assert row(view, 80) is None
    view.checks_output = True
    assert written(row(view, 80)) == f" understood: {SPANISH}"
    view.understood = None
    assert written(row(view, 80)) == " understood: nothing yet"
    view.hear(replace(HEARD, text=""))
    assert written(row(view, 80)) == " understood: no words"


def test_a_partial_is_faint_and_without_colours_in_brackets() -> None:
    view = busy_view(("cmn",))
    view.checks_output = True
    view.hear(replace(HEARD, final=False))
    found = row(view, 80)
    assert written(found) == f" understood: {SPANISH}…"
    assert found is not None
    assert str(found[1].style) == "dim italic"
    assert written(row(view, 80, no_color=True)) == f" understood: [{SPANISH}…]"
    view.hear(HEARD)
    found = row(view, 80)
    assert found is not None
    assert str(found[1].style) == "none"


@pytest.mark.parametrize(
    "text",
    [
        "市议会将于星期四再次开会，决定如何使用这笔钱。" * 5,
        "পরিষদ বৃহস্পতিবার আবার বসবে এবং টাকা কীভাবে খরচ হবে" * 5,
        "سيجتمع المجلس مرة أخرى يوم الخميس ليقرر" * 5,
        "e\N{COMBINING ACUTE ACCENT}" * 300,
        "\x1b[2Jcommand\x07 \n" * 30,
    ],
)
@pytest.mark.parametrize("final", [True, False])
def test_long_text_is_cut_at_its_beginning_and_fits_every_screen(text: str, final: bool) -> None:
    view = busy_view(("cmn",))
    view.checks_output = True
    view.hear(replace(HEARD, text=text, final=final))
    for width in (200, 80, 41, 30):
        for how in ({}, {"no_color": True}, {"encoding": "ascii"}):
            shown = written(row(view, width, **how))
            assert shown.isprintable()
            assert cell_width(shown) >= width - 6
    for width, height in ((29, 12), (10, 8), (2, 7), (1, 7), (80, 7), (80, 2)):
        row(view, width, height)
    assert written(row(view, 80)).removesuffix("…").endswith(clean(text).strip()[-3:])


def test_a_live_run_shows_what_it_understands_and_outlives_the_check(
    audio: VirtualAudio, model: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    words = ("--tgt", "spa", "--input", TWO, "--record", kept, "--json", "--quiet")
    with Running("live", *words, "--check-output", model, env=audio.env) as running:
        assert running.process.stdout is not None
        lines: list[dict[str, object]] = []
        while "output_heard" not in [line["type"] for line in lines]:
            lines.append(json.loads(running.process.stdout.readline()))
        workers = sorted(pid for pid, line in running.processes() if "spawn_main" in line)
        assert len(workers) == 2
        os.kill(workers[1], signal.SIGKILL)  # the engine was started first
        ran = running.ended()
        assert running.processes() == []
    assert ran.code == 0, ran.err
    assert "Traceback" not in ran.err
    assert "semaphore" not in ran.err
    lines += [json.loads(line) for line in ran.out.splitlines()]
    kinds = [line["type"] for line in lines]
    heard = lines[kinds.index("output_heard")]
    assert (heard["final"], heard["language"], heard["utterance"]) == (True, "spa", 0)
    told = [line for line in lines if "unchecked" in str(line.get("text"))]
    assert len(told) == 1
    assert "The output check's process ended (signal 9)." in str(told[0]["text"])
    assert kinds.count("target_audio") == kinds.count("speech_played") == 2
    last = lines[kinds.index("target_audio", kinds.index("output_heard"))]
    assert lines[-1]["type"] == "summary"
    assert lines[-1]["unchecked_s"] == last["speech_s"]
    transcript = (kept / "transcript.jsonl").read_text(encoding="utf-8").splitlines()
    assert heard in [json.loads(line) for line in transcript]


def test_a_model_that_is_none_ends_it_before_it_begins(audio: VirtualAudio, tmp_path: Path) -> None:
    words = ("--tgt", "spa", "--input", TWO, "--check-output", tmp_path)
    with Running("live", *words, env=audio.env) as running:
        ran = running.ended()
        assert running.processes() == []
    assert (ran.code, ran.out) == (1, "")
    assert len(ran.complaints) == 1
    assert "is not the folder of a converted Whisper model" in ran.complaints[0]
