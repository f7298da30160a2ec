"""Aliases and notifications: everything is read by its alias with boto3, and what others set stays."""

import unittest
from typing import Any

from motors import DEFINITIONS, motor
from payloads import REBIRTH, metric, payload
from plant import Plant
from stack import Stack, eventually, now_ms

TEMPLATE = "/{group}/{node}/{device}/{asset}/{member}"
OWN = {"Online", "Last birth", "Last death", "Sequence gaps", "Rebirths"}
EXPECTED = (
    {f"/Plant 1/Gateway/{name}" for name in OWN | {"Uptime"}}
    | {f"/Plant 1/Gateway/Line 1/{name}" for name in ("Online", "Last birth", "Last death", "Flow")}
    | {f"/Plant 1/Gateway/M0/{name}" for name in ("Speed", "Amps", "Running", "Serial")}
    | {f"/Plant 1/Gateway/M0/Drive End/{name}" for name in ("Temp", "Vib")}
    | {f"/Plant 1/Gateway/Line 1/M1/{name}" for name in ("Speed", "Amps", "Running", "Serial")}
    | {f"/Plant 1/Gateway/Line 1/M1/Drive End/{name}" for name in ("Temp", "Vib")}
)


class Labels(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.stack = Stack("labels", TWIN_ALIASES=TEMPLATE, TWIN_NOTIFY="Motor/Speed,*/Uptime")
        cls.addClassCleanup(cls.stack.close)
        cls.client = cls.stack.reader._client
        cls.plant = Plant(cls.stack, "Plant 1", "Gateway")
        cls.plant.connect()
        cls.changed = now_ms() - 60_000
        cls.all_born()
        cls.plant.settle()
        cls.aliases = eventually(cls.by_alias, lambda found: set(found) >= EXPECTED, within=60)

    @classmethod
    def all_born(cls) -> None:
        uptime = metric("Uptime", "UInt32", 7, alias=1)
        cls.plant.node_birth(
            payload(now_ms(), REBIRTH, *DEFINITIONS, motor("M0", cls.changed, 1000), uptime)
        )
        flow = metric("Flow", "Double", 1.5, alias=10)
        cls.plant.device_birth("Line 1", payload(now_ms(), motor("M1", cls.changed, 1001), flow))

    @classmethod
    def by_alias(cls) -> dict[str, dict[str, Any]]:
        """What each alias names, as the account lists it."""
        pages = cls.client.get_paginator("list_time_series").paginate(aliasPrefix="/Plant 1/")
        return {
            series["alias"]: series for page in pages for series in page["TimeSeriesSummaries"]
        }

    @classmethod
    def states(cls) -> dict[tuple[str, str], dict[str, Any]]:
        """Alias, notification and unit of every property."""
        found = {}
        for asset in cls.stack.reader.assets():
            pages = cls.client.get_paginator("list_asset_properties")
            for page in pages.paginate(assetId=asset["id"], filter="ALL"):
                for property in page["assetPropertySummaries"]:
                    found[asset["id"], property["id"]] = property
        return found

    def test_every_measurement_has_its_alias_and_nothing_else_has_one(self) -> None:
        self.maxDiff = None
        listed = {state["alias"] for state in self.states().values() if "alias" in state}
        self.assertEqual(listed, EXPECTED)

    def test_values_are_read_by_alias_in_every_way(self) -> None:
        client, now = self.client, now_ms() // 1000
        times = {"startDate": now - 3600, "endDate": now + 60}
        for alias in ("/Plant 1/Gateway/M0/Speed", "/Plant 1/Gateway/Line 1/M1/Drive End/Temp"):
            with self.subTest(alias):
                series = client.describe_time_series(alias=alias)
                ids = {name: series[name] for name in ("assetId", "propertyId")}
                named = {"propertyAlias": alias}
                for read, more in (
                    (client.get_asset_property_value, {}),
                    (client.get_asset_property_value_history, times),
                    (
                        client.get_asset_property_aggregates,
                        {"aggregateTypes": ["COUNT", "AVERAGE"], "resolution": "1m", **times},
                    ),
                    (
                        client.get_interpolated_asset_property_values,
                        {
                            "startTimeInSeconds": now - 600,
                            "endTimeInSeconds": now,
                            "intervalInSeconds": 60,
                            "quality": "GOOD",
                            "type": "LOCF_INTERPOLATION",
                        },
                    ),
                ):
                    by_alias, by_ids = read(**named, **more), read(**ids, **more)
                    for answer in (by_alias, by_ids):
                        del answer["ResponseMetadata"]
                    self.assertEqual(by_alias, by_ids, read)
                for read, list_of, more in (
                    (client.batch_get_asset_property_value, "successEntries", {}),
                    (client.batch_get_asset_property_value_history, "successEntries", times),
                    (
                        client.batch_get_asset_property_aggregates,
                        "successEntries",
                        {"aggregateTypes": ["COUNT"], "resolution": "1m", **times},
                    ),
                ):
                    entries = [{"entryId": "a", **named, **more}]
                    by_alias = read(entries=entries)
                    by_ids = read(entries=[{"entryId": "a", **ids, **more}])
                    self.assertEqual(by_alias[list_of], by_ids[list_of])
                    self.assertTrue(by_alias[list_of] and not by_alias["errorEntries"], by_alias)

    def test_notifications_are_on_where_they_are_wanted(self) -> None:
        on = {
            state["alias"]
            for state in self.states().values()
            if state["notification"]["state"] == "ENABLED"
        }
        wanted = {"M0/Speed", "Line 1/M1/Speed", "Uptime"}
        self.assertEqual(on, {f"/Plant 1/Gateway/{name}" for name in wanted})

    def test_what_others_set_stays_over_a_restart_in_which_nothing_is_written(self) -> None:
        flow = self.aliases["/Plant 1/Gateway/Line 1/Flow"]
        amps = self.aliases["/Plant 1/Gateway/M0/Amps"]
        ids = {name: flow[name] for name in ("assetId", "propertyId")}
        self.client.update_asset_property(
            **ids,
            propertyAlias="/theirs",
            propertyNotificationState="ENABLED",
            propertyUnit="m³/h",
        )
        # The machine says a unit of Amps, which would be set again, and none of Flow.
        amps_ids = {name: amps[name] for name in ("assetId", "propertyId")}
        self.client.update_asset_property(**amps_ids, propertyNotificationState="ENABLED")
        before, self.maxDiff = self.states(), None
        self.stack.kill_bridge()
        self.stack.mark_usage("killed")
        self.stack.start_bridge()
        self.plant.edge.wait_for_rebirth_request()
        self.all_born()
        key = amps["assetId"], amps["propertyId"]
        after = eventually(self.states, lambda found: "alias" in found[key], within=60)
        expected = {**before, key: {**before[key], "alias": "/Plant 1/Gateway/M0/Amps"}}
        self.assertEqual(after.keys(), expected.keys())
        differing = {of: (after[of], expected[of]) for of in expected if after[of] != expected[of]}
        self.assertEqual(differing, {})
        requests = eventually(
            lambda: self.stack.usage("killed")["requests"], lambda _: False, within=5
        )
        self.assertEqual(requests.get("UpdateAssetProperty"), 1, requests)
        # Others' tests read these.
        self.client.update_asset_property(
            **ids, propertyAlias="/Plant 1/Gateway/Line 1/Flow", propertyNotificationState="DISABLED"
        )
        self.client.update_asset_property(
            **amps_ids,
            propertyAlias="/Plant 1/Gateway/M0/Amps",
            propertyNotificationState="DISABLED",
        )
