"""The engine as every other: streams, words, speech, and what a request may ask."""

import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from itertools import zip_longest
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from audio_io.chunk import AudioChunk, Boundary, Samples
from engine.agent import StreamControls, StreamRequest, Task
from engine.errors import LanguageError
from engine.events import EngineTrace, SourceText, TargetAudio, TargetText, UtteranceEnded
from engine.registry import LoadOptions
from engine.seamless.agent import SeamlessAgent
from engine.seamless.config import StreamingPolicy
from engine.seamless.loading import load_model
from engine.seamless.spec import SPEC
from engine.seamless.utterance import UtteranceState, encode
from engine.seamless.words import WordSpeller
from tests import agent_checks
from tests.cli.running import Ran, inside
from tests.fakes import DATA, chunks

TINY = DATA / "seamless"
POLICY = StreamingPolicy(decision_threshold=0.15, max_consecutive_write=6, max_len_b=400)
TEXT = StreamRequest("eng", ("spa",), task=Task.S2TT, policy=POLICY)
SPEECH = replace(TEXT, task=Task.S2ST, policy=replace(POLICY, segment_ms=640))


@pytest.fixture(scope="module")
def agent() -> Iterator[SeamlessAgent]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield SeamlessAgent(load_model(TINY, device="cpu", dtype="fp32"))
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def sound() -> Samples:
    samples: Samples = soundfile.read(TINY / "speech.wav", dtype="float32")[0][: 16_000 * 5]
    return samples


def test_chunk_size_does_not_matter(agent: SeamlessAgent, sound: Samples) -> None:
    agent_checks.check_chunk_size_does_not_matter(agent, sound, TEXT)


def test_streams_do_not_mix(agent: SeamlessAgent, sound: Samples) -> None:
    """The reference keeps the language and the decoder's state of one stream on the agent."""
    agent_checks.check_streams_do_not_mix(agent, sound, sound[::-1].copy(), TEXT, tolerance=1e-4)


def test_streams_that_speak_do_not_mix(agent: SeamlessAgent, sound: Samples) -> None:
    other = np.roll(sound[: 16_000 * 4], 1700)
    agent_checks.check_streams_do_not_mix(agent, sound, other, SPEECH, tolerance=1e-3)


def test_streams_of_any_kind_are_stepped_together(agent: SeamlessAgent, sound: Samples) -> None:
    """Other lengths, languages, tasks, policies, and some that are over before others."""
    requests = [
        TEXT,
        replace(SPEECH, targets=("fra",)),
        replace(TEXT, targets=("spa", "cmn"), policy=replace(POLICY, block_ngrams=True)),
        StreamRequest(
            "eng",
            ("eng",),
            task=Task.ASR,
            policy=replace(POLICY, decision_method="median", segment_ms=500),
        ),
    ]
    sounds = [sound[: 16_000 * seconds] for seconds in (5, 3, 4, 3)]
    alone = [
        agent_checks.run(agent, chunks(heard, (20_000,)), request)
        for heard, request in zip(sounds, requests, strict=True)
    ]

    states = [agent.new_state(request) for request in requests]
    said: list[list[Any]] = [[] for _ in requests]
    for items in zip_longest(*(chunks(heard, (20_000,)) for heard in sounds)):
        turn = [(item, number) for number, item in enumerate(items) if item is not None]
        made = agent.step_many([(item, states[number]) for item, number in turn])
        for (_, number), events in zip(turn, made, strict=True):
            assert not isinstance(events, Exception), events
            said[number].extend(events)

    for seen, expected in zip(said, alone, strict=True):
        assert any(isinstance(event, TargetText | SourceText) for event in expected)
        assert agent_checks.alike(seen, expected, 1e-3)


def test_later_sound_changes_nothing(agent: SeamlessAgent, sound: Samples) -> None:
    agent_checks.check_later_sound_changes_nothing(agent, sound, 64_000, sound[:20_000], TEXT)


