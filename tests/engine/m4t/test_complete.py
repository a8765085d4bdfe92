"""Complete utterances: what transformers generates, alone, in batches and in several languages."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from audio_io.chunk import AudioChunk, Boundary, Samples
from engine.agent import Chain, StreamControls, StreamRequest, Task
from engine.errors import EngineError, LanguageError
from engine.events import SourceText, SpeechDropped, TargetAudio, TargetText, UtteranceEnded
from engine.hearing.segmenter import Segmenter
from engine.hearing.vad.pocketsphinx import EndpointerDetector
from engine.m4t import translating
from engine.m4t.agent import M4tAgent
from engine.m4t.batches import buckets, in_memory
from engine.m4t.config import M4tPolicy
from engine.m4t.encoding import encode
from engine.m4t.features import whole_features
from engine.m4t.loading import M4tModel
from engine.m4t.translating import Stretch, Translation, translate
from tests import agent_checks
from tests.fakes import chunks, speech

PLAIN = M4tPolicy(block_loops=False, gate_noise=False, max_length=60)
SPANS = [(0, 48_000), (32_000, 96_000), (80_000, 160_000), (100_000, 118_000)]


def generated(model: M4tModel, samples: Samples, beams: int) -> tuple[list[int], Samples]:
    """Tokens and sound of transformers' own way."""
    features = torch.from_numpy(whole_features(samples))[None]
    out = model.network.generate(
        input_features=features,
        attention_mask=torch.ones(1, features.shape[1]),
        tgt_lang="spa",
        speaker_id=1,
        num_beams=beams,
        max_new_tokens=61,
        text_forced_eos_token_id=3,
        return_intermediate_token_ids=True,
    )
    waveform: Samples = out.waveform[0, : int(out.waveform_lengths)].numpy()
    return out.sequences[0, 2:-1].tolist(), waveform


def translated(model: M4tModel, items: Sequence[Stretch]) -> list[dict[str, Translation]]:
    """What came of each; none of them failed."""
    found = translate(model, items)
    assert not any(isinstance(each, EngineError) for each in found)
    return [each for each in found if not isinstance(each, EngineError)]


def stretches(sound: Samples, policy: M4tPolicy) -> list[Stretch]:
    return [Stretch(sound[a:b], ("spa",), {"spa": 1}, policy) for a, b in SPANS]


