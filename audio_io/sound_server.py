"""The sound server, PulseAudio or PipeWire: its microphones and speakers, and where it has put us.

Behind a server PortAudio does not notice that a device went away: the server moves the stream to
another one and the callbacks go on. So the server itself is asked.
"""

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from audio_io.errors import DeviceError

logger = logging.getLogger(__name__)

MONITOR = ".monitor"
"""How the name of a source ends that hears what a speaker plays."""

SETTLE_S = 1.0
"""How long the server may take to put a new stream where it belongs."""
KNOWN_S = 3.0
"""What came no longer than this before a device was lost may be that device under another name."""

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class ServerDevice:
    """A source (microphone, or what a speaker plays) or a sink (speaker) of the server."""

    name: str
    title: str
    channels: int
    rate_hz: int
    is_default: bool
    is_muted: bool = False
    """Or turned down to nothing."""
    channel_names: tuple[str, ...] = ()
    """Where each stands: `front-left`, `aux0`."""
    address: str = ""
    """Of a Bluetooth device, whichever profile it has; empty for others."""


class SoundServer:
    """A connection to the sound server, if there is one. Belongs to one thread, but for
    `watch`, which has a thread and a connection of its own."""

    def __init__(self) -> None:
        self._pulse: Any = None

    def connect(self) -> bool:
        """Whether there is a server. Never starts one."""
        if self._pulse is not None:
            return True
        try:
            import pulsectl
        except (ImportError, OSError):  # not for this system; or no libpulse
            return False
        try:
            self._pulse = pulsectl.Pulse("s2st", connect=False)
            self._pulse.connect(autospawn=False)
        except pulse_errors():
            self._pulse = None
            return False
        return True

    def close(self) -> None:
        if self._pulse is not None:
            with contextlib.suppress(Exception):  # it may be gone already
                self._pulse.close()
            self._pulse = None

    def sources(self) -> list[ServerDevice]:
        """Microphones, and what speakers play."""
        return self._list("source")

    def sinks(self) -> list[ServerDevice]:
        return self._list("sink")

    def our_source(self) -> str | None:
        """Name of the source this process records from; None when it records from none."""
        return self._ours("source_output_list", "source", "source_list")

    def our_sink(self) -> str | None:
        """Name of the sink this process plays to."""
        return self._ours("sink_input_list", "sink", "sink_list")

    def is_ours_muted(self, *, inward: bool) -> bool:
        """Whether this process's own stream is muted at the server, or turned down to nothing."""
        streams = "source_output_list" if inward else "sink_input_list"

        def muted(pulse: Any) -> bool:
            return any(
                bool(stream.mute) or stream.volume.value_flat == 0.0
                for stream in getattr(pulse, streams)()
                if stream.proplist.get("application.process.id") == str(os.getpid())
            )

        return self._ask(muted, False)

    def move_ours(self, name: str, *, inward: bool) -> None:
        """Connect this process's stream to the source or sink of that name."""
        kind, streams = ("source", "source_output") if inward else ("sink", "sink_input")

        def move(pulse: Any) -> None:
            places = [item for item in getattr(pulse, f"{kind}_list")() if item.name == name]
            for stream in getattr(pulse, f"{streams}_list")():
                if places and stream.proplist.get("application.process.id") == str(os.getpid()):
                    getattr(pulse, f"{streams}_move")(stream.index, places[0].index)

        self._ask(move, None)

    def watch(self) -> "Watch":
        """From now on, tells when anything about devices and streams changes."""
        return Watch()

    def _list(self, kind: str) -> list[ServerDevice]:
        def listed(pulse: Any) -> list[ServerDevice]:
            default = getattr(pulse.server_info(), f"default_{kind}_name")
            return [
                ServerDevice(
                    item.name,
                    item.description or item.name,
                    item.channel_count,
                    item.sample_spec.rate,
                    item.name == default,
                    bool(item.mute) or item.volume.value_flat == 0.0,
                    tuple(item.channel_list),
                    _address(item.proplist),
                )
                for item in getattr(pulse, f"{kind}_list")()
            ]

        return self._ask(listed, [])

    def _ours(self, streams: str, kind: str, devices: str) -> str | None:
        def ours(pulse: Any) -> str | None:
            names = {item.index: item.name for item in getattr(pulse, devices)()}
            for stream in getattr(pulse, streams)():
                if stream.proplist.get("application.process.id") == str(os.getpid()):
                    name: str | None = names.get(getattr(stream, kind))
                    return name
            return None

        return self._ask(ours, None)

    def _ask(self, question: Callable[[Any], Answer], nothing: Answer) -> Answer:
        """The answer of a server; `nothing` when there is none, or it goes away meanwhile. The
        next question tries anew."""
        if not self.connect():
            return nothing
        try:
            return question(self._pulse)
        except pulse_errors() as error:
            logger.debug("the sound server does not answer: %s", error)
            self.close()
            return nothing


def _address(properties: dict[str, str]) -> str:
    """PipeWire and PulseAudio write it down differently."""
    if address := properties.get("api.bluez5.address"):
        return address
    is_bluetooth = properties.get("device.api") in ("bluez", "bluez5")
    return properties.get("device.string", "") if is_bluetooth else ""


def pulse_errors() -> tuple[type[Exception], ...]:
    """What pulsectl raises when the server is not there, or not any more."""
    import pulsectl

    # A server that was lost is none of its `PulseError`s.
    return pulsectl.PulseError, pulsectl.PulseDisconnected, OSError


