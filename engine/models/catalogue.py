"""The models that can be fetched: from where, how large, and under which licence."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A published file of a model: of a repository on the Hugging Face Hub, or at an address."""

    name: str
    """As it is called there."""
    repository: str = ""
    """`owner/name` on the Hub; empty where `url` counts."""
    url: str = ""
    size_bytes: int | None = None
    """For telling people beforehand; None when it is not known."""
    sha256: str | None = None
    """None when it is not known before the first pull."""
    revision: str = "main"


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model that can be fetched."""

    name: str
    summary: str
    files: tuple[ModelFile, ...]
    licence: str
    """Named, with what it forbids, in words to be shown before the model is fetched."""
    format: str = "seamless-streaming"
    """Key of the function that converts it."""
    parameters: int | None = None
    """Numbers of 4 bytes in its weights, where the sizes of its files are not known beforehand."""
    kept_as_fetched: bool = False
    """Whether files are loaded as they are published, and so take room once."""

    @property
    def size_bytes(self) -> int:
        """To be fetched, as far as it is known beforehand."""
        return sum(file.size_bytes or 0 for file in self.files) or 4 * (self.parameters or 0)


CATALOGUE: dict[str, ModelSpec] = {
    spec.name: spec
    for spec in (
        ModelSpec(
            name="seamless-streaming",
            summary="Meta's SeamlessStreaming: simultaneous translation, 101 languages in, "
            "96 as text, 36 as speech",
            licence="CC-BY-NC 4.0: not for commercial use",
            files=(
                ModelFile(
                    "seamless_streaming_unity.pt",
                    repository="facebook/seamless-streaming",
                    size_bytes=3_587_576_654,
                ),
                ModelFile(
                    "seamless_streaming_monotonic_decoder.pt",
                    repository="facebook/seamless-streaming",
                    size_bytes=4_273_639_264,
                ),
                ModelFile(
                    "spm_char_lang38_tc.model",
                    repository="facebook/seamless-streaming",
                    size_bytes=368_901,
                ),
                ModelFile("tokenizer.model", repository="facebook/seamless-m4t-large"),
                ModelFile(
                    "vocoder_v2.pt",
                    url="https://dl.fbaipublicfiles.com/seamless/models/vocoder_v2.pt",
                ),
            ),
        ),
        ModelSpec(
            name="seamless-m4t-v2-large",
            summary="Meta's SeamlessM4T v2: translation of whole utterances and while they are "
            "heard, 101 languages in, 96 as text, 36 as speech",
            licence="CC-BY-NC 4.0: not for commercial use",
            format="seamless-m4t-v2",
            parameters=2_309_249_669,
            kept_as_fetched=True,
            files=tuple(
                ModelFile(name, repository="facebook/seamless-m4t-v2-large")
                for name in (
                    "config.json",
                    "generation_config.json",
                    "model.safetensors.index.json",
                    "model-00001-of-00002.safetensors",
                    "model-00002-of-00002.safetensors",
                )
            ),
        ),
    )
}
