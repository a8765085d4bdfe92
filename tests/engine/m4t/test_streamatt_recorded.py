"""Our StreamAtt against simulstream's on the same tiny model, as `scripts/record_streamatt.py`
recorded it: the same tokens, step by step, and the same sound and words kept."""

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from audio_io.chunk import AudioChunk, Boundary
from engine.agent import StreamRequest, Task
from engine.events import Event
from engine.m4t.config import STREAMATT, M4tPolicy
from engine.m4t.greedy import Hypothesis
from engine.m4t.history import Step
from engine.m4t.loading import M4tModel
from engine.m4t.streamatt import LanguageState, StreamAttAgent, StreamAttState
from tests.fakes import DATA, speech

HOP = 8000
CASES = sorted((DATA / "m4t").glob("streamatt_*.json"))


class NotingAgent(StreamAttAgent):
    """Remembers the tokens that are committed."""

    def __init__(self, model: M4tModel) -> None:
        super().__init__(model)
        self.taken: list[int] = []

    def _write(
        self,
        language: str,
        each: LanguageState,
        found: Hypothesis,
        step: Step,
        state: StreamAttState,
    ) -> Iterator[Event]:
        self.taken += [found.tokens[k] for k in step.taken]
        return super()._write(language, each, found, step, state)


def policy_of(record: dict[str, Any]) -> M4tPolicy:
    return M4tPolicy(
        mode=STREAMATT,
        hop_ms=500,
        # The reference leaves the last token at its limit out.
        max_length=record["most_tokens"] - 1,
        frames=record["cutoff_frame_num"],
        history_words=record["history_words"],
        attention_layer=record["layer"],
        block_loops=False,
        gate_noise=False,  # one recording begins with silence, and the reference writes there
        max_history_s=30.0,
    )


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_each_step_commits_what_the_reference_commits(path: Path, model: M4tModel) -> None:
    record = json.loads(path.read_text())
    agent = NotingAgent(model)
    language = record["language"]
    request = StreamRequest("eng", (language,), task=Task.S2TT, policy=policy_of(record))
    state = agent.new_state(request)
    samples, heard = speech(record["sound"]), 0
    *steps, last, rest = record["steps"]
    for number, step in enumerate(steps):
        # One sample more, so that the hop is not the last; its last 80 samples fill no frame.
        end = (number + 1) * HOP + 1
        agent.taken.clear()
        list(agent.step(AudioChunk(samples[heard:end], 16_000, heard), state))
        heard = end
        assert agent.taken == step["committed"], number
        assert len(state.pairs) == step["pairs_kept"], number
        assert state.languages[language].history == step["history"], number
    agent.taken.clear()
    end_chunk = AudioChunk(samples[heard:], 16_000, heard, boundary=Boundary.STREAM)
    list(agent.step(end_chunk, state))
    assert agent.taken == last["committed"] + rest["committed"]


def test_the_recordings_hold_cuts_of_text_and_sound() -> None:
    assert len(CASES) >= 4
    for path in CASES:
        steps = json.loads(path.read_text())["steps"]
        kept = [step["pairs_kept"] for step in steps if "pairs_kept" in step]
        assert any(later < earlier + 25 for earlier, later in pairwise(kept[:-1]))
        assert sum(len(step["committed"]) for step in steps) > 20
