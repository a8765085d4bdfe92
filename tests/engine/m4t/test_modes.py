"""The two modes that speak while they listen: what every agent passes, and what must not grow."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from audio_io.chunk import AudioChunk, Boundary, Samples
from engine.agent import StreamRequest
from engine.errors import EngineError
from engine.events import SourceText, TargetAudio, TargetText, UtteranceEnded
from engine.m4t.agent import M4tAgent
from engine.m4t.config import CHUNKED, STREAMATT, M4tPolicy
from tests import agent_checks
from tests.fakes import chunks

WINDOWS = M4tPolicy(mode=CHUNKED, window_s=2.0, overlap_s=0.5, max_length=20)
STREAM = M4tPolicy(mode=STREAMATT, max_length=12, history_words=5, clause_words=4)
BOTH = pytest.mark.parametrize("policy", [WINDOWS, STREAM], ids=["chunked", "streamatt"])


def request_of(policy: M4tPolicy, *targets: str) -> StreamRequest:
    return StreamRequest("eng", targets or ("spa",), policy=policy)


@BOTH
def test_chunk_size_does_not_matter(policy: M4tPolicy, agent: M4tAgent, sound: Samples) -> None:
    agent_checks.check_chunk_size_does_not_matter(agent, sound[:56_000], request_of(policy))


@BOTH
def test_streams_do_not_mix(policy: M4tPolicy, agent: M4tAgent, sound: Samples) -> None:
    one = sound[16_000:64_000]
    agent_checks.check_streams_do_not_mix(agent, one, one[::-1].copy(), request_of(policy))


@BOTH
def test_later_sound_changes_nothing(policy: M4tPolicy, agent: M4tAgent, sound: Samples) -> None:
    request = request_of(policy)
    agent_checks.check_later_sound_changes_nothing(
        agent, sound, 96_000, sound[:20_000][::-1].copy(), request
    )


def committed(said: list[Any], language: str = "spa") -> str:
    return "".join(
        event.text
        for event in said
        if isinstance(event, TargetText | SourceText)
        and event.committed
        and event.language == language
    )


@BOTH
def test_text_and_speech_come_before_the_utterance_ends(
    policy: M4tPolicy, agent: M4tAgent, sound: Samples
) -> None:
    said = agent_checks.run(agent, chunks(sound), request_of(policy))
    texts = [e for e in said if isinstance(e, TargetText) and e.committed]
    speech = [e for e in said if isinstance(e, TargetAudio)]
    assert len(texts) > 2 and texts[0].end_s < 6 and len(speech) > 1
    assert not texts[0].text.startswith(" ")
    position = 0
    for event in speech:
        assert event.chunk.start_sample == position
        position = event.chunk.end_sample
    assert said[-1] == UtteranceEnded(0, 0.0, len(sound) / 16_000)
    assert all(a.end_s - b.end_s >= 0.5 for b, a in pairwise(texts[:-1]))


@BOTH
def test_two_languages_at_once_say_what_each_says_alone(
    policy: M4tPolicy, agent: M4tAgent, sound: Samples
) -> None:
    policy = replace(policy, beams=1)
    both = agent_checks.run(agent, chunks(sound[:64_000]), request_of(policy, "spa", "fra"))
    for language in ("spa", "fra"):
        alone = agent_checks.run(agent, chunks(sound[:64_000]), request_of(policy, language))
        assert committed(both, language) == committed(alone, language) != ""


@BOTH
def test_a_second_utterance_starts_afresh(
    policy: M4tPolicy, agent: M4tAgent, sound: Samples
) -> None:
    one = sound[:64_000]
    first = AudioChunk(one, 16_000, boundary=Boundary.UTTERANCE)
    second = AudioChunk(one, 16_000, len(one), boundary=Boundary.STREAM)
    said = agent_checks.run(agent, [first, second], request_of(policy))
    half = next(k for k, event in enumerate(said) if isinstance(event, UtteranceEnded)) + 1
    assert committed(said[half:]) == f" {committed(said[:half])}"
    agent_checks.check_utterances_end_one_by_one(said)


@BOTH
def test_noise_says_nothing(policy: M4tPolicy, agent: M4tAgent) -> None:
    hiss = 0.1 * np.random.default_rng(0).standard_normal(67_200).astype(np.float32)
    for nothing in (hiss, np.zeros(64_000, np.float32), np.zeros(300, np.float32)):
        said = agent_checks.run(agent, chunks(nothing), request_of(policy))
        assert [type(event) for event in said] == [UtteranceEnded]


@BOTH
def test_languages_without_spaces_are_written_without(
    policy: M4tPolicy, agent: M4tAgent, sound: Samples
) -> None:
    said = agent_checks.run(agent, chunks(sound[:96_000]), request_of(policy, "cmn"))
    assert committed(said, "cmn") and "  " not in committed(said, "cmn")


@BOTH
def test_nothing_grows_with_the_stream(policy: M4tPolicy, agent: M4tAgent, sound: Samples) -> None:
    """Minutes without a pause; hops are wide, so that it does not take long."""
    coarse = replace(policy, hop_ms=4000, max_history_s=8.0, window_s=4.0, max_length=6)
    state = agent.new_state(request_of(coarse))
    held, position = [], 0
    for turn in range(16):
        piece = np.roll(sound, 997 * turn)
        for _ in agent.step(AudioChunk(piece, 16_000, position), state):
            pass
        position += len(piece)
        held.append(_held_bytes(state.inner))
    assert position / 16_000 > 180
    assert max(held[6:]) <= 1.1 * max(held[:6])


def _held_bytes(value: Any) -> int:
    """What arrays, lists and texts of a state come to."""
    if isinstance(value, np.ndarray | torch.Tensor):
        return value.nbytes
    if isinstance(value, list | tuple):
        return sum(map(_held_bytes, value)) + 8 * len(value)
    if isinstance(value, dict):
        return sum(map(_held_bytes, value.values()))
    if isinstance(value, str):
        return len(value)
    names = getattr(type(value), "__dataclass_fields__", {})
    if type(value).__module__.startswith("engine.m4t"):
        names = names or vars(value)
    return sum(_held_bytes(getattr(value, name)) for name in names)


def test_in_a_long_pause_nothing_is_made_up_and_what_was_said_is_whole(
    agent: M4tAgent, sound: Samples
) -> None:
    quiet = np.zeros(16_000 * 20, np.float32)
    paused = np.concatenate([sound[:64_000], quiet, sound[64_000:128_000]])
    said = agent_checks.run(agent, chunks(paused), request_of(STREAM))
    texts = [e for e in said if isinstance(e, TargetText) and e.committed]
    before = [e for e in texts if e.end_s <= 7.0]
    meanwhile = [e for e in texts if 7.0 < e.end_s < 24.0]
    assert before and not meanwhile and texts[-1].end_s > 24.0


def test_memory_that_does_not_suffice_is_an_error_that_says_what_helps(
    agent: M4tAgent, sound: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_much(*_: Any, **__: Any) -> None:
        raise torch.OutOfMemoryError

    monkeypatch.setattr("engine.m4t.streamatt.encode", too_much)
    with pytest.raises(EngineError, match="too little memory"):
        agent_checks.run(agent, chunks(sound), request_of(STREAM))


def test_a_limit_of_one_token_still_writes(agent: M4tAgent, sound: Samples) -> None:
    said = agent_checks.run(agent, chunks(sound), request_of(replace(STREAM, max_length=1)))
    assert committed(said)


def test_partial_text_is_what_waits(agent: M4tAgent, sound: Samples) -> None:
    sound = sound[:96_000]
    loud = agent_checks.run(agent, chunks(sound), request_of(STREAM))
    quiet = agent_checks.run(agent, chunks(sound), replace(request_of(STREAM), partials=False))
    assert any(isinstance(e, TargetText) and not e.committed for e in loud)
    assert all(e.committed for e in quiet if isinstance(e, TargetText))
    assert committed(loud) == committed(quiet)


def test_more_frames_wait_longer(agent: M4tAgent, sound: Samples) -> None:
    lags = []
    for frames in (0, 12):
        policy = replace(STREAM, frames=frames, history_words=20)
        said = agent_checks.run(agent, chunks(sound[:96_000]), request_of(policy))
        texts = [e for e in said if isinstance(e, TargetText) and e.committed]
        lags.append(texts[0].end_s)
    assert lags[0] < lags[1]


def test_a_layer_the_decoder_has_not_is_named(agent: M4tAgent) -> None:
    with pytest.raises(EngineError, match="has the layers 0 to 3; there is no attention_layer 4"):
        agent.new_state(request_of(replace(STREAM, attention_layer=4)))


def test_the_speed_is_measured_by_trying(agent: M4tAgent) -> None:
    seconds = agent.measure(request_of(replace(STREAM, hop_ms=2000)))
    assert seconds is not None and 0 < seconds < 5
