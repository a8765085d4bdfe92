"""One item through an agent, where SimulEval's own evaluator has faults."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from simuleval.data.segments import EmptySegment, SpeechSegment, SpeechTextSegment, TextSegment

from engine.agent import StreamRequest, Task
from engine.evaluation.run_item import AgentChoice, ItemRunner, RunConfig
from engine.metrics.result import Item

RATE_HZ = 8000


class Script:
    """An agent that writes one thing after each segment, whatever it hears."""

    def __init__(self, *written: Any) -> None:
        self._written = list(written)
        self.resets = 0
        self.heard: list[Any] = []

    def reset(self) -> None:
        self.resets += 1

    def pushpop(self, segment: Any) -> Any:
        self.heard.append(segment)
        return self._written.pop(0) if self._written else EmptySegment()


@pytest.fixture
def item(tmp_path: Path) -> Item:
    """One second of sound, in four segments of 250 ms."""
    ramp = np.linspace(-0.5, 0.5, RATE_HZ, dtype=np.float32)
    soundfile.write(tmp_path / "a.wav", ramp, RATE_HZ)
    return Item(3, "a", tmp_path / "a.wav", "spa", "uno dos")


def runner(
    agent: Script, tmp_path: Path, *, text: bool = True, speech: bool = False, unit: str = "word"
) -> ItemRunner:
    choice = AgentChoice("", StreamRequest("eng", ("spa",), task=Task.S2TT))
    config = RunConfig(choice, tmp_path, segment_ms=250, unit=unit)
    return ItemRunner(agent, config, None, text=text, speech=speech)


def word(content: str, *, finished: bool = False) -> TextSegment:
    return TextSegment(content=content, finished=finished)


def tone(samples: int, rate_hz: int = 1000, *, finished: bool = False) -> SpeechSegment:
    return SpeechSegment(content=[0.25] * samples, sample_rate=rate_hz, finished=finished)


def test_the_agent_hears_the_whole_recording_at_its_own_rate(item: Item, tmp_path: Path) -> None:
    agent = Script()
    result = runner(agent, tmp_path).run(item)

    heard = np.concatenate([segment.content for segment in agent.heard])
    samples, _ = soundfile.read(item.audio, dtype="float32")
    np.testing.assert_array_equal(heard, samples)
    assert [segment.finished for segment in agent.heard] == [False, False, False, True]
    assert (result.source_ms, result.source_rate_hz) == (1000.0, RATE_HZ)


def test_words_after_an_early_finish_are_kept(item: Item, tmp_path: Path) -> None:
    agent = Script(word("a"), word("b", finished=True), word("c"), word("d", finished=True))

    result = runner(agent, tmp_path).run(item)

    assert result.text is not None
    assert result.text.text == "a b c d"
    assert result.text.delays_ms == (250.0, 500.0, 750.0, 1000.0)
    assert agent.resets == 2


def test_speech_after_an_early_finish_is_kept_with_its_elapsed_times(
    item: Item, tmp_path: Path
) -> None:
    agent = Script(tone(100, finished=True), EmptySegment(), EmptySegment(), tone(200))

    result = runner(agent, tmp_path, text=False, speech=True).run(item)

    assert result.speech is not None
    assert result.speech.delays_ms == (250.0, 1000.0)
    assert result.speech.durations_ms == (100.0, 200.0)
    assert all(
        a >= b for a, b in zip(result.speech.elapsed_ms, result.speech.delays_ms, strict=True)
    )
    assert len(result.speech.elapsed_ms) == 2


def test_the_wav_is_silent_where_nothing_was_there_to_play(item: Item, tmp_path: Path) -> None:
    agent = Script(tone(100), EmptySegment(), tone(300), tone(100))

    result = runner(agent, tmp_path, text=False, speech=True).run(item)

    assert result.speech is not None
    samples, rate_hz = soundfile.read(tmp_path / result.speech.wav)
    # From 250 ms on: 100 ms of tone, 400 of silence, 300 of tone, and at once 100 more.
    assert rate_hz == 1000
    assert len(samples) == 900
    assert not samples[100:500].any()
    assert (samples[500:] > 0.2).all()
    assert result.speech.intervals_ms == ((250.0, 100.0), (750.0, 300.0), (1050.0, 100.0))


def test_no_speech_leaves_no_wav(item: Item, tmp_path: Path) -> None:
    result = runner(Script(), tmp_path, text=False, speech=True).run(item)

    assert result.speech is not None and result.speech.wav == ""
    assert not (tmp_path / "wavs").exists()


def test_text_and_speech_of_one_step_have_the_same_delay(item: Item, tmp_path: Path) -> None:
    both = SpeechTextSegment(text_segment=word("uno"), speech_segment=tone(50))
    agent = Script(EmptySegment(), both, [word("dos"), tone(50)])

    result = runner(agent, tmp_path, speech=True).run(item)

    assert result.text is not None and result.speech is not None
    assert result.text.text == "uno dos"
    assert result.text.delays_ms == result.speech.delays_ms == (500.0, 750.0)


def test_characters_are_counted_and_words_can_be_read(item: Item, tmp_path: Path) -> None:
    agent = Script(word("el gato"), word(" no"))

    result = runner(agent, tmp_path, unit="char").run(item)

    assert result.text is not None
    assert result.text.units == tuple("elgatono")
    assert result.text.text == "el gato no"


def test_speech_that_changes_its_rate_is_an_error(item: Item, tmp_path: Path) -> None:
    agent = Script(tone(10, 1000), tone(10, 2000))

    with pytest.raises(ValueError, match="2000 Hz after 1000 Hz"):
        runner(agent, tmp_path, text=False, speech=True).run(item)
    assert not list(tmp_path.glob("wavs/*"))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (SpeechSegment(content=[0.1, np.nan], sample_rate=1000), "wrote speech with NaN in it"),
        (SpeechSegment(content=[0.1, np.inf], sample_rate=1000), "wrote speech with inf in it"),
        (tone(10, 2**33), "sample rate of 8589934592 Hz; 1000 to 384000 are possible"),
        (tone(10, 3_000_000_000), "sample rate of 3000000000 Hz; 1000 to 384000 are possible"),
        (tone(10, 1), "sample rate of 1 Hz; 1000 to 384000 are possible"),
        (tone(10, -1), "wrote speech without a sample rate"),
        (SpeechSegment(content="hola", sample_rate=1000), "wrote text as speech: 'hola'"),
        (TextSegment(content=5), "wrote text that is no str but int"),
    ],
)
def test_what_an_agent_cannot_mean_fails_its_item_and_no_other(
    item: Item, tmp_path: Path, wrong: Any, told: str
) -> None:
    agent = Script(tone(100), wrong)
    run = runner(agent, tmp_path, speech=True)
    with pytest.raises(ValueError, match=told):
        run.run(item)
    assert not list(tmp_path.glob("wavs/*"))

    agent._written = [tone(100), word("a")]
    result = run.run(item)
    assert result.speech is not None and result.speech.sample_rate_hz == 1000
    assert [path.name for path in (tmp_path / "wavs").iterdir()] == ["3_pred.wav"]


def test_only_the_recording_at_hand_is_in_memory(tmp_path: Path) -> None:
    """SimulEval's evaluator keeps all of them."""
    import gc

    soundfile.write(tmp_path / "a.wav", np.zeros(10 * RATE_HZ, np.float32), RATE_HZ)
    agent = Script()
    run = runner(agent, tmp_path)
    for index in range(5):
        run.run(Item(index, str(index), tmp_path / "a.wav", "spa", "uno"))
        agent.heard.clear()
    gc.collect()

    held = [
        thing
        for thing in gc.get_objects()
        if isinstance(thing, list) and len(thing) > 5 * RATE_HZ and isinstance(thing[0], float)
    ]
    assert not held
