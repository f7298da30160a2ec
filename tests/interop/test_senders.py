"""Clients that others wrote, each through a whole life: birth, data, rebirth, restart, death."""

import unittest
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import senders
from edge import Edge
from node import Node
from payloads import Json, definition, instance, metric, parameter, properties
from senders import SparkplugClient
from shapes import DEVICE_PRESENCE, NODE_PRESENCE, Shape, attribute, measurement, shapes
from stack import Stack, now_ms
from twins import kind

RPM, CELSIUS = properties(engUnit=("String", "rpm")), properties(engUnit=("String", "°C"))

Make = Callable[[Path], senders.Sender]


def setUpModule() -> None:
    """All live at the same time, beside one bridge."""
    # Some values are past 10^10: doubles as far as the user guide has them.
    stack = Stack("senders", sitewise=("--double-limit", "1e100"))
    unittest.addModuleCleanup(stack.close)
    LISTENERS.append(stack.watch(["spBv1.0/+/NCMD/+"]))
    pool = ThreadPoolExecutor(len(LIVES))
    unittest.addModuleCleanup(pool.shutdown)
    for life in LIVES.values():
        life.ended = pool.submit(life.live, stack)


class Sender:
    """What a sender can tell, and how it dies."""

    def __init__(self, name: str, make: Make) -> None:
        self.name, self.make = name, make
        # How long its death in order is in doubt, in milliseconds.
        self.doubt = 0
        self.has_nulls = True
        self.has_history = True

    def state(self, at: int) -> Json:
        return {
            "node": [
                metric("Uptime", "Int64", 2**40, at, alias=1),
                # A model is shared by all that have the same metrics, units and all.
                metric(f"Supply of {self.name}/Voltage", "Float", 231.5, at + 1, alias=2),
            ],
            "devices": {self.device: self.metrics(at)},
        }

    @property
    def device(self) -> str:
        return f"Line of {self.name}"

    def metrics(self, at: int) -> list[Json]:
        kinds = [
            ("Int8", -5),
            ("Int16", -300),
            ("Int32", -(2**31)),
            ("UInt8", 200),
            ("UInt16", 65_535),
            ("UInt32", 4_000_000_000),
            ("UInt64", 2**64 - 1),
            ("Float", 0.1),
            ("Double", -1.5e99),
            ("Boolean", False),
            ("String", "Größe"),
            ("Text", ""),
        ]
        flow = metric("Flow", "Double", 1.5, at)
        return [flow, *(metric(f"{t} value", t, v, at + n) for n, (t, v) in enumerate(kinds))]

    def changes(self, at: int) -> list[Json]:
        """Some of the device's metrics, all with new values."""
        return [
            metric("Flow", "Double", at / 1000, at),
            metric("Int16 value", "Int16", -at % 1000, at + 1),
            metric("String value", "String", f"at {at}", at + 2),
        ]

    def extremes(self, at: int) -> list[list[Json]]:
        """Messages with what is not an ordinary value."""
        nulls = [metric("Boolean value", "Boolean", None, at + 5)] if self.has_nulls else []
        old = at - 24 * 3_600_000
        history = [metric("Flow", "Double", 0.25, old, isHistorical=True)]
        return [metrics for metrics in (nulls, history if self.has_history else []) if metrics]

    def templates(self) -> dict[str, dict[str, Shape]]:
        """Its instances, and what their models say."""
        return {}


