"""The cascade as an engine: what it covers and needs, and what it may be told."""

from collections.abc import Iterator

from engine.cascade.config import FILE_POLICY, LIVE_POLICY
from engine.cascade.loading import check_speakers, load, missing
from engine.registry import EngineSpec, Finding


def _findings() -> Iterator[Finding]:
    from engine.cascade.checkup import findings

    return findings()


SPEC = EngineSpec(
    name="cascade",
    summary="offline draft engine: pocketsphinx, Apertium, espeak-ng",
    sources=frozenset({"eng"}),
    text_targets=frozenset({"spa", "cat", "glg", "epo", "por", "ita", "fra"}),
    speech_targets=frozenset({"spa", "cat", "glg", "epo", "por", "ita", "fra"}),
    input_rate_hz=16_000,
    output_rate_hz=22_050,
    load=load,
    missing=missing,
    check=check_speakers,
    findings=_findings,
    policies={"file": FILE_POLICY, "live": LIVE_POLICY},
    draft=True,
    notice=(
        "cascade is a draft engine: on clean, read English about one word in four is wrong, "
        "on spontaneous or noisy speech about every second one. "
        "Take its translations for a hint, and check them."
    ),
    pace="faster than real time on one core",
    remarks={
        "glg": "spoken with a Portuguese voice: espeak-ng has no Galician one",
        "por": "lower quality: translated by way of Spanish",
        "ita": "lower quality: translated by way of Catalan",
        "fra": "lower quality: translated by way of Catalan",
    },
)
