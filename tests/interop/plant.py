"""Edge nodes that are played on real clients, and the twins that SiteWise must have of them."""

from typing import Any

from edge import Edge
from points import GOOD, Between, Point, Value
from stack import Stack, eventually, now_ms
from twins import Key, Twins

Json = dict[str, Any]

# From publishing until the bridge reads its clock.
HEARD_WITHIN = 10_000


class Twinned:
    """What is told of an edge node and its devices, held against what SiteWise has of them."""

    def __init__(self, stack: Stack, group: str, node: str) -> None:
        self.stack = stack
        self.group = group
        self.node = node
        self.twins = Twins(now_ms())
        self.devices: list[str] = []

    def stay_dead(self) -> None:
        """Nothing is heard of the node until its values are marked."""
        for source in [self.node, *self.devices]:
            self.twins.stale(source)

    def tells(self, name: str, value: Value) -> None:
        """The bridge tells this of the node now, by its own clock."""
        self.twins.add((self.node, name), Point(heard(), GOOD, value))

    def is_own(self, asset: str) -> bool:
        """Whether it is part of this plant."""
        return True

    def history(self) -> dict[Key, list[Point]]:
        """What SiteWise holds of the plant: the bridge's heartbeat is not part of it."""
        values = self.stack.reader.history(self.is_own)
        return {key: points for key, points in values.items() if key[1] != "Heartbeat"}

    def expected(self) -> dict[Key, list[Point]]:
        return self.twins.table(now_ms())

    def differences(self) -> str:
        """What SiteWise holds and what it must hold, where these are not the same."""
        held, expected = self.history(), self.expected()
        return "".join(
            f"\n{key}:\n  held     {held.get(key)}\n  expected {expected.get(key)}"
            for key in sorted(held.keys() | expected.keys())
            if held.get(key) != expected.get(key)
        )

    def wait(self, within: float = 30.0) -> None:
        """Waits until SiteWise holds what it must, or long enough."""
        eventually(self.differences, lambda text: not text, within)

    def settle(self) -> None:
        """Waits until SiteWise holds what it must: the scenario rests on it."""
        self.wait()
        differences = self.differences()
        assert not differences, differences

    def all_die(self, within: int = 0) -> None:
        """The node dies, and the bridge sees it by its own clock: now or in some time."""
        died = heard(within)
        for source in [*self.devices, self.node]:
            self.twins.death(source, died)


class Plant(Twinned):
    """The npm package sparkplug-client, moved step by step."""

    def __init__(self, stack: Stack, group: str, node: str) -> None:
        super().__init__(stack, group, node)
        self.edge: Edge
        self._edges: list[Edge] = []

    def connect(self, announce_death: bool = False) -> None:
        self.edge = self.stack.edge()
        self._edges.append(self.edge)
        self.edge.connect(self.stack.mqtt_url, self.group, self.node, announce_death)

    def node_birth(self, payload: Json) -> None:
        self.twins.birth(self.node, payload, heard())
        self.edge.node_birth(payload)

    def device_birth(
        self, device: str, payload: Json, options: Json | None = None, within: int = 0
    ) -> None:
        """`within` are milliseconds that the bridge may wait before it tells of it."""
        if device not in self.devices:
            self.devices.append(device)
        self.twins.birth(device, payload, heard(within))
        self.edge.device_birth(device, payload, options)

    def node_data(self, payload: Json) -> None:
        self.twins.data(self.node, payload, heard())
        self.edge.node_data(payload)

    def device_data(self, device: str, payload: Json, options: Json | None = None) -> None:
        self.twins.data(device, payload, heard())
        self.edge.device_data(device, payload, options)

    def device_death(self, device: str) -> None:
        at = now_ms()
        self.twins.death(device, at)
        self.edge.device_death(device, {"timestamp": at})

    def cut(self) -> None:
        """The node's connection breaks: its will tells of the death."""
        self.all_die()
        self.edge.cut()

    def stop(self) -> None:
        """The node leaves in order."""
        self.all_die()
        self.edge.stop()

    def rebirth_requests(self) -> list[Json]:
        """Those that nobody waited for."""
        return [event for edge in self._edges for event in edge.unread("ncmd")]


def heard(within: int = 0) -> Between:
    now = now_ms()
    return Between(now, now + HEARD_WITHIN + within)
