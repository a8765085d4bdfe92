"""SimulEval's instances, one recording at a time and with its faults mended.

What is changed, and why:
- SimulEval reads every recording of a test set into Python lists before it starts. Here an
  instance is made when its turn has come, and its samples are an array.
- Where an agent says "finished" before the source is over, SimulEval drops what it writes next.
- SimulEval forgets the elapsed times of speech, so that computation-aware scores crash.
- It builds the sound of a prediction as a Python list, and writes the file in place.
- What an agent writes it takes as it is, were it no sound and no text.
"""

import time
from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from simuleval.data.segments import Segment
from simuleval.evaluator.instance import SpeechToSpeechInstance, SpeechToTextInstance

from audio_io.chunk import AudioChunk, Samples
from audio_io.wav import WavFile
from engine.languages import written_without_spaces
from engine.metrics.result import Item, SpeechOutput, TextOutput, playing
from engine.simuleval.checks import check_speech, check_text


class _AudioInfo:
    """What SimulEval wants to know of a recording; its lines stand in `instances.log`."""

    def __init__(self, path: Path, samples: int, sample_rate_hz: int) -> None:
        self.samplerate = sample_rate_hz
        self._lines = (
            str(path),
            f"samplerate: {sample_rate_hz} Hz",
            "channels: 1",
            f"duration: {samples / sample_rate_hz:.3f} s",
        )

    def __str__(self) -> str:
        return "\n".join(self._lines)


class _OneRecording:
    """A SimulEval dataloader that holds one item, whatever it is asked for."""

    def __init__(self, item: Item, samples: Samples, sample_rate_hz: int) -> None:
        self._item = item
        self._samples = samples
        self._info = _AudioInfo(item.audio, len(samples), sample_rate_hz)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {
            "source": self._samples,
            "target": self._item.reference,
            "tgt_lang": self._item.target,
        }

    def get_source_audio_info(self, index: int) -> _AudioInfo:
        return self._info

    def get_source_audio_path(self, index: int) -> str:
        return str(self._item.audio)


class TextInstance(SpeechToTextInstance):  # type: ignore[misc]  # SimulEval has no types
    """Sends a recording, takes text."""

    def __init__(self, item: Item, samples: Samples, sample_rate_hz: int, unit: str) -> None:
        """`unit` is what latency is counted in: word, char or spm."""
        self._target = item.target
        self._written: list[str] = []
        loader = _OneRecording(item, samples, sample_rate_hz)
        super().__init__(item.index, loader, Namespace(eval_latency_unit=unit))
        assert self.sample_rate == sample_rate_hz  # SimulEval looks it up when it is first asked

    def receive_prediction(self, prediction: Segment) -> None:
        if not prediction.is_empty:
            check_text(prediction.content)
        self.finish_prediction = False  # it was about what came before
        super().receive_prediction(prediction)
        if not prediction.is_empty:
            self._written.append(prediction.content)

    def follow(self, other: "SpeechInstance") -> None:
        """Be where another instance of the same recording is, which sends it."""
        self.step, self.start_time = other.step, other.start_time

    def output(self, erased: int | None) -> TextOutput:
        text = str(self.prediction)
        if self.latency_unit == "char" and not written_without_spaces(self._target):
            # SimulEval's own text has no spaces then; that cannot be read, or scored.
            text = " ".join("".join(self._written).split())
        return TextOutput(
            text,
            tuple(self.prediction_list),
            tuple(map(float, self.delays)),
            tuple(map(float, self.elapsed)),
            erased,
        )


class SpeechInstance(SpeechToSpeechInstance):  # type: ignore[misc]
    """Sends a recording, takes speech."""

    def __init__(self, item: Item, samples: Samples, sample_rate_hz: int, folder: Path) -> None:
        """Speech goes to `wavs` in `folder`."""
        self._folder = folder
        loader = _OneRecording(item, samples, sample_rate_hz)
        # SimulEval counts references in words whatever the unit, when speech is measured.
        args = Namespace(eval_latency_unit="word", output=str(folder))
        super().__init__(item.index, loader, args)
        assert self.sample_rate == sample_rate_hz

    def receive_prediction(self, segment: Segment) -> None:
        self.finish_prediction = False
        if not segment.is_empty and len(segment.content):
            if isinstance(segment.content, str):
                raise ValueError(f"the agent wrote text as speech: {segment.content[:40]!r}")
            samples = np.asarray(segment.content, dtype=np.float32)
            rate_hz = check_speech(samples, segment.sample_rate)
            segment = replace(segment, content=samples, sample_rate=rate_hz)
            if self.target_sample_rate not in (-1, rate_hz):
                raise ValueError(
                    f"its speech came at {rate_hz} Hz after {self.target_sample_rate} Hz"
                )
        self._now_s = time.time()
        super().receive_prediction(segment)

    def summarize(self) -> None:
        """SimulEval calls it when a prediction is finished; here `output` writes the sound."""

    def output(self) -> SpeechOutput:
        """Write the sound: from the first delay on, silent where nothing was there to play."""
        if not self.prediction_list:
            return SpeechOutput("", 0, (), (), ())
        delays_ms, durations_ms = tuple(map(float, self.delays)), tuple(self.durations)
        rate_hz = int(self.target_sample_rate)
        wav = Path("wavs") / f"{self.index}_pred.wav"
        (self._folder / wav.parent).mkdir(parents=True, exist_ok=True)
        file = WavFile(self._folder / wav, rate_hz)
        try:
            offset_ms = delays_ms[0]
            intervals = playing(delays_ms, durations_ms)
            end_sample = 0
            for samples, (start_ms, _) in zip(self.prediction_list, intervals, strict=True):
                start_sample = max(end_sample, round(rate_hz * (start_ms - offset_ms) / 1000))
                chunk = AudioChunk(_array(samples), rate_hz, start_sample)
                file.write(chunk)
                end_sample = chunk.end_sample
            file.finish()
        except BaseException:
            file.abandon()
            raise
        elapsed_ms = tuple(map(float, self.elapsed))
        return SpeechOutput(wav.as_posix(), rate_hz, delays_ms, elapsed_ms, durations_ms)


def _array(samples: Any) -> Samples:
    return np.clip(np.asarray(samples, dtype=np.float32), -1.0, 1.0)
