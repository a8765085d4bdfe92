#!/usr/bin/env python3
"""How good the draft engine's text is: word error rate of the transcript, chrF and BLEU of the
translation, and what the confidence threshold keeps and throws away.

Measured through `s2st file` with its default cuts, over the English rows of a manifest that have
references.
"""

import argparse
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jiwer
from measuring import DATA, S2ST, print_circumstances, print_table, print_verdict, run
from recordings import english_rows, write_manifest
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from audio_io.manifest import ManifestRow
from engine.languages import resolve_language
from engine.text.unclear import UNCLEAR, without_unclear

TARGET_WER = 0.30
NORMALISER = (
    "lower case, only the letters a-z and the apostrophe kept, runs of anything else one space"
)


@dataclass(frozen=True, slots=True)
class Texts:
    """What one run wrote, a text for each recording."""

    transcripts: list[str]
    """Normalised, without `[unclear]`."""
    translations: list[str]
    """As written, without `[unclear]`."""

    @property
    def words(self) -> int:
        return sum(len(transcript.split()) for transcript in self.transcripts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data-file",
        type=Path,
        default=DATA / "manifest.tsv",
        help="tsv manifest with columns audio, src_lang, src_text, tgt_lang, tgt_text "
        "(default: the bundled recordings)",
    )
    parser.add_argument("--tgt", default="spa", help="target language (default spa)")
    parser.add_argument("--jobs", type=int, default=2, help="recordings at once (default 2)")
    parser.add_argument("--each", action="store_true", help="show each recording's errors too")
    arguments = parser.parse_args()
    target = resolve_language(arguments.tgt).code
    rows = _with_references(english_rows(arguments.data_file), target)
    said = [normalised(row.source_text or "") for row in rows]
    references = [row.target_text or "" for row in rows]
    jobs = str(arguments.jobs)
    everything = _translate(rows, target, "--jobs", jobs, "--min-confidence", "0")
    default = _translate(rows, target, "--jobs", jobs)
    if arguments.each:
        errors = [
            (row.id, jiwer.wer(words, all_words), jiwer.wer(words, sure_words))
            for row, words, all_words, sure_words in zip(
                rows, said, everything.transcripts, default.transcripts, strict=True
            )
        ]
        print_table(("recording", "WER, all words", "WER, default confidence"), errors)
        print()
    bleu, chrf = BLEU(), CHRF()
    kinds = {"all words (--min-confidence 0)": everything, "default confidence": default}
    print_table(
        ("", "words kept", "share", "precision", "WER", "chrF", "BLEU"),
        [
            (
                kind,
                texts.words,
                texts.words / everything.words,
                jiwer.process_words(said, texts.transcripts).hits / texts.words,
                jiwer.wer(said, texts.transcripts),
                chrf.corpus_score(texts.translations, [references]).score,
                bleu.corpus_score(texts.translations, [references]).score,
            )
            for kind, texts in kinds.items()
        ],
    )
    print_verdict("WER of all words", jiwer.wer(said, everything.transcripts), TARGET_WER)
    print_circumstances(
        f"`s2st file --format jsonl,txt --tgt {target} --jobs {jobs}` over {len(rows)} English "
        f"recordings with {sum(len(words.split()) for words in said)} words of "
        f"{arguments.data_file}; words normalised for WER and precision: {NORMALISER}; precision: "
        f"kept words that jiwer aligns as equal / kept words; {UNCLEAR} is taken out before "
        f"scoring, so it costs WER as missing words; chrF {chrf.get_signature()}; "
        f"BLEU {bleu.get_signature()}",
        "jiwer",
        "sacrebleu",
    )


def normalised(text: str) -> str:
    return re.sub(r"[^a-z']+", " ", text.replace("’", "'").lower()).strip()


def _with_references(rows: Sequence[ManifestRow], target: str) -> list[ManifestRow]:
    kept = [
        row
        for row in rows
        if normalised(row.source_text or "")
        and row.target_text
        and row.target_language
        and resolve_language(row.target_language).code == target
    ]
    if not kept:
        raise SystemExit(f"No English row has a transcript and a reference in '{target}'.")
    return kept


def _translate(rows: Sequence[ManifestRow], target: str, *options: str) -> Texts:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        manifest = write_manifest(folder / "recordings.tsv", rows)
        words = ["--src", "eng", "--tgt", target, "--format", "jsonl,txt", "--quiet"]
        run([S2ST, "file", *manifest, *words, "--output", folder / "out", *options])
        transcripts, translations = (
            [_read(folder / "out" / f"{row.id}.{language}.txt") for row in rows]
            for language in ("eng", target)
        )
    return Texts([normalised(transcript) for transcript in transcripts], translations)


def _read(path: Path) -> str:
    """All utterances of one text file, joined."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return " ".join(without_unclear(line)[0] for line in lines).strip()


if __name__ == "__main__":
    main()
