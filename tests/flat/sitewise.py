"""AWS IoT SiteWise, read with boto3 as anybody would."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config

# Entries of one BatchGetAssetPropertyValue.
ENTRIES = 128
PAGE = 250


@dataclass(frozen=True)
class Property:
    asset: str
    id: str
    name: str
    type: str
    unit: str | None


@dataclass(frozen=True)
class Value:
    time: float
    quality: str
    # None is a null.
    value: Any

    @classmethod
    def read(cls, answer: dict[str, Any]) -> "Value":
        stamp = answer["timestamp"]
        time = stamp["timeInSeconds"] * 1000 + stamp.get("offsetInNanos", 0) / 1e6
        ((kind, value),) = answer["value"].items()
        if kind == "nullValue":
            value = None
        elif isinstance(value, float) and math.isnan(value):
            value = "NaN"
        return cls(time, answer["quality"], value)


class SiteWise:
    def __init__(self, endpoint: str) -> None:
        # Even to an address of one's own the SDK would prepend `api.` and `data.`.
        config = Config(
            inject_host_prefix=False, retries={"mode": "adaptive", "total_max_attempts": 20}
        )
        self._client = boto3.client(
            "iotsitewise",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id="flat",
            aws_secret_access_key="flat",
            config=config,
        )

    def models(self) -> dict[str, str]:
        """Names of all models by their ids."""
        pages = self._pages("list_asset_models", "assetModelSummaries")
        return {model["id"]: model["name"] for model in pages}

    def roots(self) -> list[dict[str, Any]]:
        """Assets that hang under none, of every model."""
        pages = self._pages("list_assets", "assetSummaries", filter="TOP_LEVEL")
        return list(pages)

    def children(self, asset: dict[str, Any]) -> Iterator[dict[str, Any]]:
        for hierarchy in asset["hierarchies"]:
            arguments = {"assetId": asset["id"], "hierarchyId": hierarchy["id"]}
            yield from self._pages("list_associated_assets", "assetSummaries", **arguments)

    def properties(self, asset: str) -> list[Property]:
        """All of an asset, those of composite models as well."""
        described = self._client.describe_asset(assetId=asset)
        found = list(described["assetProperties"])
        for composite in described.get("assetCompositeModelSummaries", []):
            part = self._client.describe_asset_composite_model(
                assetId=asset, assetCompositeModelId=composite["id"]
            )
            found += part["assetCompositeModelProperties"]
        return [
            Property(asset, found["id"], found["name"], found["dataType"], found.get("unit"))
            for found in found
        ]

    def latest(self, properties: list[Property]) -> dict[Property, Value]:
        """The latest value of each property that has one."""
        values = {}
        for start in range(0, len(properties), ENTRIES):
            some = properties[start : start + ENTRIES]
            entries = [
                {"entryId": f"{n}", "assetId": property.asset, "propertyId": property.id}
                for n, property in enumerate(some)
            ]
            while entries:
                answer = self._client.batch_get_asset_property_value(entries=entries)
                for entry in answer["successEntries"]:
                    if "assetPropertyValue" in entry:
                        read = Value.read(entry["assetPropertyValue"])
                        values[some[int(entry["entryId"])]] = read
                if answer["errorEntries"]:
                    raise RuntimeError(f"not to be read: {answer['errorEntries'][0]}")
                skipped = {entry["entryId"] for entry in answer["skippedEntries"]}
                entries = [entry for entry in entries if entry["entryId"] in skipped]
        return values

    def _pages(self, operation: str, items: str, **arguments: Any) -> Iterator[dict[str, Any]]:
        paginator = self._client.get_paginator(operation)
        for page in paginator.paginate(PaginationConfig={"PageSize": PAGE}, **arguments):
            yield from page[items]
