"""A Hugging Face Hub of our own on loopback, with a plain web server beside it."""

import hashlib
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from engine.registry import ModelFile
from engine.seamless import spec as seamless
from tests.fakes import DATA

TINY = DATA / "seamless"
COMMIT = "c0ffee" + "0" * 34
REPOSITORY = "somebody/tiny"
NAME = "tiny-random"
ON_HUB = ("config.json", "unity.pt", "monotonic_decoder.pt", "text.model", "char.model")
PLAIN = "vocoder.pt"


@dataclass
class HubServer:
    """What it serves, how it misbehaves, and what it was asked."""

    files: dict[str, bytes]
    folder: Path = TINY
    """Where they are as they should be."""
    address: str = ""
    refuse: dict[str, int] = field(default_factory=dict)
    """By file: the status it is refused with."""
    cut_after: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    """By file: bytes after which the next connections break."""
    ignore_ranges: bool = False
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    """Method, file, and range of every request."""
    tokens: list[str] = field(default_factory=list)


def _handler(hub: HubServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle(self) -> None:
            with suppress(ConnectionError):  # who hears enough hangs up
                super().handle()

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def _answer(self, *, body: bool) -> None:
            name = self.path.rpartition("/")[2]
            wanted = self.headers.get("Range", "")
            hub.asked.append((self.command, name, wanted))
            hub.tokens.append(self.headers.get("Authorization", ""))
            if name in hub.refuse or name not in hub.files:
                self.send_response(hub.refuse.get(name, 404))
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            content = hub.files[name]
            start = int(wanted[6:-1]) if wanted and not hub.ignore_ranges else 0
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(content) - start))
            if "/resolve/" in self.path:
                checksum = hashlib.sha256((hub.folder / name).read_bytes()).hexdigest()
                self.send_header("ETag", f'"{checksum}"')
                self.send_header("X-Linked-Etag", f'"{checksum}"')
                self.send_header("X-Linked-Size", str(len(content)))
                self.send_header("X-Repo-Commit", COMMIT)
            else:
                self.send_header("ETag", '"of-no-use"')
            self.end_headers()
            if body:
                cuts = hub.cut_after[name]
                end = start + cuts.pop(0) if cuts else len(content)
                self.wfile.write(content[start:end])
                self.close_connection = end < len(content)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@contextmanager
def hub_server(folder: Path = TINY, names: Sequence[str] = (*ON_HUB, PLAIN)) -> Iterator[HubServer]:
    hub = HubServer({name: (folder / name).read_bytes() for name in names}, folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    server.daemon_threads = True
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def offer_tiny(hub: HubServer, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the engine a tiny model, on this hub, and put the models folder into `folder`."""
    tiny = replace(
        seamless.MODEL,
        name=NAME,
        summary="random numbers",
        licence="none: numbers at random",
        files=(
            *(ModelFile(name, repository=REPOSITORY) for name in ON_HUB),
            ModelFile(PLAIN, url=f"{hub.address}/plain/{PLAIN}"),
        ),
    )
    models = (seamless.MODEL, tiny)
    monkeypatch.setattr(seamless, "SPEC", replace(seamless.SPEC, models=models))
    monkeypatch.setenv("S2ST_MODELS", str(folder))
    monkeypatch.setenv("HF_ENDPOINT", hub.address)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
