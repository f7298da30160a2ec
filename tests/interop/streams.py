"""Edge nodes with much to tell: each publishes hundreds of messages a second while it lives."""

from pathlib import Path

from edge import Edge
from leash import Json
from points import GOOD, Point, double
from stack import Stack

METRICS = 100
# Of each birth: `Node Control/Rebirth` and bdSeq.
CONTROLS = 2


class Stream:
    """One edge node with one device, in a process of its own."""

    def __init__(self, stack: Stack, group: str, number: int, per_second: int) -> None:
        self.stack = stack
        self.group, self.node, self.device = group, f"Node {number}", f"Device {number}"
        self.per_second = per_second
        self._log = stack.folder / f"stream {number}.log"

    def start(self) -> None:
        """Connects, is born and begins."""
        self.edge = Edge(self._log)
        self.stack.track(self.edge)
        config = {
            "serverUrl": self.stack.mqtt_url,
            "username": "edge",
            "password": "edge",
            "groupId": self.group,
            "edgeNode": self.node,
            "clientId": f"edge {self.node}",
        }
        self.edge.call(
            "stream", config=config, device=self.device, metrics=METRICS, perSecond=self.per_second
        )
        self.edge.wait_for("born")

    def published(self, since: int, until: int) -> dict[str, list[Point]]:
        """What it published from `since` until before `until`, by metric."""
        self.edge.call("published", since=since)
        values: Json = self.edge.wait_for("published")["values"]
        return {
            name: [Point(at, GOOD, double(float(value))) for at, value in points if at < until]
            for name, points in values.items()
        }

    def progress(self) -> tuple[int, int]:
        """How many values were published outside of births, and how many births."""
        self.edge.call("progress")
        progress = self.edge.wait_for("progress")
        return progress["values"], progress["births"]

    def recall(self, messages: int, seconds: int) -> None:
        """Publishes history: in each message a value of each metric for each of some seconds."""
        self.edge.call("recall", messages=messages, seconds=seconds)

    def halt(self) -> None:
        """Ends the data, not the connection."""
        self.edge.call("halt")
