"""One failure: a bridge of its own, edges that go on with their data, and at the end accounts that
must balance, to the value, with what the edges published and what SiteWise holds."""

import math
import unittest
from collections.abc import Callable
from typing import Any

from accounts import Accounts
from botocore.exceptions import ClientError
from points import Point
from reader import Reader
from stack import Stack, eventually, now_ms
from streams import CONTROLS, METRICS, Stream

PUT = ["BatchPutAssetPropertyValue"]
WRITES = ["CreateAssetModel", "UpdateAssetModel", "CreateAsset", "AssociateAssets"]
READS = [
    "DescribeAssetModel",
    "ListAssetModels",
    "DescribeAsset",
    "ListAssets",
    "ListAssociatedAssets",
    "BatchGetAssetPropertyValue",
]
# All that the bridge calls.
CALLS = [*PUT, *WRITES, *READS]
# Seconds that the bridge may take to deliver what waits, at its end.
GRACE = 90

Key = tuple[str, str]


class Case(unittest.TestCase):
    settings: dict[str, str] = {}
    # What the emulator is told.
    sitewise: tuple[str, ...] = ()
    # How long it may take until all is there.
    known_within = 90
    nodes = 2
    # Whether values may come twice: before a birth, and in it.
    repeats = False
    per_second = 500

    def setUp(self) -> None:
        self.stack = Stack(
            self._testMethodName,
            LOG_FORMAT="json",
            RUST_LOG="info",
            INGEST_LINGER="100ms",
            SHUTDOWN_GRACE=f"{GRACE}s",
            TWIN_STALE_AFTER="10m",
            sitewise=self.sitewise,
            **self.settings,
        )
        self.addCleanup(self.stack.close)
        # Faults meet whoever reads as well.
        self.stack.reader = Reader(self.stack.sitewise_url, attempts=20)
        rate = self.per_second // self.nodes
        self.streams = [Stream(self.stack, "Failures", n, rate) for n in range(self.nodes)]

    def start(self) -> None:
        for stream in self.streams:
            stream.start()

    def wait_until_known(self) -> None:
        """Until every property is there, and some values are."""
        reader = self.stack.reader
        properties = (METRICS + 3) * self.nodes

        def known() -> dict[Key, Any]:
            try:
                return reader.properties(lambda name: name.startswith("Device"))
            except ClientError as error:
                # A young account lets nobody in at first.
                self.assertEqual(error.response["Error"]["Code"], "AccessDeniedException")
                return {}

        self.properties = eventually(known, lambda found: len(found) == properties, within=self.known_within)
        self.assertEqual(len(self.properties), properties)
        self.wait_until_newer(0)

    def publish(self, values: int) -> None:
        """Until each edge has published so many more."""
        for stream in self.streams:
            published, _ = stream.progress()
            self.eventually(lambda s=stream, n=published: s.progress()[0] >= n + values)

    def wait_until_newer(self, since: int) -> None:
        """Until SiteWise has a value of each edge from after `since`."""
        for stream in self.streams:
            properties = [self.properties[stream.device, f"Value {n}"] for n in range(METRICS)]

            def newer(some: list[Any] = properties) -> bool:
                latest = self.stack.reader.latest_of(some)
                return any(point and point.time > since for point in latest)

            self.eventually(newer, within=60)

    def eventually(self, holds: Callable[[], bool], within: float = 30) -> None:
        self.assertTrue(eventually(holds, bool, within))

    def end(self) -> Accounts:
        """All is well again: the data ends, the bridge is asked to end, and every value that was
        published is accounted for."""
        self.stack.lift_faults()
        self.wait_until_newer(now_ms())
        for stream in self.streams:
            stream.halt()
        sent = {
            (stream.device, name): points
            for stream in self.streams
            for name, points in stream.published(0, math.inf).items()
        }
        # What was published last comes last to the bridge.
        for stream in self.streams:
            of_it = [(key, p[-1]) for key, p in sent.items() if key[0] == stream.device]
            key, last = max(of_it, key=lambda it: it[1].value.value)
            latest = [self.properties[key]]
            self.eventually(
                lambda p=latest, last=last: self.stack.reader.latest_of(p) == [last], within=60
            )
        self.assertEqual(self.stack.stop_bridge(GRACE + 10), 0)
        accounts = Accounts(self.stack.folder / "bridge.log")
        self.check_sums(accounts)
        self.check_values(accounts, sent)
        return accounts

    def check_sums(self, accounts: Accounts) -> None:
        """The bridge's counts among themselves."""
        self.assertEqual((accounts["waiting"], accounts["buffered"]), (0, 0))
        early = accounts.named("refused_early").total()
        self.assertEqual(
            accounts["read"], accounts["points"] + early + accounts.named("dropped").total()
        )
        given_up = accounts.named("refused", "discarded").total()
        self.assertEqual(accounts["points"] + accounts["own"], accounts["delivered"] + given_up)

    def check_values(self, accounts: Accounts, sent: dict[Key, list[Point]]) -> None:
        """The bridge's counts against what was published, and what SiteWise holds."""
        progress = [stream.progress() for stream in self.streams]
        read = sum(values + births * (METRICS + CONTROLS) for values, births in progress)
        self.check_read(accounts["read"], read)

        history = self.stack.reader.history()
        self.assertEqual(sum(map(len, history.values())), accounts["delivered"])
        held = {key: set(history.get(key, [])) for key in sent}
        invented = {key: held[key] - set(points) for key, points in sent.items()}
        nulls = {
            key: {point for point in invented[key] if follows_rejected(point, points, held[key])}
            for key, points in sent.items()
        }
        invented = {key: points - nulls[key] for key, points in invented.items()}
        self.assertEqual({key: points for key, points in invented.items() if points}, {})
        missing = sum(len(set(points) - held[key]) for key, points in sent.items())
        own = {key: points for key, points in history.items() if key not in sent}
        own_held = sum(map(len, own.values())) + sum(map(len, nulls.values()))
        own_missing = accounts["own"] - own_held
        named = accounts.named("refused", "discarded")
        if self.repeats:
            # What waited for a birth that repeats it is written once, and is not missing.
            del named["overwritten"]
        self.check_missing(missing + own_missing, named.total())
        print(f"{accounts['read']} read, {missing} missing, {dict(named)} ... ", end="", flush=True)

    def check_read(self, read: int, published: int) -> None:
        self.assertEqual(read, published)

    def check_missing(self, missing: int, named: int) -> None:
        self.assertEqual(missing, named)


def follows_rejected(point: Point, sent: list[Point], held: set[Point]) -> bool:
    """Whether this is the null with BAD that is shown after a value that SiteWise rejected."""
    rejected = (one.time for one in sent if one not in held)
    is_null = (point.quality, point.value.kind) == ("BAD", "NULL")
    return is_null and point.time - 1 in rejected
