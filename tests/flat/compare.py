"""One asset against what its source said."""

import math
import time
from dataclasses import dataclass
from typing import Any

from sitewise import Property, Value

Json = dict[str, Any]

# What the asset of a node or device has beside the plant's own, and what of it is a time.
PRESENCE = {"Online", "Last birth", "Last death"}
OF_NODES = {"Sequence gaps", "Rebirths"}
TIMES = ("Last birth", "Last death")
# Milliseconds by which clocks and the way of a message may differ.
SLACK = 10_000


@dataclass
class Counts:
    assets: int = 0
    tags: int = 0
    attributes: int = 0
    units: int = 0
    empty: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        ours, theirs = vars(self), vars(other)
        return Counts(**{name: ours[name] + theirs[name] for name in ours})


class Comparison:
    """`found` are the disagreements: of which kind, and what."""

    def __init__(
        self,
        source: Json,
        names: set[str],
        properties: list[Property],
        values: dict[Property, Value],
    ) -> None:
        self.source, self.names = source, names
        self.properties, self.values = properties, values
        self.found: list[tuple[str, str]] = []
        self.counts = Counts(assets=1)
        self.matched: set[Property] = set()
        self.presence()
        for said in source["tags"]:
            self.tag(said)
        for static in source["statics"]:
            self.static(static)
        self.rest()

    def says(self, kind: str, what: str) -> None:
        self.found.append((kind, what))

    def named(self, name: str, type: str) -> Property | None:
        """The property of a name and type. One whose name was taken has more words behind it."""
        free = [p for p in self.properties if p.type == type and p not in self.matched]
        for fits in (lambda p: p.name == name, lambda p: p.name.startswith(f"{name} (")):
            for property in free:
                if fits(property):
                    self.matched.add(property)
                    return property
        return None

    def presence(self) -> None:
        alive = self.source["alive"]
        online = [p for p in self.properties if p.name == "Online" and p.type == "BOOLEAN"]
        if not online:
            self.says("no presence", "has no `Online`")
        for property in online:
            self.matched.add(property)
            value = self.values.get(property)
            if value is None or (value.value, value.quality) != (alive, "GOOD"):
                self.says("presence", f"is {value}, not Online = {alive}")
        times = {p.name: p for p in self.properties if p.name in TIMES}
        for name in TIMES:
            property = times.get(name)
            value = property and self.values.get(property)
            if property is None or (value is None and (name == "Last birth" or not alive)):
                self.says("presence", f"has no {name}")
            if property is None:
                continue
            self.matched.add(property)
            if property.unit != "s":
                self.says("presence", f"{name} is in {property.unit}, not s")
            elif value and abs(value.value - time.time()) > 3600:
                self.says("presence", f"{name} is {value.value}")

    def tag(self, said: Json) -> None:
        name = said["name"]
        property = self.named(name, said["type"])
        if property is None:
            others = [f"{p.name} {p.type}" for p in self.properties if p.name.startswith(name)]
            self.says("no property", f"{name} ({said['type']}) has none, but {others}")
            return
        self.counts.tags += 1
        self.counts.units += said["unit"] is not None
        if (property.unit or None) != said["unit"]:
            self.says("unit", f"{name} is in {property.unit}, not {said['unit']}")
        value = self.values.get(property)
        if self.value(name, said, value) and value:
            now = time.time() * 1000
            if not said["since"] - 1 <= value.time <= now + SLACK:
                late = (value.time - said["since"]) / 1000
                self.says("time", f"{name} is of {late:+.3f} s after what was said last")

    def static(self, said: Json) -> None:
        property = self.named(said["name"], said["type"])
        value = property and self.values.get(property)
        if said["value"] is None and value is None:
            # Left out again before SiteWise had a place for it: nothing is shown, and rightly.
            return
        if property is None:
            self.says("no attribute", f"{said['name']} ({said['type']}) has none")
            return
        self.counts.attributes += 1
        self.value(said["name"], said, value, "static property")

    def value(self, name: str, said: Json, value: Value | None, what: str = "value") -> bool:
        expected = f"{said['value']!r} {said['quality']}"
        if value is None:
            self.says(f"no {what}", f"{name} has none, not {expected}")
            return False
        shown = f"{value.value!r} {value.quality}"
        if not same(value.value, said["value"]):
            self.says(what, f"{name} is {shown}, not {expected}")
            return False
        if value.quality != said["quality"]:
            self.says(f"quality of a {what}", f"{name} is {shown}, not {expected}")
            return False
        return True

    def rest(self) -> None:
        """What is there beside: of its own kind, and without a value."""
        own = PRESENCE | (set() if self.source["id"] else OF_NODES)
        for property in self.properties:
            if property in self.matched or property.name in own:
                continue
            base = property.name.rpartition(" (")[0]
            if property.name not in self.names and base not in self.names:
                self.says("another kind's tag", property.name)
            elif property in self.values:
                value = self.values[property]
                self.says("what was not said", f"{property.name} is {value.value!r}")
            else:
                self.counts.empty += 1


def same(shown: Any, said: Any) -> bool:
    if isinstance(said, float) and isinstance(shown, float | int):
        return math.isclose(shown, said, rel_tol=1e-12)
    return type(shown) is type(said) and shown == said
