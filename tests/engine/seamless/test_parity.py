"""The runtime against the recorded reference, step by step, and against its plain and slow self.

`tests/data/seamless` holds a random model in the published format and what the reference did with
it. Tolerances: encoder 1e-4, p_choose 2e-4, features 2e-3, samples 1e-3; all else is equal.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from audio_io.chunk import Samples
from engine.layers.features import FilterBank
from engine.seamless.config import StreamingPolicy
from engine.seamless.loading import SeamlessModel, load_model
from engine.seamless.policy import Row, TextState, decode
from engine.seamless.utterance import Said, TargetState, UtteranceState, step_utterance
from tests.engine.seamless.naive import NaiveState, naive_step
from tests.fakes import DATA

TINY = DATA / "seamless"
CASES = ("s2tt_320", "asr_320", "s2st_320", "s2st_640", "s2tt_250_ngrams_mean")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def model() -> SeamlessModel:
    return load_model(TINY, device="cpu", dtype="fp32")


@pytest.fixture(scope="module")
def sound() -> Samples:
    samples, rate_hz = soundfile.read(TINY / "speech.wav", dtype="float32")
    assert rate_hz == 16_000
    heard: Samples = samples
    return heard


def recorded(case: str) -> tuple[dict[str, Any], Any]:
    return (
        json.loads((TINY / "cases" / f"{case}.json").read_text()),
        np.load(TINY / "cases" / f"{case}.npz"),
    )


def policy_of(record: dict[str, Any]) -> StreamingPolicy:
    return StreamingPolicy(
        decision_threshold=record["decision_threshold"],
        decision_method=record["decision_method"],
        max_len_a=record["max_len_a"],
        max_len_b=record["max_len_b"],
        max_consecutive_write=record["max_consecutive_write"],
        block_ngrams=record["block_ngrams"],
        early_stop=not record["no_early_stop"],
        segment_ms=record["segment_ms"],
        min_starting_wait=record["min_starting_wait_w2vbert"],
        min_unit_chunk_size=record["min_unit_chunk_size"],
        trace=True,
    )


def run(
    model: SeamlessModel,
    sound: Samples,
    policy: StreamingPolicy,
    language: str,
    *,
    speaks: bool,
) -> Iterator[Said]:
    state = UtteranceState({language: TargetState()})
    voices = {language: model.config.vocoder_speaker_index[language][0]} if speaks else {}
    size = 16 * policy.segment_ms
    for start in range(0, len(sound), size):
        finished = start + size >= len(sound)
        piece = sound[start : start + size]
        yield step_utterance(model, state, piece, policy, finished=finished, speakers=voices)[
            language
        ]


@pytest.mark.parametrize("case", CASES)
def test_every_step_is_the_references(case: str, model: SeamlessModel, sound: Samples) -> None:
    record, arrays = recorded(case)
    speaks = record["task"] == "s2st"
    steps = run(model, sound, policy_of(record), record["target_language"], speaks=speaks)
    for said, expected in zip(steps, record["steps"], strict=True):
        seen = said.trace
        assert seen is not None
        for name in ("step", "samples_heard", "fbank_frames", "target_indices", "finished"):
            assert seen[name] == expected[name], (expected["step"], name)
        assert [token for token, _ in seen["decisions"]] == [
            token for token, _ in expected["decisions"]
        ]
        for (_, ours), (_, theirs) in zip(seen["decisions"], expected["decisions"], strict=True):
            assert ours == pytest.approx(theirs, abs=2e-4)
        if not speaks:
            continue
        for name in ("durations", "unit_argmax", "units"):
            assert seen[name] == expected[name], (expected["step"], name)
        if expected["units"]:
            speech = arrays[f"speech_{expected['step']:03d}"]
            assert said.samples is not None
            np.testing.assert_allclose(said.samples, speech, atol=1e-3)


@pytest.mark.parametrize("case", CASES)
def test_features_of_the_sound_and_of_the_encoder_are_the_references(
    case: str, model: SeamlessModel, sound: Samples
) -> None:
    record, arrays = recorded(case)
    bank, frames, heard = FilterBank(), [], 0
    for step in record["steps"]:
        frames.append(bank.hear(sound[heard : step["samples_heard"]]))
        heard = step["samples_heard"]
        name = f"encoder_{step['step']:03d}"
        if name in arrays.files:
            with torch.inference_mode():
                states = model.encoder(torch.from_numpy(np.concatenate(frames)))
            np.testing.assert_allclose(states.numpy(), arrays[name], atol=1e-4)
    np.testing.assert_allclose(np.concatenate(frames), arrays["fbank"], atol=4e-4)


@pytest.mark.parametrize("case", ["s2st_320", "s2st_640"])
def test_decoder_features_are_the_references(case: str, model: SeamlessModel) -> None:
    record, arrays = recorded(case)
    state, policy = TextState(), policy_of(record).write
    for step in record["steps"]:
        name = f"encoder_{step['step']:03d}"
        if name not in arrays.files:
            continue
        with torch.inference_mode():
            row = Row(
                0,
                model.pieces.prefix(record["target_language"]),
                state,
                policy,
                source_finished=step is record["steps"][-1],
                comma=model.pieces.comma,
            )
            [turn] = decode(model.decoder, [torch.from_numpy(arrays[name])], [row])
        if turn.features is not None:
            calls = len(step["decisions"])
            expected = arrays[f"features_{step['step']:03d}"]
            np.testing.assert_allclose(turn.features.numpy()[-calls:], expected, atol=2e-3)


OTHERS: list[tuple[str, dict[str, Any]]] = [
    ("spa", {"segment_ms": 160, "decision_threshold": 0.15, "max_len_b": 400}),
    (
        "deu",
        {
            "segment_ms": 500,
            "decision_threshold": 0.3,
            "decision_method": "median",
            "max_consecutive_write": 4,
        },
    ),
    (
        "cmn",
        {
            "decision_threshold": 0.2,
            "decision_method": "mean",
            "p_choose_start_layer": 1,
            "max_len_a": 0.5,
            "max_len_b": 60,
        },
    ),
    (
        "fra",
        {"segment_ms": 333, "decision_threshold": 0.12, "block_ngrams": True, "max_len_b": 300},
    ),
    ("eng", {"segment_ms": 1000, "decision_threshold": 0.9, "early_stop": True}),
    ("eng", {"segment_ms": 640, "decision_threshold": 0.0, "max_len_b": 30}),
]


@pytest.mark.parametrize(("language", "options"), OTHERS)
def test_the_fast_path_says_what_the_slow_one_says(
    language: str, options: dict[str, Any], model: SeamlessModel, sound: Samples
) -> None:
    sound = sound[: 16_000 * 6]
    policy = StreamingPolicy(
        **{"min_starting_wait": 100, "min_unit_chunk_size": 40, "trace": True, **options}
    )
    slow = NaiveState(language)
    speaker = model.config.vocoder_speaker_index[language][0]
    size = 16 * policy.segment_ms
    for step, said in enumerate(run(model, sound, policy, language, speaks=True)):
        piece = sound[step * size : (step + 1) * size]
        finished = (step + 1) * size >= len(sound)
        expected = naive_step(model, slow, piece, policy, finished=finished, speaker=speaker)
        assert (said.turn is None) == (expected.turn is None)
        if said.turn is None or expected.turn is None:
            continue
        assert [d[0] for d in said.turn.decisions] == [d[0] for d in expected.turn.decisions]
        assert [d[1] for d in said.turn.decisions] == pytest.approx(
            [d[1] for d in expected.turn.decisions], abs=2e-4
        )
        assert said.turn.written == expected.turn.written
        assert said.trace is not None
        assert said.trace["units"] == expected.units
        if expected.samples is not None:
            assert said.samples is not None
            np.testing.assert_allclose(said.samples, expected.samples.numpy(), atol=1e-3)


def test_without_a_trace_the_same_is_spoken(model: SeamlessModel, sound: Samples) -> None:
    record, _ = recorded("s2st_320")
    traced = policy_of(record)
    plain = replace(traced, trace=False)

    both = zip(
        run(model, sound, traced, "spa", speaks=True),
        run(model, sound, plain, "spa", speaks=True),
        strict=True,
    )

    for one, other in both:
        assert other.trace is None
        assert (one.samples is None) == (other.samples is None)
        if one.samples is not None:
            np.testing.assert_array_equal(one.samples, other.samples)


def test_several_targets_share_one_encoding_and_say_what_each_says_alone(
    model: SeamlessModel, sound: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = StreamingPolicy(decision_threshold=0.15, max_consecutive_write=6, segment_ms=640)
    alone = {
        language: [said.turn.written if said.turn else None for said in steps]
        for language in ("spa", "fra")
        for steps in [run(model, sound, policy, language, speaks=False)]
    }
    calls = 0
    encode = model.encoder.encode

    def counted(streams: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        nonlocal calls
        calls += len(streams)
        return encode(streams)

    monkeypatch.setattr(model.encoder, "encode", counted)
    state = UtteranceState({"spa": TargetState(), "fra": TargetState()})
    size, steps = 16 * 640, 0
    for start in range(0, len(sound), size):
        finished = start + size >= len(sound)
        piece = sound[start : start + size]
        said = step_utterance(model, state, piece, policy, finished=finished, speakers={})
        for language in ("spa", "fra"):
            turn = said[language].turn
            assert (turn.written if turn else None) == alone[language][steps]
        steps += 1
    assert 0 < calls <= steps


def test_the_cases_are_here() -> None:
    assert all((TINY / "cases" / f"{case}.json").is_file() for case in CASES)
    assert Path(TINY / "config.json").is_file()