@pytest.mark.parametrize("beams", [1, 5])
def test_text_and_speech_are_what_transformers_generates(
    beams: int, model: M4tModel, sound: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(translating, "token_limit", lambda seconds, most: most)
    monkeypatch.setattr(translating, "buckets", lambda lengths: [list(range(len(lengths)))])
    together = translated(model, stretches(sound, replace(PLAIN, beams=beams)))
    for (first, last), said in zip(SPANS, together, strict=True):
        tokens, samples = generated(model, sound[first:last], beams)
        assert said["spa"].tokens == tokens
        assert said["spa"].speech is not None
        np.testing.assert_allclose(said["spa"].speech, samples, atol=1e-4)


def test_a_batch_writes_what_transformers_writes_for_the_batch(
    model: M4tModel, sound: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(translating, "token_limit", lambda seconds, most: most)
    features = [torch.from_numpy(whole_features(sound[a:b])) for a, b in SPANS]
    mask = torch.nn.utils.rnn.pad_sequence([torch.ones(len(f)) for f in features], True)
    out = model.network.generate(
        input_features=torch.nn.utils.rnn.pad_sequence(features, True),
        attention_mask=mask,
        tgt_lang="spa",
        generate_speech=False,
        num_beams=1,
        max_new_tokens=61,
        forced_eos_token_id=3,
    )
    ours = translated(model, stretches(sound, replace(PLAIN, beams=1)))
    theirs = [row[2:] for row in out.sequences.tolist()]
    agreeing = [
        row[: row.index(3)] == said["spa"].tokens for row, said in zip(theirs, ours, strict=True)
    ]
    # Theirs lets padding into the last state of the shorter ones; the longest has none.
    assert agreeing[2]


def test_a_batch_says_what_each_utterance_says_alone(model: M4tModel, sound: Samples) -> None:
    policy = M4tPolicy(beams=2, max_length=30)
    together = translated(model, stretches(sound, policy))
    for stretch, said in zip(stretches(sound, policy), together, strict=True):
        alone = translated(model, [stretch])[0]["spa"]
        assert said["spa"].tokens == alone.tokens
        assert said["spa"].speech is not None and alone.speech is not None
        np.testing.assert_allclose(said["spa"].speech, alone.speech, atol=1e-4)


def test_several_languages_come_of_one_encoding(
    model: M4tModel, sound: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[int] = []

    def counting(*arguments: Any) -> Any:
        counted.append(1)
        return encode(*arguments)

    monkeypatch.setattr(translating, "encode", counting)
    policy = M4tPolicy(beams=1, max_length=20)
    [both] = translated(model, [Stretch(sound[:48_000], ("spa", "fra"), {}, policy)])
    assert len(counted) == 1
    for language in both:
        [alone] = translated(model, [Stretch(sound[:48_000], (language,), {}, policy)])
        assert both[language].tokens == alone[language].tokens


def test_what_is_drawn_is_drawn_again_the_same(model: M4tModel, sound: Samples) -> None:
    policy = M4tPolicy(temperature=1.5, max_length=20)

    def drawn(seed: int) -> list[int]:
        stretch = Stretch(sound[:48_000], ("spa",), {}, policy, seed)
        said = translated(model, [stretch, stretch])[1]
        return said["spa"].tokens

    assert drawn(0) == drawn(0) != drawn(1)


REQUEST = StreamRequest("eng", ("spa",), policy=M4tPolicy(beams=1, max_length=20))


def test_an_utterance_says_text_with_words_then_speech_then_that_it_ended(
    agent: M4tAgent, sound: Samples
) -> None:
    text, audio, ended = agent_checks.run(agent, chunks(sound[:48_000]), REQUEST)
    assert isinstance(text, TargetText) and text.committed
    assert [word.text for word in text.words] == text.text.split()
    assert all(word.confidence and 0 < word.confidence <= 1 for word in text.words)
    assert (text.start_s, text.end_s) == (0.0, 3.0)
    assert isinstance(audio, TargetAudio) and audio.chunk.sample_rate_hz == 16_000
    assert ended == UtteranceEnded(0, 0.0, 3.0)


def test_words_below_the_confidence_asked_for_are_unclear(agent: M4tAgent, sound: Samples) -> None:
    said = agent_checks.run(agent, chunks(sound[:48_000]), replace(REQUEST, min_confidence=0.99))
    assert "[unclear]" in said[0].text
    assert isinstance(said[1], SpeechDropped)


def test_noise_says_nothing(agent: M4tAgent) -> None:
    hiss = 0.1 * np.random.default_rng(0).standard_normal(32_000).astype(np.float32)
    for nothing in (hiss, np.zeros(32_000, np.float32), np.zeros(300, np.float32)):
        assert [type(e) for e in agent_checks.run(agent, chunks(nothing), REQUEST)] == [
            UtteranceEnded
        ]


def test_transcription_writes_the_source(agent: M4tAgent, sound: Samples) -> None:
    request = replace(REQUEST, targets=("fra",), task=Task.ASR)
    said = agent_checks.run(agent, chunks(sound[:48_000]), request)
    assert [type(event) for event in said] == [SourceText, UtteranceEnded]
    assert said[0].language == "eng"


def test_a_language_that_is_not_spoken_is_written(agent: M4tAgent, sound: Samples) -> None:
    request = replace(REQUEST, targets=("gle", "spa"), spoken=("spa",))
    said = agent_checks.run(agent, chunks(sound[:48_000]), request)
    assert [(type(e), e.language) for e in said[:-1]] == [
        (TargetText, "gle"),
        (TargetText, "spa"),
        (TargetAudio, "spa"),
    ]


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (replace(REQUEST, targets=("jpn",)), "does not write Japanese"),
        (replace(REQUEST, targets=("gle",)), "does not speak Irish; it only writes it"),
        (replace(REQUEST, speakers={"spa": "3"}), "No speaker is called '3'. There is: 0 to 2."),
    ],
)
def test_what_the_model_lacks_is_named(request_: StreamRequest, says: str, agent: M4tAgent) -> None:
    with pytest.raises(LanguageError) as raised:
        agent.new_state(request_)
    assert says in str(raised.value)


def test_targets_that_are_not_wanted_now_are_left_out(agent: M4tAgent, sound: Samples) -> None:
    state = agent.new_state(replace(REQUEST, targets=("spa", "fra")))
    agent.control(StreamControls(targets=("fra",)), state)
    chunk = AudioChunk(sound[:48_000], 16_000, boundary=Boundary.UTTERANCE)
    assert {e.language for e in agent.step(chunk, state) if hasattr(e, "language")} == {"fra"}


def test_an_utterance_without_end_is_ended(agent: M4tAgent, sound: Samples) -> None:
    said = agent_checks.run(agent, chunks(np.tile(sound, 3), (48_010,)), REQUEST)
    ends = [(e.start_s, e.end_s) for e in said if isinstance(e, UtteranceEnded)]
    assert ends[0] == (0.0, 30.0) and ends[1][0] == 30.0
    agent_checks.check_utterances_end_one_by_one(said)


def test_lost_sound_ends_what_was_open(agent: M4tAgent, sound: Samples) -> None:
    first = AudioChunk(sound[:32_000], 16_000)
    after = AudioChunk(sound[:32_000], 16_000, 48_000, boundary=Boundary.STREAM)
    said = agent_checks.run(agent, [first, after], REQUEST)
    ends = [(e.start_s, e.end_s) for e in said if isinstance(e, UtteranceEnded)]
    assert ends == [(0.0, 2.0), (3.0, 5.0)]


def test_the_three_checks(agent: M4tAgent, sound: Samples) -> None:
    two = speech("two_sentences.wav")
    chain: Chain[AudioChunk, Any] = Chain(Segmenter(EndpointerDetector()), agent)
    agent_checks.check_chunk_size_does_not_matter(chain, two, REQUEST)
    agent_checks.check_streams_do_not_mix(agent, sound, sound[::-1].copy(), REQUEST, tolerance=1e-4)
    longer = np.concatenate([two, np.zeros(16_000, np.float32), two])
    moment = len(two) + 16_000
    agent_checks.check_later_sound_changes_nothing(chain, longer, moment, sound[:16_000], REQUEST)


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [
        ([], []),
        ([5], [[0]]),
        ([100, 10, 90, 11], [[0, 2], [3, 1]]),
        ([100, 74], [[0, 1]]),
        ([100, 49], [[0], [1]]),
        ([7] * 17, [list(range(16)), [16]]),
    ],
)
def test_items_of_like_length_go_together(lengths: list[int], expected: list[list[int]]) -> None:
    assert buckets(lengths) == expected


def test_what_does_not_fit_into_memory_is_halved() -> None:
    tried = []

    def work(items: Any) -> list[int]:
        tried.append(len(items))
        if len(items) > 2:
            raise torch.OutOfMemoryError
        return [item * 2 for item in items]

    assert in_memory(work, [1, 2, 3, 4, 5]) == [2, 4, 6, 8, 10]
    assert tried == [5, 2, 3, 1, 2]


def test_one_utterance_that_does_not_fit_is_an_error() -> None:
    def work(items: Any) -> list[int]:
        if 3 in items:
            raise torch.OutOfMemoryError
        return list(items)

    *fitting, last = in_memory(work, [1, 2, 3])
    assert fitting == [1, 2]
    assert "too little memory for one utterance" in str(last)

    _, error, *_ = in_memory(work, [1, 3, 4, 5])
    assert isinstance(error, EngineError)
