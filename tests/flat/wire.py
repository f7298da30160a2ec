"""Sparkplug B as bytes: as much of it as edge nodes with flat metrics write, and the one command
that they read."""

import struct
from dataclasses import dataclass
from typing import Any

INT8, INT16, INT32, INT64 = 1, 2, 3, 4
UINT8, UINT16, UINT32, UINT64 = 5, 6, 7, 8
FLOAT, DOUBLE, BOOLEAN, STRING, DATETIME, TEXT, UUID = 9, 10, 11, 12, 13, 14, 15

TYPES = {
    "Int8": INT8,
    "Int16": INT16,
    "Int32": INT32,
    "Int64": INT64,
    "UInt8": UINT8,
    "UInt16": UINT16,
    "UInt32": UINT32,
    "UInt64": UINT64,
    "Float": FLOAT,
    "Double": DOUBLE,
    "Boolean": BOOLEAN,
    "String": STRING,
    "DateTime": DATETIME,
    "Text": TEXT,
    "UUID": UUID,
}
# In which field a value travels: of a metric, of a property, and how it is packed.
_ARMS = {
    **dict.fromkeys((INT8, INT16, INT32, UINT8, UINT16, UINT32), (10, 3, "int")),
    **dict.fromkeys((INT64, UINT64, DATETIME), (11, 4, "long")),
    FLOAT: (12, 5, "float"),
    DOUBLE: (13, 6, "double"),
    BOOLEAN: (14, 7, "bool"),
    **dict.fromkeys((STRING, TEXT, UUID), (15, 8, "bytes")),
}

REBIRTH = b"Node Control/Rebirth"


@dataclass(frozen=True)
class Codec:
    """How a gateway turns its text into bytes, and what of it is left for who reads UTF-8."""

    name: str = "utf-8"

    def bytes(self, text: str) -> bytes:
        return text.encode(self.name, errors="replace")

    def read(self, text: str) -> str:
        return self.bytes(text).decode("utf-8", errors="replace")


@dataclass(frozen=True)
class Property:
    """A property of a metric: its type and value, none where it is null."""

    type: str
    value: Any


@dataclass
class Metric:
    """A metric as it is sent. What is none is left out."""

    name: bytes | None = None
    alias: int | None = None
    time: int | None = None
    type: str | None = None
    # The type that packs the value, where the metric does not tell it.
    packed_as: str | None = None
    value: Any = None
    properties: dict[str, Property] | None = None
    historical: bool = False

    def bytes(self, codec: Codec) -> bytes:
        parts = []
        if self.name is not None:
            parts.append(_field(1, self.name))
        if self.alias is not None:
            parts.append(_number(2, self.alias))
        if self.time is not None:
            parts.append(_number(3, self.time))
        if self.type is not None:
            parts.append(_number(4, TYPES[self.type]))
        if self.historical:
            parts.append(_number(5, 1))
        if self.value is None:
            parts.append(_number(7, 1))
        if self.properties:
            parts.append(_field(9, _property_set(self.properties, codec)))
        if self.value is not None:
            type = TYPES[self.type or self.packed_as or ""]
            parts.append(_value(_ARMS[type][0], type, self.value, codec))
        return b"".join(parts)


def payload(time: int | None, seq: int | None, metrics: list[Metric], codec: Codec) -> bytes:
    parts = [] if time is None else [_number(1, time)]
    parts += [_field(2, metric.bytes(codec)) for metric in metrics]
    if seq is not None:
        parts.append(_number(3, seq))
    return b"".join(parts)


def asks_for_rebirth(message: bytes) -> bool:
    """Whether an NCMD has the metric Node Control/Rebirth with the value true."""
    for field, value in _fields(message):
        if field == 2 and isinstance(value, bytes):
            metric = dict(_fields(value))
            if metric.get(1) == REBIRTH and metric.get(14) == 1:
                return True
    return False


def _property_set(properties: dict[str, Property], codec: Codec) -> bytes:
    keys = [_field(1, codec.bytes(key)) for key in properties]
    values = [_field(2, _property(property, codec)) for property in properties.values()]
    return b"".join(keys + values)


def _property(property: Property, codec: Codec) -> bytes:
    type = TYPES[property.type]
    head = _number(1, type)
    if property.value is None:
        return head + _number(2, 1)
    return head + _value(_ARMS[type][1], type, property.value, codec)


def _value(field: int, type: int, value: Any, codec: Codec) -> bytes:
    match _ARMS[type][2]:
        case "int":
            return _number(field, value & 0xFFFF_FFFF)
        case "long":
            return _number(field, value & 0xFFFF_FFFF_FFFF_FFFF)
        case "float":
            return _varint(field << 3 | 5) + struct.pack("<f", value)
        case "double":
            return _varint(field << 3 | 1) + struct.pack("<d", value)
        case "bool":
            return _number(field, int(value))
        case _:
            return _field(field, codec.bytes(value))


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _number(field: int, number: int) -> bytes:
    return _varint(field << 3) + _varint(number)


def _field(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _fields(message: bytes):
    """Numbers of fields with their content: numbers, or bytes."""
    at = 0

    def varint() -> int:
        nonlocal at
        number = shift = 0
        while True:
            byte = message[at]
            at += 1
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return number

    while at < len(message):
        key = varint()
        match key & 7:
            case 0:
                yield key >> 3, varint()
            case 2:
                length = varint()
                yield key >> 3, message[at : at + length]
                at += length
            case 1:
                at += 8
            case 5:
                at += 4
            case other:
                raise ValueError(f"wire type {other}")
