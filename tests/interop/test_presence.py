"""Who is alive: births, deaths, and values that nobody vouches for any more."""

import unittest

from payloads import REBIRTH, Json, metric, payload, quality
from plant import Plant
from points import UNCERTAIN, Value
from stack import Stack, now_ms

TURNS = [True, False, True, False, True, False, True, False]


class Presence(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.stack = Stack("presence")
        cls.addClassCleanup(cls.stack.close)
        cls.plant = plant = Plant(cls.stack, "Plant 1", "Gateway")
        cls.before = now_ms() - 60_000
        plant.connect(announce_death=True)
        cls.all_born()
        plant.device_data("Pump", payload(cls.before + 500, metric("Flow", "Double", 2.5)))
        plant.settle()

        # A device dies, and only its own values grow old.
        plant.device_death("Pump")
        plant.twins.stale("Pump")
        plant.settle()
        cls.after_a_death = plant.history()
        cls.pump_born()
        plant.settle()

        # It dies for a moment: nobody notices.
        plant.device_death("Pump")
        cls.pump_born()

        # The node loses its connection and its devices with it.
        plant.cut()
        plant.stay_dead()
        plant.settle()
        cls.after_a_cut = plant.history()

        # It comes back, and leaves in order.
        plant.connect(announce_death=True)
        cls.all_born()
        plant.settle()
        plant.stop()
        plant.stay_dead()
        plant.wait()

    @classmethod
    def all_born(cls) -> None:
        uptime = metric("Uptime", "UInt32", 7, cls.before)
        cls.plant.node_birth(payload(now_ms(), REBIRTH, uptime))
        cls.pump_born()
        cls.plant.device_birth("Fan", payload(now_ms(), metric("Speed", "Int32", 900, cls.before)))

    @classmethod
    def pump_born(cls) -> None:
        """Each birth repeats the values with the times at which they changed."""
        cls.plant.device_birth("Pump", payload(now_ms(), *cls.pump()))

    @classmethod
    def pump(cls) -> list[Json]:
        return [
            metric("Flow", "Double", 2.5, cls.before),
            metric("Level", "Double", None, cls.before + 1),
            metric("Name", "String", "P1", cls.before + 2, properties=quality(500)),
        ]

    def turns(self, source: str) -> list[Value]:
        return [point.value.value for point in self.plant.history()[source, "Online"]]

    def test_every_value_arrives_and_is_marked(self) -> None:
        self.assertEqual(self.plant.differences(), "")

    def test_online_tells_every_birth_and_death(self) -> None:
        self.assertEqual(self.turns("Gateway"), [True, False, True, False])
        self.assertEqual(self.turns("Fan"), [True, False, True, False])
        self.assertEqual(self.turns("Pump"), TURNS)

    def test_the_death_of_a_device_leaves_the_others_alone(self) -> None:
        self.assertEqual(self.after_a_death["Pump", "Flow"][-1].quality, UNCERTAIN)
        self.assertEqual(len(self.after_a_death["Fan", "Speed"]), 1)
        self.assertEqual(len(self.after_a_death["Gateway", "Uptime"]), 1)

    def test_the_death_of_a_node_is_that_of_its_devices(self) -> None:
        for key in (("Pump", "Flow"), ("Fan", "Speed"), ("Gateway", "Uptime")):
            self.assertEqual(self.after_a_cut[key][-1].quality, UNCERTAIN)

    def test_nobody_asked_for_a_rebirth(self) -> None:
        self.assertEqual(self.plant.rebirth_requests(), [])
