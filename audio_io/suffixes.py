"""The file names that a walk through a folder takes for recordings."""

_NAMES = """
    3gp aac ac3 aif aifc aiff amr ape au avi caf flac flv m2ts m4a m4b m4v mka mkv mov mp2 mp3 mp4
    mpeg mpg mts oga ogg ogv opus rf64 sph tta voc w64 wav webm wma wmv wv
"""

SOUND_SUFFIXES: frozenset[str] = frozenset(f".{name}" for name in _NAMES.split())
"""In lower case, with the dot. A file that is named outright is read whatever its name."""
