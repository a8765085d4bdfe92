"""Our own speech heard again: files, live utterances, and what happens when that fails."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from audio_io.chunk import AudioChunk, Samples
from audio_io.errors import S2stError, SoundFileError
from audio_io.resample import StreamResampler
from engine.errors import EngineError, LanguageError
from engine.events import OutputHeard, TargetAudio
from engine.whisper.model import whisper_code
from engine.whisper.output_asr import LONGEST_MS, OutputAsr, OutputAsrConfig
from tests.fakes import DATA, RATE_HZ, chunks, speech
from tests.live_fakes import noise, until
from tests.tiny_whisper import make_tiny_whisper

pytestmark = pytest.mark.real_time

TWO = DATA / "two_sentences.wav"


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> OutputAsrConfig:
    folder = make_tiny_whisper(tmp_path_factory.mktemp("whisper") / "tiny")
    return OutputAsrConfig(str(folder), "spa", compute_type="int8")


@pytest.fixture(scope="module")
def shared(config: OutputAsrConfig) -> Iterator[OutputAsr]:
    """One process for the tests that leave it as it was."""
    asr = OutputAsr(config)
    yield asr
    asr.close()


@pytest.fixture
def own(config: OutputAsrConfig) -> Iterator[OutputAsr]:
    """A process for a test that spoils it."""
    asr = OutputAsr(replace(config, queue_ms=3000))
    asr.wait_until_loaded()
    yield asr
    asr.close()


def said(samples: Samples, utterance: int, start: int = 0, rate_hz: int = RATE_HZ) -> TargetAudio:
    chunk = AudioChunk(samples, rate_hz, start)
    return TargetAudio(utterance, "spa", chunk, start / rate_hz, (start + len(samples)) / rate_hz)


def child(asr: OutputAsr) -> int:
    pid = asr._process._child.process.pid
    assert pid is not None
    return pid


def news(asr: OutputAsr, utterance: int) -> list[OutputHeard]:
    """Everything there is about an utterance, once it is understood."""
    found: list[OutputHeard] = []

    def ended() -> bool:
        found.extend(event for event in asr.news() if event.utterance == utterance)
        return bool(found) and found[-1].final

    assert until(ended)
    return found


def test_a_recording_gives_the_same_words_each_time(
    shared: OutputAsr, config: OutputAsrConfig
) -> None:
    first = shared.transcribe(TWO)
    assert first
    assert shared.transcribe(TWO) == first
    other = OutputAsr(config)
    assert other.transcribe(TWO) == first, "and so in another process"
    assert other.wait_until_loaded() == shared.wait_until_loaded()
    other.close()
    other.close()
    with pytest.raises(EngineError, match="ended"):
        other.transcribe(TWO)


def test_the_description_names_all_that_a_score_depends_on(shared: OutputAsr) -> None:
    words = shared.wait_until_loaded()
    assert words.startswith("faster-whisper 1.")
    for word in ("model tiny (", "beam 5", "int8_float32 on cpu", "temperature 0"):
        assert word in words


def test_a_recording_that_cannot_be_read_is_an_error_and_the_next_one_is_heard(
    shared: OutputAsr, tmp_path: Path
) -> None:
    with pytest.raises(SoundFileError, match="does not exist"):
        shared.transcribe(tmp_path / "none.wav")
    assert shared.transcribe(TWO)


@pytest.mark.parametrize("sizes", [(480,), (16_000, 3), (10**6,)])
def test_live_speech_is_understood_as_the_same_speech_in_a_file(
    shared: OutputAsr, sizes: tuple[int, ...]
) -> None:
    samples = speech("two_sentences.wav")
    number = sizes[0]
    for chunk in chunks(samples, sizes):
        assert shared.hear(said(chunk.samples, number, chunk.start_sample))
    shared.end_utterance(number)
    final = news(shared, number)[-1]
    assert final.text == shared.transcribe(TWO)
    assert (final.language, final.start_s) == ("spa", 0.0)
    assert final.end_s == pytest.approx(len(samples) / RATE_HZ)
    assert shared.unchecked_ms == 0


def test_speech_of_another_rate_is_brought_to_whispers(shared: OutputAsr) -> None:
    samples = speech("short.wav")
    fine = StreamResampler(RATE_HZ, 22_050).process(samples, last=True)
    shared.hear(said(fine, 7, rate_hz=22_050))
    shared.end_utterance(7)
    assert news(shared, 7)[-1].end_s == pytest.approx(len(samples) / RATE_HZ, abs=0.001)


def test_an_utterance_that_goes_on_is_heard_again_as_far_as_it_goes(shared: OutputAsr) -> None:
    samples = speech("two_sentences.wav")
    seen: list[OutputHeard] = []

    def come(count: int) -> bool:
        seen.extend(shared.news())
        return len(seen) == count

    for number, place in enumerate(range(0, 48_000, 16_000)):
        shared.hear(said(samples[place : place + 16_000], 8, place))
        assert until(partial(come, number + 1))
    shared.end_utterance(8)
    finals = news(shared, 8)
    assert [event.end_s for event in seen] == [1.0, 2.0, 3.0]
    assert not any(event.final for event in seen)
    assert [event.final for event in finals] == [True]


def test_an_utterance_without_speech_is_no_news(shared: OutputAsr) -> None:
    shared.end_utterance(20)
    shared.hear(said(speech("short.wav"), 21))
    shared.end_utterance(21)
    assert [event.utterance for event in news(shared, 21) if event.final] == [21]


def test_speech_in_a_language_whisper_lacks_is_counted_and_the_next_is_heard(
    config: OutputAsrConfig,
) -> None:
    asr = OutputAsr(config)
    asr.hear(replace(said(noise(800), 0), language="epo"))
    asr.end_utterance(0)
    asr.hear(said(speech("short.wav"), 1))
    asr.end_utterance(1)
    assert news(asr, 1)[-1].final
    assert asr.unchecked_ms == 50
    asr.close()


def test_a_full_queue_takes_no_more_and_counts_it(own: OutputAsr) -> None:
    os.kill(child(own), signal.SIGSTOP)
    second = noise(RATE_HZ)
    assert own.hear(said(noise(5 * RATE_HZ), 0)), "a long piece is taken when nothing waits"
    own.end_utterance(0)
    assert until(lambda: not own._queue)  # the thread waits for an answer
    # The child answers nothing any more: whoever waited for it would wait for ever.
    assert [own.hear(said(second, 1, place * RATE_HZ)) for place in range(5)] == [
        *[True] * 3,
        *[False] * 2,
    ]
    assert own.unchecked_ms == 2000
    assert not own.finish(0.01)


def test_a_process_that_does_not_answer_is_one_error_and_what_waited_is_counted(
    config: OutputAsrConfig,
) -> None:
    asr = OutputAsr(replace(config, timeout_s=0.3))
    asr.wait_until_loaded()
    os.kill(child(asr), signal.SIGSTOP)
    asr.hear(said(noise(RATE_HZ), 0))
    asr.end_utterance(0)
    with pytest.raises(EngineError, match=r"did not answer within 0\.3 s\. A smaller Whisper"):
        until(lambda: bool(asr.news()))
    assert asr.unchecked_ms == 1000
    assert asr.news() == []
    assert not asr.hear(said(noise(RATE_HZ), 1))
    assert asr.unchecked_ms == 2000
    asr.close()


def test_a_process_that_dies_is_one_error_after_the_last_news(own: OutputAsr) -> None:
    own.hear(said(speech("short.wav"), 0))
    own.end_utterance(0)
    assert own.finish(10)
    os.kill(child(own), signal.SIGKILL)
    own.hear(said(noise(RATE_HZ), 1))
    own.end_utterance(1)
    assert own.finish(10)
    assert [event.final for event in own.news()] == [True]
    with pytest.raises(EngineError, match=r"process ended \(signal 9\)\. Is there enough memory"):
        own.news()
    assert own.news() == []
    assert own.unchecked_ms == 1000


def test_an_utterance_without_end_does_not_fill_the_memory(own: OutputAsr) -> None:
    half = noise(round(LONGEST_MS / 2000 * 1000))
    for place in range(3):
        own.hear(said(half, 0, place * len(half), rate_hz=1000))
        assert until(lambda: not own._queue)
    assert until(lambda: own.unchecked_ms == LONGEST_MS / 2)


def test_closing_does_not_wait_for_an_answer(own: OutputAsr) -> None:
    os.kill(child(own), signal.SIGSTOP)
    own.hear(said(noise(RATE_HZ), 0))
    own.close()  # the answer would never come
    assert own.unchecked_ms == 1000
    assert own.news() == []
    with pytest.raises(ProcessLookupError):
        os.kill(child(own), 0)


def test_an_english_model_asked_for_spanish_says_so(
    tmp_path: Path, config: OutputAsrConfig
) -> None:
    folder = make_tiny_whisper(tmp_path / "english", multilingual=False)
    asr = OutputAsr(replace(config, model=str(folder)))
    with pytest.raises(LanguageError, match=r"knows only English, not Spanish \(spa\)\. Take a"):
        asr.wait_until_loaded()
    asr.close()
    asr = OutputAsr(replace(config, model=str(folder), language="eng"))
    assert "model english" in asr.wait_until_loaded()
    asr.close()


def broken(folder: Path) -> Path:
    make_tiny_whisper(folder)
    (folder / "model.bin").write_bytes(b"no model\n" * 100)
    return folder


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"language": "epo"}, "Whisper does not know Esperanto (epo)."),
        ({"language": "kor"}, "does not know Korean (kor). Newer models know more"),
        ({"model": "small.en"}, "The Whisper model 'small.en' knows only English"),
        ({"model": "smal"}, "There is no Whisper model 'smal'. No Whisper model is called that."),
        ({"model": "EMPTY"}, "model.bin and tokenizer.json are not there."),
        ({"model": "BROKEN"}, "cannot be loaded: "),
        ({"model": "/nowhere/at/all"}, "No folder is there. Give a converted model's folder"),
        ({"compute_type": "int9"}, "cannot be loaded: Invalid compute type"),
    ],
)
def test_what_cannot_be_loaded_is_one_clear_line(
    change: dict[str, str], told: str, config: OutputAsrConfig, tmp_path: Path
) -> None:
    folders = {"EMPTY": tmp_path, "BROKEN": tmp_path / "broken"}
    if change.get("model") == "BROKEN":
        broken(folders["BROKEN"])
    if change.get("model") in folders:
        change = {"model": str(folders[change["model"]])}
    asr = OutputAsr(replace(config, **change))  # type: ignore[arg-type]
    with pytest.raises(S2stError) as error:
        asr.wait_until_loaded()
    asr.close()
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_without_the_package_the_line_names_the_extra(config: OutputAsrConfig) -> None:
    code = (
        "import sys\n"
        "sys.modules['faster_whisper'] = None\n"
        "from engine.whisper.model import OutputAsrConfig, Whisper\n"
        "Whisper(OutputAsrConfig('small', 'spa'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=30
    )
    assert done.stderr.splitlines()[-1] == (
        "engine.errors.EngineError: Listening to speech with Whisper needs the package "
        "'faster_whisper', which is not installed. Type: scripts/setup whisper"
    )


def test_a_model_that_is_not_here_and_cannot_be_fetched_is_one_line(
    config: OutputAsrConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    asr = OutputAsr(replace(config, model="tiny"))
    with pytest.raises(EngineError, match="not on this machine and could not be fetched") as error:
        asr.wait_until_loaded()
    asr.close()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("language", "code"),
    [("spa", "es"), ("cmn_Hant", "zh"), ("yue", "yue"), ("jav", "jw"), ("arz", "ar"), ("xx", "xx")],
)
def test_languages_go_by_whispers_codes(language: str, code: str) -> None:
    assert whisper_code(language) == code


def test_a_config_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        OutputAsrConfig("small", "spa", threads=0)
    with pytest.raises(ValueError, match="a name"):
        OutputAsrConfig("", "spa")


def test_silence_is_no_words(shared: OutputAsr) -> None:
    shared.hear(said(np.zeros(10, np.float32), 30))
    shared.end_utterance(30)
    assert news(shared, 30)[-1].text == ""