def test_two_languages_at_once_say_what_each_says_alone(
    agent: SeamlessAgent, sound: Samples
) -> None:
    both = agent_checks.run(agent, chunks(sound), replace(TEXT, targets=("spa", "fra")))
    for language in ("spa", "fra"):
        alone = agent_checks.run(agent, chunks(sound), replace(TEXT, targets=(language,)))
        assert committed(both, language) == committed(alone, language) != ""


def committed(events: list[Any], language: str) -> str:
    return "".join(
        event.text
        for event in events
        if isinstance(event, TargetText | SourceText)
        and event.committed
        and event.language == language
    )


def test_speech_follows_the_text_at_16_khz(agent: SeamlessAgent, sound: Samples) -> None:
    said = agent_checks.run(agent, chunks(sound), SPEECH)

    speech = [event for event in said if isinstance(event, TargetAudio)]
    assert speech and all(event.chunk.sample_rate_hz == 16_000 for event in speech)
    position = 0
    for event in speech:
        assert event.chunk.start_sample == position
        position = event.chunk.end_sample
    assert isinstance(said[-1], UtteranceEnded)


@pytest.mark.parametrize("dtype", ["bf16", "fp16", "int8"])
def test_other_numbers_write_and_speak(dtype: str, sound: Samples) -> None:
    agent = SeamlessAgent(load_model(TINY, device="cpu", dtype=dtype))
    said = agent_checks.run(agent, chunks(sound), SPEECH)
    assert committed(said, "spa")
    speech = [event.chunk.samples for event in said if isinstance(event, TargetAudio)]
    assert speech and all(np.isfinite(samples).all() for samples in speech)


def test_words_are_committed_whole_and_joined_they_are_the_text(
    agent: SeamlessAgent, sound: Samples
) -> None:
    said = agent_checks.run(agent, chunks(sound), TEXT)

    texts = [event for event in said if isinstance(event, TargetText) and event.committed]
    tokens = agent_checks.run(
        agent, chunks(sound), replace(TEXT, policy=replace(POLICY, trace=True))
    )
    last = [event for event in tokens if isinstance(event, EngineTrace)][-1]
    pieces = agent._model.pieces
    whole = "".join(map(pieces.piece, last.record["target_indices"])).replace("▁", " ").strip()
    assert committed(said, "spa").split() == whole.split()
    assert not texts[0].text.startswith(" ")
    assert all(event.text.startswith(" ") for event in texts[1:])
    assert all(
        0 < word.confidence <= 1 for event in texts for word in event.words if word.confidence
    )


