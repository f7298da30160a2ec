"""What the plant said, read off its MQTT messages: values by address and metric."""

import struct
from collections import defaultdict
from typing import Any

# Types of numbers that are signed.
SIGNED = {1: 8, 2: 16, 3: 32, 4: 64}


def fields(message: bytes):
    """Numbers of protobuf fields with their content: numbers, or bytes."""
    at = 0

    def varint() -> int:
        nonlocal at
        number = shift = 0
        while True:
            byte = message[at]
            at += 1
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return number

    while at < len(message):
        key = varint()
        size = {0: None, 1: 8, 5: 4}.get(key & 7, -1)
        if size is None:
            yield key >> 3, varint()
            continue
        if size < 0:
            assert key & 7 == 2, key
            size = varint()
        yield key >> 3, message[at : at + size]
        at += size


class Said:
    """Values by group, node, device and the names down to a metric, slashes between."""

    def __init__(self) -> None:
        self.values: dict[str, list[tuple[int, Any]]] = defaultdict(list)
        self._names: dict[str, dict[int, str]] = defaultdict(dict)

    def hear(self, topic: str, payload: bytes) -> None:
        parts = topic.split("/")
        if parts[0] != "spBv1.0" or parts[2] not in ("NBIRTH", "DBIRTH", "NDATA", "DDATA"):
            return
        group, verb, node, *device = parts[1:]
        message = list(fields(payload))
        time = dict(message).get(1, 0)
        for number, content in message:
            if number == 2:
                self._metric("/".join([group, node, *device]), f"{group}/{node}", content, time)

    def _metric(self, above: str, names: str, content: bytes, time: int) -> None:
        has = dict(fields(content))
        name, alias = has.get(1, b"").decode(), has.get(2)
        if name and alias is not None:
            self._names[names][alias] = name
        name = name or self._names[names].get(alias, "")
        time = has.get(3, time)
        path = f"{above}/{name}"
        if 18 in has:
            template = list(fields(has[18]))
            if dict(template).get(5):
                return
            for number, member in template:
                if number == 2:
                    self._metric(path, names, member, time)
        elif not has.get(7):
            # The type stands in births alone, as do engUnit and the like.
            self.values[path].append((time, value(has)))


def value(has: dict[int, Any]) -> Any:
    if 10 in has:
        bits = SIGNED.get(has.get(4, 0), 32)
        return has[10] - (1 << 32) if bits <= 32 and has[10] >= 1 << 31 else has[10]
    if 11 in has:
        return has[11]
    if 12 in has:
        return struct.unpack("<f", has[12])[0]
    if 13 in has:
        return struct.unpack("<d", has[13])[0]
    if 14 in has:
        return bool(has[14])
    return has[15].decode() if 15 in has else None
