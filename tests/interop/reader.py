"""What SiteWise holds, read with boto3 as anybody would."""

from collections.abc import Callable, Iterator
from typing import Any

import boto3
from botocore.config import Config

from points import Point

Json = dict[str, Any]
# Whether an asset of this name is to be read.
Wanted = Callable[[str], bool]

# The arguments that name a property.
PropertyId = dict[str, str]

# Small pages, so that reading meets their tokens.
PAGE = 3


def every(_name: str) -> bool:
    return True


class Reader:
    def __init__(self, endpoint: str, attempts: int = 1) -> None:
        # Even to an address of one's own the SDK would prepend `api.` and `data.`.
        self._client = boto3.client(
            "iotsitewise",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id="interop",
            aws_secret_access_key="interop",
            config=Config(inject_host_prefix=False, retries={"total_max_attempts": attempts}),
        )

    def models(self) -> list[Json]:
        """All models, described."""
        pages = self._pages("list_asset_models", "assetModelSummaries")
        return [self._described(model["id"]) for model in pages]

    def assets(self) -> list[Json]:
        """All assets, as their models list them."""
        models = self._pages("list_asset_models", "assetModelSummaries")
        return [
            asset
            for model in list(models)
            for asset in self._pages("list_assets", "assetSummaries", assetModelId=model["id"])
        ]

    def roots(self) -> list[Json]:
        return list(self._pages("list_assets", "assetSummaries", filter="TOP_LEVEL"))

    def tree(self) -> Json:
        """Names of assets below names of assets, from those without a parent."""
        return {asset["name"]: self._below(asset["id"]) for asset in self.roots()}

    def asset(self, name: str) -> Json:
        """The only asset called `name`, described."""
        (found,) = [asset for asset in self.assets() if asset["name"] == name]
        return self._client.describe_asset(assetId=found["id"])

    def model_of(self, asset: str) -> Json:
        return self._described(self.asset(asset)["assetModelId"])

    def history(self, wanted: Wanted = every) -> dict[tuple[str, str], list[Point]]:
        """Every value of the assets wanted, by the names of asset and property."""
        found = {}
        for asset_id, asset, property_id, name in self._properties(wanted):
            values = self._pages(
                "get_asset_property_value_history",
                "assetPropertyValueHistory",
                assetId=asset_id,
                propertyId=property_id,
            )
            points = [Point.read(value) for value in values]
            if points:
                assert (asset, name) not in found, f"two properties are called {asset}, {name}"
                found[asset, name] = points
        return found

    def latest(self, wanted: Wanted = every) -> dict[tuple[str, str], Point]:
        """The latest value of every property that has one."""
        found = {}
        for asset_id, asset, property_id, name in self._properties(wanted):
            answer = self._client.get_asset_property_value(assetId=asset_id, propertyId=property_id)
            if "propertyValue" in answer:
                found[asset, name] = Point.read(answer["propertyValue"])
        return found

    def properties(self, wanted: Wanted) -> dict[tuple[str, str], PropertyId]:
        """The properties of the assets wanted, by the names of asset and property."""
        return {
            (asset, name): {"assetId": asset_id, "propertyId": property_id}
            for asset_id, asset, property_id, name in self._properties(wanted)
        }

    def latest_of(self, properties: list[PropertyId]) -> list[Point | None]:
        """The latest values of up to 128 properties, in one request."""
        entries = [{"entryId": f"{n}", **property} for n, property in enumerate(properties)]
        answer = self._client.batch_get_asset_property_value(entries=entries)
        found = {
            entry["entryId"]: Point.read(entry["assetPropertyValue"])
            for entry in answer["successEntries"]
            if "assetPropertyValue" in entry
        }
        return [found.get(entry["entryId"]) for entry in entries]

    def history_of(self, property: PropertyId, since: int, until: int) -> list[Point]:
        """The values of a property from `since` until before `until`, a page at most."""
        answer = self._client.get_asset_property_value_history(
            **property, startDate=since // 1000 - 1, endDate=until // 1000 + 1, maxResults=20_000
        )
        points = [Point.read(value) for value in answer["assetPropertyValueHistory"]]
        return [point for point in points if since <= point.time < until]

    def _properties(self, wanted: Wanted) -> Iterator[tuple[str, str, str, str]]:
        for asset in self.assets():
            if not wanted(asset["name"]):
                continue
            described = self._client.describe_asset(assetId=asset["id"])
            for property in described["assetProperties"]:
                yield asset["id"], asset["name"], property["id"], property["name"]

    def _below(self, asset: str) -> Json:
        described = self._client.describe_asset(assetId=asset)
        return {
            child["name"]: self._below(child["id"])
            for hierarchy in described["assetHierarchies"]
            for child in self._pages(
                "list_associated_assets",
                "assetSummaries",
                assetId=asset,
                hierarchyId=hierarchy["id"],
            )
        }

    def _described(self, model: str) -> Json:
        described = self._client.describe_asset_model(assetModelId=model)
        del described["ResponseMetadata"]
        return described

    def _pages(self, operation: str, items: str, **arguments: Any) -> Iterator[Json]:
        paginator = self._client.get_paginator(operation)
        for page in paginator.paginate(PaginationConfig={"PageSize": PAGE}, **arguments):
            yield from page[items]