def test_words_that_are_not_sure_enough_are_marked(agent: SeamlessAgent, sound: Samples) -> None:
    sure = [
        word.confidence
        for event in agent_checks.run(agent, chunks(sound), TEXT)
        if isinstance(event, TargetText)
        for word in event.words
    ]
    half = sorted(each for each in sure if each is not None)[len(sure) // 2]
    said = committed(
        agent_checks.run(agent, chunks(sound), replace(TEXT, min_confidence=half)), "spa"
    )
    whole = committed(agent_checks.run(agent, chunks(sound), TEXT), "spa")
    assert "[unclear]" in said and "[unclear]" not in whole
    kept = [word for word in said.split() if word != "[unclear]"]
    assert 0 < len(kept) < len(whole.split())
    assert set(kept) <= set(whole.split())


def test_partial_text_is_the_word_that_is_not_whole(agent: SeamlessAgent, sound: Samples) -> None:
    said = agent_checks.run(agent, chunks(sound), TEXT)
    quiet = agent_checks.run(agent, chunks(sound), replace(TEXT, partials=False))

    assert any(isinstance(event, TargetText) and not event.committed for event in said)
    assert all(event.committed for event in quiet if isinstance(event, TargetText))
    assert committed(said, "spa") == committed(quiet, "spa")


def test_a_second_utterance_starts_afresh(agent: SeamlessAgent, sound: Samples) -> None:
    first = AudioChunk(sound, 16_000, boundary=Boundary.UTTERANCE)
    second = AudioChunk(sound, 16_000, len(sound), boundary=Boundary.STREAM)

    said = agent_checks.run(agent, [first, second], TEXT)

    half = next(place for place, event in enumerate(said) if isinstance(event, UtteranceEnded)) + 1
    one, other = committed(said[:half], "spa"), committed(said[half:], "spa")
    assert other == f" {one}"
    assert [event.utterance for event in said if isinstance(event, UtteranceEnded)] == [0, 1]


def test_lost_sound_ends_what_was_open(agent: SeamlessAgent, sound: Samples) -> None:
    first = AudioChunk(sound, 16_000)
    after = AudioChunk(sound, 16_000, len(sound) + 16_000, boundary=Boundary.STREAM)

    said = agent_checks.run(agent, [first, after], TEXT)

    ends = [event for event in said if isinstance(event, UtteranceEnded)]
    assert [(event.start_s, event.end_s) for event in ends] == [(0.0, 5.0), (6.0, 11.0)]


def test_transcription_writes_the_source(agent: SeamlessAgent, sound: Samples) -> None:
    request = StreamRequest("eng", ("eng",), task=Task.ASR, policy=POLICY)
    said = agent_checks.run(agent, chunks(sound), request)

    assert committed(said, "eng")
    assert not any(isinstance(event, TargetText) for event in said)


def test_speech_that_waits_makes_what_follows_faster(agent: SeamlessAgent, sound: Samples) -> None:
    lengths = []
    for queued_ms in (0.0, 10_000.0):
        state = agent.new_state(SPEECH)
        agent.control(StreamControls(queued_ms={"spa": queued_ms}), state)
        said = [event for item in chunks(sound) for event in agent.step(item, state)]
        lengths.append(sum(len(e.chunk.samples) for e in said if isinstance(e, TargetAudio)))
    assert lengths[1] < lengths[0]


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (replace(TEXT, targets=("jpn",)), "does not write Japanese"),
        (replace(SPEECH, speakers={"spa": "99"}), "No speaker is called '99'. There is: 1."),
    ],
)
def test_what_the_model_lacks_is_named(
    request_: StreamRequest, says: str, agent: SeamlessAgent
) -> None:
    with pytest.raises(LanguageError) as raised:
        agent.new_state(request_)
    assert says in str(raised.value)


def test_where_no_spaces_are_written_pieces_are_words(agent: SeamlessAgent) -> None:
    pieces = agent._model.pieces
    tokens = [pieces.symbol("▁"), 10, 11]
    spelled = WordSpeller(pieces, "cmn").take(tokens, [0.5] * 3)
    assert "".join(word.text for word in spelled) == "".join(map(pieces.piece, tokens[1:]))