class WithTemplates(Sender):
    """Sends instances of `Motor of <sender>`, and units."""

    def state(self, at: int) -> Json:
        state = super().state(at)
        state["node"] = [*self.definitions(), *state["node"]]
        state["node"][-1]["properties"] = properties(engUnit=("String", "V"))
        return state

    def metrics(self, at: int) -> list[Json]:
        return [*super().metrics(at), self.motor(at + 20)]

    def changes(self, at: int) -> list[Json]:
        changed = instance(self.name_of("M1"), self.template("Motor"), self.speed(at, at % 1000))
        return [*super().changes(at), {**changed, "timestamp": at}]

    def name_of(self, motor: str) -> str:
        return f"{motor} of {self.name}"

    def template(self, name: str) -> str:
        return f"_types_/{name} of {self.name}"

    def definitions(self) -> list[Json]:
        bearing = [
            metric("Temp", "Double", 0, properties=CELSIUS),
            metric("Note", "String", ""),
        ]
        motor = [
            metric("Speed", "Int32", 0, properties=RPM),
            metric("Running", "Boolean", False),
            instance("Drive End", self.template("Bearing")),
        ]
        return [
            definition(self.template("Bearing"), "1.0", bearing, []),
            definition(self.template("Motor"), "2.1", motor, [parameter("HP", "Double", 7.5)]),
        ]

    def templates(self) -> dict[str, dict[str, Shape]]:
        motor = {
            "Speed": measurement("INTEGER", "rpm"),
            "Running": measurement("BOOLEAN"),
            "HP": attribute("DOUBLE", "7.5"),
        }
        bearing = {"Temp": measurement("DOUBLE", "°C"), "Note": measurement("STRING")}
        return {self.name_of("M1"): motor, f"{self.name_of('M1')}/Drive End": bearing}

    def speed(self, at: int, speed: int) -> Json:
        return metric("Speed", "Int32", speed, at)

    def motor(self, at: int) -> Json:
        bearing = [metric("Temp", "Double", 61.5, at), metric("Note", "String", "new", at)]
        return instance(
            self.name_of("M1"),
            self.template("Motor"),
            self.speed(at, 1450),
            metric("Running", "Boolean", True, at),
            instance("Drive End", self.template("Bearing"), *bearing),
            at=at,
            parameters=[parameter("HP", "Double", 5.5)],
        )


class Tahutils(WithTemplates):
    """Its model of a node knows neither nulls nor history."""

    def __init__(self, name: str, make: Make) -> None:
        super().__init__(name, make)
        self.has_nulls = self.has_history = False


class Pysparkplug(Sender):
    """Its NDEATH has the number of the birth to come."""

    def __init__(self, name: str, make: Make) -> None:
        super().__init__(name, make)
        self.doubt = 10_000


class Srad(WithTemplates):
    """No definitions, no times within instances, and no unit without a `Quality`: what srad calls
    good is 0, which Sparkplug calls bad."""

    def template(self, name: str) -> str:
        return {"Motor": "Motor of srad:2.1", "Bearing": "Bearing of srad"}[name]

    def definitions(self) -> list[Json]:
        return []

    def state(self, at: int) -> Json:
        state = super().state(at)
        state["node"][-1]["properties"]["Quality"] = {"type": "Int32", "value": 0}
        return state

    def speed(self, at: int, speed: int) -> Json:
        return metric("Speed", "Int32", speed)

    def motor(self, at: int) -> Json:
        motor = super().motor(at)
        members = motor["value"]["metrics"]
        for member in [*members, *members[-1]["value"]["metrics"]]:
            member.pop("timestamp", None)
        return motor

    def templates(self) -> dict[str, dict[str, Shape]]:
        motor = {
            "Speed": measurement("INTEGER"),
            "Running": measurement("BOOLEAN"),
            "HP": attribute("DOUBLE"),
        }
        bearing = {"Temp": measurement("DOUBLE"), "Note": measurement("STRING")}
        return {"M1 of srad": motor, "M1 of srad/Drive End": bearing}


class Life:
    """The whole life of a sender, and how the twins differed after each part of it."""

    def __init__(self, sender: Sender) -> None:
        self.sender = sender
        self.differences: dict[str, str] = {}
        self.ended: Future[None]
        self.node: Node
        self._at = now_ms() - 60_000

    def live(self, stack: Stack) -> None:
        sender = self.sender
        node = Node(stack, sender.make, "Interop", f"Node of {sender.name}", sender.state(self._at))
        self.node = node
        node.start()
        self.settle("birth")

        for _ in range(5):
            self.change()
        for metrics in sender.extremes(self.later()):
            node.data(sender.device, *metrics)
        self.settle("data")

        node.lose(sender.device, *sender.changes(self.later()))
        self.change()
        self.settle("rebirth")

        # Something has changed when it is back.
        node.stop(sender.doubt)
        node.keep(sender.device, *sender.changes(self.later()))
        node.start()
        self.change()
        self.settle("restart")

        node.kill()
        self.settle("unclean death")
        node.start()
        self.change()
        self.settle("new life")

    def change(self) -> None:
        at = self.later()
        self.node.data(self.sender.device, *self.sender.changes(at))
        self.node.data(None, metric("Uptime", "Int64", at, at, alias=1))

    def later(self) -> int:
        self._at += 1_234
        return self._at

    def settle(self, part: str) -> None:
        """What comes after rests on it."""
        self.node.wait()
        self.differences[part] = self.node.differences()
        if self.differences[part]:
            raise AssertionError(f"the twins are not right after its {part}")


