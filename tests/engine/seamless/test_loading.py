"""Model directories: what loads, and what is said of those that don't."""

import json
import os
import pickle
import re
import shutil
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import soundfile
import torch
from sentencepiece import SentencePieceProcessor
from torch import Tensor

from engine.errors import EngineError
from engine.layers.code_hifigan import CodeHifiGan
from engine.layers.seamless_languages import SEAMLESS_TEXT
from engine.models import placement
from engine.seamless import published
from engine.seamless.config import StreamingPolicy, read_config
from engine.seamless.conversion import convert
from engine.seamless.encoder import SpeechEncoder
from engine.seamless.loading import load_model, load_tensors
from engine.seamless.old_names import MONOTONIC_DECODER, UNITY, character_order, todays_name
from engine.seamless.text_decoder import TextDecoder
from engine.seamless.unit_decoder import UnitDecoder
from engine.seamless.utterance import TargetState, UtteranceState, step_utterance
from tests.fakes import DATA

TINY = DATA / "seamless"
Tensors = dict[str, Tensor]

# Back to fairseq's names, written down from its own modules; today's name on the left.
OLD_UNITY = [
    (
        r"speech_encoder_frontend\.post_extract_layer_norm",
        "encoder.w2v_encoder.w2v_model.layer_norm",
    ),
    (r"speech_encoder_frontend\.model_dim_proj", "encoder.w2v_encoder.w2v_model.post_extract_proj"),
    (r"speech_encoder\.inner\.layers\.(\d+)\.ffn(\d)_layer_norm", r"W.layers.\1.ffn\2.layer_norm"),
    (r"speech_encoder\.inner\.layers\.(\d+)\.ffn(\d)\.inner_proj", r"W.layers.\1.ffn\2.w_1"),
    (r"speech_encoder\.inner\.layers\.(\d+)\.ffn(\d)\.output_proj", r"W.layers.\1.ffn\2.w_2"),
    (
        r"speech_encoder\.inner\.layers\.(\d+)\.self_attn\.sdpa\.rel_k_embed",
        r"W.layers.\1.self_attn.rel_k_embedding",
    ),
    (
        r"speech_encoder\.inner\.layers\.(\d+)\.self_attn\.(q|k|v)_proj",
        r"W.layers.\1.self_attn.linear_\2",
    ),
    (
        r"speech_encoder\.inner\.layers\.(\d+)\.self_attn\.output_proj",
        r"W.layers.\1.self_attn.linear_out",
    ),
    (
        r"speech_encoder\.inner\.layers\.(\d+)\.conv_layer_norm",
        r"W.layers.\1.conv_module.layer_norm",
    ),
    (
        r"speech_encoder\.inner\.layers\.(\d+)\.conv\.layer_norm",
        r"W.layers.\1.conv_module.layer_norm2",
    ),
    (r"speech_encoder\.inner\.layers\.(\d+)\.conv\.", r"W.layers.\1.conv_module."),
    (r"speech_encoder\.inner\.layers\.(\d+)\.layer_norm", r"W.layers.\1.final_layer_norm"),
    (r"speech_encoder\.inner\.layers\.", "W.layers."),
    (r"speech_encoder\.inner_layer_norm", "W.layer_norm"),
    (r"speech_encoder\.proj1", "encoder.adaptor.proj.0"),
    (r"speech_encoder\.proj2", "encoder.adaptor.proj.2"),
    (r"speech_encoder\.layer_norm", "encoder.adaptor.out_ln"),
    (r"speech_encoder\.adaptor_layers\.(\d+)\.residual_conv", r"A.\1.residual_pool.1"),
    (r"speech_encoder\.adaptor_layers\.(\d+)\.self_attn_conv", r"A.\1.attn_pool.1"),
    (r"speech_encoder\.adaptor_layers\.(\d+)\.self_attn\.output_proj", r"A.\1.self_attn.out_proj"),
    (r"speech_encoder\.adaptor_layers\.(\d+)\.ffn\.inner_proj", r"A.\1.fc1"),
    (r"speech_encoder\.adaptor_layers\.(\d+)\.ffn\.output_proj", r"A.\1.fc2"),
    (r"speech_encoder\.adaptor_layers\.(\d+)\.ffn_layer_norm", r"A.\1.final_layer_norm"),
    (r"speech_encoder\.adaptor_layers\.", "A."),
    (
        r"t2u_model\.encoder\.(.*)self_attn\.output_proj",
        r"synthesizer_encoder.\1self_attn.out_proj",
    ),
    (r"t2u_model\.encoder\.(.*)ffn\.inner_proj", r"synthesizer_encoder.\1fc1"),
    (r"t2u_model\.encoder\.(.*)ffn\.output_proj", r"synthesizer_encoder.\1fc2"),
    (r"t2u_model\.encoder\.(.*)ffn_layer_norm", r"synthesizer_encoder.\1final_layer_norm"),
    (r"t2u_model\.encoder\.", "synthesizer_encoder."),
    (r"t2u_model\.decoder_frontend\.embed_char", "decoder.embed_tokens_text"),
    (r"t2u_model\.decoder_frontend\.embed", "decoder.embed_tokens_unit"),
    (r"t2u_model\.decoder_frontend\.pos_emb_alpha_char", "decoder.char_upsampler.pos_emb_alpha"),
    (r"t2u_model\.decoder_frontend\.pos_emb_alpha", "decoder.dec_pos_emb_alpha"),
    (r"t2u_model\.decoder_frontend\.variance_adaptor\.", "decoder.var_adaptor."),
    (r"t2u_model\.decoder\.layers\.(\d+)\.self_attn\.output_proj", r"D.\1.self_attn.out_proj"),
    (r"t2u_model\.decoder\.layers\.(\d+)\.self_attn_layer_norm", r"D.\1.layer_norm"),
    (r"t2u_model\.decoder\.layers\.(\d+)\.conv1d\.conv1", r"D.\1.ffn.ffn.0"),
    (r"t2u_model\.decoder\.layers\.(\d+)\.conv1d\.conv2", r"D.\1.ffn.ffn.2"),
    (r"t2u_model\.decoder\.layers\.(\d+)\.conv1d_layer_norm", r"D.\1.ffn.layer_norm"),
    (r"t2u_model\.decoder\.layers\.", "D."),
    (r"t2u_model\.decoder\.layer_norm", "decoder.layer_norm"),
    (r"t2u_model\.final_proj", "decoder.output_projection"),
]
OLD_MONOTONIC = [
    (r"text_decoder_frontend\.embed", "decoder.embed_tokens"),
    (r"final_proj", "decoder.output_projection"),
    (r"text_decoder\.(.*)p_choose_layer\.energy_bias", r"decoder.\1encoder_attn.energy_bias"),
    (
        r"text_decoder\.(.*)p_choose_layer\.k_energy_proj",
        r"decoder.\1encoder_attn.source_energy_layer",
    ),
    (
        r"text_decoder\.(.*)p_choose_layer\.q_energy_proj",
        r"decoder.\1encoder_attn.target_energy_layer",
    ),
    (r"text_decoder\.(.*)encoder_decoder_attn\.output_proj", r"decoder.\1encoder_attn.out_proj"),
    (r"text_decoder\.(.*)self_attn\.output_proj", r"decoder.\1self_attn.out_proj"),
    (r"text_decoder\.(.*)encoder_decoder_attn", r"decoder.\1encoder_attn"),
    (r"text_decoder\.(.*)ffn\.inner_proj", r"decoder.\1fc1"),
    (r"text_decoder\.(.*)ffn\.output_proj", r"decoder.\1fc2"),
    (r"text_decoder\.(.*)ffn_layer_norm", r"decoder.\1final_layer_norm"),
    (r"text_decoder\.", "decoder."),
]
SHORT = {"W.": "encoder.w2v_encoder.w2v_model.encoder.", "A.": "encoder.adaptor.layers."}
SHORT |= {"D.": "decoder.layers."}


