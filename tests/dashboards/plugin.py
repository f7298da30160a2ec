"""What the plugin grafana-iot-sitewise-datasource does with a query: the same calls with the same
parameters, through boto3, and the frames that it makes of the answers."""

from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config

Json = dict[str, Any]

# Entries of one call, and results of a page, as the plugin asks for them.
HISTORY_ENTRIES, HISTORY_RESULTS = 16, 20_000
AGGREGATE_ENTRIES, AGGREGATE_RESULTS = 16, 4_000
VALUE_ENTRIES = 128
PAGE = 250
YEAR = 8_760 * 3_600


@dataclass
class Frame:
    """A frame of an answer: of one property of one asset."""

    asset: str
    asset_name: str
    property: str
    property_name: str
    data_type: str
    # Milliseconds since 1970, value, quality.
    rows: list[tuple[float, Any, str]] = field(default_factory=list)


class Plugin:
    def __init__(self, endpoint: str) -> None:
        self.client = boto3.client(
            "iotsitewise",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id="eyes",
            aws_secret_access_key="eyes",
            config=Config(inject_host_prefix=False),
        )
        self._described: dict[tuple[str, str], Json] = {}

    def options(self, query: Json, variables: dict[str, list[str]]) -> list[tuple[str, str]]:
        """What a variable offers: names and ids."""
        match query["queryType"]:
            case "ListAssets":
                pages = self._pages(
                    "list_assets", assetModelId=query["modelId"], filter=query["filter"]
                )
            case "ListAssociatedAssets":
                # Without a hierarchy, and without all children, what is above.
                assert not query["loadAllChildren"] and "hierarchyId" not in query
                # Of several assets, of the first alone.
                pages = [
                    found
                    for asset in interpolated(query["assetIds"], variables)[:1]
                    for found in self._pages(
                        "list_associated_assets", assetId=asset, traversalDirection="PARENT"
                    )
                ]
        return [(asset["name"], asset["id"]) for asset in pages]

    def frames(
        self, query: Json, span: tuple[float, float], variables: dict[str, list[str]]
    ) -> list[Frame]:
        """What a panel gets for a time range, in seconds since 1970."""
        if query["queryType"] == "ListAssets":
            # One frame with a line for each asset, and no number.
            assert self.options(query, variables), query
            return [Frame("", "", "", "", "STRING")]
        entries = [
            (asset, property)
            for property in query["propertyIds"]
            for asset in interpolated(query["assetIds"], variables)
        ]
        match query["queryType"]:
            case "PropertyValue":
                return self._latest(entries)
            case "PropertyAggregate":
                return self._aggregates(query, entries, span)
            case "PropertyValueHistory":
                frames = self._history(query, entries, span, query["timeOrdering"])
                if query["lastObservation"]:
                    self._merge_last(query, entries, span, frames)
                return frames

    def _merge_last(
        self, query: Json, entries: list[tuple[str, str]], span: tuple[float, float], frames: list[Frame]
    ) -> None:
        """The value before the range, and the one behind it: of the first frame alone."""
        before = (span[0] - 1 - YEAR, span[0] - 1)
        for around, order in [(before, "DESCENDING"), ((span[1] + 1, span[1] + 1), "ASCENDING")]:
            found = self._history(query, entries, around, order, pages=1)
            if not found or not found[0].rows:
                continue
            row = found[0].rows[0]
            if not frames or not frames[0].rows:
                frames[:] = [found[0]]
                found[0].rows = [row]
            else:
                place = 0 if frames[0].rows[0][0] > row[0] else len(frames[0].rows)
                frames[0].rows.insert(place, row)

    def _history(
        self,
        query: Json,
        entries: list[tuple[str, str]],
        span: tuple[float, float],
        order: str,
        pages: int = 1_000,
    ) -> list[Frame]:
        def entry(asset: str, property: str) -> Json:
            return {
                "startDate": int(span[0]),
                "endDate": int(span[1]),
                "timeOrdering": order,
                # Where any is asked for the plugin asks for GOOD.
                "qualities": ["GOOD" if query["quality"] == "ANY" else query["quality"]],
            }

        def rows(success: Json) -> list[tuple[float, Any, str]]:
            return [row(value) for value in success["assetPropertyValueHistory"]]

        call = self.client.batch_get_asset_property_value_history
        return self._batches(call, entries, HISTORY_ENTRIES, HISTORY_RESULTS, entry, rows, pages)

    def _aggregates(
        self, query: Json, entries: list[tuple[str, str]], span: tuple[float, float]
    ) -> list[Frame]:
        def entry(asset: str, property: str) -> Json:
            return {
                "aggregateTypes": query["aggregates"],
                "resolution": query["resolution"],
                "startDate": int(span[0]),
                "endDate": int(span[1]),
                "qualities": [query["quality"]],
                "timeOrdering": query["timeOrdering"],
            }

        def rows(success: Json) -> list[tuple[float, Any, str]]:
            return [
                (value["timestamp"].timestamp() * 1000, value["value"]["count"], value["quality"])
                for value in success["aggregatedValues"]
            ]

        call = self.client.batch_get_asset_property_aggregates
        return self._batches(call, entries, AGGREGATE_ENTRIES, AGGREGATE_RESULTS, entry, rows, 1_000)

    def _latest(self, entries: list[tuple[str, str]]) -> list[Frame]:
        def rows(success: Json) -> list[tuple[float, Any, str]]:
            value = success.get("assetPropertyValue")
            return [row(value)] if value else []

        call = self.client.batch_get_asset_property_value
        return self._batches(call, entries, VALUE_ENTRIES, None, lambda *_: {}, rows, 1)

    def _batches(self, call, entries, size, results, entry, rows, pages) -> list[Frame]:
        frames = []
        for start in range(0, len(entries), size):
            some = entries[start : start + size]
            made = [self._frame(asset, property) for asset, property in some]
            arguments: Json = {
                "entries": [
                    {"entryId": f"e{n}", "assetId": asset, "propertyId": property, **entry(asset, property)}
                    for n, (asset, property) in enumerate(some)
                ]
            }
            if results:
                arguments["maxResults"] = results
            for _ in range(pages):
                answer = call(**arguments)
                assert not answer["errorEntries"], answer["errorEntries"]
                for success in answer["successEntries"]:
                    made[int(success["entryId"][1:])].rows += rows(success)
                if "nextToken" not in answer:
                    break
                arguments["nextToken"] = answer["nextToken"]
            frames += made
        return frames

    def _frame(self, asset: str, property: str) -> Frame:
        if (asset, property) not in self._described:
            found = self.client.describe_asset_property(assetId=asset, propertyId=property)
            self._described[asset, property] = found
        found = self._described[asset, property]
        # Of a property in a composite model the answer has it there.
        of = found.get("assetProperty") or found["compositeModel"]["assetProperty"]
        return Frame(asset, found["assetName"], property, of["name"], of["dataType"])

    def _pages(self, operation: str, **arguments: Any) -> list[Json]:
        paginator = self.client.get_paginator(operation)
        pages = paginator.paginate(PaginationConfig={"PageSize": PAGE}, **arguments)
        return [asset for page in pages for asset in page["assetSummaries"]]


def interpolated(of: list[str], variables: dict[str, list[str]]) -> list[str]:
    """Each variable's ids in its place."""
    found = []
    for item in of:
        found += variables[item[2:-1]] if item.startswith("${") else [item]
    return found


def row(value: Json) -> tuple[float, Any, str]:
    stamp = value["timestamp"]
    time = stamp["timeInSeconds"] * 1000 + stamp.get("offsetInNanos", 0) / 1e6
    ((kind, inner),) = value["value"].items()
    return time, None if kind == "nullValue" else inner, value["quality"]
