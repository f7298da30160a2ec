"""MQTT 3.1.1 as bytes: as much of it as is counted, sent and passed on here."""

import socket
from collections.abc import Iterator

CONNECT, PUBLISH, SUBSCRIBE = 0x10, 0x30, 0x82


def packet(first: int, body: bytes) -> bytes:
    length, rest = bytearray(), len(body)
    while True:
        length.append(rest & 0x7F | (0x80 if rest > 0x7F else 0))
        rest >>= 7
        if not rest:
            return bytes([first]) + bytes(length) + body


def text(of: str) -> bytes:
    raw = of.encode()
    return len(raw).to_bytes(2, "big") + raw


def connect(client_id: str, will: tuple[str, bytes] | None = None) -> bytes:
    """Asks for a clean session without an end; a will is published at QoS 1."""
    flags = 0x02 | (0x04 | 0x08 if will else 0)
    last = text(will[0]) + len(will[1]).to_bytes(2, "big") + will[1] if will else b""
    head = text("MQTT") + bytes([4, flags, 0, 0])
    return packet(CONNECT, head + text(client_id) + last)


def publish(topic: str, payload: bytes, retain: bool = False) -> bytes:
    return packet(PUBLISH | retain, text(topic) + payload)


def subscribe(topic: str) -> bytes:
    return packet(SUBSCRIBE, (1).to_bytes(2, "big") + text(topic) + b"\0")


def read_publish(raw: bytes) -> tuple[str, bytes] | None:
    """Topic and payload, if this whole packet is a PUBLISH."""
    if raw[0] & 0xF0 != PUBLISH:
        return None
    at = 1
    while raw[at] & 0x80:
        at += 1
    at += 1
    length = int.from_bytes(raw[at : at + 2], "big")
    topic = raw[at + 2 : at + 2 + length].decode()
    return topic, raw[at + 2 + length + (2 if raw[0] & 0x06 else 0) :]


class Packets:
    """Cuts a stream of bytes into whole packets."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def add(self, more: bytes) -> list[bytes]:
        self._bytes += more
        whole, at = [], 0
        while (end := self._end(at)) is not None:
            whole.append(bytes(self._bytes[at:end]))
            at = end
        del self._bytes[:at]
        return whole

    def _end(self, start: int) -> int | None:
        length = shift = 0
        for at in range(start + 1, min(start + 5, len(self._bytes))):
            length |= (self._bytes[at] & 0x7F) << shift
            shift += 7
            if self._bytes[at] < 0x80:
                end = at + 1 + length
                return end if len(self._bytes) >= end else None
        return None


class Client:
    """A connection that publishes as fast as the server takes it."""

    def __init__(self, url: str, client_id: str, will: tuple[str, bytes] | None = None) -> None:
        host, _, port = url.rpartition("//")[2].partition(":")
        self._socket = socket.create_connection((host, int(port)), 10)
        self._packets = Packets()
        self._socket.sendall(connect(client_id, will))
        assert self._socket.recv(4) == b"\x20\x02\0\0", "not let in"
        self._socket.settimeout(60)

    def send(self, raw: bytes) -> None:
        self._socket.sendall(raw)

    def received(self) -> Iterator[tuple[str, bytes]]:
        """Messages, until the connection ends."""
        while raw := self._read():
            for whole in self._packets.add(raw):
                if message := read_publish(whole):
                    yield message

    def flush(self) -> None:
        """Waits until the server has read all that was sent."""
        self.send(b"\xc0\0")
        while raw := self._read():
            if any(whole == b"\xd0\0" for whole in self._packets.add(raw)):
                return

    def _read(self) -> bytes:
        while True:
            try:
                return self._socket.recv(65_536)
            except TimeoutError:
                continue
            except OSError:
                return b""

    def close(self) -> None:
        self._socket.close()
