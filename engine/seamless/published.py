"""The published SeamlessStreaming: its files, sizes, languages and voices.

Facts of Meta's `seamless_communication` 1.0.0 (cards and builders).
"""

from typing import Any

from engine.layers.seamless_languages import SEAMLESS_TEXT

FILES = {
    "unity": "seamless_streaming_unity.pt",
    "monotonic_decoder": "seamless_streaming_monotonic_decoder.pt",
    "vocoder": "vocoder_v2.pt",
    "text_tokenizer": "tokenizer.model",
    "char_tokenizer": "spm_char_lang38_tc.model",
}
"""By part; the names under which they were published."""
SPEECH_LANGUAGES = [
    *("arb", "ben", "cat", "ces", "cmn", "cym", "dan", "deu", "eng", "est", "fin"),
    *("fra", "hin", "ind", "ita", "jpn", "kan", "kor", "mlt", "nld", "pes", "pol"),
    *("por", "ron", "rus", "slk", "spa", "swe", "swh", "tam", "tel", "tgl", "tha"),
    *("tur", "ukr", "urd", "uzn", "vie"),
]
"""Languages with units; the vocoder has no voice for kan and tam."""
SPEAKERS = {
    **{"arb": [0], "ben": [1], "cat": [2], "ces": [3], "cmn": [4, 5], "cym": [6], "dan": [7, 8]},
    **{"deu": [9], "eng": [10], "est": [11, 12, 13], "fin": [14], "fra": [15], "hin": [16]},
    "ind": [17, 24, 18, 20, 19, 21, 23, 27, 26, 22, 25],
    **{"ita": [29, 28], "jpn": [30], "kor": [31], "mlt": [32, 33, 34], "nld": [35, 37, 36]},
    **{"pes": [38], "pol": [39], "por": [40], "ron": [41], "rus": [43, 42], "slk": [44]},
    **{"spa": [45], "swe": [46, 48, 47], "swh": [49, 51, 50], "tel": [52], "tgl": [53]},
    **{"tha": [54, 57, 58, 55, 56], "tur": [61, 60, 59], "ukr": [62], "urd": [63, 64, 65]},
    **{"uzn": [66, 67, 68], "vie": [69, 70, 73, 74, 71, 72]},
}
"""The vocoder's voices of each language, the usual one first; languages are in its own order."""


def published_record() -> dict[str, Any]:
    """`config.json` of the model as it was published."""
    return {
        "format": "seamless-streaming",
        "version": 1,
        "name": "seamless-streaming",
        "sample_rate_hz": 16_000,
        "files": dict(FILES),
        "text_languages": list(SEAMLESS_TEXT),
        "speech_languages": SPEECH_LANGUAGES,
        "num_units": 10_000,
        "vocoder_language_index": {code: index for index, code in enumerate(SPEAKERS)},
        "vocoder_speaker_index": SPEAKERS,
        "encoder": {
            "model_dim": 1024,
            "layers": 24,
            "attention_heads": 16,
            "ffn_dim": 4096,
            "fbank_bins": 80,
            "fbank_stride": 2,
            "depthwise_kernel": 31,
            "max_left_position": 64,
            "max_right_position": 8,
            "adaptor_layers": 1,
            "adaptor_kernel": 8,
            "adaptor_stride": 8,
            "adaptor_ffn_dim": 4096,
        },
        "monotonic_decoder": {
            "model_dim": 1024,
            "layers": 24,
            "attention_heads": 16,
            "ffn_dim": 8192,
            "max_positions": 4096,
            "energy_layers": 4,
            "energy_temperature": 0.2,
            "pre_decision_ratio": 2,
        },
        "text_to_unit": {
            "model_dim": 1024,
            "encoder_layers": 6,
            "decoder_layers": 6,
            "attention_heads": 16,
            "ffn_dim": 8192,
            "conv_kernel": 7,
            "duration_hidden_dim": 256,
            "duration_kernel": 3,
            "char_vocab_size": 10_943,
        },
        "vocoder": {
            "embedding_dim": 1280,
            "language_dim": 256,
            "speaker_dim": 256,
            "unit_vocab_size": 10_000,
            "upsample_rates": [5, 4, 4, 2, 2],
            "upsample_kernels": [11, 8, 8, 4, 4],
            "initial_channels": 512,
            "resblock_kernels": [3, 7, 11],
            "resblock_dilations": [[1, 3, 5], [1, 3, 5], [1, 3, 5]],
        },
    }
