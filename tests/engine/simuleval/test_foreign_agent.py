"""SimulEval agents as engines: the segments they hear, and the events of what they write."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audio_io.chunk import AudioChunk, Boundary, Samples, silence
from engine.agent import StreamRequest, Task
from engine.errors import EngineError, LanguageError
from engine.events import SourceText, TargetAudio, TargetText, UtteranceEnded
from engine.simuleval.foreign_agent import ForeignAgent, ForeignEngineConfig
from engine.simuleval.process import ForeignAgentConfig
from tests.agent_checks import (
    check_chunk_size_does_not_matter,
    check_later_sound_changes_nothing,
    check_streams_do_not_mix,
    check_utterances_end_one_by_one,
    run,
)
from tests.fakes import DATA, RATE_HZ, chunks

AGENTS = DATA / "agents"
TEXT = StreamRequest("eng", ("spa",), Task.S2TT)
SPEECH = StreamRequest("eng", ("spa",))


def agent_of(name: str, segment_ms: int = 500, **options: Any) -> ForeignAgent:
    if name == "Counter":
        config = ForeignAgentConfig(str(AGENTS / "counter.py"), threads=1, **options)
    else:
        config = ForeignAgentConfig(
            str(AGENTS / "several.py"), agent_class=name, threads=1, **options
        )
    return ForeignAgent(ForeignEngineConfig(config, segment_ms))


@pytest.fixture(scope="module")
def counter() -> Iterator[ForeignAgent]:
    agent = agent_of("Counter")
    yield agent
    agent.close()


@pytest.fixture(scope="module")
def tone() -> Iterator[ForeignAgent]:
    agent = agent_of("Tone")
    yield agent
    agent.close()


@pytest.fixture(scope="module")
def both() -> Iterator[ForeignAgent]:
    agent = agent_of("Both")
    yield agent
    agent.close()


@pytest.fixture(scope="module")
def moody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForeignAgent]:
    log = tmp_path_factory.mktemp("moody") / "log"
    agent = agent_of("Moody", step_timeout_s=1.0, log=log)
    yield agent
    agent.close()


def sound(seconds: float, value: float = 0.25) -> Samples:
    return np.full(round(seconds * RATE_HZ), value, np.float32)


def written(events: list[Any]) -> list[tuple[str, float, float]]:
    return [(e.text, e.start_s, e.end_s) for e in events if isinstance(e, TargetText | SourceText)]


def ended(events: list[Any]) -> list[tuple[int, float, float]]:
    return [(e.utterance, e.start_s, e.end_s) for e in events if isinstance(e, UtteranceEnded)]


def spoken(events: list[Any]) -> Samples:
    """All speech joined, once it is certain that it follows without a gap."""
    heard = [e.chunk for e in events if isinstance(e, TargetAudio)]
    position = 0
    for chunk in heard:
        assert chunk.start_sample == position
        position = chunk.end_sample
    return np.concatenate([chunk.samples for chunk in heard]) if heard else silence(0)


def test_the_checks_of_every_agent_on_text(counter: ForeignAgent) -> None:
    check_chunk_size_does_not_matter(counter, sound(2.3), TEXT)
    check_chunk_size_does_not_matter(counter, sound(2.0), replace(TEXT, live=True))
    check_streams_do_not_mix(counter, sound(1.8), sound(3.1), TEXT)
    check_later_sound_changes_nothing(counter, sound(2.0), RATE_HZ * 2, sound(1.0), TEXT)


def test_the_checks_of_every_agent_on_speech(tone: ForeignAgent, both: ForeignAgent) -> None:
    loud = np.concatenate([sound(1.2), sound(2.7, 0.0), sound(1.3, 0.5)])
    check_chunk_size_does_not_matter(tone, loud, SPEECH)
    check_chunk_size_does_not_matter(both, loud, SPEECH)
    check_streams_do_not_mix(tone, loud, sound(1.7), SPEECH)
    check_later_sound_changes_nothing(tone, loud, len(loud), sound(1.0), SPEECH)
    for agent in (tone, both):
        check_utterances_end_one_by_one(run(agent, chunks(loud), SPEECH))


@pytest.mark.parametrize(
    ("seconds", "live", "expected"),
    [
        # (text, from, to), worked out by hand: segments of 0.5 s, the last one says finished.
        (1.3, False, [("1 second", 0.0, 1.0), (" 1 second", 1.0, 1.3)]),
        (1.5, False, [("1 second", 0.0, 1.0), (" 2 second", 1.0, 1.5)]),
        (1.3, True, [("1 second", 0.0, 1.0), (" 1 second", 1.0, 1.3)]),
        # Live, the last whole segment is gone already: an empty one says finished.
        (1.5, True, [("1 second", 0.0, 1.0), (" 2 second", 1.0, 1.5), (" 2 second", 1.5, 1.5)]),
        (0.0, True, []),
    ],
)
def test_segments_and_spans(
    counter: ForeignAgent, seconds: float, live: bool, expected: list[Any]
) -> None:
    events = run(counter, chunks(sound(seconds)), replace(TEXT, live=live))
    assert written(events) == expected
    assert ended(events) == ([(0, 0.0, expected[-1][2])] if expected else [])


def test_somebody_who_waits_is_told_at_once_and_a_file_when_more_has_come(
    counter: ForeignAgent,
) -> None:
    for live in (True, False):
        state = counter.new_state(replace(TEXT, live=live))
        first, second = (AudioChunk(sound(1.0), RATE_HZ, at) for at in (0, RATE_HZ))
        assert bool(list(counter.step(first, state))) == live
        assert list(counter.step(replace(second, boundary=Boundary.UTTERANCE), state))
        counter.release(state)


def test_text_has_its_language_and_its_spaces(counter: ForeignAgent) -> None:
    events = run(counter, chunks(sound(1.5)), StreamRequest("eng", ("jpn",), Task.S2TT))
    assert [text for text, _, _ in written(events)] == ["1 second", "2 second"]
    heard = run(counter, chunks(sound(1.0)), StreamRequest("eng", (), Task.ASR))
    assert isinstance(heard[0], SourceText)
    assert heard[0].language == "eng"


def test_a_source_of_any_rate_is_heard_as_it_is(counter: ForeignAgent) -> None:
    items = chunks(np.zeros(44_100 * 2 + 1, np.float32), (4410,), rate_hz=44_100)
    assert [text for text, _, _ in written(run(counter, items, TEXT))] == [
        *("1 second", " 2 second", " 2 second", " 2 second"),
    ]


def test_speech_comes_at_one_rate_and_whole(tone: ForeignAgent) -> None:
    events = run(tone, chunks(sound(2.0)), SPEECH)
    samples = spoken(events)
    assert abs(len(samples) - 2.0 * 24_000) <= 2
    spectrum = np.abs(np.fft.rfft(samples))
    assert abs(spectrum.argmax() / 2.0 - 440) < 2
    assert 0.2 < np.abs(samples).max() < 0.3
    assert {e.chunk.sample_rate_hz for e in events if isinstance(e, TargetAudio)} == {24_000}


def test_silence_of_the_agent_ends_an_utterance(tone: ForeignAgent) -> None:
    source = np.concatenate([sound(1.0), sound(4.0, 0.0), sound(0.6)])
    events = run(tone, chunks(source), SPEECH)
    # It speaks until 1.0 and then again in the segment that ends at 5.5; 2 s before are its.
    assert ended(events) == [(0, 0.0, 1.0), (1, 3.5, 5.6)]
    check_utterances_end_one_by_one(events)
    assert abs(len(spoken(events)) - 1.6 * 24_000) <= 4


def test_an_agent_that_is_through_early_starts_again(both: ForeignAgent) -> None:
    events = run(both, chunks(sound(2.5)), SPEECH)
    assert written(events) == [
        ("1 spa", 0.0, 0.5),
        (" 2 spa", 0.5, 1.0),
        (" 1 spa", 1.0, 1.5),
        (" 2 spa", 1.5, 2.0),
        (" 1 spa", 2.0, 2.5),
    ]
    assert ended(events) == [(0, 0.0, 1.0), (1, 1.0, 2.0), (2, 2.0, 2.5)]
    assert abs(len(spoken(events)) - 3 * 0.1 * 24_000) <= 3
    only_text = run(both, chunks(sound(2.5)), replace(SPEECH, task=Task.S2TT))
    assert written(only_text) == written(events)
    assert not len(spoken(only_text))


def test_a_short_gap_is_silence_and_after_a_long_one_it_starts_afresh(
    counter: ForeignAgent,
) -> None:
    def hear(gap_s: float) -> list[tuple[str, float, float]]:
        before, after = (
            AudioChunk(sound(1.0), RATE_HZ),
            AudioChunk(
                sound(1.2), RATE_HZ, round((1.0 + gap_s) * RATE_HZ), boundary=Boundary.STREAM
            ),
        )
        events = run(counter, [before, after], TEXT)
        check_utterances_end_one_by_one(events)
        return written(events)

    assert hear(1.0)[-1] == (" 3 second", 3.0, 3.2)
    assert len(hear(10.0)) == 24
    assert hear(10.5) == [
        ("1 second", 0.0, 1.0),
        (" 1 second", 11.5, 12.5),
        (" 1 second", 12.5, 12.7),
    ]


@pytest.mark.parametrize(
    ("mood", "told"),
    [
        (1, "ValueError: too many notes"),
        (2, "did not answer within 1 s"),
        (3, "exit code 7"),
        (4, "signal 9"),
    ],
)
def test_a_failure_is_one_error_and_the_next_stream_works(
    moody: ForeignAgent, mood: int, told: str
) -> None:
    with pytest.raises(EngineError, match=told) as error:
        run(moody, chunks(sound(1.0, mood)), TEXT)
    assert "\n" not in str(error.value)
    assert len(written(run(moody, chunks(sound(1.0, 0.0)), TEXT))) == 2
    assert len(moody._processes) == 1


def test_what_the_agent_cannot_do_is_refused(counter: ForeignAgent, tone: ForeignAgent) -> None:
    with pytest.raises(LanguageError, match="one language, and 2 were asked for"):
        counter.new_state(StreamRequest("eng", ("spa", "cat"), Task.S2TT))
    with pytest.raises(EngineError, match=r"does not speak\..*⟦formats⟧ srt,txt"):
        counter.new_state(SPEECH)
    with pytest.raises(EngineError, match="writes no text"):
        tone.new_state(TEXT)
    assert len(run(counter, chunks(sound(1.0)), TEXT)) == 2, "and it can still be used"


def test_a_process_is_used_again_and_closing_ends_all() -> None:
    agent = agent_of("Counter")
    states = [agent.new_state(TEXT), agent.new_state(TEXT)]
    processes = list(agent._processes)
    for state in states:
        agent.release(state)
        agent.release(state)
    assert agent.new_state(TEXT).process in processes
    assert agent._processes == processes
    agent.close()
    agent.close()
    assert not any(process.is_alive for process in processes)
    with pytest.raises(EngineError, match="closed"):
        agent.new_state(TEXT)


def test_an_agent_that_cannot_be_loaded_says_so(tmp_path: Path) -> None:
    agent = agent_of("Nobody", log=tmp_path / "log")
    with pytest.raises(EngineError, match="no agent called 'Nobody'"):
        agent.wait_until_loaded()
    with pytest.raises(EngineError, match="no agent called 'Nobody'"):
        agent.new_state(TEXT)
    agent.close()