def checkpoint(name: str) -> Tensors:
    tensors: Tensors = torch.load(TINY / name, weights_only=True)["model"]
    return tensors


def old_name(name: str, table: list[tuple[str, str]]) -> str:
    for pattern, old in table:
        if re.match(pattern, name):
            renamed = re.sub(f"^{pattern}", old, name)
            for short, whole in SHORT.items():
                if renamed.startswith(short):
                    return whole + renamed[len(short) :]
            return renamed
    raise AssertionError(name)


def old_rows(table: Tensor) -> Tensor:
    """(pad, unk, bos, eos) back to (bos, pad, eos, unk)."""
    return torch.cat([table[[2, 0, 3, 1]], table[4:]])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the tiny model to spoil."""
    copy = tmp_path / "model"
    copy.mkdir()
    for path in TINY.iterdir():
        if path.is_file():
            shutil.copyfile(path, copy / path.name)
    return copy


def save(folder: Path, name: str, tensors: Tensors, **beside: Any) -> None:
    torch.save({"model": tensors} | beside, folder / name)


def save_old(folder: Path) -> None:
    """The tiny model as fairseq would have written it."""
    unity = checkpoint("unity.pt")
    chars = unity["t2u_model.decoder_frontend.embed_char.weight"].clone()
    model = SentencePieceProcessor(model_file=str(TINY / "char.model"))
    pieces = [model.id_to_piece(index) for index in range(model.get_piece_size())]
    old_chars = chars.clone()
    for row, piece in enumerate(sorted(pieces[4:]), start=4):
        old_chars[row] = chars[pieces.index(piece)]
    unity["t2u_model.decoder_frontend.embed_char.weight"] = old_chars
    old = {old_name(name, OLD_UNITY): tensor.clone() for name, tensor in unity.items()}
    assert len(old) == len(unity)
    old |= {
        "encoder.w2v_encoder.w2v_model.mask_emb": torch.ones(3),
        "decoder.version": torch.ones(1),
        "decoder.embed_positions._float_tensor": torch.ones(1),
        "decoder.char_upsampler.embed_positions._float_tensor": torch.ones(1),
        "decoder.char_upsampler.embed_tokens_char.weight": torch.ones(1),
        "decoder.alignment_encoder.conv.weight": torch.ones(1),
        "target_letter_decoder.layers.0.fc1.weight": torch.ones(1),
        "decoder_target_letter_decoder.proj.weight": torch.ones(1),
    }
    save(folder, "unity.pt", old, args=Namespace(arch="old"))
    decoder = checkpoint("monotonic_decoder.pt")
    table = old_rows(torch.cat([decoder["final_proj.weight"], torch.ones(1, 64)]))
    decoder |= {"final_proj.weight": table, "text_decoder_frontend.embed.weight": table}
    save(
        folder,
        "monotonic_decoder.pt",
        {old_name(name, OLD_MONOTONIC): tensor for name, tensor in decoder.items()},
    )
    vocoder = checkpoint("vocoder.pt")
    plain = {name.removeprefix("code_generator."): tensor for name, tensor in vocoder.items()}
    torch.save({"generator": plain}, folder / "vocoder.pt")


def assert_equal(found: dict[str, Tensors], wanted: dict[str, Tensors]) -> None:
    for part, tensors in wanted.items():
        assert set(found[part]) == set(tensors)
        for name, tensor in tensors.items():
            assert torch.equal(found[part][name], tensor), name


def test_the_published_naming_loads_as_it_is() -> None:
    tensors = load_tensors(TINY, read_config(TINY))
    assert set(tensors["unity"]) == set(checkpoint("unity.pt"))
    assert set(tensors["monotonic_decoder"]) == set(checkpoint("monotonic_decoder.pt"))
    model = load_model(TINY, device="cpu")
    assert (model.device.type, model.dtype) == ("cpu", torch.float32)
    for module in (model.encoder, model.decoder, model.units, model.vocoder):
        assert not module.training
        assert all(parameter.device.type == "cpu" for parameter in module.parameters())
        assert not any(parameter.requires_grad for parameter in module.parameters())


def test_the_older_naming_gives_the_same_model(folder: Path) -> None:
    save_old(folder)
    config = read_config(folder)
    assert_equal(load_tensors(folder, config), load_tensors(TINY, config))
    assert_equal(load_tensors(folder, config), load_tensors(TINY, config))  # the file is unchanged
    load_model(folder, device="cpu")


def test_converting_the_older_naming_gives_the_same_model(folder: Path, tmp_path: Path) -> None:
    save_old(folder)
    target = tmp_path / "converted"
    target.mkdir()
    convert(folder, target, lambda *_: None)
    config = read_config(target)
    assert_equal(load_tensors(target, config), load_tensors(TINY, read_config(TINY)))
    sizes = {path.name: path.stat().st_size for path in target.iterdir()}
    assert sizes["monotonic_decoder.safetensors"] < 1_255_000  # one table, not two
    frames = torch.ones(40, 80)
    with torch.inference_mode():
        ours, theirs = (load_model(at, device="cpu").encoder(frames) for at in (target, TINY))
    assert torch.allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            "encoder.w2v_encoder.w2v_model.encoder.layers.11.conv_module.layer_norm2.bias",
            "speech_encoder.inner.layers.11.conv.layer_norm.bias",
        ),
        (
            "encoder.w2v_encoder.w2v_model.encoder.layers.0.conv_module.layer_norm.bias",
            "speech_encoder.inner.layers.0.conv_layer_norm.bias",
        ),
        (
            "encoder.w2v_encoder.w2v_model.encoder.layers.3.self_attn.out_proj.weight",
            "speech_encoder.inner.layers.3.self_attn.output_proj.weight",
        ),
        (
            "encoder.w2v_encoder.w2v_model.encoder.layer_norm.weight",
            "speech_encoder.inner_layer_norm.weight",
        ),
        (
            "encoder.w2v_encoder.w2v_model.layer_norm.weight",
            "speech_encoder_frontend.post_extract_layer_norm.weight",
        ),
        (
            "encoder.adaptor.layers.0.attn_pool.1.bias",
            "speech_encoder.adaptor_layers.0.self_attn_conv.bias",
        ),
        ("decoder.layers.5.ffn.ffn.2.weight", "t2u_model.decoder.layers.5.conv1d.conv2.weight"),
        ("decoder.dec_pos_emb_alpha", "t2u_model.decoder_frontend.pos_emb_alpha"),
        (
            "synthesizer_encoder.layers.4.final_layer_norm.bias",
            "t2u_model.encoder.layers.4.ffn_layer_norm.bias",
        ),
    ],
)
def test_old_names_of_unity(old: str, new: str) -> None:
    assert todays_name(old, UNITY) == new


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("decoder.layers.23.encoder_attn.source_energy_layer.layers.6.bias",
         "text_decoder.layers.23.p_choose_layer.k_energy_proj.layers.6.bias"),
        ("decoder.layers.0.encoder_attn.energy_bias",
         "text_decoder.layers.0.p_choose_layer.energy_bias"),
        ("decoder.layers.0.encoder_attn.out_proj.bias",
         "text_decoder.layers.0.encoder_decoder_attn.output_proj.bias"),
        ("decoder.layers.0.encoder_attn_layer_norm.bias",
         "text_decoder.layers.0.encoder_decoder_attn_layer_norm.bias"),
        ("decoder.layer_norm.weight", "text_decoder.layer_norm.weight"),
    ],
)  # fmt: skip
def test_old_names_of_the_monotonic_decoder(old: str, new: str) -> None:
    assert todays_name(old, MONOTONIC_DECODER) == new


def test_old_characters_are_sorted_after_the_control_symbols() -> None:
    assert character_order(["<pad>", "<unk>", "<s>", "</s>", "c", "a", "b"]) == [
        0,
        1,
        2,
        3,
        6,
        4,
        5,
    ]


def truncate(folder: Path) -> None:
    path = folder / "unity.pt"
    path.write_bytes(path.read_bytes()[:1_000_000])


def garbage(folder: Path) -> None:
    (folder / "vocoder.pt").write_bytes(b"<html>Please log in</html>" * 100)


def empty(folder: Path) -> None:
    (folder / "vocoder.pt").write_bytes(b"")


def other_content(folder: Path) -> None:
    torch.save([1, 2, 3], folder / "monotonic_decoder.pt")


class _Malice:
    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return os.mkdir, (str(Path.cwd() / "was-run"),)


def malice(folder: Path) -> None:
    save(folder, "unity.pt", checkpoint("unity.pt"), cfg=_Malice())


def old_malice(folder: Path) -> None:
    (folder / "unity.pt").write_bytes(pickle.dumps({"model": _Malice()}, protocol=2))


def lack(folder: Path) -> None:
    tensors = checkpoint("unity.pt")
    del tensors["speech_encoder.proj1.weight"], tensors["speech_encoder.proj1.bias"]
    save(folder, "unity.pt", tensors)


def surplus(folder: Path) -> None:
    tensors = checkpoint("monotonic_decoder.pt") | {"what.weight": torch.ones(1)}
    save(folder, "monotonic_decoder.pt", tensors)


def other_sizes(folder: Path) -> None:
    record = json.loads((folder / "config.json").read_text())
    record["text_to_unit"]["ffn_dim"] = 100
    (folder / "config.json").write_text(json.dumps(record))


def other_languages(folder: Path) -> None:
    record = json.loads((folder / "config.json").read_text())
    record["text_languages"] = record["text_languages"][1:]
    (folder / "config.json").write_text(json.dumps(record))


def other_voice(folder: Path) -> None:
    record = json.loads((folder / "config.json").read_text())
    record["vocoder_speaker_index"]["eng"] = [17]
    (folder / "config.json").write_text(json.dumps(record))


def no_tokenizer(folder: Path) -> None:
    (folder / "char.model").unlink()


def no_file(folder: Path) -> None:
    (folder / "vocoder.pt").unlink()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (no_file, "vocoder.pt' is missing."),
        (truncate, "unity.pt' is damaged or no checkpoint"),
        (garbage, "vocoder.pt' is damaged or no checkpoint"),
        (empty, "vocoder.pt' is damaged or no checkpoint"),
        (other_content, "monotonic_decoder.pt' is damaged or no checkpoint (no `model` in it)"),
        (malice, "unity.pt' is refused: loading it would run code (posix.mkdir)"),
        (old_malice, "unity.pt' is refused: loading it would run code (posix.mkdir)"),
        (lack, "unity.pt' lacks the tensor 'speech_encoder.proj1.weight' and 1 more."),
        (surplus, "monotonic_decoder.pt' has the tensor 'what.weight' that this model does not"),
        (
            other_sizes,
            "'t2u_model.encoder.layers.0.ffn.inner_proj.weight' is of shape (128, 64), "
            "config.json wants (100, 64); 5 more differ.",
        ),
        (other_languages, "has 809 symbols; its tokenizer and languages make 808."),
        (other_voice, "tensor 'spkr.weight' has 5 rows; config.json wants 18 or more."),
        (no_tokenizer, "char.model' cannot be read"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    folder: Path, spoil: Callable[[Path], None], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    spoil(folder)
    with pytest.raises(EngineError) as caught:
        load_model(folder, device="cpu")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (folder / "was-run").exists()


def test_a_converted_file_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "converted"
    target.mkdir()
    convert(TINY, target, lambda *_: None)
    path = target / "vocoder.safetensors"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(EngineError, match=r"vocoder.safetensors' is damaged"):
        load_model(target, device="cpu")


def test_too_little_memory_is_said_beforehand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placement, "free_memory_bytes", lambda _: 1000)
    with pytest.raises(EngineError, match=r"needs 0\.0 GB of memory on cpu; 0\.0 GB are free"):
        load_model(TINY, device="cpu")
    monkeypatch.setattr(placement, "free_memory_bytes", lambda _: None)
    load_model(TINY, device="cpu")


def test_free_memory_is_known_on_linux() -> None:
    free_bytes = placement.free_memory_bytes(torch.device("cpu"))
    assert free_bytes is not None
    assert free_bytes > 10_000_000


@pytest.mark.parametrize(
    ("device", "dtype", "words"),
    [
        ("toaster", "auto", "'toaster' is no device"),
        ("cuda:99", "auto", "There is no device 'cuda:99' here"),
        ("xpu", "auto", "There is no device 'xpu' here"),
        ("cpu", "fp8", "'fp8' is no number format"),
    ],
)
def test_devices_and_number_formats_that_are_not_there(device: str, dtype: str, words: str) -> None:
    with pytest.raises(EngineError, match=re.escape(words)):
        load_model(TINY, device=device, dtype=dtype)


@pytest.mark.parametrize(
    ("dtype", "kept", "error"),
    [
        ("fp32", torch.float32, 0.0),
        ("bf16", torch.bfloat16, 0.2),
        ("fp16", torch.float16, 0.02),
        ("int8", torch.float32, 0.2),
    ],
)
def test_every_number_format_runs(dtype: str, kept: torch.dtype, error: float) -> None:
    frames = torch.linspace(-2, 2, 40 * 80).reshape(40, 80)
    right = load_model(TINY, device="cpu", dtype="fp32")
    model = load_model(TINY, device="cpu", dtype=dtype)
    with torch.inference_mode():
        wanted = right.encoder(frames)
        states = model.encoder(frames.to(model.dtype))
        cache = model.decoder.listen([states], [0])
        decoded = model.decoder([[3, 801]], cache)
        logits = model.decoder.logits(decoded.last)
    assert model.dtype == states.dtype == kept
    assert logits.shape == (1, 809)
    assert float((states.float() - wanted).abs().mean()) <= error


@pytest.mark.compile
def test_a_compiled_model_writes_what_a_plain_one_writes() -> None:
    sound = soundfile.read(TINY / "speech.wav", dtype="float32")[0]
    policy = StreamingPolicy(decision_threshold=0.15, max_consecutive_write=6, max_len_b=400)
    written = []
    for compiled in (False, True):
        model = load_model(TINY, device="cpu", dtype="fp32", compiled=compiled)
        state = UtteranceState({"spa": TargetState()})
        for start in range(0, len(sound), 10_240):
            piece = sound[start : start + 10_240]
            step_utterance(model, state, piece, policy, finished=False, speakers={})
        written.append(state.targets["spa"].text.tokens)
    assert written[0] == written[1] != []


def test_without_a_compiler_there_is_nothing_to_compile_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(EngineError, match=r"needs a C\+\+ compiler"):
        load_model(TINY, device="cpu", compiled=True)


def test_one_table_with_two_names_stays_one() -> None:
    model = load_model(TINY, device="cpu", dtype="bf16")
    embed = model.decoder.text_decoder_frontend.embed
    assert isinstance(embed, torch.nn.Embedding)
    assert embed.weight.data_ptr() == model.decoder.final_proj.weight.data_ptr()


def test_the_published_sizes_make_files_of_the_published_length(tmp_path: Path) -> None:
    """4 bytes a number, each table once; the rest, below 0.02%, are the names."""
    (tmp_path / "config.json").write_text(json.dumps(published.published_record()))
    config = read_config(tmp_path)
    part = config.vocoder
    with torch.device("meta"):
        unity = [SpeechEncoder(config.encoder), UnitDecoder(config.unit, 10_082)]
        decoder = [TextDecoder(config.decoder, 256_102)]
        CodeHifiGan(
            unit_vocabulary=part.unit_vocab_size,
            languages=36,
            speakers=200,
            embedding_dim=part.embedding_dim,
            language_dim=part.language_dim,
            speaker_dim=part.speaker_dim,
            initial_channels=part.initial_channels,
            upsample_rates=part.upsample_rates,
            upsample_kernels=part.upsample_kernels,
            resblock_kernels=part.resblock_kernels,
            resblock_dilations=part.resblock_dilations,
        )
    for modules, twice, size_bytes in (
        (unity, 10_082, 3_587_576_654),
        (decoder, 256_102, 4_273_639_264),
    ):
        numbers = sum(each.numel() for module in modules for each in module.parameters())
        names_bytes = size_bytes - 4 * (numbers - 1024 * twice)
        assert 0 < names_bytes < 0.0002 * size_bytes


def test_the_published_languages_and_voices_fit_together() -> None:
    assert len(SEAMLESS_TEXT) == len(set(SEAMLESS_TEXT)) == 98
    assert len(published.SPEECH_LANGUAGES) == 38
    assert set(published.SPEECH_LANGUAGES) - set(published.SPEAKERS) == {"kan", "tam"}
    assert len(published.SPEAKERS) == 36
    voices = sorted(voice for each in published.SPEAKERS.values() for voice in each)
    assert voices == list(range(75))
