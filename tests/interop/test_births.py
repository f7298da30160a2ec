"""Births become models, a tree of assets, and values."""

import math
import re
import unittest
from typing import Any

from motors import DEFINITIONS, motor
from payloads import REBIRTH, metric, parameter, payload, properties
from plant import Plant
from points import BAD, GOOD, UNCERTAIN, Point, Value, boolean, double, integer, null, string
from shapes import DEVICE_PRESENCE, NODE_PRESENCE, attribute, measurement, shapes
from stack import HOST_ID, Stack, now_ms

DATE = 1_700_000_000_123
DATA_SET = {
    "numOfColumns": 3,
    "columns": ["Größe", "Count", "Ok"],
    "types": ["Double", "Int32", "Boolean"],
    "rows": [[1.5, 7, True], [None, 8, False]],
}
DATA_SET_JSON = '{"columns":["Größe","Count","Ok"],"rows":[[1.5,7,true],[null,8,false]]}'

# Every datatype that the client knows: its name, a value, and what SiteWise holds of it.
DATATYPES: list[tuple[str, Any, str, Value]] = [
    ("Int8", -5, GOOD, integer(-5)),
    ("Int16", -32_768, GOOD, integer(-32_768)),
    ("Int32", -(2**31), GOOD, integer(-(2**31))),
    ("Int64", -5, GOOD, double(-5.0)),
    ("Int64", 2**53, GOOD, double(2.0**53)),
    ("Int64", 2**63 - 1, UNCERTAIN, double(2.0**63)),
    ("UInt8", 255, GOOD, integer(255)),
    ("UInt16", 65_535, GOOD, integer(65_535)),
    ("UInt32", 4_000_000_000, GOOD, double(4e9)),
    ("UInt64", 2**64 - 1, UNCERTAIN, double(2.0**64)),
    ("Float", 0.1, GOOD, double(0.10000000149011612)),
    ("Float", -math.inf, BAD, null("D")),
    ("Float", math.nan, BAD, null("D")),
    ("Double", 0.1, GOOD, double(0.1)),
    ("Double", -1.5e99, GOOD, double(-1.5e99)),
    ("Boolean", True, GOOD, boolean(True)),
    ("Boolean", False, GOOD, boolean(False)),
    ("String", "Größe 1 \U0001f3ed", GOOD, string("Größe 1 \U0001f3ed")),
    ("String", "", GOOD, string("")),
    ("String", "two\nlines\tand tabs", GOOD, string("two lines and tabs")),
    ("String", "a" + "ß" * 600, GOOD, string("a" + "ß" * 511)),
    ("DateTime", DATE, GOOD, double(1_700_000_000.123)),
    ("Text", "a text", GOOD, string("a text")),
    (
        "UUID",
        "a6a7e5f0-3b5c-4f0e-9d53-5f1f0c3c8f11",
        GOOD,
        string("a6a7e5f0-3b5c-4f0e-9d53-5f1f0c3c8f11"),
    ),
    ("DataSet", DATA_SET, GOOD, string(DATA_SET_JSON)),
    ("Int16", None, BAD, null("I")),
    ("UInt64", None, BAD, null("D")),
    ("Boolean", None, BAD, null("B")),
    ("Text", None, BAD, null("S")),
]
NOT_CARRIED = [("Bytes", b"\x00\xff"), ("File", b"PNG")]


