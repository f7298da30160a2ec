"""A value in SiteWise: time, quality and the value with its type."""

import math
from dataclasses import dataclass
from typing import Any

GOOD, UNCERTAIN, BAD = "GOOD", "UNCERTAIN", "BAD"


@dataclass(frozen=True, eq=False)
class Between:
    """A time that only another's clock knows: equal to any from `first` to `last`."""

    first: float
    last: float

    def __repr__(self) -> str:
        return f"{self.first}..{self.last}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, int | float) and self.first <= other <= self.last

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True)
class Value:
    """One arm of the API's `Variant`: DOUBLE, INTEGER, BOOLEAN, STRING or NULL."""

    kind: str
    value: Any

    def __repr__(self) -> str:
        return f"{self.kind} {self.value!r}"


@dataclass(frozen=True)
class Point:
    time: float | Between
    quality: str
    value: Value

    def __repr__(self) -> str:
        return f"<{self.time!r} {self.quality} {self.value!r}>"

    @classmethod
    def read(cls, answer: dict[str, Any]) -> "Point":
        """From the API's `AssetPropertyValue`."""
        stamp = answer["timestamp"]
        millis, rest = divmod(stamp.get("offsetInNanos", 0), 1_000_000)
        # Only SiteWise's own clock has parts of a millisecond: no time that was sent equals them.
        time = stamp["timeInSeconds"] * 1000 + millis + rest / 1e6
        ((kind, value),) = answer["value"].items()
        if kind == "nullValue":
            value = value["valueType"]
        elif kind == "doubleValue" and math.isnan(value):
            # NaN is not equal to itself.
            value = "NaN"
        kind = kind.removesuffix("Value").upper()
        return cls(time if rest else int(time), answer["quality"], Value(kind, value))


def double(value: float | str | Between) -> Value:
    return Value("DOUBLE", value)


def integer(value: int) -> Value:
    return Value("INTEGER", value)


def boolean(value: bool) -> Value:
    return Value("BOOLEAN", value)


def string(value: str) -> Value:
    return Value("STRING", value)


def null(kind: str) -> Value:
    """A null of a type: D, I, B or S."""
    return Value("NULL", kind)
