"""The recogniser: the same sound gives the same words, whatever was heard before."""

from itertools import pairwise

import pytest

from audio_io.chunk import Samples, silence
from engine.cascade.asr.pocketsphinx import PocketsphinxRecognizer
from engine.errors import LanguageError
from engine.events import Word
from tests.fakes import RATE_HZ, speech


@pytest.fixture(scope="module")
def recognizer() -> PocketsphinxRecognizer:
    return PocketsphinxRecognizer()


def recognized(recognizer: PocketsphinxRecognizer, *sounds: Samples) -> list[tuple[Word, ...]]:
    state = recognizer.new_state("eng")
    try:
        return [recognizer.recognize(sound, state) for sound in sounds]
    finally:
        recognizer.release(state)


def test_words_of_a_clear_sentence_come_with_times_and_confidence(
    recognizer: PocketsphinxRecognizer,
) -> None:
    sound = speech("short.wav")
    (words,) = recognized(recognizer, sound)
    assert len(words) >= 4
    for word, following in pairwise(words):
        assert word.start_s < word.end_s <= following.start_s
    assert words[-1].end_s <= len(sound) / RATE_HZ
    assert all(word.confidence is not None and 0 <= word.confidence <= 1 for word in words)
    assert not any(mark in word.text for word in words for mark in "<>[]()+")


def test_words_do_not_depend_on_what_was_heard_before(recognizer: PocketsphinxRecognizer) -> None:
    first, second = speech("short.wav"), speech("two_sentences.wav")
    forth = recognized(recognizer, first, second)
    back = recognized(recognizer, second, first)
    assert forth == list(reversed(back))


def test_the_streaming_pass_does_not_change_the_whole_one(
    recognizer: PocketsphinxRecognizer,
) -> None:
    sound = speech("short.wav")
    (alone,) = recognized(recognizer, sound)
    state = recognizer.new_state("eng")
    for start in range(0, len(sound), 1600):
        partial = recognizer.hear(sound[start : start + 1600], state)
    assert all(word.confidence is None for word in partial)
    assert len(partial) >= len(alone) // 2
    assert recognizer.recognize(sound, state) == alone
    recognizer.release(state)


@pytest.mark.parametrize("samples", [0, 1, 160, 500])
def test_next_to_no_sound_holds_no_words(recognizer: PocketsphinxRecognizer, samples: int) -> None:
    assert recognized(recognizer, silence(samples)) == [()]


def test_a_decoder_is_used_again_once_its_stream_is_over(
    recognizer: PocketsphinxRecognizer,
) -> None:
    state = recognizer.new_state("eng")
    decoder = state.decoder
    recognizer.hear(silence(1600), state)  # released in the middle of an utterance
    recognizer.release(state)
    recognizer.release(state)
    again, other = recognizer.new_state("eng"), recognizer.new_state("eng")
    assert again.decoder is decoder
    assert other.decoder is not decoder
    recognizer.release(again)
    recognizer.release(other)


@pytest.mark.parametrize("streaming", [True, False])
def test_a_decoder_that_was_broken_off_is_not_used_again(
    recognizer: PocketsphinxRecognizer, streaming: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(samples: Samples) -> bytes:
        assert state.decoder is not None
        state.decoder.end_utt()  # then releasing it cannot
        raise SystemExit

    state = recognizer.new_state("eng")
    decoder = state.decoder
    monkeypatch.setattr("engine.cascade.asr.pocketsphinx.to_pcm16", interrupt)
    hear = recognizer.hear if streaming else recognizer.recognize
    with pytest.raises(SystemExit):
        hear(silence(1600), state)
    recognizer.release(state)
    other = recognizer.new_state("eng")
    assert other.decoder is not decoder
    recognizer.release(other)


def test_another_language_is_refused(recognizer: PocketsphinxRecognizer) -> None:
    with pytest.raises(LanguageError, match="hears only English"):
        recognizer.new_state("deu")
