"""espeak-ng as a program."""

from dataclasses import replace
from pathlib import Path
from shutil import which

import numpy as np
import pytest

from audio_io.chunk import Samples
from audio_io.errors import UsageError
from engine.agent import StreamRequest, Task
from engine.cascade.loading import check_speakers
from engine.cascade.tts.espeak import VOICES, EspeakSynthesizer
from engine.errors import EngineError, LanguageError

pytestmark = pytest.mark.skipif(which("espeak-ng") is None, reason="espeak-ng is not installed")


def spoken(text: str, target: str = "spa", speaker: str | None = None) -> Samples:
    return np.concatenate(list(EspeakSynthesizer().speak(text, target, speaker)))


def test_a_variant_that_is_not_there_is_refused_before_anything_is_heard() -> None:
    # espeak-ng itself would take the usual voice, and say nothing.
    assert np.array_equal(spoken("hola", speaker="f99"), spoken("hola"))
    request = StreamRequest("eng", ("spa",))
    for name in ("f99", "Mr", "20", "0"):  # there is one called "Mr serious"
        with pytest.raises(UsageError, match=f"no variant '{name}'"):
            check_speakers(replace(request, speakers={"spa": name}))
        check_speakers(replace(request, speakers={"spa": name}, task=Task.S2TT))
    for name in ("f2", "12", "whisper"):
        check_speakers(replace(request, speakers={"spa": name}))
    assert np.array_equal(spoken("hola", speaker="12"), spoken("hola", speaker="f2"))


@pytest.mark.parametrize("target", sorted(VOICES))
def test_every_target_has_a_voice(target: str) -> None:
    sound = spoken("una casa grande", target)
    assert sound.dtype == np.float32
    assert 0.5 < len(sound) / EspeakSynthesizer.sample_rate_hz < 3.0
    assert 0.05 < np.abs(sound).max() <= 1.0


def test_speakers_sound_different() -> None:
    assert not np.array_equal(spoken("hola", speaker="f2"), spoken("hola"))


@pytest.mark.parametrize("text", ["--help", "-w /tmp/x.wav", "[[hola]]", "<b>hola</b>", "$(date)"])
def test_text_is_never_taken_for_options_or_phonemes(text: str) -> None:
    assert len(spoken(text)) > 2000


def test_phonemes_in_brackets_are_read_as_letters() -> None:
    assert np.array_equal(spoken("[[hola]]"), spoken(" hola "))


@pytest.mark.parametrize("speaker", ["../../etc/passwd", "f2 -w x", ""])
def test_a_speaker_that_is_no_variant_is_refused(speaker: str) -> None:
    with pytest.raises(LanguageError, match="variant"):
        spoken("hola", speaker=speaker)


def test_a_language_without_a_voice_is_refused() -> None:
    with pytest.raises(LanguageError, match="deu"):
        spoken("hallo", "deu")


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo 'no such voice' >&2; exit 3", "exit code 3: no such voice"),
        ("exit 0", "no sound for voice 'es'"),
        ("printf 'RIFF1234WAVEfmt 1234567812345678123456781234data1234'", "Hz, not 22050"),
    ],
)
def test_a_program_that_fails_is_one_clear_error(
    script: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "espeak-ng"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(EngineError, match=said):
        spoken("hola")


def test_a_missing_program_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineError, match="apt install espeak-ng"):
        spoken("hola")
