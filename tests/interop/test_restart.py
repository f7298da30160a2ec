"""The bridge is killed and started again: nothing is made twice, no model is written to."""

import unittest
from typing import Any

from motors import DEFINITIONS, motor
from payloads import REBIRTH, by_alias, instance, metric, payload, properties
from plant import Plant
from points import integer
from stack import Stack, eventually, now_ms

WRITES = ["CreateAssetModel", "UpdateAssetModel", "CreateAsset", "UpdateAsset", "AssociateAssets"]


class Restart(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.stack = Stack("restart")
        cls.addClassCleanup(cls.stack.close)
        cls.plant = plant = Plant(cls.stack, "Plant 1", "Gateway")
        cls.changed = now_ms() - 60_000
        plant.connect()
        cls.all_born(1000)
        plant.device_data("Line 1", payload(now_ms(), by_alias(10, "Double", 1.5)))
        plant.settle()
        cls.before = cls.twins()
        cls.stack.mark_usage("killed")

        cls.stack.kill_bridge()
        cls.state_of_the_dead = eventually(cls.stack.state, lambda state: not state["online"])
        # Nobody hears this.
        plant.edge.device_data("Line 1", payload(now_ms(), by_alias(10, "Double", 2.5)))
        plant.twins.forget()
        cls.stack.start_bridge()
        plant.tells("Rebirths", integer(1))
        # Nobody knows by now what this alias stands for.
        plant.edge.device_data("Line 1", payload(now_ms(), by_alias(10, "Double", 3.5)))
        plant.edge.wait_for_rebirth_request()
        cls.all_born(1001)
        speed = instance("M1", "_types_/Motor", metric("Speed", "Int32", 1002))
        plant.device_data("Line 1", payload(now_ms(), by_alias(10, "Double", 4.5), speed))
        plant.wait()

        # What is to be written would be by now, or soon.
        cls.writes = eventually(cls.writes_since, bool, within=3.0)
        cls.exit_code = cls.stack.stop_bridge()
        cls.state_of_the_stopped = cls.stack.state()

    @classmethod
    def all_born(cls, speed: int) -> None:
        plant = cls.plant
        uptime = metric("Uptime", "UInt32", speed, alias=1)
        motors = [motor(name, cls.changed + speed, speed) for name in ("M0", "M1", "M2")]
        # One motor has a property that its definition does not know.
        amps = motors[2]["value"]["metrics"][1]
        amps["properties"] = properties(engHigh=("Float", 20.5))
        plant.node_birth(payload(now_ms(), REBIRTH, *DEFINITIONS, motors[0], uptime))
        for n, line in enumerate(("Line 1", "Line 2"), start=1):
            flow = metric("Flow", "Double", speed / 8, alias=10 * n)
            plant.device_birth(line, payload(now_ms(), motors[n], flow))
            # The second one is born when all is known of the models.
            plant.settle()

    @classmethod
    def writes_since(cls) -> dict[str, int]:
        requests = cls.stack.usage("killed")["requests"]
        return {name: count for name, count in requests.items() if name in WRITES}

    @classmethod
    def twins(cls) -> dict[str, Any]:
        """Models with version, dates and ETag; assets with their dates; the tree."""
        reader = cls.stack.reader
        return {"models": reader.models(), "assets": reader.assets(), "tree": reader.tree()}

    def test_nothing_is_written_but_values(self) -> None:
        self.assertEqual(self.writes, {})
        self.assertEqual(self.writes_since(), {})

    def test_models_assets_and_tree_are_as_before(self) -> None:
        self.maxDiff = None
        self.assertEqual(self.twins(), self.before)
        self.assertEqual((len(self.before["models"]), len(self.before["assets"])), (6, 11))
        for model in self.before["models"]:
            self.assertTrue(
                model["eTag"] and model["assetModelVersion"] and model["assetModelLastUpdateDate"]
            )

    def test_values_flow_again(self) -> None:
        self.assertEqual(self.plant.differences(), "")

    def test_one_request_is_enough(self) -> None:
        self.assertEqual(self.plant.rebirth_requests(), [])

    def test_the_will_tells_that_the_bridge_was_killed(self) -> None:
        self.assertEqual(self.state_of_the_dead["online"], False)

    def test_an_orderly_end_says_so_and_succeeds(self) -> None:
        self.assertEqual(self.exit_code, 0)
        self.assertEqual(self.state_of_the_stopped.keys(), {"online", "timestamp"})
        self.assertEqual(self.state_of_the_stopped["online"], False)
