"""Addresses on the network, as words."""

import re
from urllib.parse import urlsplit

SCHEMES = ("http", "https", "rtsp", "rtsps", "srt")
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_STEM = 100


def scheme_of(text: str) -> str:
    """`http` of an address, in lower case; empty where the text is none."""
    found = _ADDRESS.match(text)
    return found[1].lower() if found else ""


def shown(url: str) -> str:
    """An address without its user, password and query, for people."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def stem_of(url: str) -> str:
    """What results of an address are called: its last part, or else its host."""
    parts = urlsplit(url)
    last = parts.path.rstrip("/").rpartition("/")[2].rpartition(".")
    stem = _NOT_IN_NAMES.sub("-", last[0] or last[2] or parts.hostname or "").strip(".-")
    return stem[:_LONGEST_STEM] or "address"
