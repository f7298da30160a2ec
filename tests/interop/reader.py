"""What SiteWise holds, read with boto3 as anybody would."""

from collections.abc import Iterator
from typing import Any

import boto3
from botocore.config import Config

from points import Point

Json = dict[str, Any]

# Small pages, so that reading meets their tokens.
PAGE = 3


class Reader:
    def __init__(self, endpoint: str) -> None:
        # Even to an address of one's own the SDK would prepend `api.` and `data.`.
        self._client = boto3.client(
            "iotsitewise",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id="interop",
            aws_secret_access_key="interop",
            config=Config(inject_host_prefix=False, retries={"total_max_attempts": 1}),
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

    def history(self) -> dict[tuple[str, str], list[Point]]:
        """Every value there is, by the names of asset and property."""
        found = {}
        for asset_id, asset, property_id, name in self._properties():
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

    def latest(self) -> dict[tuple[str, str], Point]:
        """The latest value of every property that has one."""
        found = {}
        for asset_id, asset, property_id, name in self._properties():
            answer = self._client.get_asset_property_value(assetId=asset_id, propertyId=property_id)
            if "propertyValue" in answer:
                found[asset, name] = Point.read(answer["propertyValue"])
        return found

    def _properties(self) -> Iterator[tuple[str, str, str, str]]:
        for asset in self.assets():
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
