from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from audio_io.chunk import Samples, silence
from audio_io.echo_estimate import EchoEstimateConfig, Knowledge
from audio_io.echo_guard import EchoGuard, EchoGuardConfig

RATE_HZ = 16_000
FRAME = RATE_HZ // 50
DATA = Path(__file__).resolve().parents[1] / "data"
OURS = ("long_sentence.wav", "quickstart.wav")
"""Recordings that stand for our own voice; pauses lie between and in them."""
THEIRS = ("two_sentences.wav", "short.wav")
NOISE = 10.0 ** (-50 / 20)
SPEECH = 10.0 ** (-26 / 20)


def spoken(names: tuple[str, ...], seconds: float, start_s: float = 0.0) -> Samples:
    """Recordings over and over, at `SPEECH`, silent before `start_s`."""
    pause = silence(RATE_HZ // 2)
    parts = [part for name in names for part in (soundfile.read(DATA / name)[0], pause)]
    said = np.concatenate(parts).astype(np.float32)
    said *= np.float32(SPEECH / np.sqrt(np.mean(said[np.abs(said) > 0.01] ** 2)))
    sound = silence(round(seconds * RATE_HZ))
    start = round(start_s * RATE_HZ)
    sound[start:] = np.resize(said, len(sound) - start)
    return sound


def echo_of(played: Samples, delay_ms: float, echo_db: float, rt60_s: float = 0.0) -> Samples:
    """Delayed, and with a decaying tail as loud as the direct sound where there is `rt60_s`."""
    response = np.ones(1)
    if rt60_s:
        size = round(rt60_s * RATE_HZ)
        tail = np.random.default_rng(4).standard_normal(size)
        tail *= 10.0 ** (-3.0 * np.arange(size) / size)
        response = np.concatenate([response, silence(48), tail / np.sqrt(np.sum(tail**2))])
    size = len(played) + len(response)
    wet = np.fft.irfft(np.fft.rfft(played, size) * np.fft.rfft(response, size), size)
    wet = np.concatenate([silence(max(0, round(delay_ms * RATE_HZ / 1000))), wet])
    wet = wet[max(0, -round(delay_ms * RATE_HZ / 1000)) :][: len(played)]
    wet *= 10.0 ** (echo_db / 20) * np.sqrt(np.mean(played**2) / np.mean(wet**2))
    return wet.astype(np.float32)


def with_noise(sound: Samples, seed: int = 1) -> Samples:
    noise = np.random.default_rng(seed).standard_normal(len(sound)) * NOISE
    return sound + noise.astype(np.float32)


def guarded(guard: EchoGuard, microphone: Samples, played: Samples, block: int = 320) -> Samples:
    out = [
        guard.process(microphone[at : at + block], played[at : at + block])
        for at in range(0, len(microphone), block)
    ]
    return np.concatenate(out)


def passed_frames(guard: EchoGuard, out: Samples, microphone: Samples) -> NDArray[np.bool_]:
    """Which frames of 20 ms came out as they went in."""
    out = out[guard.delay_samples :]
    same = (out == microphone[: len(out)])[: len(out) // FRAME * FRAME]
    return np.asarray(np.mean(same.reshape(-1, FRAME), axis=1) > 0.5)


def loud_frames(sound: Samples, least: float, frames: int) -> NDArray[np.bool_]:
    power = np.mean(sound[: frames * FRAME].reshape(-1, FRAME) ** 2, axis=1)
    return np.asarray(power > least**2)


def leaked(microphone: Samples, played: Samples, echo: Samples, from_s: float) -> float:
    """Share of the echo's energy after `from_s` that gets through."""
    guard = EchoGuard(RATE_HZ)
    out = guarded(guard, microphone, played)
    passed = passed_frames(guard, out, microphone)
    power = np.mean(echo[: len(passed) * FRAME].reshape(-1, FRAME) ** 2, axis=1)
    late = np.arange(len(passed)) * FRAME >= from_s * RATE_HZ
    return float(np.sum(power[late & passed]) / np.sum(power[late]))


@pytest.mark.parametrize("block", [1, 77, 256, 320, 1_024, 40_000])
def test_block_size_does_not_change_the_result(block: int) -> None:
    seconds = 0.3 if block == 1 else 6.0
    played = spoken(OURS, seconds)
    microphone = with_noise(echo_of(played, 60, -6) + spoken(THEIRS, seconds, seconds / 2))
    whole = EchoGuard(RATE_HZ).process(microphone, played)
    np.testing.assert_array_equal(guarded(EchoGuard(RATE_HZ), microphone, played, block), whole)


def test_as_many_samples_come_out_as_went_in_even_none() -> None:
    guard = EchoGuard(RATE_HZ)
    for size in (0, 1, 255, 0, 257, 3):
        out = guard.process(silence(size), silence(size))
        assert len(out) == size
        assert out.dtype == np.float32


def test_sound_is_untouched_while_nothing_is_played() -> None:
    microphone = with_noise(spoken(THEIRS, 8))
    guard = EchoGuard(RATE_HZ)
    out = guarded(guard, microphone, silence(len(microphone)))
    late = guard.delay_samples
    assert late < RATE_HZ * 20 // 1000
    np.testing.assert_array_equal(out[:late], 0.0)
    np.testing.assert_array_equal(out[late:], microphone[:-late])
    assert guard.held_samples == 0
    assert not guard.holding
    assert not guard.talking_over


def test_speech_after_the_echo_has_gone_is_untouched() -> None:
    played = spoken(OURS, 12)
    played[6 * RATE_HZ :] = 0.0
    talker = spoken(THEIRS, 12, 7.0)
    microphone = with_noise(echo_of(played, 100, 3, rt60_s=0.3) + talker)
    guard = EchoGuard(RATE_HZ)
    out = guarded(guard, microphone, played)
    start, late = 7 * RATE_HZ, guard.delay_samples
    np.testing.assert_array_equal(out[start + late :], microphone[start:-late])


@pytest.mark.parametrize("delay_ms", [20, 100, 300, 400])
@pytest.mark.parametrize("rt60_s", [0.0, 0.3, 0.6])
@pytest.mark.parametrize("echo_db", [6, -12])
def test_an_echo_alone_is_held(delay_ms: int, rt60_s: float, echo_db: float) -> None:
    played = spoken(OURS, 8)
    echo = echo_of(played, delay_ms, echo_db, rt60_s)
    assert leaked(with_noise(echo), played, echo, from_s=1.0) < 0.02


def test_an_echo_before_the_news_of_it_is_mostly_held() -> None:
    played = spoken(OURS, 8)
    echo = echo_of(played, -32, -6, 0.3)
    assert leaked(with_noise(echo), played, echo, from_s=2.0) < 0.2


def test_an_echo_is_held_from_the_first_word() -> None:
    played = spoken(OURS, 3)
    echo = echo_of(played, 100, -6, 0.3)
    assert leaked(with_noise(echo), played, echo, from_s=0.0) < 0.01


@pytest.mark.parametrize("echo_db", [-12, -20])
@pytest.mark.parametrize("rt60_s", [0.0, 0.3])
def test_a_talker_well_above_the_echo_passes(echo_db: float, rt60_s: float) -> None:
    played, talker = spoken(OURS, 12), spoken(THEIRS, 12, 3.0)
    microphone = with_noise(echo_of(played, 100, echo_db, rt60_s) + talker)
    guard = EchoGuard(RATE_HZ)
    passed = passed_frames(guard, guarded(guard, microphone, played), microphone)
    speech = loud_frames(talker, SPEECH / 10, len(passed))
    assert np.mean(passed[speech]) > 0.9
    first = int(np.argmax(speech))
    assert np.any(passed[first : first + 10]), "it opens within 200 ms"


def test_it_says_when_somebody_talks_over_our_voice() -> None:
    played, talker = spoken(OURS, 6), spoken(THEIRS, 6, 4.0)
    microphone = with_noise(echo_of(played, 60, -12) + talker)
    guard = EchoGuard(RATE_HZ)
    half = 4 * RATE_HZ
    guard.process(microphone[:half], played[:half])
    assert guard.holding
    assert not guard.talking_over
    over = []
    for at in range(half, len(microphone), 1_600):
        guard.process(microphone[at : at + 1_600], played[at : at + 1_600])
        over.append(guard.talking_over)
        assert not (guard.holding and guard.talking_over)
    assert np.mean(over) > 0.5


@pytest.mark.parametrize("talks_from_s", [0.0, 4.0])
def test_headphones_hold_nothing_after_two_seconds(talks_from_s: float) -> None:
    played, talker = spoken(OURS, 10), spoken(THEIRS, 10, talks_from_s)
    microphone = with_noise(talker)
    guard = EchoGuard(RATE_HZ)
    passed = passed_frames(guard, guarded(guard, microphone, played), microphone)
    assert np.mean(passed[100:]) > 0.99
    assert guard.knowledge is Knowledge.NONE
    assert guard.echo_delay_ms is None


def test_a_changed_delay_is_learnt_again() -> None:
    played = spoken(OURS, 12)
    echo = echo_of(played, 60, -6, 0.3)
    middle = 6 * RATE_HZ
    echo[middle:] = echo_of(played, 250, -6, 0.3)[middle:]
    assert leaked(with_noise(echo), played, echo, from_s=8.0) < 0.02


def test_an_echo_that_gets_louder_is_learnt_again() -> None:
    played = spoken(OURS, 12)
    echo = echo_of(played, 100, -12, 0.3)
    echo[6 * RATE_HZ :] *= 4
    assert leaked(with_noise(echo), played, echo, from_s=8.0) < 0.02


def test_the_delay_found_is_that_of_the_echo() -> None:
    played = spoken(OURS, 5)
    guard = EchoGuard(RATE_HZ)
    guarded(guard, with_noise(echo_of(played, 160, -6)), played)
    assert guard.echo_delay_ms == pytest.approx(160, abs=20)


def test_reset_forgets_the_echo_and_keeps_the_counters() -> None:
    played = spoken(OURS, 4)
    microphone = with_noise(echo_of(played, 60, -6))
    guard = EchoGuard(RATE_HZ)
    guarded(guard, microphone, played)
    held = guard.held_samples
    assert held > 0
    assert guard.echo_delay_ms is not None
    guard.reset()
    assert guard.echo_delay_ms is None
    assert guard.knowledge is Knowledge.UNKNOWN
    assert not guard.holding
    assert guard.held_samples == held
    talker = with_noise(spoken(THEIRS, 2))
    guarded(guard, talker, silence(len(talker)))
    assert guard.held_samples == held


def test_noise_as_faint_as_the_rooms_stands_for_what_is_held() -> None:
    played = spoken(OURS, 8, 4.0)
    microphone = with_noise(echo_of(played, 60, 0))
    guard = EchoGuard(RATE_HZ, EchoGuardConfig(comfort_noise=True))
    out = guarded(guard, microphone, played)
    room_db, held_db = (
        20 * np.log10(np.std(out[at : at + RATE_HZ])) for at in (RATE_HZ, 6 * RATE_HZ)
    )
    assert guard.held_samples > 2 * RATE_HZ
    assert held_db == pytest.approx(room_db, abs=6.0)


def test_counters_say_what_was_held() -> None:
    played = spoken(OURS, 4, 1.0)
    microphone = with_noise(echo_of(played, 60, 0))
    guard = EchoGuard(RATE_HZ, EchoGuardConfig(comfort_noise=False))
    out = guarded(guard, microphone, played)
    silent = np.count_nonzero(out[guard.delay_samples :] == 0.0)
    assert guard.heard_samples == len(microphone) // 256 * 256
    assert guard.held_samples == pytest.approx(silent, rel=0.05)
    assert 0 < guard.held_samples < guard.heard_samples


def test_it_fades_without_clicks() -> None:
    hertz = 200.0
    time_s = np.arange(4 * RATE_HZ) / RATE_HZ
    played = spoken(OURS, 4)
    played[: 2 * RATE_HZ] = 0.0  # held from its first sound on, for nothing is known
    hum = (0.1 * np.sin(2 * np.pi * hertz * time_s)).astype(np.float32)
    guard = EchoGuard(RATE_HZ, EchoGuardConfig(comfort_noise=False))
    out = guarded(guard, hum, played)
    assert guard.held_samples > 0
    steps = np.abs(np.diff(out[guard.delay_samples :]))
    assert np.max(steps) < 2 * np.max(np.abs(np.diff(hum)))


@pytest.mark.parametrize("rate_hz", [8_000, 44_100, 48_000])
def test_other_sample_rates_work_too(rate_hz: int) -> None:
    length = 3 * rate_hz
    random = np.random.default_rng(2)
    bursts = np.repeat(random.random(30) > 0.5, rate_hz // 10)
    played = (0.1 * bursts * random.standard_normal(length)).astype(np.float32)
    echo = np.float32(0.3) * np.concatenate([silence(rate_hz // 10), played[: -(rate_hz // 10)]])
    noise = (0.001 * random.standard_normal(length)).astype(np.float32)
    guard = EchoGuard(rate_hz)
    out = guarded(guard, echo + noise, played)[rate_hz:]
    assert np.mean(out**2) < 0.01 * np.mean(echo[rate_hz:] ** 2)


@pytest.mark.parametrize("muted_s", [(0.0, 1.0), (3.0, 4.5)])
def test_a_muted_microphone_says_nothing_of_its_noise(muted_s: tuple[float, float]) -> None:
    played = spoken(OURS, 8)
    echo = echo_of(played, 60, -12, 0.3)
    microphone = with_noise(echo)
    muted = slice(*(round(at_s * RATE_HZ) for at_s in muted_s))
    microphone[muted] = echo[muted] = 0.0
    assert leaked(microphone, played, echo, from_s=2.0) < 0.02


def test_a_broken_sample_is_soon_forgotten() -> None:
    played = spoken(OURS, 6)
    echo = echo_of(played, 60, -6)
    microphone = with_noise(echo)
    microphone[2 * RATE_HZ] = np.nan
    assert leaked(microphone, played, echo, from_s=2.5) < 0.02


def test_sides_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="10 samples heard, but 11 played"):
        EchoGuard(RATE_HZ).process(silence(10), silence(11))


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="too small"):
        EchoGuardConfig(bands=1)
    with pytest.raises(ValueError, match="shortest_hang_ms"):
        EchoGuardConfig(shortest_hang_ms=300)
    with pytest.raises(ValueError, match="latest_ms"):
        EchoEstimateConfig(latest_ms=0)
