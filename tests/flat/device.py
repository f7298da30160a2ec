"""A source of tags, a gateway itself or a device behind it: what it has, what it said last, and its
births and data as bytes."""

import json
import math
import random
import struct
import time
from dataclasses import dataclass, field
from typing import Any

from kinds import Kind, Tag
from quality import BAD, GOOD, SENT, UNCERTAIN, stale
from wire import Codec, Metric, Property

Json = dict[str, Any]
HOUR = 3_600_000
DAY = 24 * HOUR

INTEGERS = {"Int8": 8, "Int16": 16, "Int32": 32, "UInt8": 8, "UInt16": 16}
WORDS = ["Automatik", "Hand", "Störung", "Größe 3", "läuft", "AUS", "Service nötig", "ready", "°"]


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass
class Stamps:
    """Where a gateway writes times: at the payload, at each metric."""

    payload: bool = True
    metric: bool = True


@dataclass
class Said:
    """A tag with what was said of it last."""

    tag: Tag
    name: str
    type: str
    unit: str | None
    alias: int | None = None
    value: Any = None
    quality: Property | None = None
    # When it was said last, and since when it has this value and quality, by the sender's clock.
    changed: int = 0
    since: int = 0
    statics: dict[str, Property] = field(default_factory=dict)
    # What a static property was before it was left out of a birth.
    left_out: dict[str, Property] = field(default_factory=dict)
    # Whether a birth had it, and with which unit; whether the latest birth has it no more.
    told: bool = False
    unit_told: str | None = None
    gone: bool = False

    def metric(self, codec: Codec, stamps: Stamps) -> Metric:
        """In a birth: with all that belongs to it."""
        properties = dict(self.statics)
        if self.unit is not None:
            properties["engUnit"] = Property("String", self.unit)
        if self.quality is not None:
            properties["Quality"] = self.quality
        time = self.changed if stamps.metric else None
        name = codec.bytes(self.name)
        return Metric(name, self.alias, time, self.type, None, self.value, properties)

    def truth(self, codec: Codec, alive: bool) -> Json:
        shown = carried(self.type, self.value, self.quality, codec)
        if not alive or self.gone:
            shown["quality"] = stale(shown["quality"])
        unit = "s" if self.type == "DateTime" else self.unit_told
        return {
            "name": codec.read(self.name).strip(),
            "unit": unit and codec.read(unit),
            "since": self.since,
            **shown,
        }


def carried(type: str, value: Any, quality: Property | None, codec: Codec) -> Json:
    """Type, value and quality as SiteWise has them."""
    level = next((level for sent, level in SENT if sent == quality), GOOD)
    if type in INTEGERS:
        kind = "INTEGER"
    elif type == "Boolean":
        kind = "BOOLEAN"
    elif type in ("String", "Text", "UUID"):
        kind = "STRING"
        if value is not None:
            clean = "".join(" " if c < " " or c == "\x7f" else c for c in codec.read(value))
            value = clean.encode()[:1024].decode(errors="ignore")
    else:
        kind = "DOUBLE"
        if value is not None:
            if type == "DateTime":
                value = value / 1000
            elif type == "Float":
                (value,) = struct.unpack("<f", struct.pack("<f", value))
            elif isinstance(value, int) and int(float(value)) != value and level == GOOD:
                level = UNCERTAIN
            value = float(value)
            if not math.isfinite(value):
                value = None
    if value is None:
        level = BAD
    return {"type": kind, "value": value, "quality": level}


