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

    @property
    def size_bytes(self) -> int:
        """To be fetched, as far as it is known beforehand."""
        return sum(file.size_bytes or 0 for file in self.files)


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
    )
}
