"""A lost message makes the bridge ask for a rebirth, and the birth may say something new."""

import unittest
from copy import deepcopy

from motors import BEARING, MOTOR, motor
from payloads import REBIRTH, by_alias, metric, payload, properties
from plant import Plant
from points import integer
from stack import Stack, now_ms


class Rebirth(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.stack = Stack("rebirth")
        cls.addClassCleanup(cls.stack.close)
        cls.plant = plant = Plant(cls.stack, "Plant 1", "Gateway")
        born = now_ms() - 60_000
        plant.connect()
        plant.node_birth(
            payload(born, REBIRTH, MOTOR, BEARING, metric("Uptime", "UInt32", 1, alias=1))
        )
        flow, old = metric("Flow", "Double", 1.0, born), metric("Old", "Double", 9.5, born)
        plant.device_birth(
            "Line 1",
            payload(born, motor("M1", born, 1000), {**flow, "alias": 10}, {**old, "alias": 11}),
        )
        plant.settle()

        plant.tells("Sequence gaps", integer(1))
        plant.tells("Rebirths", integer(1))
        plant.edge.lose()
        plant.device_data("Line 1", payload(born + 1_000, by_alias(10, "Double", 2.0)))
        plant.edge.wait_for_rebirth_request()

        # The edge knows a newer type by now, has another metric in the place of one, and
        # gives its aliases anew.
        newer = deepcopy(MOTOR)
        newer["value"]["version"] = "2.2"
        unit = properties(engUnit=("String", "N·m"))
        newer["value"]["metrics"].append(metric("Torque", "Double", None, properties=unit))
        m1 = motor("M1", born, 1000)
        m1["value"]["metrics"].append(metric("Torque", "Double", 35.5, born + 2_000))
        again = born + 10_000
        plant.node_birth(
            payload(again, REBIRTH, newer, BEARING, metric("Uptime", "UInt32", 2, alias=1))
        )
        plant.device_birth(
            "Line 1",
            payload(
                again,
                m1,
                metric("Flow", "Double", 2.0, born + 1_000, alias=11),
                metric("New", "Int16", 5, born + 2_000, alias=10),
            ),
        )
        plant.device_data(
            "Line 1", payload(again + 5, by_alias(10, "Int16", 6), by_alias(11, "Double", 3.0))
        )
        plant.wait()

    def test_every_value_arrives_and_what_is_gone_is_marked(self) -> None:
        self.assertEqual(self.plant.differences(), "")

    def test_models_grow(self) -> None:
        motor = next(m for m in self.stack.reader.models() if m["assetModelName"] == "Motor")
        torque = next(p for p in motor["assetModelProperties"] if p["name"] == "Torque")
        self.assertEqual((torque["dataType"], torque["unit"]), ("DOUBLE", "N·m"))
        names = {p["name"] for p in self.stack.reader.model_of("Line 1")["assetModelProperties"]}
        self.assertEqual(names, {"Flow", "Old", "New", "Online", "Last birth", "Last death"})

    def test_nothing_is_made_twice(self) -> None:
        usage = self.stack.usage()
        made = [usage["requests"][name] for name in ("CreateAssetModel", "CreateAsset")]
        self.assertEqual(made, [usage["models"], usage["assets"]])
        self.assertEqual(usage["requests"]["UpdateAssetModel"], 2)

    def test_one_request_is_enough(self) -> None:
        self.assertEqual(self.plant.rebirth_requests(), [])
