"""Data becomes values, each with its own time and quality."""

import unittest

from motors import DEFINITIONS, bearing, motor
from payloads import REBIRTH, by_alias, instance, metric, payload, quality
from plant import Plant
from points import BAD, GOOD, UNCERTAIN, Point, double, null
from stack import Stack, now_ms


def partial(plant: Plant, at: int) -> None:
    """The time is the member's, else the template's, else the payload's."""
    name, template = "M partial", "_types_/Motor"
    nested = instance("Drive End", "_types_/Bearing", metric("Temp", "Float", 70.5), at=at + 3)
    for changes in (
        [instance(name, template, metric("Speed", "Int32", 1001, at + 1), at=at)],
        [instance(name, template, metric("Amps", "Float", 13.5), at=at + 2)],
        [instance(name, template, nested)],
        [
            instance(
                name, template, metric("Running", "Boolean", False), bearing(at + 4, 71.5, None)
            )
        ],
        [instance(name, template, metric("Serial", "String", "S/2"))],
    ):
        plant.device_data("partial", payload(at + 9, *changes))


def alias(plant: Plant, at: int) -> None:
    plant.device_data(
        "alias", payload(at, by_alias(20, "Double", 2.5, at + 1), by_alias(21, "Int64", -2))
    )
    plant.device_data("alias", payload(at + 5, by_alias(20, "Double", 3.5)))


def nulls(plant: Plant, at: int) -> None:
    speed = instance("M null", "_types_/Motor", metric("Speed", "Int32", None, at))
    plant.device_data("null", payload(at, metric("Flow", "Double", None), speed))
    plant.device_data("null", payload(at + 10, metric("Flow", "Double", 2.0)))


def several(plant: Plant, at: int) -> None:
    values = [metric("Flow", "Double", n / 2, at + 10 * n) for n in range(7)]
    again = metric("Flow", "Double", 99.5, at + 10)
    plant.device_data("several", payload(at + 100, *values, again))


def burst(plant: Plant, at: int) -> None:
    second = at // 1000 * 1000
    values = [by_alias(51, "Int64", n, second + n) for n in range(25)]
    plant.device_data("burst", payload(second + 50, *values))


def past(plant: Plant, at: int) -> None:
    """History comes in between live values, and never becomes the current value."""
    day = 24 * 3_600_000
    plant.device_data("past", payload(at, metric("Flow", "Double", 5.5, at)))
    old = [metric("Flow", "Double", n + 0.25, at - day + n, isHistorical=True) for n in range(3)]
    plant.device_data(
        "past", payload(at + 1, *old, by_alias(61, "Int64", 3, at - 6 * day, isHistorical=True))
    )
    # The birth repeats the current value: nothing new.
    plant.device_birth(
        "past",
        payload(
            at + 20,
            motor("M past", plant_born(at), 1000),
            metric("Flow", "Double", 5.5, plant_born(at), alias=60),
            metric("Steps", "Int64", -1, plant_born(at), alias=61),
        ),
    )


def qualities(plant: Plant, at: int) -> None:
    for n, code in enumerate([192, 500, 0]):
        flow = metric("Flow", "Double", n + 1.5, at + n, properties=quality(code))
        plant.device_data("quality", payload(at + n, flow))
    plant.device_data("quality", payload(at + 5, metric("Flow", "Double", 4.5)))
    speed = metric("Speed", "Int32", 7, at, properties=quality(500))
    plant.device_data("quality", payload(at, instance("M quality", "_types_/Motor", speed)))


def skipped(plant: Plant, at: int) -> None:
    """Transients, alarms under the name of their tag, and what is out of SiteWise's window."""
    plant.device_data("skipped", payload(at, metric("Flow", "Double", 2.0, isTransient=True)))
    alarm = metric("Flow", "Double", 3.0, metadata={"contentType": "Alarm"})
    plant.device_data("skipped", payload(at + 1, alarm))
    plant.device_data(
        "skipped", payload(at + 2, metric("Flow", "Double", 4.0, at - 8 * 24 * 3_600_000))
    )
    plant.device_data("skipped", payload(at + 3, metric("Flow", "Double", 5.0)))


