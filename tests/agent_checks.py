"""The three checks every agent passes, and what two runs are compared by."""

from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from itertools import zip_longest
from typing import Any

import numpy as np

from audio_io.chunk import AudioChunk, Samples
from engine.agent import Agent, StreamRequest
from engine.events import SourceText, TargetAudio, TargetText, UtteranceEnded
from tests.fakes import chunks


def run(
    agent: Agent[AudioChunk, Any, Any], items: Sequence[AudioChunk], request: StreamRequest
) -> list[Any]:
    """Everything an agent says to one stream."""
    state = agent.new_state(request)
    try:
        return [made for item in items for made in agent.step(item, state)]
    finally:
        agent.release(state)


def plain(value: Any) -> Any:
    """A value that `==` compares whole, sound included."""
    if isinstance(value, np.ndarray):
        return value.tobytes()
    if is_dataclass(value):
        return type(value), [plain(getattr(value, f.name)) for f in fields(value)]
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def alike(one: Any, other: Any, tolerance: float) -> bool:
    """Whether two values are the same, but for so much in each number and sample."""
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        same_shape = one.shape == other.shape
        return same_shape and bool(np.allclose(one, other, rtol=0, atol=tolerance))
    if isinstance(one, float):
        return bool(abs(one - other) <= tolerance)
    if is_dataclass(one):
        return all(
            alike(getattr(one, f.name), getattr(other, f.name), tolerance) for f in fields(one)
        )
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(alike, one, other, [tolerance] * len(one)))
    return bool(one == other)


def check_chunk_size_does_not_matter(
    agent: Agent[AudioChunk, Any, Any], sound: Samples, request: StreamRequest
) -> None:
    expected = plain(_joined(run(agent, chunks(sound, (1600,)), request)))
    for sizes in [(len(sound),), (7, 1023, 2, 4801)]:
        assert plain(_joined(run(agent, chunks(sound, sizes), request))) == expected, sizes


def check_streams_do_not_mix(
    agent: Agent[AudioChunk, Any, Any],
    sound: Samples,
    other: Samples,
    request: StreamRequest,
    *,
    tolerance: float = 0.0,
) -> None:
    """Two streams stepped in turns, alone and in batches, say what each says alone; in batches
    but for `tolerance`."""
    alone = [run(agent, chunks(each), request) for each in (sound, other)]
    for batched in (False, True):
        states = [agent.new_state(request), agent.new_state(request)]
        said: list[list[Any]] = [[], []]
        for items in zip_longest(chunks(sound), chunks(other)):
            turn = [(item, k) for k, item in enumerate(items) if item is not None]
            if batched:
                results = agent.step_many([(item, states[k]) for item, k in turn])
            else:
                results = [list(agent.step(item, states[k])) for item, k in turn]
            for (_, k), result in zip(turn, results, strict=True):
                assert not isinstance(result, Exception), result
                said[k].extend(result)
        for state in states:
            agent.release(state)
        assert alike(said, alone, tolerance if batched else 0.0), batched


def check_later_sound_changes_nothing(
    agent: Agent[AudioChunk, Any, Any],
    sound: Samples,
    moment: int,
    other: Samples,
    request: StreamRequest,
) -> None:
    """What was said before `moment` is the same, whatever follows it."""
    state = agent.new_state(request)
    before = [made for item in chunks(sound[:moment])[:-1] for made in agent.step(item, state)]
    agent.release(state)
    assert before, "nothing was said before the moment, so nothing is checked"
    changed = np.concatenate([sound[:moment], other])
    assert plain(run(agent, chunks(changed), request)[: len(before)]) == plain(before)


def _joined(made: list[Any]) -> list[Any]:
    """Neighbouring chunks of sound as one, since an agent may cut its output as it likes;
    partial text is left out, since it depends on when one looks."""
    joined: list[Any] = []
    for item in made:
        if isinstance(item, SourceText | TargetText) and not item.committed:
            continue
        last = joined[-1] if joined else None
        if (
            isinstance(item, AudioChunk)
            and isinstance(last, AudioChunk)
            and last.boundary.value == "none"
            and last.end_sample == item.start_sample
        ):
            samples = np.concatenate([last.samples, item.samples])
            item = AudioChunk(  # noqa: PLW2901
                samples, item.sample_rate_hz, last.start_sample, boundary=item.boundary
            )
            joined.pop()
        joined.append(item)
    return joined


def check_utterances_end_one_by_one(events: list[Any]) -> None:
    """Every utterance is ended before another begins and before the stream is over."""
    begun: set[int] = set()
    for event in events:
        if isinstance(event, UtteranceEnded):
            begun.discard(event.utterance)
        elif isinstance(event, SourceText | TargetText | TargetAudio):
            begun.add(event.utterance)
        assert len(begun) <= 1, event
    assert not begun
