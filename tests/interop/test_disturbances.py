"""A restart amid 1,000 messages a second: of an edge, of the bridge, of the MQTT server.

Afterwards the twins are right again within the reorder timeout plus one rebirth, and no edge node
was asked more than once.
"""

import unittest
from collections.abc import Callable

from points import GOOD, Point, boolean
from stack import Stack, eventually, now_ms
from streams import METRICS, Stream

GROUP = "Streams"
NODES = 4
PER_SECOND = 1_000
# Seconds: of SPARKPLUG_REORDER_TIMEOUT, and for one rebirth: the request's jitter, its way to the
# edge, the births' way back and through the bridge, INGEST_LINGER, and looking.
REORDER_TIMEOUT = 0.5
ONE_REBIRTH = 2.5
# What is looked at to see that nothing is missing, in milliseconds.
WINDOW = 2_000


class Disturbances(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.stack = Stack("disturbances", INGEST_LINGER="200ms", RUST_LOG="info")
        cls.addClassCleanup(cls.stack.close)
        cls.streams = [Stream(cls.stack, GROUP, n, PER_SECOND // NODES) for n in range(NODES)]
        for stream in cls.streams:
            stream.start()
        began = now_ms()
        properties = (METRICS + 3) * NODES

        def known() -> int:
            cls.properties = cls.stack.reader.properties(lambda name: name.startswith("Device"))
            return len(cls.properties)

        assert eventually(known, lambda count: count == properties) == properties
        assert cls.seconds_until_right(began) < 60, "the streams do not arrive"

    @classmethod
    def seconds_until_right(cls, since: int) -> float:
        """Until every device is online and tells what is newer than `since`."""

        def right() -> bool:
            return all(cls.is_right(stream, since) for stream in cls.streams)

        eventually(right, bool)
        return (now_ms() - since) / 1000

    @classmethod
    def is_right(cls, stream: Stream, since: int) -> bool:
        reader, ids = cls.stack.reader, cls.properties
        some = [ids[stream.device, f"Value {n}"] for n in range(0, METRICS, METRICS // 10)]
        online, *values = reader.latest_of([ids[stream.device, "Online"], *some])
        return (
            online is not None
            and online.value == boolean(True)
            and any(value and value.quality == GOOD and value.time > since for value in values)
        )

    def disturb(self, disturbance: Callable[[], int]) -> None:
        """`disturbance` tells when all was there again."""
        before = self.stack.rebirth_requests()
        back = disturbance()
        took = self.seconds_until_right(back)
        print(f"right again after {took:.2f} s ... ", end="", flush=True)
        self.assertLess(took, REORDER_TIMEOUT + ONE_REBIRTH)

        # From now on nothing is missing, while all go on.
        since = now_ms()
        until = since + WINDOW
        self.seconds_until_right(until)
        total = 0
        for stream in self.streams:
            published = stream.published(since, until)
            self.assertEqual(self.missing(stream, published, since, until), {})
            total += sum(map(len, published.values()))
        self.assertGreater(total, 0.9 * PER_SECOND * WINDOW / 1000)

        requests = self.stack.rebirth_requests() - before
        print(f"{requests.total()} rebirths asked for ... ", end="", flush=True)
        self.assertLessEqual(requests.total(), NODES)
        self.assertLessEqual(max(requests.values(), default=0), 1)

    def missing(
        self, stream: Stream, published: dict[str, list[Point]], since: int, until: int
    ) -> dict[str, tuple[list[Point], list[Point]]]:
        """Where SiteWise does not hold what was published: what it holds, and what it must."""

        def differences() -> dict[str, tuple[list[Point], list[Point]]]:
            reader = self.stack.reader
            of = {name: self.properties[stream.device, name] for name in published}
            held = {name: reader.history_of(id, since, until) for name, id in of.items()}
            return {n: (held[n], published[n]) for n in published if held[n] != published[n]}

        return eventually(differences, lambda found: not found, within=10)

    def test_an_edge_restarted(self) -> None:
        def restart() -> int:
            self.streams[0].edge.kill()
            self.streams[0].start()
            return now_ms()

        self.disturb(restart)

    def test_the_bridge_restarted(self) -> None:
        def restart() -> int:
            self.stack.kill_bridge()
            return self.stack.start_bridge()

        self.disturb(restart)

    def test_the_mqtt_server_restarted(self) -> None:
        def restart() -> int:
            self.stack.restart_server()
            return now_ms()

        self.disturb(restart)
