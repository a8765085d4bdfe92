"""Servers on this machine that send sound: a radio that breaks off, and a camera's RTSP."""

import contextlib
import http.server
import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from audio_io.chunk import Samples

RTP_RATE_HZ = 8000
_PACKET_SAMPLES = 160


@contextlib.contextmanager
def files_over_http(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Its address, and what was asked of it."""
    asked: list[str] = []

    class Files(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(folder))  # type: ignore[arg-type]

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            asked.append(self.path)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


@contextlib.contextmanager
def radio(parts: Sequence[bytes]) -> Iterator[str]:
    """The address of a broadcast of mp3: one part to each connection, then it is gone."""

    def serve() -> None:
        for part in parts:
            with contextlib.suppress(OSError):
                connection, _ = listening.accept()
                with connection:
                    connection.recv(65536)
                    head = b"HTTP/1.0 200 OK\r\nContent-Type: audio/mpeg\r\nicy-name: test\r\n\r\n"
                    connection.sendall(head + part)
        listening.close()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, daemon=True).start()
        yield f"http://u:secret@127.0.0.1:{listening.getsockname()[1]}/radio.mp3?key=hidden"


@contextlib.contextmanager
def camera(sound: Samples) -> Iterator[str]:
    """The address of an RTSP server that sends the sound once, mu-law at 8 kHz over TCP."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"rtsp://127.0.0.1:{listening.getsockname()[1]}/live"

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection, contextlib.suppress(OSError):
                    _talk(connection, url, mu_law(sound))

        threading.Thread(target=serve, daemon=True).start()
        yield url


def _talk(connection: socket.socket, url: str, data: bytes) -> None:
    """One RTSP conversation: RFC 2326."""
    requests = connection.makefile("rb")
    while line := requests.readline().decode():
        headers = {}
        while (header := requests.readline().decode().strip()) != "":
            name, _, value = header.partition(": ")
            headers[name.lower()] = value
        method = line.split(" ")[0]
        answer = {"CSeq": headers["cseq"], "Session": "1"}
        body = ""
        if method == "OPTIONS":
            answer["Public"] = "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN"
        elif method == "DESCRIBE":
            body = (
                "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
                "m=audio 0 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=control:track1\r\n"
            )
            answer |= {"Content-Type": "application/sdp", "Content-Base": url + "/"}
        elif method == "SETUP":
            answer["Transport"] = "RTP/AVP/TCP;unicast;interleaved=0-1"
        elif method == "PLAY":
            answer["Range"] = "npt=0-"
        answer["Content-Length"] = str(len(body))
        head = "".join(f"{name}: {value}\r\n" for name, value in answer.items())
        connection.sendall(f"RTSP/1.0 200 OK\r\n{head}\r\n{body}".encode())
        if method == "PLAY":
            for number, start in enumerate(range(0, len(data), _PACKET_SAMPLES)):
                part = data[start : start + _PACKET_SAMPLES]
                packet = struct.pack(">BBHII", 0x80, 0, number & 0xFFFF, start, 1) + part
                connection.sendall(struct.pack(">cBH", b"$", 0, len(packet)) + packet)
            return
        if method == "TEARDOWN":
            return


def mu_law(sound: Samples) -> bytes:
    """ITU-T G.711."""
    values = np.clip(sound * 32768, -32635, 32635).astype(np.int32)
    sign = np.where(values < 0, 0x80, 0)
    magnitude = np.abs(values) + 132
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    return bytes((~(sign | exponent << 4 | mantissa) & 0xFF).astype(np.uint8))
