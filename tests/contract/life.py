"""One life of a twin with boto3: models, assets, tree, values, reads, deletion, waiters."""

import json
import sys
import time
import uuid

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError


def main(address):
    client = boto3.client(
        "iotsitewise",
        endpoint_url=f"http://{address}",
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(inject_host_prefix=False, retries={"total_max_attempts": 1}),
    )
    temperature, serial = str(uuid.uuid4()), str(uuid.uuid4())
    gearbox = client.create_asset_model(
        assetModelName="boto3 gearbox",
        assetModelExternalId="boto3.gearbox",
        assetModelProperties=[
            {"id": temperature, "name": "Temperature", "dataType": "DOUBLE", "type": {"measurement": {}}},
            {"id": serial, "name": "Serial", "dataType": "STRING", "type": {"attribute": {"defaultValue": "?"}}},
        ],
        tags={"made": "by boto3"},
    )["assetModelId"]
    client.get_waiter("asset_model_active").wait(assetModelId=gearbox, WaiterConfig={"Delay": 1})
    turbine = client.create_asset_model(
        assetModelName="boto3 turbine",
        assetModelHierarchies=[{"name": "gearboxes", "childAssetModelId": "externalId:boto3.gearbox"}],
    )["assetModelId"]
    client.get_waiter("asset_model_active").wait(assetModelId=turbine, WaiterConfig={"Delay": 1})
    hierarchy = client.describe_asset_model(assetModelId=turbine)["assetModelHierarchies"][0]["id"]
    child = client.create_asset(assetName="boto3 G1", assetModelId=gearbox, assetExternalId="boto3.g1")["assetId"]
    parent = client.create_asset(assetName="boto3 T1", assetModelId=turbine)["assetId"]
    for asset in (child, parent):
        client.get_waiter("asset_active").wait(assetId=asset, WaiterConfig={"Delay": 1})
    client.associate_assets(assetId=parent, hierarchyId=hierarchy, childAssetId="externalId:boto3.g1")
    pages = client.get_paginator("list_associated_assets").paginate(assetId=parent, hierarchyId=hierarchy)
    assert [summary["name"] for page in pages for summary in page["assetSummaries"]] == ["boto3 G1"]

    now = int(time.time())
    values = [
        {"value": {"doubleValue": 40.0 + at}, "timestamp": {"timeInSeconds": now - at, "offsetInNanos": 7}}
        for at in range(9)
    ]
    special = {"value": {"doubleValue": float("nan")}, "timestamp": {"timeInSeconds": now - 9}, "quality": "BAD"}
    answer = client.batch_put_asset_property_value(
        enablePartialEntryProcessing=True,
        entries=[
            {"entryId": "t", "assetId": child, "propertyId": temperature, "propertyValues": [*values, special]},
            {
                "entryId": "s",
                "assetId": child,
                "propertyId": serial,
                "propertyValues": [{"value": {"stringValue": "ß-1"}, "timestamp": {"timeInSeconds": now}}],
            },
            {
                "entryId": "old",
                "assetId": child,
                "propertyId": temperature,
                "propertyValues": [{"value": {"doubleValue": 1.0}, "timestamp": {"timeInSeconds": 1}}],
            },
        ],
    )
    codes = [(entry["entryId"], entry["errors"][0]["errorCode"]) for entry in answer["errorEntries"]]
    assert codes == [("old", "TimestampOutOfRangeException")], codes
    source = {"assetId": child, "propertyId": temperature}
    assert client.get_asset_property_value(**source)["propertyValue"]["value"] == {"doubleValue": 40.0}
    history = client.get_asset_property_value_history(**source, qualities=["GOOD"])["assetPropertyValueHistory"]
    assert [item["value"]["doubleValue"] for item in history] == [48.0 - at for at in range(9)]
    bad = client.get_asset_property_value_history(**source, qualities=["BAD"])["assetPropertyValueHistory"]
    assert bad[0]["value"]["doubleValue"] != bad[0]["value"]["doubleValue"], "a NaN"
    latest = client.batch_get_asset_property_value(
        entries=[{"entryId": "1", "assetId": child, "propertyId": serial}, {"entryId": "2", "propertyAlias": "/no"}]
    )
    assert latest["successEntries"][0]["assetPropertyValue"]["value"] == {"stringValue": "ß-1"}
    assert latest["errorEntries"][0]["errorCode"] == "ResourceNotFoundException"

    described = client.describe_asset_model(assetModelId=gearbox)
    properties = [{k: v for k, v in item.items() if k != "path"} for item in described["assetModelProperties"]]
    properties.append({"name": "Running", "dataType": "BOOLEAN", "type": {"measurement": {}}})
    update = {"assetModelId": gearbox, "assetModelName": "boto3 gearbox", "assetModelProperties": properties}
    match = {"ifMatch": described["eTag"], "matchForVersionType": "LATEST"}
    client.update_asset_model(**update, **match)
    try:
        client.batch_put_asset_property_value(entries=[{"entryId": "l", **source, "propertyValues": values[:1]}])
        client.create_asset(assetName="too early", assetModelId=gearbox)
        raise AssertionError("an asset of a model that is UPDATING")
    except ClientError as error:
        assert error.response["Error"]["Code"] == "ConflictingOperationException", error
    client.get_waiter("asset_model_active").wait(assetModelId=gearbox, WaiterConfig={"Delay": 1})
    try:
        client.update_asset_model(**update, **match)
        raise AssertionError("a stale ETag")
    except client.exceptions.PreconditionFailedException as error:
        assert error.response["resourceId"] == gearbox

    client.disassociate_assets(assetId=parent, hierarchyId=hierarchy, childAssetId=child)
    for asset in (child, parent):
        client.delete_asset(assetId=asset)
        client.get_waiter("asset_not_exists").wait(assetId=asset, WaiterConfig={"Delay": 1})
    for model in (turbine, gearbox):
        client.delete_asset_model(assetModelId=model)
        client.get_waiter("asset_model_not_exists").wait(assetModelId=model, WaiterConfig={"Delay": 1})
    print(json.dumps({"passed": 1, "failed": 0}))


if __name__ == "__main__":
    main(sys.argv[1])