def compressed(plant: Plant, at: int) -> None:
    """The wrapper has a sequence number, the payload within has the time."""
    for n, algorithm in enumerate(["GZIP", "DEFLATE"]):
        options = {"compress": True, "algorithm": algorithm}
        flow = payload(at + n, metric("Flow", "Double", n + 2.5))
        plant.device_data("compressed", flow, options)


def of_the_node(plant: Plant, at: int) -> None:
    speed = instance("M0", "_types_/Motor", metric("Speed", "Int32", 2), at=at)
    plant.node_data(payload(at, by_alias(1, "UInt32", 2**32 - 1), speed))


def plant_born(at: int) -> int:
    return at - 1_000


# Each topic has a device of its own: one that fails leaves the others alone.
TOPICS = {
    "partial": partial,
    "alias": alias,
    "null": nulls,
    "several": several,
    "burst": burst,
    "past": past,
    "quality": qualities,
    "skipped": skipped,
    "compressed": compressed,
}


class Data(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.stack = Stack("data")
        cls.addClassCleanup(cls.stack.close)
        cls.plant = plant = Plant(cls.stack, "Plant 1", "Gateway")
        cls.born = now_ms() - 60_000
        plant.connect()
        plant.node_birth(
            payload(
                cls.born,
                REBIRTH,
                *DEFINITIONS,
                metric("Uptime", "UInt32", 1, alias=1),
                motor("M0", cls.born, 1),
            )
        )
        for n, device in enumerate(TOPICS):
            born = payload(
                cls.born,
                motor(f"M {device}", cls.born, 1000),
                metric("Flow", "Double", 1.0, cls.born, alias=10 * n + 10),
                metric("Steps", "Int64", -1, cls.born, alias=10 * n + 11),
            )
            plant.device_birth(device, born, {"compress": device == "compressed"})
        for publish in TOPICS.values():
            publish(plant, cls.born + 1_000)
        of_the_node(plant, cls.born + 1_000)
        plant.wait()
        cls.history = plant.history()
        cls.expected = plant.expected()

    def check(self, device: str) -> None:
        assets = (device, f"M {device}", f"M {device}/Drive End")
        for table in (self.history, self.expected):
            self.assertIn((device, "Flow"), table)
        for key in self.history.keys() | self.expected.keys():
            if key[0] in assets:
                with self.subTest(key=key):
                    self.assertEqual(self.history.get(key), self.expected.get(key))

    def test_updates_of_some_members(self) -> None:
        self.check("partial")
        at = self.born + 1_000
        born = Point(self.born + 40, GOOD, double(61.5))
        told = Point(at + 3, GOOD, double(70.5))
        again = Point(at + 4, GOOD, double(71.5))
        self.assertEqual(self.history["M partial/Drive End", "Temp"], [born, told, again])

    def test_data_by_alias_alone(self) -> None:
        self.check("alias")

    def test_nulls(self) -> None:
        self.check("null")
        self.assertIn(Point(self.born + 1_000, BAD, null("D")), self.history["null", "Flow"])

    def test_several_values_of_one_metric_in_a_payload(self) -> None:
        self.check("several")

    def test_a_burst_is_thinned_to_ten_values_of_a_second(self) -> None:
        values = [point.value for point in self.history["burst", "Steps"]]
        self.assertEqual(values, [double(float(n)) for n in (-1, *range(9), 24)])

    def test_history_has_its_own_time(self) -> None:
        self.check("past")

    def test_quality(self) -> None:
        self.check("quality")
        flow = [(point.quality, point.value) for point in self.history["quality", "Flow"][1:]]
        expected = [
            (GOOD, double(1.5)),
            (UNCERTAIN, double(2.5)),
            (BAD, double(3.5)),
            (GOOD, double(4.5)),
        ]
        self.assertEqual(flow, expected)

    def test_what_is_not_carried(self) -> None:
        self.check("skipped")

    def test_compressed_payloads(self) -> None:
        self.check("compressed")

    def test_every_value_arrives(self) -> None:
        self.assertEqual(self.plant.differences(), "")

    def test_nobody_asked_for_a_rebirth(self) -> None:
        self.assertEqual(self.plant.rebirth_requests(), [])

    def test_nothing_was_refused(self) -> None:
        usage = self.stack.usage()
        self.assertEqual((usage["errors"], usage["entryErrors"]), ({}, {}))