def test_a_stream_begins_without_fetching_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reference has torch.hub fetch its voice detector while a stream is opened."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a stream asked the network")

    whole = SPEC.load(LoadOptions(model_dir=str(TINY), device="cpu"))
    monkeypatch.setattr(torch.hub, "load", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    state = whole.new_state(TEXT)
    list(whole.step(AudioChunk(np.zeros(16_000, np.float32), 16_000), state))
    whole.release(state)


def test_an_empty_last_segment_hears_nothing_twice(agent: SeamlessAgent, sound: Samples) -> None:
    """The reference works on the previous segment once more."""
    request = replace(TEXT, policy=replace(POLICY, trace=True))
    whole = sound[: 5120 * 12]
    said = agent_checks.run(agent, chunks(whole, (5120,)), request)

    records = [event.record for event in said if isinstance(event, EngineTrace)]
    assert records[-1]["samples_heard"] == len(whole)
    assert records[-1]["fbank_frames"] == (len(whole) - 240) // 160


def test_written_tokens_count_once_against_the_longest_sentence(
    agent: SeamlessAgent, sound: Samples
) -> None:
    """The reference counts those of a step twice, and so ends sentences in mid-stream."""
    policy = replace(POLICY, decision_threshold=0.0, max_len_b=20, max_consecutive_write=12)
    said = agent_checks.run(agent, chunks(sound), replace(TEXT, policy=replace(policy, trace=True)))

    records = [event.record for event in said if isinstance(event, EngineTrace)]
    written = [len(record["target_indices"]) for record in records]
    assert max(written) == 20
    assert not any(record["finished"] for record in records if record["action"] == "READ")
    first = next(record for record in records if record["target_indices"])
    assert len(first["target_indices"]) == 12 and not first["finished"]


def traced(case: str, *words: object, out: Any) -> tuple[list[dict[str, Any]], Ran]:
    ran = inside(
        *("file", TINY / "speech.wav", "--engine", "seamless", "--model-dir", TINY, "--no-vad"),
        *("--max-len-b", 400, "--trace", out / "trace.jsonl", "-o", out, "--dtype", "fp32"),
        *words,
    )
    assert ran.code == 0, ran.err
    return [json.loads(line) for line in (out / "trace.jsonl").read_text().splitlines()], ran


def test_the_trace_of_a_file_is_the_recorded_case(tmp_path: Any) -> None:
    recorded = json.loads((TINY / "cases" / "s2tt_320.json").read_text())

    seen, _ = traced(
        "s2tt_320",
        *("--tgt", "spa", "--format", "txt", "--decision-threshold", 0.15),
        *("--max-consecutive-write", 6),
        out=tmp_path,
    )

    assert len(seen) == len(recorded["steps"])
    for ours, theirs in zip(seen, recorded["steps"], strict=True):
        for name in ("samples_heard", "fbank_frames", "target_indices", "finished"):
            assert ours[name] == theirs[name]
        assert [d[0] for d in ours["decisions"]] == [d[0] for d in theirs["decisions"]]
        assert ours["action"] in ("READ", "WRITE")
    assert {"features", "encoder", "decoder"} <= seen[-1]["compute_ms"].keys()
    assert [path.name for path in tmp_path.glob("*.txt")] == ["speech.spa.txt"]


def test_options_of_weights_mean_nothing_to_the_draft_engine(tmp_path: Any) -> None:
    ran = inside("file", DATA / "short.wav", "--decision-threshold", 0.3, "-o", tmp_path)

    assert ran.code == 2
    assert "--decision-threshold means nothing to the engine 'cascade'" in ran.err


def test_a_model_folder_that_is_none_is_one_line(tmp_path: Any) -> None:
    words = ("file", DATA / "short.wav", "--engine", "seamless", "-o", tmp_path / "out")
    assert "does not exist" in inside(*words, "--model-dir", tmp_path / "gone").err
    ran = inside(*words, "--model-dir", tmp_path)
    assert ran.code == 1
    assert "is no model directory" in ran.err
    assert np.size(ran.complaints) == 1


def test_with_an_encoder_window_only_the_newest_sound_is_encoded_anew(
    agent: SeamlessAgent, sound: Samples
) -> None:
    """Another model than the reference, but one that keeps its shape: as long as the sound fits
    into the window nothing changes, and then older states stay."""
    model = agent._model
    policy = replace(POLICY, encoder_window_ms=3000)
    windowed, whole = UtteranceState({}), UtteranceState({})
    seen: list[torch.Tensor] = []
    size = 5120
    with torch.inference_mode():
        for start in range(0, len(sound), size):
            for state in (windowed, whole):
                state.hear(sound[start : start + size])
            if windowed.heard_frames < 100:
                continue
            [states] = encode(model, [(windowed, policy)])
            [right] = encode(model, [(whole, POLICY)])
            assert states.shape == right.shape
            if windowed.heard_frames <= 300:
                torch.testing.assert_close(states, right)
            else:
                frozen = (windowed.heard_frames - 300) // 16
                torch.testing.assert_close(states[:frozen], seen[-1][:frozen])
            seen.append(states)
    assert whole.states is None
    agent_checks.check_chunk_size_does_not_matter(agent, sound, replace(TEXT, policy=policy))
    agent_checks.check_streams_do_not_mix(
        agent, sound, sound[::-1].copy(), replace(TEXT, policy=policy), tolerance=1e-4
    )