LIVES = {
    "sparkplug-client": Life(WithTemplates("sparkplug-client", SparkplugClient)),
    "GZIP": Life(WithTemplates("GZIP", partial(SparkplugClient, algorithm="GZIP"))),
    "DEFLATE": Life(WithTemplates("DEFLATE", partial(SparkplugClient, algorithm="DEFLATE"))),
    "tahutils": Life(Tahutils("tahutils", senders.tahutils)),
    "pysparkplug": Life(Pysparkplug("pysparkplug", senders.pysparkplug)),
    "srad": Life(Srad("srad", senders.srad)),
}
# Hears all requests for rebirths.
LISTENERS: list[Edge] = []


class Lives:
    name: str

    @classmethod
    def setUpClass(cls) -> None:
        cls.life = LIVES[cls.name]
        # How it failed stands with the part that failed.
        cls.life.ended.exception()

    def ended(self) -> None:
        if self.life.ended.exception():
            self.fail("it did not live to its end")

    def check(self, part: str) -> None:
        if part not in self.life.differences:
            self.fail(f"it never came to this: {self.life.ended.exception()!r}")
        if self.life.differences[part]:
            self.fail(self.life.differences[part])

    def test_birth(self) -> None:
        self.check("birth")

    def test_data(self) -> None:
        self.check("data")

    def test_rebirth_when_asked(self) -> None:
        self.check("rebirth")

    def test_restart(self) -> None:
        self.check("restart")

    def test_unclean_death(self) -> None:
        self.check("unclean death")

    def test_new_life(self) -> None:
        self.check("new life")

    def test_models_have_its_names_types_and_units(self) -> None:
        self.ended()
        node, stack = self.life.node, self.life.node.stack
        model = shapes(stack.reader.model_of(node.node))
        self.assertEqual(model, measurements(node.state["node"]) | NODE_PRESENCE)
        for device, metrics in node.state["devices"].items():
            model = shapes(stack.reader.model_of(device))
            self.assertEqual(model, measurements(metrics) | DEVICE_PRESENCE)
        for asset, expected in self.life.sender.templates().items():
            self.assertEqual(shapes(stack.reader.model_of(asset)), expected)

    def test_no_request_too_many(self) -> None:
        self.ended()
        node = self.life.node
        topic = f"spBv1.0/{node.group}/NCMD/{node.node}"
        requests = [e for e in LISTENERS[0].unread("message") if e["topic"] == topic]
        self.assertEqual(len(requests), node.asked)


def measurements(metrics: list[Json]) -> dict[str, Shape]:
    kinds = {"D": "DOUBLE", "I": "INTEGER", "B": "BOOLEAN", "S": "STRING"}
    return {
        m["name"]: measurement(
            kinds[kind(m["type"])], m.get("properties", {}).get("engUnit", {}).get("value")
        )
        for m in metrics
        if m["type"] != "Template"
    }


class SparkplugClientLives(Lives, unittest.TestCase):
    name = "sparkplug-client"


class SparkplugClientGzipLives(Lives, unittest.TestCase):
    name = "GZIP"


class SparkplugClientDeflateLives(Lives, unittest.TestCase):
    name = "DEFLATE"


class TahutilsLives(Lives, unittest.TestCase):
    name = "tahutils"


class PysparkplugLives(Lives, unittest.TestCase):
    name = "pysparkplug"


class SradLives(Lives, unittest.TestCase):
    name = "srad"