class Births(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        # Some values are past 10^10: doubles as far as the user guide has them.
        cls.stack = Stack("births", sitewise=("--double-limit", "1e100"))
        cls.addClassCleanup(cls.stack.close)
        cls.plant = plant = Plant(cls.stack, "Plant 1", "Gateway")
        plant.connect()
        now = now_ms()
        minute_ago, weeks_ago = now - 60_000, now - 20 * 24 * 3_600_000
        volt = properties(engUnit=("String", "V"), engLow=("Float", 207.5))
        plant.node_birth(
            payload(
                now,
                REBIRTH,
                # An instance may come before its definition, a metric without a time of its own.
                motor("Motors/M0", minute_ago, 1480),
                *DEFINITIONS,
                metric("Supply/Voltage", "Float", 231.5, alias=1, properties=volt),
                metric("Uptime", "UInt32", 4_000_000_000, minute_ago, alias=2),
                metric("Configured", "String", "long ago", weeks_ago, alias=3),
            )
        )
        own = [parameter("Line", "String", "B"), parameter("HP", "Float", 7.5)]
        plant.device_birth(
            "Line 1",
            payload(
                now + 1,
                motor("M1", minute_ago + 100, 1500, parameters=own),
                motor("M2", minute_ago + 200, 0),
                metric("Counter", "UInt8", 200, minute_ago, alias=20),
                metric("Setpoint", "Double", None, minute_ago, alias=21),
            ),
        )
        kinds = [*((type, value) for type, value, _, _ in DATATYPES), *NOT_CARRIED]
        meters = [
            metric(meter(n, kind), kind, value, minute_ago + n)
            for n, (kind, value) in enumerate(kinds)
        ]
        cls.times = [minute_ago + n for n in range(len(kinds))]
        plant.device_birth("Meters", payload(now + 2, *meters))
        # It has no tags: some are waited for a minute.
        plant.device_birth("Cabinet", payload(now + 3), within=60_000)
        plant.wait(within=90)
        cls.models = cls.stack.reader.models()

    def model(self, name: str) -> dict[str, Any]:
        """Properties of the only model with this name, which may be a pattern."""
        (model,) = [m for m in self.models if re.fullmatch(name, m["assetModelName"])]
        return shapes(model)

    def test_there_is_a_model_for_each_kind_of_thing(self) -> None:
        names = sorted(model["assetModelName"] for model in self.models)
        self.assertEqual(
            names,
            [
                "Bearing",
                "Cabinet (device)",
                "Gateway (edge node)",
                "Line 1 (device)",
                "Meters (device)",
                "Motor",
                "Sparkplug Group",
                "Sparkwise Bridge",
            ],
        )
        self.assertEqual({model["assetModelStatus"]["state"] for model in self.models}, {"ACTIVE"})

    def test_a_definition_becomes_a_model(self) -> None:
        self.assertEqual(
            self.model("Motor"),
            {
                "Speed": measurement("INTEGER", "rpm"),
                "Amps": measurement("DOUBLE", "A"),
                "Running": measurement("BOOLEAN"),
                "Serial": measurement("STRING"),
                "Speed/engHigh": attribute("INTEGER", "3000"),
                "Speed/documentation": attribute("STRING", "at the shaft"),
                "HP": attribute("DOUBLE", "7.5"),
                "Line": attribute("STRING", "A"),
                "Speed (parameter)": attribute("INTEGER", "1450"),
            },
        )
        self.assertEqual(
            self.model("Bearing"),
            {
                "Temp": measurement("DOUBLE", "°C"),
                "Vib": measurement("DOUBLE", "mm/s"),
                "Temp/engHigh": attribute("DOUBLE", "90.5"),
            },
        )

    def test_plain_metrics_make_the_model_of_their_node_or_device(self) -> None:
        self.assertEqual(
            shapes(self.stack.reader.model_of("Gateway")),
            {
                "Supply/Voltage": measurement("DOUBLE", "V"),
                "Supply/Voltage/engLow": attribute("DOUBLE"),
                "Uptime": measurement("DOUBLE"),
                "Configured": measurement("STRING"),
                **NODE_PRESENCE,
            },
        )
        self.assertEqual(
            shapes(self.stack.reader.model_of("Line 1")),
            {
                "Counter": measurement("INTEGER"),
                "Setpoint": measurement("DOUBLE"),
                **DEVICE_PRESENCE,
            },
        )
        self.assertEqual(shapes(self.stack.reader.model_of("Cabinet")), DEVICE_PRESENCE)

    def test_every_datatype_has_its_type_and_unit(self) -> None:
        kinds = {"D": "DOUBLE", "I": "INTEGER", "B": "BOOLEAN", "S": "STRING"}
        expected = {
            meter(n, type): measurement(
                kinds[value.value] if value.kind == "NULL" else value.kind,
                "s" if type == "DateTime" else None,
            )
            for n, (type, _, _, value) in enumerate(DATATYPES)
        }
        self.assertEqual(shapes(self.stack.reader.model_of("Meters")), expected | DEVICE_PRESENCE)

    def test_models_hold_the_models_of_what_is_below(self) -> None:
        names = {model["assetModelId"]: model["assetModelName"] for model in self.models}
        below = {
            names[model["assetModelId"]]: {
                names[hierarchy["childAssetModelId"]]
                for hierarchy in model["assetModelHierarchies"]
            }
            for model in self.models
        }
        node, line, meters, cabinet = (
            "Gateway (edge node)",
            "Line 1 (device)",
            "Meters (device)",
            "Cabinet (device)",
        )
        self.assertEqual(
            below,
            {
                "Sparkplug Group": {node},
                node: {"Motor", line, meters, cabinet},
                line: {"Motor"},
                meters: set(),
                cabinet: set(),
                "Motor": {"Bearing"},
                "Bearing": set(),
                "Sparkwise Bridge": set(),
            },
        )

    def test_the_tree_is_the_plants(self) -> None:
        self.assertEqual(
            self.stack.reader.tree(),
            {
                "Plant 1": {
                    "Gateway": {
                        "Motors/M0": {"Motors/M0/Drive End": {}},
                        "Line 1": {"M1": {"M1/Drive End": {}}, "M2": {"M2/Drive End": {}}},
                        "Meters": {},
                        "Cabinet": {},
                    }
                },
                HOST_ID: {},
            },
        )

    def test_every_datatype_arrives(self) -> None:
        history = self.plant.history()
        for n, (type, sent, quality, value) in enumerate(DATATYPES):
            with self.subTest(type=type, sent=sent):
                point = Point(self.times[n], quality, value)
                self.assertEqual(history.get(("Meters", meter(n, type))), [point])

    def test_every_value_arrives(self) -> None:
        self.assertEqual(self.plant.differences(), "")

    def test_the_latest_value_is_the_last_of_the_history(self) -> None:
        history = self.stack.reader.history()
        self.assertEqual(
            self.stack.reader.latest(), {key: points[-1] for key, points in history.items()}
        )

    def test_an_instance_has_its_own_parameters(self) -> None:
        history = self.plant.history()
        values = {asset: history[asset, "Line"][-1].value for asset in ("Motors/M0", "M1", "M2")}
        self.assertEqual(values, {"Motors/M0": string("A"), "M1": string("B"), "M2": string("A")})

    def test_the_bridge_beats(self) -> None:
        beats = self.stack.reader.history()[HOST_ID, "Heartbeat"]
        self.assertEqual(beats, [Point(beat.time, GOOD, double(beat.time / 1000)) for beat in beats])

    def test_nobody_asked_for_a_rebirth(self) -> None:
        self.assertEqual(self.plant.rebirth_requests(), [])

    def test_nothing_was_refused(self) -> None:
        usage = self.stack.usage()
        self.assertEqual((usage["errors"], usage["entryErrors"]), ({}, {}))


def meter(n: int, type: str) -> str:
    return f"{n:02} {type}"
