"""The plant's equipment: a motor with a bearing at its drive end."""

from typing import Any

from payloads import Json, definition, instance, metric, parameter, properties

BEARING = definition(
    "_types_/Bearing",
    "1.0",
    [
        metric(
            "Temp",
            "Float",
            0,
            properties=properties(engUnit=("String", "°C"), engHigh=("Double", 90.5)),
        ),
        metric("Vib", "Double", None, properties=properties(engUnit=("String", "mm/s"))),
    ],
    [],
)

MOTOR = definition(
    "_types_/Motor",
    "2.1",
    [
        metric(
            "Speed",
            "Int32",
            0,
            properties=properties(
                engUnit=("String", "rpm"),
                engHigh=("Int32", 3000),
                documentation=("String", "at the shaft"),
                # How the sender reads the tag is none of the machine's properties.
                opcItemPath=("String", "ns=2;s=Speed"),
            ),
        ),
        metric("Amps", "Float", None, properties=properties(engUnit=("String", "A"))),
        metric("Running", "Boolean", False),
        metric("Serial", "String", ""),
        instance("Drive End", "_types_/Bearing"),
    ],
    # One of them has the name of a member.
    [
        parameter("HP", "Float", 7.5),
        parameter("Line", "String", "A"),
        parameter("Speed", "Int32", 1450),
    ],
)

# A definition may come before the one that it uses.
DEFINITIONS = [MOTOR, BEARING]


def bearing(at: int, temp: float, vib: float | None) -> Json:
    return instance(
        "Drive End",
        "_types_/Bearing",
        metric("Temp", "Float", temp, at),
        metric("Vib", "Double", vib, at + 1),
    )


def motor(name: str, at: int, speed: int, **more: Any) -> Json:
    """A motor with a value for every member, each with its own time."""
    return instance(
        name,
        "_types_/Motor",
        metric("Speed", "Int32", speed, at),
        metric("Amps", "Float", 12.25, at + 10),
        metric("Running", "Boolean", True, at + 20),
        metric("Serial", "String", f"№ {name}", at + 30),
        bearing(at + 40, 61.5, 0.125),
        **more,
    )
