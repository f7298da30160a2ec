"""The values that SiteWise must hold, computed from what an edge node sent.

The rules are those of the design: what a type becomes, which time and quality a value has,
what births repeat, what deaths mark. Nothing here knows how the bridge does it.
"""

import json
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from points import (
    BAD,
    GOOD,
    UNCERTAIN,
    Between,
    Point,
    Value,
    boolean,
    double,
    integer,
    null,
    string,
)

Json = dict[str, Any]
Time = float | Between
Key = tuple[str, str]

OLDEST = 7 * 24 * 3600 * 1000
# Values that SiteWise takes of one property, second and quality.
PLACES = 10
NOT_CARRIED = {"Bytes", "File"}
# Properties of a metric that say something else than what the machine is.
NOT_STATIC = {"Quality", "engUnit", "opcItemPath"}
NULLS = {
    "D": {"UInt32", "Int64", "UInt64", "Float", "Double", "DateTime"},
    "I": {"Int8", "Int16", "Int32", "UInt8", "UInt16"},
    "B": {"Boolean"},
    "S": {"String", "Text", "UUID", "DataSet"},
}
QUALITIES = {None: GOOD, 192: GOOD, 500: UNCERTAIN, 0: BAD}


def kind(type: str) -> str:
    """SiteWise's type for a datatype: D, I, B or S."""
    (kind,) = [kind for kind, types in NULLS.items() if type in types]
    return kind


