"""Payloads that are small on the wire and large in memory."""

import gzip
import struct
import time
from urllib.error import HTTPError

from honest import now_ms
from packets import Client, publish
from stack import eventually
from wire import Codec, Metric, _field, _number, payload
from world import Case, scaled

MOST = 400_000_000


def bomb(seq: int) -> bytes:
    """Half a million parts in two kilobytes."""
    inner = _number(3, seq) + b"\x12\0" * 499_900
    algorithm = Metric(b"algorithm", type="String", value="GZIP")
    whole = payload(now_ms(), seq, [algorithm], Codec())
    return whole + _field(4, b"SPBV1.0_COMPRESSED") + _field(5, gzip.compress(inner))


def large_birth(node: int, metrics: int) -> bytes:
    def one(n: int) -> bytes:
        alias = _number(2, node * 1_000_000 + n)
        return _field(2, _field(1, b"m%d" % n) + alias + _number(4, 10) + b"\x69" + struct.pack("<d", n))

    return _number(1, now_ms()) + _number(3, 0) + b"".join(map(one, range(metrics)))


def nested(levels: int) -> bytes:
    inner = _field(1, b"m")
    for _ in range(levels):
        inner = _field(1, b"t") + _field(18, _field(2, inner))
    return _number(3, 0) + _field(2, inner)


class Hostile(Case):
    nodes = 1
    per_second = 100

    def test_hostile_payloads_take_little_memory(self) -> None:
        crowd = Client(self.stack.mqtt_url, "hostile")
        self.addCleanup(crowd.close)
        before = self.stack.metric("sparkplug_messages_total")
        base = self.stack.memory()
        sent = 0

        def send(verb: str, node: str, body: bytes) -> None:
            nonlocal sent
            crowd.send(publish(f"spBv1.0/Hostile/{verb}/{node}", body))
            sent += 1

        def told(what: str) -> None:
            crowd.flush()
            # The honest node's own messages come in between.
            goal = before + sent

            def read() -> float:
                try:
                    return self.stack.metric("sparkplug_messages_total")
                except HTTPError as busy:
                    # On a slow machine a build without optimisations takes seconds a bomb.
                    if busy.code != 503:
                        raise
                    return 0.0

            eventually(read, lambda n: n >= goal, within=180)
            self.say(f"{what}: {self.stack.memory() / 1e6:.0f} MB")

        for node in range(scaled(100)):
            send("NBIRTH", f"born {node}", payload(now_ms(), 0, [Metric(b"m", alias=1, type="Double", value=1.0)], Codec()))
            for seq in range(5, 11):
                send("NDATA", f"bomb {node}", bomb(seq))
                send("NDATA", f"born {node}", bomb(seq))
        told(f"{scaled(100) * 12} bombs")
        for verb in ("NDATA", "NBIRTH"):
            send(verb, "parts", b"\x12\0" * 1_000_000)
        told("a million empty metrics, twice")
        for levels in (16, 50, 500, 5_000):
            send("NBIRTH", f"nested {levels}", nested(levels))
        told("nesting")
        births = [large_birth(node, 100_000) for node in range(12)]
        for node, birth in enumerate(births):
            send("NBIRTH", f"large {node}", birth)
        told("1.2 million aliases")
        for _ in range(6):
            send("NBIRTH", "large 0", births[0])
        told("one of them six times")
        self.say("heard", self.until_heard(time.time(), within=180))
        self.say(f"at most {self.stack.memory() / 1e6:.0f} MB, {base / 1e6:.0f} before")
        self.assertLess(self.stack.memory(), MOST)
