"""A whole session between a source that is pushed and a sink that is paced, as a socket has it."""

import threading

import numpy as np

from audio_io.chunk import AudioChunk, Boundary
from audio_io.push import PacedSink, PushSource
from engine.agent import StreamRequest
from engine.events import AudioLost, Event, SpeechPlayed, TargetText
from engine.session import Heard, Session
from engine.speaking.live_voice import PAUSE_MS, LiveVoice
from engine.speaking.speech_queue import LagConfig
from engine.stepper import DirectStepper
from tests.fakes import RATE_HZ, ParrotAgent
from tests.live_fakes import joined, noise

BLOCK = RATE_HZ // 50


def test_pushed_sound_is_translated_and_played_and_what_there_was_no_room_for_is_told() -> None:
    source = PushSource(RATE_HZ, limit_ms=200)
    sent: list[AudioChunk] = []
    voice = LiveVoice(PacedSink(RATE_HZ, sent.append), LagConfig(max_lag_s=60, max_speed=1.0))
    sound = noise(RATE_HZ)
    heard_first, is_full = threading.Event(), threading.Event()

    def bring() -> None:
        source.put(sound[:BLOCK])
        assert heard_first.wait(10)
        for start in range(BLOCK, len(sound), BLOCK):
            source.put(sound[start : start + BLOCK])
        source.end()
        is_full.set()

    def busy(heard: Heard) -> None:
        """The engine is at its first step until all has come."""
        heard_first.set()
        assert is_full.wait(10)

    events: list[Event] = []
    session = Session(
        source,
        DirectStepper(ParrotAgent()),
        StreamRequest("eng", ("spa",)),
        voices={"spa": voice},
        listeners=[lambda stamped: events.append(stamped.event)],
        progress=busy,
    )
    client = threading.Thread(target=bring, daemon=True)
    client.start()
    voice.start()
    session.run()
    session.finish_voices()
    client.join(10)

    kept = np.concatenate([sound[:BLOCK], sound[-10 * BLOCK :]])
    assert events[0] == AudioLost(0.02, 0.8, "nobody took it in time")
    assert [event.text for event in events if isinstance(event, TargetText)] == [f" {len(kept)}"]
    (played,) = [event for event in events if isinstance(event, SpeechPlayed)]
    assert played.ended_at_s > played.started_at_s
    said = joined([chunk.samples for chunk in sent])
    assert len(said) == len(kept) + RATE_HZ * PAUSE_MS // 1000
    np.testing.assert_array_equal(said[: len(kept)], kept)
    assert {chunk.boundary for chunk in sent} == {Boundary.NONE}
