"""Rows of a tsv manifest: the recordings of an evaluation or a batch, and what is known of them."""

import errno
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from audio_io.addresses import SCHEMES, scheme_of, shown, stem_of
from audio_io.errors import ManifestError
from audio_io.paths import really

_LONGEST_ID_BYTES = 200
"""Room in a file name of 255 bytes for what is added to it."""
_MOST_DIGITS = 18
_OPEN_ERRORS = {
    errno.ENOENT: ("does not exist.", "Check the name and the folder."),
    errno.EISDIR: ("is a folder.", "Name the tsv file in it."),
    errno.EACCES: ("may not be read: permission denied.", "`chmod +r` it."),
}


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """One recording."""

    id: str
    """A plain file name that no other row has; results are named after it."""
    audio: Path
    """Absolute, as it is written, without `..`. The file need not exist."""
    line_number: int
    """Where the row stands in the manifest. The header is line 1."""
    address: str = ""
    """Where it is on the network, if it is: then `audio` is no path."""
    source_language: str | None = None
    """As it is written in column `src_lang`."""
    target_language: str | None = None
    """As it is written in column `tgt_lang`."""
    source_text: str | None = None
    """What is said, from column `src_text`; None without that column."""
    target_text: str | None = None
    """The reference translation, from column `tgt_text`; None without that column."""
    n_frames: int | None = None
    """How many samples the recording is said to have."""
    columns: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    """Every field by the name of its column, as it is written."""


def read_manifest(
    path: Path,
    audio_root: Path | None = None,
    *,
    needed: Sequence[str] = (),
    addresses: bool = False,
) -> list[ManifestRow]:
    """The rows of a manifest, in order.

    The first line names the columns, separated by tabs. `audio` must be there; `id`, `src_lang`,
    `tgt_lang`, `src_text`, `tgt_text` and `n_frames` may be, and so may others; those `needed`
    must be. Without `id`, the audio file's stem is the id. Audio paths start at `audio_root`, or
    else at the manifest's folder, and may not lead out of it by what is written; links that lie
    there are whose folder it is, and are followed. Quotes are letters like others. What `audio`
    names may be an address on the network only where `addresses` allows it.

    Raises:
        ManifestError: the manifest can't be read or does not say what it should; names the line.
    """
    lines = _lines(path)
    if not lines:
        raise ManifestError(f"{path} is empty.", hint="Its first line must name the columns.")
    columns = lines[0].split("\t")
    _check_columns(path, columns, needed)
    if audio_root is not None and not audio_root.is_dir():
        raise ManifestError(f"The audio root {audio_root} is not a folder.")
    root = (path.parent if audio_root is None else audio_root).absolute()
    if ".." in root.parts:  # behind a link it leads elsewhere than it reads
        root = really(root)
    rows: list[ManifestRow] = []
    line_of_id: dict[str, int] = {}
    for line_number, fields in _fields(path, columns, lines):
        row = _row(_Line(path, line_number), fields, root, addresses=addresses)
        if row.id in line_of_id:
            raise ManifestError(
                f"{path}, line {line_number}: the id {row.id!r} stands in line "
                f"{line_of_id[row.id]} already.",
                hint="Give every row an id of its own in column 'id'.",
            )
        line_of_id[row.id] = line_number
        rows.append(row)
    if not rows:
        raise ManifestError(f"{path} has a header and no rows.", hint="Add one row per recording.")
    return rows


@dataclass(frozen=True, slots=True)
class _Line:
    path: Path
    number: int

    def error(self, what: str, hint: str = "") -> ManifestError:
        return ManifestError(f"{self.path}, line {self.number}: {what}", hint=hint)


def _lines(path: Path) -> list[str]:
    try:
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        seen = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        number = error.errno if isinstance(error, OSError) else None
        reason, hint = _OPEN_ERRORS.get(number or 0, (f"cannot be read: {seen}.", ""))
        raise ManifestError(f"{path} {reason}", hint=hint) from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ManifestError(
            f"{path}, line {line}: this is not UTF-8 (byte 0x{data[error.start]:02x}).",
            hint="Convert it, for example with `iconv -f LATIN1 -t UTF-8`.",
        ) from error
    # Not splitlines(), which also ends lines at form feeds and U+2028, nor the csv module, for
    # which quotes and lone carriage returns mean something.
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    while lines and not lines[-1].strip():
        lines.pop()
    return lines


