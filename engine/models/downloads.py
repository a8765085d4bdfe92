"""Files from the network, whole or not at all, going on where a broken connection stopped."""

import contextlib
import errno
import hashlib
import http.client
import json
import logging
import os
import shutil
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from audio_io.paths import is_there
from engine.errors import EngineError
from engine.registry.extras import to_install

logger = logging.getLogger(__name__)

OnBytes = Callable[[int, int | None], None]
"""Told the bytes that are there, and those of the whole file where they are known."""
BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file as a server offers it."""

    name: str
    url: str
    size_bytes: int | None
    """None when the server does not say."""
    sha256: str | None
    """None when nobody says."""
    version: str
    """Changes with the file's content: what was fetched of another version is thrown away."""
    token: str | None = None
    """Shown to the server, and not to those it sends us on to."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a server is waited for."""

    timeout_s: float = 30.0
    """Silence that counts as a broken connection."""
    attempts: int = 6
    """Attempts in a row that bring nothing, before it is given up."""
    first_pause_s: float = 1.0
    """Before the second attempt; each further pause is twice as long."""


def look_up_url(name: str, url: str, sha256: str | None, patience: Patience) -> RemoteFile:
    """A file of an ordinary web server."""
    try:
        request = urllib.request.Request(url, method="HEAD")  # noqa: S310  ours, checked below
        with _open(request, patience) as answer:
            headers = answer.headers
    except (OSError, http.client.HTTPException) as error:
        raise network_error(name, url, error) from error
    size = headers.get("Content-Length")
    version = headers.get("ETag") or headers.get("Last-Modified") or ""
    return RemoteFile(name, url, int(size) if size else None, sha256, version)


def look_up_on_hub(repository: str, file: str, revision: str, sha256: str | None) -> RemoteFile:
    """A file of a repository on the Hugging Face Hub.

    `huggingface_hub` says where it is (`HF_ENDPOINT`), who we are (`HF_TOKEN` or the login), how
    large it is and, for large files, its SHA-256. The bytes are fetched by `fetch` all the same:
    that library throws away what it has when a process ends, which for gigabytes is too much.
    """
    try:
        from huggingface_hub import get_hf_file_metadata, get_token, hf_hub_url
        from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled
    except ImportError as error:
        raise EngineError(
            "The package huggingface_hub is missing.", hint=f"Type: {to_install('seamless')}"
        ) from error
    endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/") or None
    url = hf_hub_url(repository, file, revision=revision, endpoint=endpoint)
    try:
        token = get_token()
    except OSError:  # its cache lies in a home that there is not
        token = None
    try:
        found = get_hf_file_metadata(url, token=token or False)
    except OfflineModeIsEnabled as error:
        raise EngineError(
            f"'{file}' is not fetched: HF_HUB_OFFLINE forbids it.", hint="Unset HF_HUB_OFFLINE."
        ) from error
    except HfHubHTTPError as error:
        raise refused(file, url, error.response.status_code) from error
    except Exception as error:  # its transport, and so its errors, differ between versions
        raise network_error(file, url, error) from error
    etag = found.etag or ""
    if len(etag) == 64 and sha256 is None:
        sha256 = etag  # of large files it is the checksum
    commit = found.commit_hash or revision
    pinned = hf_hub_url(repository, file, revision=commit, endpoint=endpoint)
    return RemoteFile(file, pinned, found.size, sha256, f"{commit} {etag}", token)


def fetch(remote: RemoteFile, folder: Path, report: OnBytes, patience: Patience) -> Path:
    """Fetch a file into a folder and check it. What is there already is not fetched again.

    Until it is whole it is called `NAME.part`, and `NAME.from` says what it is part of.
    Raises `EngineError`: one line with what to do.
    """
    whole = folder / remote.name
    part, origin = folder / f"{remote.name}.part", folder / f"{remote.name}.from"
    identity = json.dumps([remote.version, remote.size_bytes, remote.sha256])
    try:
        if not origin.is_file() or origin.read_text(encoding="utf-8") != identity:
            for stale in (part, whole):
                stale.unlink(missing_ok=True)
            origin.write_text(identity, encoding="utf-8")
        if whole.is_file():
            report(whole.stat().st_size, remote.size_bytes)
            return whole
        _fill(part, remote, report, patience)
        _check(part, remote)
        part.replace(whole)
    except OSError as error:
        raise disk_error(folder, error) from error
    return whole


def sha256_of(path: Path, report: Callable[[int], None] = lambda _: None) -> str:
    """The checksum of a file; `report` is told of every block read."""
    summed = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            summed.update(block)
            report(len(block))
    return summed.hexdigest()


def free_disk_bytes(folder: Path) -> int:
    """Room on the disk of a folder, which need not exist yet."""
    while not is_there(folder):
        folder = folder.parent
    return shutil.disk_usage(folder).free


def refuse_full_disk(folder: Path, needed_bytes: int) -> None:
    free_bytes = free_disk_bytes(folder)
    if free_bytes < needed_bytes:
        raise EngineError(
            f"'{folder}' has too little room: {in_words(needed_bytes)} are needed, "
            f"{in_words(free_bytes)} are free.",
            hint="Free some space, or name another folder with S2ST_MODELS.",
        )


