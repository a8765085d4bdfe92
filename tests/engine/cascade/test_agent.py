"""The whole cascade with its real members, and its policy with members that count."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from shutil import which
from typing import Any

import numpy as np
import pytest

from audio_io.chunk import AudioChunk, Boundary, Samples, silence
from engine.agent import Agent, StreamControls, StreamRequest, Task, Unclear
from engine.cascade.agent import CascadeAgent
from engine.cascade.config import CascadePolicy
from engine.cascade.loading import load
from engine.errors import LanguageError
from engine.events import (
    Event,
    SourceText,
    SpeechDropped,
    TargetAudio,
    TargetText,
    UtteranceEnded,
    Word,
)
from engine.registry import LoadOptions
from tests import agent_checks
from tests.fakes import RATE_HZ, chunks, speech

REQUEST = StreamRequest("eng", ("spa",), partials=False)

whole = pytest.mark.skipif(
    which("lt-proc") is None or which("espeak-ng") is None,
    reason="Apertium or espeak-ng is not installed",
)


@pytest.fixture(scope="module")
def engine() -> Iterator[Agent[AudioChunk, Event, Any]]:
    made = load(LoadOptions())
    yield made
    made.close()


class LevelRecognizer:
    """Hears a word wherever one level lasts for half a second; its last tenth is a pause. The
    level in percent is the word, and one over 50 is unsure."""

    sources = frozenset({"eng"})
    sample_rate_hz = 1000
    released = 0

    def new_state(self, language: str) -> list[Samples]:
        return []

    def hear(self, samples: Samples, state: list[Samples]) -> tuple[Word, ...]:
        state.append(samples)
        return self._words(np.concatenate(state), None)

    def end(self, state: list[Samples]) -> tuple[Word, ...]:
        sound = np.concatenate([silence(0), *state])
        state.clear()
        return self._words(sound, 0.9)

    def recognize(self, samples: Samples, state: list[Samples]) -> tuple[Word, ...]:
        state.clear()
        return self._words(samples, 0.9)

    def release(self, state: list[Samples]) -> None:
        self.released += 1

    def _words(self, samples: Samples, sure: float | None) -> tuple[Word, ...]:
        borders = [0, *np.flatnonzero(np.diff(samples)) + 1, len(samples)]
        spans = [(a, b) for a, b in pairwise(borders) if b - a >= 500 and samples[a]]
        return tuple(
            Word(
                f"w{100 * samples[a]:.0f}",
                a / 1000,
                b / 1000 - 0.1,
                sure and (sure if samples[a] < 0.5 else 0.1),
            )
            for a, b in spans
        )


class Backwards:
    targets = frozenset({"spa", "cat", "jpn", "deu"})

    def __init__(self) -> None:
        self.started: list[str] = []

    def start(self, target: str) -> None:
        self.started.append(target)

    def translate(self, text: str, target: str) -> str:
        return f"{target}({text})"

    def close(self) -> None:
        pass


class Beeps:
    """A millisecond of sound a letter; speakers are louder."""

    targets = frozenset({"spa", "cat", "jpn"})
    sample_rate_hz = 1000

    def speak(self, text: str, target: str, speaker: str | None) -> Iterator[Samples]:
        for letter in text:
            yield np.full(1, ord(letter) / (500 if speaker else 1000), dtype=np.float32)


@pytest.fixture
def counted() -> CascadeAgent:
    return CascadeAgent(LevelRecognizer(), Backwards(), Beeps())


def levels(*percents: int) -> Samples:
    """A second of each level."""
    return np.repeat(np.array(percents, dtype=np.float32) / 100, 1000)


def told(
    agent: Agent[AudioChunk, Event, Any], items: list[AudioChunk], request: StreamRequest
) -> list[Event]:
    return agent_checks.run(agent, items, request)


def of(kind: type, events: list[Event]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def test_an_utterance_is_text_then_translation_then_speech_then_ended(
    counted: CascadeAgent,
) -> None:
    events = told(counted, chunks(levels(1, 2), (300,), 1000), REQUEST)
    kinds = [type(event) for event in events]
    said = "spa(W1 w2.)"
    assert kinds == [
        SourceText,
        TargetText,
        *[TargetAudio] * len(said.strip(" ,.")),
        UtteranceEnded,
    ]
    assert events[0] == SourceText(
        *(0, "eng", "W1 w2.", 0.0, 1.9, True),
        confidence=0.9,
        words=(Word("W1", 0.0, 0.9, 0.9), Word("w2.", 1.0, 1.9, 0.9)),
    )
    # How sure the recogniser was says nothing of the translation.
    assert events[1] == TargetText(0, "spa", said, 0.0, 1.9, True, None)
    assert [event.chunk.start_sample for event in of(TargetAudio, events)] == list(range(11))
    assert events[-1] == UtteranceEnded(0, 0.0, 1.9)


def test_the_last_sound_counts_even_if_it_fills_no_hop(counted: CascadeAgent) -> None:
    request = StreamRequest("eng", ("spa",), Task.S2TT, partials=False)
    events = told(counted, chunks(np.full(2050, 0.01, dtype=np.float32), (300,), 1000), request)
    assert of(SourceText, events)[0].end_s == pytest.approx(1.95)


def test_every_target_is_spoken_by_the_speaker_asked_for(counted: CascadeAgent) -> None:
    request = StreamRequest("eng", ("spa", "cat"), partials=False, speakers={"cat": "loud"})
    events = told(counted, chunks(levels(1), (300,), 1000), request)
    loudest = {
        code: max(float(e.chunk.samples[0]) for e in of(TargetAudio, events) if e.language == code)
        for code in request.targets
    }
    assert loudest["cat"] > 1.5 * loudest["spa"]


def test_translators_are_started_when_the_stream_is_and_the_recogniser_is_given_back() -> None:
    recognizer, translator = LevelRecognizer(), Backwards()
    agent = CascadeAgent(recognizer, translator, Beeps())
    state = agent.new_state(StreamRequest("eng", ("spa", "cat")))
    assert translator.started == ["spa", "cat"]
    agent.release(state)
    assert recognizer.released == 1


def test_committed_texts_joined_are_the_whole_with_spaces_where_the_language_has_them(
    counted: CascadeAgent,
) -> None:
    request = StreamRequest("eng", ("spa", "jpn"), Task.S2TT, partials=False)
    sound = levels(1, 2)
    items = [
        AudioChunk(sound[:1000], 1000, 0, boundary=Boundary.UTTERANCE),
        AudioChunk(sound[1000:], 1000, 1000, boundary=Boundary.STREAM),
    ]
    events = told(counted, items, request)
    texts = {
        code: "".join(event.text for event in of(TargetText, events) if event.language == code)
        for code in ("spa", "jpn")
    }
    assert texts == {"spa": "spa(W1.) spa(W2.)", "jpn": "jpn(W1.)jpn(W2.)"}
    assert "".join(event.text for event in of(SourceText, events)) == "W1. W2."


def test_speech_without_a_pause_is_cut_and_nothing_is_lost_or_said_twice(
    counted: CascadeAgent,
) -> None:
    policy = CascadePolicy(max_utterance_ms=3000)
    request = StreamRequest("eng", ("spa",), Task.S2TT, partials=False, policy=policy)
    items = chunks(levels(1, 2, 3, 4, 5, 6, 7), (130,), 1000)
    events = told(counted, items, request)
    text = "".join(event.text for event in of(SourceText, events))
    # Cut in the pause after the second word; the third second is heard again with what follows.
    assert text.lower() == "w1 w2 w3 w4 w5 w6 w7."
    ends = of(UtteranceEnded, events)
    assert [event.utterance for event in ends] == list(range(len(ends)))
    assert len(ends) >= 3
    spans = [(event.start_s, event.end_s) for event in of(SourceText, events)]
    assert all(a[1] <= b[0] for a, b in pairwise(spans))


def test_what_is_mostly_unclear_is_shown_and_not_spoken(counted: CascadeAgent) -> None:
    events = told(counted, chunks(levels(60, 70, 3), (300,), 1000), REQUEST)
    assert of(SourceText, events)[0].text == "[unclear] w3."
    assert not of(TargetAudio, events)
    assert of(SpeechDropped, events) == [
        SpeechDropped(0, "spa", 0.0, 2.9, "most of it was unclear")
    ]


@pytest.mark.parametrize(
    ("unclear", "heard", "words"),
    [
        (Unclear.MARK, "[unclear] w3.", 2),
        (Unclear.KEEP, "W60 w70 w3.", 3),
        (Unclear.DROP, "w3.", 1),
    ],
)
def test_unclear_words_are_written_as_asked(
    counted: CascadeAgent, unclear: Unclear, heard: str, words: int
) -> None:
    request = replace(REQUEST, unclear=unclear)
    events = told(counted, chunks(levels(60, 70, 3), (300,), 1000), request)
    [source], [target] = of(SourceText, events), of(TargetText, events)
    assert (source.text, len(source.words)) == (heard, words)
    assert ("[unclear]" in target.text) == (unclear is Unclear.MARK)
    assert not of(TargetAudio, events)  # most of it is unclear, however it is written


def test_what_is_all_unclear_is_not_written_where_that_is_dropped(counted: CascadeAgent) -> None:
    request = replace(REQUEST, unclear=Unclear.DROP)
    events = told(counted, chunks(levels(60, 70), (300,), 1000), request)
    assert not of(SourceText, events)
    assert not [event for event in of(TargetText, events) if not event.text.strip()]


def test_a_stream_may_ask_for_all_words(counted: CascadeAgent) -> None:
    request = StreamRequest("eng", ("spa",), partials=False, min_confidence=0.0)
    events = told(counted, chunks(levels(60, 70, 3), (300,), 1000), request)
    assert of(SourceText, events)[0].text == "W60 w70 w3."
    assert of(TargetAudio, events)


def test_noise_without_words_is_an_utterance_without_text(counted: CascadeAgent) -> None:
    events = told(counted, chunks(silence(1500), (300,), 1000), REQUEST)
    assert events == [UtteranceEnded(0, 0.0, 1.5)]


def test_partial_text_replaces_itself_and_never_changes_what_is_committed(
    counted: CascadeAgent,
) -> None:
    items = chunks(levels(1, 2), (300,), 1000)
    events = told(counted, items, StreamRequest("eng", ("spa",), Task.S2TT))
    partial = [event for event in events if isinstance(event, SourceText) and not event.committed]
    assert [event.text for event in partial] == ["W1", "W1 w2"]
    assert all(event.confidence is None for event in partial)
    translated = [e.text for e in events if isinstance(e, TargetText) and not e.committed]
    assert translated == ["spa(W1)", "spa(W1 w2)"]
    without = told(counted, items, StreamRequest("eng", ("spa",), Task.S2TT, partials=False))
    kept = [e for e in events if getattr(e, "committed", True)]
    assert kept == without


def test_after_a_cut_the_tail_is_shown_again_as_partial_text(counted: CascadeAgent) -> None:
    policy = CascadePolicy(max_utterance_ms=3000)
    request = StreamRequest("eng", ("spa",), Task.S2TT, policy=policy)
    events = told(counted, chunks(levels(1, 2, 3, 4), (100,), 1000), request)
    texts = [(e.utterance, e.text, e.committed) for e in of(SourceText, events)]
    cut = texts.index((0, "W1 w2", True))
    assert texts[cut + 1] == (1, " w3", False)


def test_targets_that_are_not_wanted_now_are_left_out(counted: CascadeAgent) -> None:
    state = counted.new_state(StreamRequest("eng", ("spa", "cat"), Task.S2TT, partials=False))
    counted.control(StreamControls(targets=("cat",)), state)
    events = [e for item in chunks(levels(1), (300,), 1000) for e in counted.step(item, state)]
    assert [event.language for event in of(TargetText, events)] == ["cat"]


def test_transcription_needs_no_target(counted: CascadeAgent) -> None:
    request = StreamRequest("eng", ("eng",), Task.ASR, partials=False)
    events = told(counted, chunks(levels(1), (300,), 1000), request)
    assert [type(event) for event in events] == [SourceText, UtteranceEnded]


def test_lost_sound_ends_the_utterance_before_it(counted: CascadeAgent) -> None:
    items = [
        AudioChunk(levels(1), 1000),
        AudioChunk(levels(2), 1000, 5000, boundary=Boundary.STREAM),
    ]
    events = told(counted, items, StreamRequest("eng", ("spa",), Task.S2TT, partials=False))
    spans = [(event.start_s, event.end_s) for event in of(SourceText, events)]
    assert spans == [(0.0, 0.9), (5.0, 5.9)]


def test_a_target_that_cannot_be_written_or_spoken_is_refused_at_once(
    counted: CascadeAgent,
) -> None:
    with pytest.raises(LanguageError, match="does not translate to 'fin'"):
        counted.new_state(StreamRequest("eng", ("fin",)))
    with pytest.raises(LanguageError, match="no voice for 'deu'"):
        counted.new_state(StreamRequest("eng", ("deu",)))
    counted.release(counted.new_state(StreamRequest("eng", ("deu",), Task.S2TT)))


@whole
def test_real_speech_is_translated_and_spoken_while_the_recording_still_runs(
    engine: Agent[AudioChunk, Event, Any],
) -> None:
    state = engine.new_state(REQUEST)
    heard_s, spoken_at_s = 0.0, []
    for item in chunks(speech("quickstart.wav")):
        for event in engine.step(item, state):
            if isinstance(event, TargetAudio):
                spoken_at_s.append(item.end_s)
        heard_s = item.end_s
    engine.release(state)
    assert len(spoken_at_s) >= 2
    assert spoken_at_s[0] < heard_s / 2


@whole
def test_a_long_sentence_is_cut_at_a_word_and_all_its_words_are_said(
    engine: Agent[AudioChunk, Event, Any],
) -> None:
    sound = speech("long_sentence.wav")
    request = StreamRequest("eng", ("spa",), Task.S2TT, partials=False, min_confidence=0.0)
    cut = agent_checks.run(engine, chunks(sound), request)
    uncut_request = StreamRequest(
        "eng",
        ("spa",),
        Task.S2TT,
        partials=False,
        min_confidence=0.0,
        policy=CascadePolicy(max_utterance_ms=60_000),
    )
    uncut = agent_checks.run(engine, chunks(sound), uncut_request)
    assert len(of(UtteranceEnded, uncut)) < len(of(UtteranceEnded, cut))
    written, wanted = ("".join(e.text for e in of(SourceText, each)) for each in (cut, uncut))
    assert written.split() == wanted.split()


LIVE = StreamRequest("eng", ("spa", "cat"), spoken=("spa",), live=True)


@whole
def test_live_the_words_heard_while_listening_are_committed_whether_or_not_they_are_shown(
    engine: Agent[AudioChunk, Event, Any],
) -> None:
    sound = speech("long_sentence.wav")
    shown, hidden = (
        agent_checks.run(engine, chunks(sound), replace(LIVE, partials=partials))
        for partials in (True, False)
    )
    committed = [event for event in shown if getattr(event, "committed", True)]
    assert agent_checks.plain(committed) == agent_checks.plain(hidden)
    assert len(of(UtteranceEnded, hidden)) >= 3, "it is cut every three seconds"
    assert {event.language for event in of(TargetAudio, hidden)} == {"spa"}
    assert {event.language for event in of(TargetText, hidden)} == {"spa", "cat"}


SHOWN = StreamRequest("eng", ("spa", "cat"))
"""Partial text is what costs most: each is translated into both."""


@whole
@pytest.mark.parametrize(
    ("request_", "recording"),
    [(REQUEST, "two_sentences.wav"), (SHOWN, "short.wav"), (LIVE, "two_sentences.wav")],
    ids=["one", "two", "live"],
)
def test_chunk_size_does_not_matter(
    engine: Agent[AudioChunk, Event, Any], request_: StreamRequest, recording: str
) -> None:
    agent_checks.check_chunk_size_does_not_matter(engine, speech(recording), request_)


@whole
@pytest.mark.parametrize("request_", [REQUEST, SHOWN, LIVE], ids=["one", "two", "live"])
def test_two_streams_do_not_mix(
    engine: Agent[AudioChunk, Event, Any], request_: StreamRequest
) -> None:
    good_morning = speech("two_sentences.wav")[: round(1.7 * RATE_HZ)]
    agent_checks.check_streams_do_not_mix(engine, speech("short.wav"), good_morning, request_)


@whole
@pytest.mark.parametrize("request_", [REQUEST, SHOWN, LIVE], ids=["one", "two", "live"])
def test_later_sound_changes_nothing_said_before(
    engine: Agent[AudioChunk, Event, Any], request_: StreamRequest
) -> None:
    agent_checks.check_later_sound_changes_nothing(
        engine, speech("two_sentences.wav"), int(2.5 * RATE_HZ), speech("short.wav"), request_
    )


@whole
def test_every_utterance_is_ended_before_another_begins(
    engine: Agent[AudioChunk, Event, Any],
) -> None:
    request = StreamRequest("eng", ("spa", "cat"))
    sound = speech("long_sentence.wav")  # cut in the middle, and shown while it grows
    agent_checks.check_utterances_end_one_by_one(told(engine, chunks(sound), request))
