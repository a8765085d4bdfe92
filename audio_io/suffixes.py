"""The file names that a walk through a folder takes for recordings."""

from pathlib import Path

_NAMES = """
    3g2 3gp aac ac3 adts aif aifc aiff amr ape asf au avi awb bwf caf dif divx dts dtshd dv ec3 eac3
    f4a f4v flac flv ircam ism isma ismv loas latm m1a m2a m2t m2ts m2v m4a m4b m4p m4r m4v mac mk3d
    mka mkv mlp mov mp1 mp2 mp3 mp4 mpa mpc mpe mpeg mpg mpp mpv mts mxf nist nsv nut oga ogg ogm
    ogv ogx opus psp qt ra rf64 rm rmvb sf snd sph spx tak thd tod trp ts tta vob voc w64 wav wave
    weba webm wma wmv wtv wv
"""

SOUND_SUFFIXES: frozenset[str] = frozenset(f".{name}" for name in _NAMES.split())
"""In lower case, with the dot. A file that is named outright is read whatever its name."""

_OTHER_THINGS = frozenset({".ts", ".mts", ".trp", ".mac", ".sf", ".mpp", ".ism"})
"""Suffixes that files of other kinds have more often: programs, documents, fonts."""
_TS_SYNC = 0x47
_TS_PACKETS = ((188, 0), (192, 4), (204, 0))


def is_named_like_sound(path: Path) -> bool:
    """Whether a file's name is a recording's; where the name is others' too, its first bytes are
    looked at.

    Raises:
        OSError: they cannot be read.
    """
    suffix = path.suffix.lower()
    if suffix not in SOUND_SUFFIXES:
        return False
    if suffix not in _OTHER_THINGS:
        return True
    with path.open("rb") as file:
        head = file.read(1024)
    if suffix in (".ts", ".mts", ".trp"):
        return any(
            len(head) > size + offset and head[offset] == head[size + offset] == _TS_SYNC
            for size, offset in _TS_PACKETS
        )
    return b"\0" in head and not head.startswith((b"\xd0\xcf\x11\xe0", b"PK", b"<"))
