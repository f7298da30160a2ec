"""The processes of one case, the honest nodes in it, and what is seen of them from outside."""

import os
import re
import struct
import threading
import time
import unittest
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

from honest import METRICS, Honest
from link import Link
from stack import Stack, eventually
from wire import _fields as fields

WHOLE = os.environ.get("LOAD_SIZE") == "whole"
GROUP = "Honest"


def scaled(whole: int) -> int:
    """A tenth of it, unless all is asked for."""
    return whole if WHOLE else whole // 10


class LinkedStack(Stack):
    """A stack whose bridge reaches its MQTT server over a link of ours."""

    server_options = (
        "log_type error",
        "log_type warning",
        # What is retained must all come, and none of the honest nodes' may go for it.
        "max_queued_messages 0",
        "max_queued_bytes 0",
    )

    def start_bridge(self) -> int:
        if not hasattr(self, "link"):
            # How many values a birth or a message has, and the numbers that data carries.
            self.births: Counter[str] = Counter()
            self.numbers: dict[str, set[float]] = {}
            self.link = Link(self.mqtt_url, self._carried)
        self._settings["MQTT_URL"] = self.link.url
        return super().start_bridge()

    def metrics(self) -> dict[str, float]:
        """What the bridge tells of itself now."""
        url = f"http://{self._console()}/metrics"
        with urllib.request.urlopen(url, timeout=30) as answer:
            lines = answer.read().decode().splitlines()
        told = (line.rpartition(" ") for line in lines if line and not line.startswith("#"))
        return {name.removeprefix("sparkwise_"): float(value) for name, _, value in told}

    def metric(self, name: str) -> float:
        return self.metrics().get(name, 0.0)

    def memory(self) -> int:
        """The most memory that the bridge has taken, in bytes."""
        status = Path(f"/proc/{self.bridge.pid}/status").read_text()
        return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) * 1024

    def log(self) -> str:
        return (self.folder / "bridge.log").read_text(errors="replace")

    def close(self) -> None:
        super().close()
        if hasattr(self, "link"):
            self.link.close()

    def _console(self) -> str:
        found = eventually(lambda: re.findall(r"console.*?(127\.0\.0\.1:\d+)", self.log()), bool)
        return found[-1]

    def _carried(self, topic: str, payload: bytes) -> None:
        parts = topic.split("/")
        if len(parts) < 4 or parts[1] != GROUP:
            return
        metrics = [value for field, value in fields(payload) if field == 2]
        if parts[2].endswith("BIRTH"):
            self.births[topic] += len(metrics)
        elif parts[2] == "DDATA":
            numbers = self.numbers.setdefault(parts[4], set())
            numbers.update(_double(metric) for metric in metrics)


class Case(unittest.TestCase):
    nodes = 4
    per_second = 400
    settings: dict[str, str] = {}
    sitewise: tuple[str, ...] = ()

    def setUp(self) -> None:
        self.stack = LinkedStack(
            self._testMethodName,
            sitewise=self.sitewise,
            **{"INGEST_LINGER": "100ms", "RUST_LOG": "info", "TWIN_STALE_AFTER": "10m", **self.settings},
        )
        self.addCleanup(self.stack.close)
        rate = self.per_second // self.nodes
        self.honest = [Honest(self.stack.mqtt_url, GROUP, n, rate) for n in range(self.nodes)]
        for node in self.honest:
            self.addCleanup(node.close)
        count = (METRICS + 3) * self.nodes

        def known() -> dict[Any, Any]:
            return self.stack.reader.properties(lambda name: name.startswith("Device"))

        self.properties = eventually(known, lambda found: len(found) == count, within=90)
        self.assertEqual(len(self.properties), count)
        self.until_heard(time.time())

    def until_heard(self, since: float, within: float = 60) -> dict[str, float]:
        """Seconds from `since` until SiteWise shows what each honest node has said after it."""
        seen: dict[str, float] = {}

        def look(node: Honest) -> None:
            ids = [self.properties[node.device, f"Value {n}"] for n in range(METRICS)]
            while time.time() < since + within:
                latest = self.stack.reader.latest_of(ids)
                # What a birth repeats at once has the birth's time: it counts as well.
                if any(point and point.time > since * 1000 for point in latest):
                    seen[node.node] = round(time.time() - since, 2)
                    return
                time.sleep(0.05)

        threads = [threading.Thread(target=look, args=(node,)) for node in self.honest]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(seen), self.nodes, f"heard again were {seen}")
        return seen

    def held(self) -> dict[str, set[float]]:
        """The numbers that SiteWise has of each honest device."""
        found: dict[str, set[float]] = {}
        for (asset, name), points in self.stack.reader.history(lambda a: a.startswith("Device")).items():
            if name.startswith("Value"):
                found.setdefault(asset, set()).update(point.value.value for point in points)
        return found

    def say(self, *words: object) -> None:
        print(*words, end=" ... ", flush=True)


def _double(metric: bytes) -> float:
    """The double of a metric: its last eight bytes."""
    (number,) = struct.unpack("<d", metric[-8:])
    return number
