"""`ServerPlace`: where the sound server has put one of our streams, and how it fares there."""

import time
from dataclasses import replace

from audio_io.devices import Device, Direction
from audio_io.errors import DeviceError
from audio_io.sound_server import MONITOR, ServerDevice, SoundServer, Watch

SETTLE_S = 1.0
"""How long the server may take to put a new stream where it belongs."""
KNOWN_S = 3.0
"""What came no longer than this before a device was lost may be that device under another name."""


class ServerPlace:
    """One stream of this process at the sound server. Belongs to one thread."""

    def __init__(self, device: Device, direction: Direction, *, follows: bool) -> None:
        """`follows` says that whoever moves the stream to another device of the server is right;
        otherwise it belongs where it was opened."""
        self._device = device
        self._inward = direction is Direction.INPUT
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
        if not self._device.resamples or not self._server.connect():
            return
        deadline_s = time.monotonic() + SETTLE_S
        wanted = self._device.server_name
        while time.monotonic() < deadline_s:
            self.name = self._where()
            if self.name is not None:
                if not wanted or self.name == wanted:
                    break
                self._server.move_ours(wanted, inward=self._inward)
            time.sleep(0.02)
        if wanted and self.name != wanted:
            raise DeviceError(
                f"The sound server does not connect us to '{self._device.name}'.",
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

    def found_again(self, lost_at_s: float) -> Device | None:
        """The device that was lost, if it is there again, be it under another name: a headset that
        changes its Bluetooth profile has the same address and description, and where nobody asked
        for a device, the system's default is it. What was there before is another one."""
        if self.name is None:
            return self._device
        server = SoundServer()
        try:
            there = (
                (server.sources() if self._inward else server.sinks()) if server.connect() else []
            )
        finally:
            server.close()
        item = self._same(there, lost_at_s)
        if item is None:
            return None
        return replace(self._device, name=item.title, server_name=item.name)

    def close(self) -> None:
        """May be called twice."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        self._server.close()

    def _same(self, there: list[ServerDevice], lost_at_s: float) -> ServerDevice | None:
        before = self._item
        title = before.title if before is not None else self._device.name
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