def in_words(size_bytes: int) -> str:
    """`4.3 GB`, `250 kB`."""
    size = float(size_bytes)
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if size >= 10 or unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def _fill(part: Path, remote: RemoteFile, report: OnBytes, patience: Patience) -> None:
    """Append to a part until it is whole."""
    failures, pause_s = 0, patience.first_pause_s
    while True:
        before = part.stat().st_size if part.exists() else 0
        if remote.size_bytes is not None and before >= remote.size_bytes:
            return
        try:
            if _append(part, remote, report, patience):
                return
            raise ConnectionError("the connection ended too soon")
        except urllib.error.HTTPError as error:
            failure: Exception = error
            if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and before:
                part.unlink()
            elif error.code not in {408, 425, 429, 500, 502, 503, 504}:
                raise refused(remote.name, remote.url, error.code) from error
        except (OSError, http.client.HTTPException) as error:
            if _is_of_the_disk(error):
                raise
            failure = error
        if part.exists() and part.stat().st_size > before:
            failures, pause_s = 0, patience.first_pause_s
        failures += 1
        if failures >= patience.attempts:
            raise network_error(remote.name, remote.url, failure) from failure
        logger.info("'%s' broke off (%s); trying again", remote.name, failure)
        time.sleep(pause_s)
        pause_s *= 2


def _append(part: Path, remote: RemoteFile, report: OnBytes, patience: Patience) -> bool:
    """One connection's worth; whether the file is whole now."""
    there = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(remote.url)  # noqa: S310  checked in _open
    request.add_header("Accept-Encoding", "identity")
    if there:
        request.add_header("Range", f"bytes={there}-")
    if remote.token:
        request.add_unredirected_header("Authorization", f"Bearer {remote.token}")
    with _open(request, patience) as answer:
        if there and answer.status != http.HTTPStatus.PARTIAL_CONTENT:
            there = 0  # it sends everything again
        length = answer.headers.get("Content-Length")
        total = there + int(length) if length else None
        with part.open("r+b" if there else "wb") as file:
            file.seek(there)
            while block := answer.read(BLOCK_BYTES):
                file.write(block)
                there += len(block)
                report(there, remote.size_bytes or total)
            file.flush()
            os.fsync(file.fileno())
    wanted = remote.size_bytes if remote.size_bytes is not None else total
    return wanted is None or there >= wanted


def _open(request: urllib.request.Request, patience: Patience) -> http.client.HTTPResponse:
    if urlsplit(request.full_url).scheme not in {"http", "https"}:
        raise EngineError(f"'{request.full_url}' is no address on the web.")
    request.add_header("User-Agent", "s2st")
    answer: http.client.HTTPResponse = urllib.request.urlopen(  # noqa: S310  http(s) only
        request, timeout=patience.timeout_s
    )
    return answer


def _check(part: Path, remote: RemoteFile) -> None:
    """Refuse, and throw away, what is not the file that was promised."""
    size_bytes = part.stat().st_size
    if remote.size_bytes is not None and size_bytes != remote.size_bytes:
        part.unlink()
        raise EngineError(
            f"'{remote.name}' came with {size_bytes} bytes instead of {remote.size_bytes}.",
            hint="It was thrown away; try again, and without a proxy if there is one.",
        )
    if remote.sha256 is not None and sha256_of(part) != remote.sha256:
        part.unlink()
        raise EngineError(
            f"'{remote.name}' came with a wrong checksum (SHA-256 is not {remote.sha256[:12]}...).",
            hint="It was thrown away; try again, and without a proxy or mirror if there is one.",
        )


def refused(name: str, url: str, code: int) -> EngineError:
    """What a server's refusal means."""
    host = urlsplit(url).netloc
    if code in {401, 403}:
        return EngineError(
            f"{host} does not give out '{name}' ({code}).",
            hint="Accept its licence on its page there and set HF_TOKEN, or check your proxy.",
        )
    if code in {404, 410}:
        return EngineError(
            f"{host} has no '{name}' ({code}).",
            hint="It was moved or removed: look for a newer s2st, or check HF_ENDPOINT.",
        )
    return EngineError(
        f"{host} could not send '{name}' ({code}).",
        hint="Try again later; it goes on where it stopped.",
    )


def network_error(name: str, url: str, error: Exception) -> EngineError:
    """What a failed connection means."""
    if isinstance(error, urllib.error.HTTPError):
        return refused(name, url, error.code)
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    what = type(error).__name__
    if isinstance(reason, TimeoutError | socket.timeout):
        what = "no answer in time"
    elif str(reason):
        what = " ".join(str(reason).split())[:120].rstrip(".")
    return EngineError(
        f"'{name}' could not be fetched from {urlsplit(url).netloc}: {what}.",
        hint="Check the network and the proxy (HTTPS_PROXY), or set HF_ENDPOINT to a mirror; "
        "trying again goes on where it stopped.",
    )


def _is_of_the_disk(error: BaseException) -> bool:
    numbers = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EIO}
    return isinstance(error, OSError) and error.errno in numbers


def disk_error(folder: Path, error: OSError) -> EngineError:
    """What a failure to write means."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return EngineError(
            f"'{folder}' cannot be written: the disk is full.",
            hint="Free some space and try again: it goes on where it stopped. "
            "S2ST_MODELS names another folder.",
        )
    return EngineError(
        f"'{folder}' cannot be written ({error.strerror or error}).",
        hint="Name a folder of your own with S2ST_MODELS.",
    )


@contextlib.contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Holds a folder for this process, which may be missing yet; the hold ends with the process."""
    import fcntl

    with contextlib.ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock: IO[bytes] = stack.enter_context((folder / ".lock").open("wb"))
        except OSError as error:
            raise disk_error(folder, error) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise EngineError(
                f"Another s2st is working in '{folder}'.", hint="Wait for it to end."
            ) from error
        yield
