"""What a model says of its properties."""

from typing import Any

# Kind, data type, unit and default.
Shape = tuple[str, str, str | None, str | None]


def measurement(type: str, unit: str | None = None) -> Shape:
    return ("measurement", type, unit, None)


def attribute(type: str, default: str | None = None) -> Shape:
    return ("attribute", type, None, default)


NODE_PRESENCE = {
    "Online": measurement("BOOLEAN"),
    "Last birth": measurement("DOUBLE", "s"),
    "Last death": measurement("DOUBLE", "s"),
    "Sequence gaps": measurement("INTEGER"),
    "Rebirths": measurement("INTEGER"),
}
DEVICE_PRESENCE = {
    "Online": measurement("BOOLEAN"),
    "Last birth": measurement("DOUBLE", "s"),
    "Last death": measurement("DOUBLE", "s"),
}


def shapes(model: dict[str, Any]) -> dict[str, Shape]:
    """Kind, data type, unit and default of each property."""
    found = {}
    for property in model["assetModelProperties"]:
        ((kind, details),) = property["type"].items()
        shape = (kind, property["dataType"], property.get("unit"), details.get("defaultValue"))
        found[property["name"]] = shape
    return found
