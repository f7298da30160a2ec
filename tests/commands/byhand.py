"""A Sparkplug edge node written by hand, for what no library sends."""

import struct
import time
from typing import Any

import paho.mqtt.client as mqtt

# Numbers of the fields and datatypes in the Sparkplug B schema.
INT64, DOUBLE, BOOLEAN = 4, 10, 11
BAD = 0


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def part(field: int, value: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(value)) + value


def metric(name: str, value: float | bool | int, bad: bool = False) -> bytes:
    out = part(1, name.encode()) + number(3, time.time_ns() // 1_000_000)
    if bad:
        # A property set: keys, and values of a type.
        out += part(9, part(1, b"Quality") + part(2, number(1, 3) + number(3, BAD)))
    if isinstance(value, bool):
        return out + number(4, BOOLEAN) + number(14, int(value))
    if isinstance(value, int):
        return out + number(4, INT64) + number(11, value)
    return out + number(4, DOUBLE) + varint(13 << 3 | 1) + struct.pack("<d", value)


class Node:
    """`Nordsee/hand`, which says what it is told to and obeys nobody."""

    def __init__(self, port: int) -> None:
        self.seq = 0
        self.commands: list[tuple[str, bytes]] = []
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="hand")
        self.client.on_message = lambda _client, _data, message: self.commands.append(
            (message.topic, message.payload)
        )
        self.client.connect("127.0.0.1", port)
        self.client.subscribe("spBv1.0/Nordsee/DCMD/hand/#")
        self.client.loop_start()

    def say(self, kind: str, *metrics: bytes, device: str = "") -> None:
        payload = number(1, time.time_ns() // 1_000_000)
        payload += b"".join(part(2, one) for one in metrics) + number(3, self.seq)
        self.seq = (self.seq + 1) % 256
        self.publish(kind, payload, device)

    def publish(self, kind: str, payload: bytes, device: str = "") -> None:
        topic = f"spBv1.0/Nordsee/{kind}/hand" + (f"/{device}" if device else "")
        self.client.publish(topic, payload).wait_for_publish(10)

    def stop(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def births(node: Node) -> None:
    node.say("NBIRTH", metric("bdSeq", 0), metric("Node Control/Rebirth", False))
    limit, broken = metric("Limit", 40.0), metric("Broken", 1.0, bad=True)
    node.say("DBIRTH", limit, broken, device="pump")


__all__: list[Any] = ["Node", "births", "metric"]