def carried(type: str, value: Any, quality: str = GOOD) -> tuple[str, Value]:
    """Quality and value in SiteWise."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return BAD, null(kind(type))
    match kind(type):
        case "I":
            return quality, integer(value)
        case "B":
            return quality, boolean(value)
        case "S" if type == "DataSet":
            shape = {"columns": value["columns"], "rows": value["rows"]}
            return quality, string(json.dumps(shape, separators=(",", ":"), ensure_ascii=False))
        case "S":
            clean = "".join(" " if c < " " or c == "\x7f" else c for c in value)
            return quality, string(clean.encode()[:1024].decode(errors="ignore"))
    if type == "Float":
        (value,) = struct.unpack("f", struct.pack("f", value))
    if isinstance(value, int) and int(float(value)) != value and quality == GOOD:
        quality = UNCERTAIN
    return quality, seconds(value) if type == "DateTime" else double(float(value))


@dataclass
class Template:
    """A definition: names of its members, defaults of its attributes."""

    members: set[str] = field(default_factory=set)
    defaults: dict[str, Value] = field(default_factory=dict)

    def parameter(self, name: str) -> str:
        """The property's name; a member's goes before."""
        return f"{name} (parameter)" if name in self.members else name


@dataclass
class Source:
    """An edge node or device, as the bridge remembers it."""

    online: bool = False
    aliases: dict[int, str] = field(default_factory=dict)
    last: dict[Key, Point] = field(default_factory=dict)
    attributes: dict[Key, Value] = field(default_factory=dict)
    died: Time | None = None


@dataclass
class Leaf:
    """A value as sent, and where it goes."""

    key: Key
    time: float
    metric: Json

    def carried(self) -> tuple[str, Value]:
        code = self.metric.get("properties", {}).get("Quality", {}).get("value")
        return carried(self.metric["type"], self.metric["value"], QUALITIES[code])

    def historical(self) -> bool:
        return self.metric.get("isHistorical", False)


class Twins:
    def __init__(self, began: int) -> None:
        self._began = began
        self._points: dict[Key, list[Point]] = {}
        self._sources: dict[str, Source] = {}
        self._templates: dict[str, Template] = {}
        self._instances: dict[str, str] = {}

    def table(self, until: int) -> dict[Key, list[Point]]:
        """All that SiteWise must hold, attributes that were never written included."""
        table = {
            (asset, name): [Point(Between(self._began, until), GOOD, default)]
            for asset, template in self._instances.items()
            for name, default in self._template(template).defaults.items()
        }
        for key, points in self._points.items():
            table[key] = sorted(_kept(points), key=lambda point: _earliest(point.time))
        return table

    def birth(self, name: str, payload: Json, heard: Between) -> None:
        for metric in payload["metrics"]:
            if metric["type"] == "Template" and metric["value"]["isDefinition"]:
                self._define(metric["name"], metric["value"])
        source = self._sources.setdefault(name, Source())
        source.died = None
        missing = dict(source.last)
        at = payload["timestamp"]
        for leaf in self._leaves(name, payload):
            missing.pop(leaf.key, None)
            self._born_with(source, leaf, at, heard)
        for key, last in missing.items():
            self._mark(source, key, last, at)
        for metric in payload["metrics"]:
            self._attributes(source, name, name, metric, at)
            if "alias" in metric:
                source.aliases[metric["alias"]] = metric["name"]
        if not source.online:
            source.online = True
            self.add((name, "Online"), Point(heard, GOOD, boolean(True)))
        self.add((name, "Last birth"), Point(heard, GOOD, seconds(at)))

    def data(self, name: str, payload: Json, heard: Between) -> None:
        source = self._sources[name]
        for leaf in self._leaves(name, payload):
            if heard.first - leaf.time > OLDEST:
                continue
            point = Point(leaf.time, *leaf.carried())
            self.add(leaf.key, point)
            last = source.last.get(leaf.key)
            if not leaf.historical() and (last is None or _earliest(last.time) <= leaf.time):
                source.last[leaf.key] = point

    def death(self, name: str, died: Time) -> None:
        source = self._sources[name]
        if source.online:
            source.online = False
            source.died = died
            self.add((name, "Online"), Point(died, GOOD, boolean(False)))
            self.add((name, "Last death"), Point(died, GOOD, seconds(died)))

    def stale(self, name: str) -> None:
        """The source stayed dead for too long."""
        source = self._sources[name]
        if source.died is not None:
            for key, last in dict(source.last).items():
                self._mark(source, key, last, source.died)

    def forget(self) -> None:
        """The bridge starts anew: what it wrote stays, what it remembers does not."""
        self._sources = {}

    def add(self, key: Key, point: Point) -> None:
        self._points.setdefault(key, []).append(point)

    def _born_with(self, source: Source, leaf: Leaf, at: int, heard: Between) -> None:
        quality, value = leaf.carried()
        last = source.last.get(leaf.key)
        if leaf.historical():
            self.add(leaf.key, Point(leaf.time, quality, value))
        elif last is None or (last.quality, last.value) != (quality, value):
            time = leaf.time
            if heard.first - time > OLDEST or (last and time <= _earliest(last.time)):
                time = _after(last.time, at) if last else at
            source.last[leaf.key] = Point(time, quality, value)
            self.add(leaf.key, source.last[leaf.key])

    def _mark(self, source: Source, key: Key, last: Point, time: Time) -> None:
        # What was BAD does not become better by it.
        if last.quality == GOOD:
            source.last[key] = Point(_after(last.time, time), UNCERTAIN, last.value)
            self.add(key, source.last[key])

    def _define(self, name: str, definition: Json) -> None:
        template = Template({member["name"] for member in definition["metrics"]})
        for member in definition["metrics"]:
            for key, type, value in _statics(member):
                template.defaults[f"{member['name']}/{key}"] = carried(type, value)[1]
        for parameter in definition.get("parameters", []):
            value = carried(parameter["type"], parameter["value"])[1]
            template.defaults[template.parameter(parameter["name"])] = value
        self._templates[name] = template

    def _leaves(self, name: str, payload: Json) -> Iterator[Leaf]:
        aliases = self._sources[name].aliases
        for metric in payload["metrics"]:
            named = metric.get("name") or aliases[metric["alias"]]
            if named != "bdSeq" and not named.startswith("Node Control/"):
                time = metric.get("timestamp", payload["timestamp"])
                yield from self._within(name, [], {**metric, "name": named}, time)

    def _within(self, name: str, path: list[str], metric: Json, time: int) -> Iterator[Leaf]:
        time = metric.get("timestamp", time)
        if metric["type"] == "Template":
            if not metric["value"]["isDefinition"]:
                for member in metric["value"]["metrics"]:
                    yield from self._within(name, [*path, metric["name"]], member, time)
        elif (
            metric["type"] not in NOT_CARRIED
            and not metric.get("isTransient")
            and metric.get("metadata", {}).get("contentType") != "Alarm"
        ):
            yield Leaf(("/".join(path) or name, metric["name"]), time, metric)

    def _template(self, name: str) -> Template:
        """An instance may come without a definition."""
        return self._templates.get(name, Template())

    def _attributes(self, source: Source, name: str, asset: str, metric: Json, at: int) -> None:
        if metric["type"] != "Template":
            for key, type, value in _statics(metric):
                self._attribute(source, (asset, f"{metric['name']}/{key}"), type, value, at)
        elif not metric["value"]["isDefinition"]:
            below = metric["name"] if asset == name else f"{asset}/{metric['name']}"
            self._instances[below] = metric["value"]["templateRef"]
            for member in metric["value"]["metrics"]:
                self._attributes(source, name, below, member, at)
            template = self._template(self._instances[below])
            for parameter in metric["value"].get("parameters", []):
                key = (below, template.parameter(parameter["name"]))
                self._attribute(source, key, parameter["type"], parameter["value"], at)

    def _attribute(self, source: Source, key: Key, type: str, value: Any, at: int) -> None:
        _, sent = carried(type, value)
        template = self._template(self._instances.get(key[0], ""))
        if template.defaults.get(key[1]) != sent and source.attributes.get(key) != sent:
            source.attributes[key] = sent
            self.add(key, Point(at, GOOD, sent))


def _kept(points: list[Point]) -> list[Point]:
    """What SiteWise keeps of points, in the order in which they were sent."""
    # A later point of the same time and quality takes the place.
    places = {
        (point.time, point.quality): place
        for place, point in enumerate(points)
        if not isinstance(point.time, Between)
    }
    seconds: dict[tuple[float, str], list[int]] = {}
    for (time, quality), place in places.items():
        seconds.setdefault((time // 1000, quality), []).append(place)
    for second in seconds.values():
        # Ten places in a second: the first nine, and the last for what the second ended with.
        del second[PLACES - 1 : -1]
    kept = {place for second in seconds.values() for place in second}
    return [
        point
        for place, point in enumerate(points)
        if isinstance(point.time, Between) or place in kept
    ]


def _statics(metric: Json) -> Iterator[tuple[str, str, Any]]:
    for key, property in metric.get("properties", {}).items():
        if key not in NOT_STATIC:
            yield key, property["type"], property["value"]


def seconds(time: Time) -> Value:
    """A point in time as a value: seconds with their fraction."""
    if isinstance(time, Between):
        return double(Between(time.first / 1000, time.last / 1000))
    return double(time / 1000)


def _earliest(time: Time) -> float:
    return time.first if isinstance(time, Between) else time


def _after(last: Time, time: Time) -> Time:
    """`time`, or a millisecond after the last one if that is later."""
    next = _earliest(last) + 1
    match time:
        case Between(first, latest):
            return Between(max(first, next), max(latest, next))
    return max(time, next)
