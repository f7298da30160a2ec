"""Honest edge nodes: one device each, aliases, data by exception, a birth when they are asked."""

import contextlib
import threading
import time
from collections.abc import Callable

from packets import Client, publish, subscribe
from wire import REBIRTH, Codec, Metric, asks_for_rebirth, payload

CODEC = Codec()
METRICS = 100


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Honest:
    def __init__(self, url: str, group: str, number: int, per_second: int) -> None:
        self.group, self.node, self.device = group, f"Node {number}", f"Device {number}"
        self.per_second = per_second
        self.births = self.sent = 0
        # When each request came, by our clock.
        self.asked: list[float] = []
        self._seq = 0
        self._values = [0] * METRICS
        self._lock = threading.Lock()
        self._going = True
        will = payload(None, None, [self._bd_seq()], CODEC)
        self._client = Client(url, f"{group} {number}", (self._topic("NDEATH"), will))
        self._client.send(subscribe(self._topic("NCMD")))
        self._born()
        acts = (self._listen, self._tell)
        self._threads = [threading.Thread(target=self._act, args=(act,), daemon=True) for act in acts]
        for thread in self._threads:
            thread.start()

    def halt(self) -> None:
        """Ends the data, not the connection."""
        self._going = False
        self._threads[1].join(5)

    def close(self) -> None:
        self._going = False
        self._client.close()

    def _act(self, act: Callable[[], None]) -> None:
        # The connection is closed at the end.
        with contextlib.suppress(OSError):
            act()

    def _born(self) -> None:
        with self._lock:
            self.births += 1
            self._seq = 0
            now = now_ms()
            control = Metric(REBIRTH, type="Boolean", value=False)
            self._publish("NBIRTH", now, [self._bd_seq(), control])
            metrics = [
                Metric(f"Value {n}".encode(), alias=n, time=now, type="Double", value=float(value))
                for n, value in enumerate(self._values)
            ]
            self._publish("DBIRTH", now, metrics)

    def _tell(self) -> None:
        began = time.monotonic()
        while self._going:
            due = int((time.monotonic() - began) * self.per_second)
            while self.sent < due:
                with self._lock:
                    self.sent += 1
                    alias, now = self.sent % METRICS, now_ms()
                    self._values[alias] = self.sent
                    value = Metric(alias=alias, time=now, packed_as="Double", value=float(self.sent))
                    self._publish("DDATA", now, [value])
            time.sleep(0.005)

    def _listen(self) -> None:
        for _, message in self._client.received():
            if asks_for_rebirth(message):
                self.asked.append(time.time())
                self._born()

    def _bd_seq(self) -> Metric:
        return Metric(b"bdSeq", type="Int64", value=0)

    def _topic(self, verb: str) -> str:
        device = f"/{self.device}" if verb[0] == "D" else ""
        return f"spBv1.0/{self.group}/{verb}/{self.node}{device}"

    def _publish(self, verb: str, at: int, metrics: list[Metric]) -> None:
        self._client.send(publish(self._topic(verb), payload(at, self._seq, metrics, CODEC)))
        self._seq = (self._seq + 1) % 256