def _check_columns(path: Path, columns: list[str], needed: Sequence[str]) -> None:
    for column in ("audio", *needed):
        if column not in columns:
            raise ManifestError(
                f"{path} has no column {column!r}; it has: {', '.join(columns)}.",
                hint="The first line must name the columns, separated by tabs.",
            )
    twice = sorted({column for column in columns if column and columns.count(column) > 1})
    if twice:
        raise ManifestError(f"{path} has the column {twice[0]!r} twice.", hint="Remove one.")


def _fields(
    path: Path, columns: list[str], lines: list[str]
) -> Iterator[tuple[int, dict[str, str]]]:
    for line_number, line in enumerate(lines[1:], start=2):
        fields = line.split("\t")
        if len(fields) != len(columns):
            raise _Line(path, line_number).error(
                f"{len(fields)} fields where the header has {len(columns)}.",
                hint="Fields are separated by single tabs and may not hold tabs or line breaks.",
            )
        yield line_number, dict(zip(columns, fields, strict=True))


def _row(line: _Line, fields: dict[str, str], root: Path, *, addresses: bool) -> ManifestRow:
    name = fields["audio"]
    if not name:
        raise line.error("column 'audio' is empty.")
    scheme = scheme_of(name)
    if scheme and not addresses:
        raise line.error(
            f"the audio is an address ({shown(name)}), and nothing is fetched for a manifest.",
            hint="⟦allow_addresses⟧ of `s2st file` allows it.",
        )
    if scheme and scheme not in SCHEMES:
        raise line.error(f"{shown(name)} is an address of a kind that is not read.")
    row_id = fields.get("id", stem_of(name) if scheme else Path(name).stem)
    problem = _problem_with_id(row_id)
    if problem:
        raise line.error(
            f"the id {row_id[:80]!r} cannot name a file: {problem}.",
            hint="Results are named after the ids; use letters, digits, '-' and '_'.",
        )
    return ManifestRow(
        id=row_id,
        audio=Path() if scheme else _below(root, name, line),
        address=name if scheme else "",
        line_number=line.number,
        source_language=fields.get("src_lang") or None,
        target_language=fields.get("tgt_lang") or None,
        source_text=fields.get("src_text"),
        target_text=fields.get("tgt_text"),
        n_frames=_frames(fields.get("n_frames"), line),
        columns=fields,
    )


def _problem_with_id(row_id: str) -> str:
    """What keeps an id from being a file's name; empty if nothing does."""
    if not row_id:
        return "it is empty"
    if row_id.startswith("."):
        return "it starts with a dot"
    if "/" in row_id or "\\" in row_id:
        return "it holds a slash"
    if not row_id.isprintable():
        return "it holds characters that cannot be shown"
    if len(row_id.encode()) > _LONGEST_ID_BYTES:
        return f"it is longer than {_LONGEST_ID_BYTES} bytes"
    return ""


def _below(root: Path, name: str, line: _Line) -> Path:
    """What is written as `name`, if that is below `root`. Where links lead does not matter: the
    text of a manifest may come from anybody, the links from whose folder it is."""
    if "\0" in name:
        raise line.error(f"the audio path {name[:80]!r} is no path: it holds a NUL.")
    written = Path(os.path.normpath(name))
    for start in (root, really(root)) if written.is_absolute() else ():
        if written.is_relative_to(start):
            written = written.relative_to(start)
            break
    if not written.is_absolute() and ".." not in written.parts:
        return root / written
    raise line.error(
        f"the audio {name} leads out of {root}.",
        hint="Pass the folder that all recordings are in as `⟦audio_root⟧`.",
    )


def _frames(field: str | None, line: _Line) -> int | None:
    if not field:
        return None
    if not (field.isascii() and field.isdigit() and len(field) <= _MOST_DIGITS):
        raise line.error(f"n_frames is {field[:80]!r}, which is not a whole number.")
    return int(field)