class Watch:
    """Listens to the server on a thread of its own."""

    def __init__(self) -> None:
        self._changed = threading.Event()
        self._ended = threading.Event()
        self._happened = False
        self.suspended: frozenset[str] = frozenset()
        """Sources and sinks that sleep now. A server that hangs is waited for by this thread alone.
        """
        self._thread = threading.Thread(target=self._run, name="sound-server", daemon=True)
        self._thread.start()

    def changed(self) -> bool:
        """Whether something changed since this was asked last."""
        if not self._changed.is_set():
            return False
        self._changed.clear()
        return True

    def close(self) -> None:
        self._ended.set()
        self._thread.join(timeout=2.0)

    def _run(self) -> None:
        import pulsectl

        while not self._ended.is_set():
            try:
                with pulsectl.Pulse("s2st watch", connect=False) as pulse:
                    pulse.connect(autospawn=False)
                    pulse.event_mask_set("source", "sink", "source_output", "sink_input")
                    pulse.event_callback_set(self._hear)
                    self._note()
                    while not self._ended.is_set():
                        if self._happened:
                            self._happened = False
                            self.suspended = _suspended(pulse)
                            self._changed.set()
                        pulse.event_listen(timeout=0.5)
            except pulse_errors() as error:
                logger.debug("the sound server is gone: %s", error)
                self._changed.set()
                self._ended.wait(0.5)

    def _hear(self, event: Any) -> None:
        import pulsectl

        self._note()
        raise pulsectl.PulseLoopStop

    def _note(self) -> None:
        self._happened = True


def _suspended(pulse: Any) -> frozenset[str]:
    there = [*pulse.source_list(), *pulse.sink_list()]
    return frozenset(item.name for item in there if item.state == "suspended")


class ServerPlace:
    """One stream of this process at the sound server. Belongs to one thread."""

    def __init__(self, title: str, wanted: str, *, inward: bool, follows: bool) -> None:
        """`wanted` is the server's name of what was asked for, `title` that for people. `follows`
        says that whoever moves the stream to another device of the server is right; otherwise it
        belongs where it was opened."""
        self._title = title
        self._wanted = wanted
        self._inward = inward
        self._follows = follows
        self._server = SoundServer()
        self._watch: Watch | None = None
        self._item: ServerDevice | None = None
        """What we are connected to, as it was seen last."""
        self._known: dict[str, float] = {}
        """Names of all there is beside it, and when each was first seen."""
        self.name: str | None = None
        """The server's source or sink the stream belongs to; None without a server."""
        self.moved_to = ""
        """Where somebody moved the stream; whoever tells of it empties this."""
        self.is_muted = False
        """Whether somebody muted it at the server, or turned it down to nothing."""

    def settle(self) -> None:
        """Learn where the server has put us, ask for the right place if it is another, and watch
        from now on. Does nothing without a server.

        Raises:
            DeviceError: the server does not connect us to it.
        """
        if not self._server.connect():
            return
        deadline_s = time.monotonic() + SETTLE_S
        wanted = self._wanted
        while time.monotonic() < deadline_s:
            self.name = self._where()
            if self.name is not None:
                if not wanted or self.name == wanted:
                    break
                self._server.move_ours(wanted, inward=self._inward)
            time.sleep(0.02)
        if wanted and self.name != wanted:
            raise DeviceError(
                f"The sound server does not connect us to '{self._title}'.",
                hint="`s2st devices` lists what there is.",
            )
        self._watch = self._server.watch()

    def trouble(self) -> str:
        """Why the device counts as lost; empty while we are where we belong."""
        if self._watch is None or self.name is None or not self._watch.changed():
            return ""
        where, there = self._where(), self._there(self._server)
        if where is None:
            return "the sound server dropped it"
        items = {item.name: item for item in there}
        if self.name not in items:
            return "it was unplugged or removed"
        if where != self.name:
            title = items[where].title if where in items else where
            if not self._follows:
                return f"the sound server connected '{title}' in its place"
            # It is still there, so this is a new default, or somebody's choice in a mixer.
            self.name, self.moved_to = where, title
        self._item = items.get(self.name)
        if self._item is not None:
            ours = self._server.is_ours_muted(inward=self._inward)
            self.is_muted = self._item.is_muted or ours
        now_s = time.monotonic()
        self._known = {name: self._known.get(name, now_s) for name in items}
        return ""

    @property
    def is_asleep(self) -> bool:
        """Whether the server has suspended the device: it comes back by itself."""
        return self._watch is not None and self.name in self._watch.suspended

    def found_again(self, lost_at_s: float) -> ServerDevice | None:
        """The device that was lost, if it is there again, be it under another name: a headset that
        changes its Bluetooth profile has the same address and description, and where nobody asked
        for a device, the system's default is it. What was there before is another one."""
        server = SoundServer()
        try:
            there = (
                (server.sources() if self._inward else server.sinks()) if server.connect() else []
            )
        finally:
            server.close()
        return self._same(there, lost_at_s)

    def close(self) -> None:
        """May be called twice."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        self._server.close()

    def _same(self, there: list[ServerDevice], lost_at_s: float) -> ServerDevice | None:
        before = self._item
        title = before.title if before is not None else self._title
        new = [
            item
            for item in there
            if lost_at_s - self._known.get(item.name, lost_at_s) < KNOWN_S
            and item.name.endswith(MONITOR) == (self.name or "").endswith(MONITOR)
        ]
        return (
            next((item for item in there if item.name == self.name), None)
            or next((i for i in new if before and i.address and i.address == before.address), None)
            or next((item for item in new if item.title == title), None)
            or next((item for item in new if self._follows and item.is_default), None)
        )

    def _there(self, server: SoundServer) -> list[ServerDevice]:
        return server.sources() if self._inward else server.sinks()

    def _where(self) -> str | None:
        return self._server.our_source() if self._inward else self._server.our_sink()