class Source:
    """A device, or with no `id` the gateway itself."""

    def __init__(
        self, id: str | None, kind: Kind, spelling: int, random: random.Random, codec: Codec
    ) -> None:
        self.id, self.kind, self.codec = id, kind, codec
        self.random = random
        self.alive = False
        self.ever_born = False
        self.empty = False
        self.births = 0
        self.tags: list[Said] = []
        began = now_ms()
        for tag in kind.tags:
            if tag.optional and random.random() < 0.4:
                continue
            unit = tag.units[spelling % len(tag.units)] if tag.units else None
            said = Said(tag, tag.name, tag.type, unit)
            # Births repeat the time of the last change, some of weeks ago.
            said.changed = began - random.choice([10, 60_000, HOUR, 3 * DAY, 30 * DAY])
            said.since = said.changed
            said.value = self.draw(said)
            if tag.statics:
                said.statics = self.draw_statics(tag)
            self.tags.append(said)

    def draw(self, said: Said) -> Any:
        """A value of the tag's type, now and then a strange one."""
        random = self.random
        strange = random.random() < 0.05
        match said.type:
            case type if type in INTEGERS:
                bits = INTEGERS[type]
                low = 0 if type.startswith("U") else -(1 << (bits - 1))
                high = (1 << (bits - (low < 0))) - 1
                return random.choice([low, high]) if strange else random.randint(0, min(high, 999))
            case "UInt32":
                return 2**32 - 1 if strange else random.randrange(2**31)
            case "Int64" | "UInt64":
                return random.randrange(10**10)
            case "Float" | "Double":
                if strange:
                    return random.choice([math.nan, math.inf, -math.inf, 0.0, -0.0, 1e-300])
                return round(random.uniform(-50, 3000), 3)
            case "Boolean":
                return random.random() < 0.5
            case "DateTime":
                return now_ms() - random.randrange(400 * DAY)
            case "UUID":
                bare = f"{random.getrandbits(128):032x}"
                parts = (bare[:8], bare[8:12], bare[12:16], bare[16:20], bare[20:])
                dashed = "-".join(parts)
                return random.choice([bare, dashed, dashed.upper(), f"{{{dashed}}}"])
        if strange:
            return random.choice(["", "two\nlines\tand a tab", "ü" * 700])
        return random.choice(WORDS) + f" {random.randrange(100)}"

    def draw_statics(self, tag: Tag) -> dict[str, Property]:
        statics = {
            "engLow": Property("Double", float(self.random.choice([0, -20]))),
            "engHigh": Property("Double", float(self.random.choice([100, 8000, 9500]))),
        }
        if self.random.random() < 0.5:
            statics["documentation"] = Property("String", f"Maß von {tag.name}")
        if self.random.random() < 0.3:
            statics["readOnly"] = Property("Boolean", True)
        return statics

    def change(self, said: Said, value: Any, quality: Property | None = None) -> None:
        before = carried(said.type, said.value, said.quality, self.codec)
        said.value, said.quality = value, quality
        said.changed = max(now_ms(), said.changed + 1)
        if carried(said.type, value, quality, self.codec) != before:
            said.since = said.changed

    def redraw(self, said: Said) -> None:
        value = None if self.random.random() < 0.03 else self.draw(said)
        quality = self.random.choice(SENT)[0] if self.random.random() < 0.15 else None
        self.change(said, value, quality)

    def born(self, stamps: Stamps) -> list[Metric]:
        """The metrics of a birth, from which on all of this is said."""
        self.alive = self.ever_born = True
        self.births += 1
        if self.empty:
            return []
        metrics = []
        for said in self.tags:
            if said.gone:
                continue
            if said.tag.late_unit and self.births > 1:
                said.unit = said.tag.late_unit
            said.told = True
            if said.unit is not None:
                said.unit_told = said.unit
            metrics.append(said.metric(self.codec, stamps))
        return metrics

    def retype(self, type: str) -> None:
        """From the next birth on the first of its numbers is of another type."""
        old = next(said for said in self.tags if said.type == "Double" and not said.gone)
        old.gone = True
        new = Said(old.tag, old.name, type, None)
        # The metric is still there, its static properties are not.
        if old.told:
            new.left_out = {**old.left_out, **old.statics}
        old.statics, old.left_out = {}, {}
        self.change(new, self.draw(new))
        self.tags.append(new)

    def grow(self) -> None:
        """From the next birth on it has all tags of its kind."""
        known = {said.tag.name for said in self.tags}
        for tag in self.kind.tags:
            if tag.name not in known:
                said = Said(tag, tag.name, tag.type, tag.units[0] if tag.units else None)
                self.change(said, self.draw(said))
                self.tags.append(said)

    def truth(self) -> Json:
        return {
            "id": self.id,
            "kind": self.kind.name,
            "alive": self.alive,
            "tags": [said.truth(self.codec, self.alive) for said in self.tags if said.told],
            "statics": [
                static for said in self.tags if said.told for static in self._statics(said)
            ],
        }

    def _statics(self, said: Said) -> list[Json]:
        name = self.codec.read(said.name).strip()
        missing = {
            key: Property(property.type, None)
            for key, property in said.left_out.items()
            if key not in said.statics
        }
        return [
            {
                "name": f"{name}/{self.codec.read(key)}",
                **carried(property.type, property.value, None, self.codec),
            }
            for key, property in {**said.statics, **missing}.items()
        ]


def dumped(truth: Json) -> str:
    return json.dumps(truth, ensure_ascii=False, allow_nan=False)
