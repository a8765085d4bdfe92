"""What happens has its time: that of the moment, and never before what happened earlier."""

import json
from pathlib import Path

import pytest

from audio_io.chunk import AudioChunk, silence
from audio_io.cut import CutSource
from audio_io.device_stream import DeviceNotice
from audio_io.devices import Direction
from cli.live.ends import SpeakerLoudness
from engine.agent import StreamRequest
from engine.live.conversation import Conversation, Ends
from engine.live.happenings import EngineSlow, HappeningQueue, Mark
from engine.live.recorder import TRANSCRIPT, Recorder
from engine.stepper import DirectStepper
from tests.fakes import RATE_HZ, ListSource, ParrotAgent
from tests.live_fakes import HandClock

BEGAN_AT_S = 100.0


@pytest.fixture
def clock() -> HandClock:
    return HandClock(BEGAN_AT_S)


@pytest.fixture
def queue(clock: HandClock) -> HappeningQueue:
    made = HappeningQueue(clock=clock)
    clock.advance(1.0)
    made.stream.note(AudioChunk(silence(RATE_HZ), RATE_HZ, 0, clock.now_s()))
    return made


def test_marks_are_where_the_key_was_pressed_however_far_behind_the_engine_is(
    clock: HandClock, queue: HappeningQueue, tmp_path: Path
) -> None:
    recorder = Recorder(tmp_path / "kept", (), lambda text: None, queue.stream)
    source = CutSource(ListSource([]))
    ends = Ends(source, lambda: None, None, SpeakerLoudness(None))
    request = StreamRequest("eng", ("spa",))
    conversation = Conversation(
        request, ends, DirectStepper(ParrotAgent()), queue, recorder=recorder
    )
    clock.advance(5.0)  # the engine heard nothing of it yet
    marks = [conversation.mark()]
    clock.advance(0.3)
    marks.append(conversation.mark())
    recorder.close()
    assert [mark.at_s for mark in marks] == pytest.approx([6.0, 6.3])
    lines = (tmp_path / "kept" / TRANSCRIPT).read_text().splitlines()
    assert [json.loads(line)["start_s"] for line in lines] == [6.0, 6.3]
    assert [json.loads(line)["at_s"] for line in lines] == [6.0, 6.3]


def test_the_time_of_what_happens_never_goes_back(clock: HandClock, queue: HappeningQueue) -> None:
    clock.advance(1.0)
    queue.put("one")
    # The card turns out to be slower than it seemed.
    queue.stream.note(AudioChunk(silence(RATE_HZ), RATE_HZ, RATE_HZ // 2, clock.now_s()))
    queue.put(DeviceNotice("lost", Direction.INPUT, "gone"))
    queue.put(Mark(1.5, 1))
    clock.advance(1.0)
    queue.put(EngineSlow(1.5))
    items, lost = queue.drain()
    assert [item.at_s for item in items] == pytest.approx([2.0, 2.0, 2.0, 2.5])
    assert queue.last_s() == pytest.approx(2.5)
    assert not lost
