"""`AgentPort`: where an agent's process connects to the one that started it, and proves it."""

import hmac
import secrets
import selectors
import socket
from collections.abc import Callable

GLANCE_S = 0.2
"""How often whoever waits is asked whether to go on."""
STRANGERS = 16
"""Connections that may wait at a time to be told from the agent's."""


class AgentPort:
    """Any program on this machine can connect; only the agent's process knows the token."""

    def __init__(self) -> None:
        self.token = secrets.token_hex(32)
        """What the process sends first."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.number: int = self._listener.getsockname()[1]
        self._waiting: dict[socket.socket, bytes] = {}
        """Connections that have not proved anything yet, the oldest first, and what each sent."""

    def accept(self, go_on: Callable[[], None]) -> socket.socket:
        """The connection that brings the token. `go_on` raises an error to end the waiting.

        Raises:
            OSError, ValueError: the port was closed.
        """
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            try:
                while True:
                    ready = selector.select(0)
                    if not ready:  # what an ended process has sent is still heard
                        go_on()
                        ready = selector.select(GLANCE_S)
                    for key, _ in ready:
                        connection = key.fileobj
                        assert isinstance(connection, socket.socket)
                        if connection is self._listener:
                            self._admit(selector)
                        elif connection in self._waiting and self._hear(connection, selector):
                            self.close()
                            return connection
            finally:
                for connection in self._waiting:
                    connection.close()
                self._waiting.clear()

    def close(self) -> None:
        """May be called twice, and from any thread."""
        self._listener.close()

    def _admit(self, selector: selectors.BaseSelector) -> None:
        if len(self._waiting) == STRANGERS:
            self._forget(next(iter(self._waiting)), selector).close()
        connection = self._listener.accept()[0]
        connection.setblocking(False)
        self._waiting[connection] = b""
        selector.register(connection, selectors.EVENT_READ)

    def _hear(self, connection: socket.socket, selector: selectors.BaseSelector) -> bool:
        """Whether this is the agent's. One that has said something else is dropped."""
        heard = self._waiting[connection]
        token = self.token.encode()
        try:
            more = connection.recv(len(token) - len(heard))
        except BlockingIOError:
            return False
        except OSError:
            more = b""
        self._waiting[connection] = heard = heard + more
        is_ours = hmac.compare_digest(heard, token)
        if is_ours:
            self._forget(connection, selector)
        elif not more or len(heard) == len(token):
            self._forget(connection, selector).close()
        return is_ours

    def _forget(self, connection: socket.socket, selector: selectors.BaseSelector) -> socket.socket:
        selector.unregister(connection)
        del self._waiting[connection]
        return connection
