#!/usr/bin/env python3
"""Records what simulstream's StreamAtt commits on the tiny model, step by step.

Runs in an environment of its own (torch, transformers 4.48, sentencepiece, protobuf, librosa,
soundfile, pyyaml), over a checkout of https://github.com/hlt-mt/simulstream. Its policy runs as it
is. From outside, two things about its features are made as the model was trained: they are
normalised per mel bin, and the first piece of sound is 80 samples shorter, since what it carries
over to the next piece fits only pieces that leave 240 samples. Its class of history by words takes
one argument where its caller gives two; the second is left out.
"""

import argparse
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import soundfile
import torch

DATA = Path(__file__).parent.parent / "tests" / "data"
HOP = 8000
FIRST = HOP - 80
SOUNDS = {"speech": DATA / "seamless" / "speech.wav", "two": DATA / "two_sentences.wav"}
CASES = {
    "speech_2_20": ("speech", {"cutoff_frame_num": 2, "history_words": 20, "layer": 3}),
    "speech_4_5": ("speech", {"cutoff_frame_num": 4, "history_words": 5, "layer": 3}),
    "speech_2_3": ("speech", {"cutoff_frame_num": 2, "history_words": 3, "layer": 1}),
    "two_1_8": ("two", {"cutoff_frame_num": 1, "history_words": 8, "layer": 2}),
}
MOST_TOKENS = 20
LANGUAGE = "spa"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkout", type=Path, help="of simulstream")
    parser.add_argument("--commit", default="", help="which one it is, to be noted")
    arguments = parser.parse_args()
    sys.path.insert(0, str(arguments.checkout))
    torch.set_num_threads(1)
    for name, (sound, setting) in CASES.items():
        samples, _ = soundfile.read(SOUNDS[sound], dtype="float32")
        record = {
            "made_by": f"simulstream {arguments.commit}".strip(),
            "sound": str(SOUNDS[sound].relative_to(DATA)),
            "language": LANGUAGE,
            "most_tokens": MOST_TOKENS,
            **setting,
            "steps": _steps(_processor(setting), samples),
        }
        path = DATA / "m4t" / f"streamatt_{name}.json"
        print(path.name, sum(len(step["committed"]) for step in record["steps"]), "tokens")
        path.write_text(_compact(record), encoding="utf-8")


def _processor(setting: dict[str, Any]) -> Any:
    from simulstream.server.speech_processors import base_streamatt
    from simulstream.server.speech_processors.seamless_streamatt import SeamlessStreamAtt

    begin = base_streamatt.FixedWordsTextHistory.__init__
    if begin.__code__.co_argcount == 2:
        base_streamatt.FixedWordsTextHistory.__init__ = lambda self, config, _: begin(self, config)
    config = SimpleNamespace(
        text_history=SimpleNamespace(
            type="simulstream.server.speech_processors.base_streamatt.FixedWordsTextHistory",
            history_words=setting["history_words"],
        ),
        hf_model_name=str(DATA / "m4t"),
        seamless_version=2,
        speech_chunk_size=HOP / 16_000,
        cross_attention_layer=setting["layer"],
        cutoff_frame_num=setting["cutoff_frame_num"],
        max_new_tokens=MOST_TOKENS,
        num_beams=1,
    )
    SeamlessStreamAtt.load_model(config)
    SeamlessStreamAtt.model.eval()
    processor = SeamlessStreamAtt(config)
    processor.mean_variance_normalization = _per_bin
    processor.set_target_language(LANGUAGE)
    processor.clear()
    return processor


def _per_bin(features: np.ndarray) -> torch.Tensor:
    """Normalised over both frames of each pair, as transformers does for whole utterances."""
    frames = features.reshape(-1, 80)
    spread = np.sqrt(frames.var(0, ddof=1, keepdims=True) + 1e-7)
    scaled = (frames - frames.mean(0, keepdims=True)) / spread
    return torch.tensor(scaled.reshape(features.shape))


def _steps(processor: Any, samples: np.ndarray) -> list[dict[str, Any]]:
    steps, heard, numbers = [], 0, processor.processor.tokenizer.convert_tokens_to_ids
    while heard < len(samples):
        end = min(len(samples), heard + (HOP if heard else FIRST))
        out = processor.process_chunk(samples[heard:end])
        heard = end
        steps.append(
            {
                "samples": heard,
                "committed": numbers(out.new_tokens),
                "pairs_kept": len(processor.audio_history),
                "history": numbers(processor.text_history or []),
            }
        )
    steps.append({"samples": heard, "committed": numbers(processor.end_of_stream().new_tokens)})
    return steps


def _compact(record: dict[str, Any]) -> str:
    """One step a line."""
    steps = ",\n  ".join(json.dumps(step) for step in record.pop("steps"))
    head = json.dumps(record, indent=1)[:-2]
    return f'{head},\n "steps": [\n  {steps}\n ]\n}}\n'


if __name__ == "__main__":
    main()
