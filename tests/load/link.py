"""A link between the bridge and its MQTT server that can be cut, and that counts what it carries."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable

from packets import Packets, read_publish

Carried = Callable[[str, bytes], None]


class Link:
    """Passes whole packets on to the bridge, so that what was carried is known to the packet."""

    def __init__(self, server_url: str, carried: Carried) -> None:
        self._server = int(server_url.rpartition(":")[2])
        self._carried = carried
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"mqtt://127.0.0.1:{self._listener.getsockname()[1]}"
        self._bridge: socket.socket | None = None
        self._far: socket.socket | None = None
        # Held while bytes go to the bridge.
        self._sending = threading.Lock()
        self._is_up = True
        # Each connection of the bridge, by our clock.
        self.connected: list[float] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def cut(self, seconds: float) -> None:
        """Drops the connection, and takes none for some time."""
        self._is_up = False
        with self._sending:
            for end in (self._bridge, self._far):
                if end:
                    with contextlib.suppress(OSError):
                        end.shutdown(socket.SHUT_RDWR)
            self._bridge = None
        time.sleep(seconds)
        self._is_up = True

    def inject(self, raw: bytes) -> bool:
        """Sends whole packets to the bridge, as if they came from the server."""
        with self._sending:
            if not self._bridge:
                return False
            try:
                self._bridge.sendall(raw)
            except OSError:
                return False
            return True

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                bridge, _ = self._listener.accept()
            except OSError:
                return
            if not self._is_up:
                bridge.close()
                continue
            far = socket.create_connection(("127.0.0.1", self._server))
            self.connected.append(time.time())
            self._bridge, self._far = bridge, far
            threading.Thread(target=self._pass_out, args=(bridge, far), daemon=True).start()
            threading.Thread(target=self._pass_in, args=(bridge, far), daemon=True).start()

    def _pass_out(self, bridge: socket.socket, far: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while raw := bridge.recv(65_536):
                far.sendall(raw)
        _end(bridge, far)

    def _pass_in(self, bridge: socket.socket, far: socket.socket) -> None:
        packets = Packets()
        with contextlib.suppress(OSError):
            while raw := far.recv(262_144):
                whole = packets.add(raw)
                with self._sending:
                    if self._bridge is not bridge:
                        break
                    bridge.sendall(b"".join(whole))
                for one in whole:
                    if message := read_publish(one):
                        self._carried(*message)
        _end(bridge, far)


def _end(*sockets: socket.socket) -> None:
    for one in sockets:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
