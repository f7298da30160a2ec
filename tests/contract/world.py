"""A small plant to ask about, and one valid request for each supported operation."""

import time

from wire import new_id

PROPERTIES = [
    {"name": "Temperature", "externalId": "temp.C", "dataType": "DOUBLE", "unit": "C", "type": {"measurement": {}}},
    {"name": "Running", "dataType": "BOOLEAN", "type": {"measurement": {}}},
    {"name": "Serial", "dataType": "STRING", "type": {"attribute": {"defaultValue": "s-1"}}},
    {
        "name": "Fahrenheit",
        "dataType": "DOUBLE",
        "type": {
            "transform": {
                "expression": "c * 9 / 5 + 32",
                "variables": [{"name": "c", "value": {"propertyId": "Temperature"}}],
            }
        },
    },
    {
        "name": "Mean",
        "dataType": "DOUBLE",
        "type": {
            "metric": {
                "expression": "avg(c)",
                "variables": [{"name": "c", "value": {"propertyId": "externalId:temp.C"}}],
                "window": {"tumbling": {"interval": "5m"}},
            }
        },
    },
]
ALARM = {
    "name": "Hot",
    "type": "AWS/ALARM",
    "description": "too hot",
    "properties": [
        {"name": "AWS/ALARM_TYPE", "dataType": "STRING", "type": {"attribute": {"defaultValue": "EXTERNAL"}}},
        {"name": "AWS/ALARM_STATE", "dataType": "STRUCT", "dataTypeSpec": "AWS/ALARM_STATE", "type": {"measurement": {}}},
    ],
}


class World:
    """Gearboxes below turbines, a component, a stream that belongs to no property."""

    def __init__(self, api):
        self.api = api
        api.admin("POST", "reset")
        api.admin("DELETE", "faults")
        call = api.call
        self.component = call(
            "CreateAssetModel",
            assetModelName="Bearing",
            assetModelType="COMPONENT_MODEL",
            assetModelProperties=[{"name": "Wear", "dataType": "DOUBLE", "type": {"measurement": {}}}],
        )["assetModelId"]
        self.gearbox = call(
            "CreateAssetModel",
            assetModelName="Gearbox",
            assetModelExternalId="gearbox",
            assetModelDescription="turns",
            assetModelProperties=PROPERTIES,
            assetModelCompositeModels=[ALARM],
            tags={"plant": "north"},
        )["assetModelId"]
        self.settle()
        self.composite = call(
            "CreateAssetModelCompositeModel",
            assetModelId=self.gearbox,
            assetModelCompositeModelName="Front bearing",
            assetModelCompositeModelType="CUSTOM",
            composedAssetModelId=self.component,
        )["assetModelCompositeModelId"]
        self.settle()
        self.inline = call(
            "CreateAssetModelCompositeModel",
            assetModelId=self.gearbox,
            assetModelCompositeModelName="Oil",
            assetModelCompositeModelExternalId="oil",
            assetModelCompositeModelDescription="what it swims in",
            assetModelCompositeModelType="CUSTOM",
            assetModelCompositeModelProperties=[
                {"name": "Level", "dataType": "INTEGER", "type": {"measurement": {}}}
            ],
        )["assetModelCompositeModelId"]
        self.settle()
        self.turbine = call(
            "CreateAssetModel",
            assetModelName="Turbine",
            assetModelHierarchies=[
                {"name": "gearboxes", "externalId": "gears", "childAssetModelId": "externalId:gearbox"}
            ],
        )["assetModelId"]
        self.settle()
        described = call("DescribeAssetModel", assetModelId=self.gearbox)
        self.temperature = described["assetModelProperties"][0]["id"]
        self.running = described["assetModelProperties"][1]["id"]
        self.serial = described["assetModelProperties"][2]["id"]
        self.etag = api.send("DescribeAssetModel", {"assetModelId": self.gearbox}).headers["etag"]
        turbine = call("DescribeAssetModel", assetModelId=self.turbine)
        self.hierarchy = turbine["assetModelHierarchies"][0]["id"]
        self.asset = call(
            "CreateAsset",
            assetName="G1",
            assetModelId=self.gearbox,
            assetExternalId="g1",
            assetDescription="the first",
            tags={"line": "1"},
        )["assetId"]
        self.spare = call("CreateAsset", assetName="G2", assetModelId=self.gearbox)["assetId"]
        self.parent = call("CreateAsset", assetName="T1", assetModelId=self.turbine)["assetId"]
        self.settle()
        call(
            "AssociateAssets", assetId=self.parent, hierarchyId=self.hierarchy, childAssetId=self.asset
        )
        call(
            "UpdateAssetProperty",
            assetId=self.asset,
            propertyId=self.running,
            propertyAlias="/plant/g1/running",
            propertyNotificationState="ENABLED",
            propertyUnit="on",
        )
        call(
            "PutStorageConfiguration",
            storageType="SITEWISE_DEFAULT_STORAGE",
            disassociatedDataStorage="ENABLED",
            warmTier="ENABLED",
        )
        self.job = call("CreateBulkImportJob", **self.bulk_import("the first"))["jobId"]
        self.now = int(time.time())
        answer = call(
            "BatchPutAssetPropertyValue",
            entries=[
                self.entry("1", [self.double(20 + at, self.now - 300 + 30 * at) for at in range(10)]),
                self.entry("2", [self.boolean(True)], propertyAlias="/plant/g1/running"),
                self.entry("3", [self.double(1.0, self.now)], propertyAlias="/plant/free"),
            ],
        )
        assert answer["errorEntries"] == [], answer

    def settle(self):
        """Without delays a state is over by the next request."""
        self.api.admin("GET", "health")

    def clock(self):
        return int(time.time())

    def pass_second(self):
        """Waits for the next second, in which every property may take its entries anew."""
        time.sleep(1.001 - time.time() % 1)

    def double(self, value, seconds, nanos=0):
        return {"value": {"doubleValue": value}, "timestamp": {"timeInSeconds": seconds, "offsetInNanos": nanos}}

    def boolean(self, value):
        return {"value": {"booleanValue": value}, "timestamp": {"timeInSeconds": self.now}, "quality": "GOOD"}

    def entry(self, name, values, **target):
        target = target or {"assetId": self.asset, "propertyId": self.temperature}
        return {"entryId": name, "propertyValues": values, **target}

    def arn(self, kind, name):
        return f"arn:aws:iotsitewise:us-east-1:123456789012:{kind}/{name}"

    def source(self):
        return {"assetId": self.asset, "propertyId": self.temperature}

    def span(self):
        return {"startDate": self.now - 3600, "endDate": self.now + 60}

    def bases(self):
        """One valid request for each supported operation."""
        span = {"startDate": "2020-01-01T00:00:00Z", "endDate": "2099-01-01T00:00:00Z"}
        gearbox = {"assetModelId": self.gearbox}
        asset = {"assetId": self.asset}
        series = {"alias": "/plant/free"}
        link = {"assetId": self.parent, "hierarchyId": self.hierarchy}
        composite = {**gearbox, "assetModelCompositeModelId": self.inline}
        arn = {"resourceArn": self.arn("asset", self.asset)}
        aggregates = {"aggregateTypes": ["AVERAGE", "COUNT", "STANDARD_DEVIATION"], "resolution": "1m"}
        return {
            "BatchPutAssetPropertyValue": {"entries": [self.entry("e", [self.double(1.5, self.now, 5)])]},
            "GetAssetPropertyValue": self.source(),
            "GetAssetPropertyValueHistory": {**self.source(), **span},
            "GetAssetPropertyAggregates": {**self.source(), **aggregates, **span},
            "GetInterpolatedAssetPropertyValues": {
                **self.source(),
                "startTimeInSeconds": self.now - 300,
                "endTimeInSeconds": self.now,
                "quality": "GOOD",
                "intervalInSeconds": 20,
                "type": "LINEAR_INTERPOLATION",
            },
            "BatchGetAssetPropertyValue": {
                "entries": [
                    {"entryId": "1", **self.source()},
                    {"entryId": "2", "propertyAlias": "/nothing"},
                ]
            },
            "BatchGetAssetPropertyValueHistory": {
                "entries": [{"entryId": "1", **self.source(), **self.span()}],
                "maxResults": 5,
            },
            "BatchGetAssetPropertyAggregates": {
                "entries": [{"entryId": "1", **self.source(), **aggregates, **self.span()}]
            },
            "DescribeAsset": asset,
            "ListAssets": {"assetModelId": "externalId:gearbox", "maxResults": 1},
            "ListAssociatedAssets": {"assetId": self.parent, "hierarchyId": "externalId:gears"},
            "ListAssetRelationships": {**asset, "traversalType": "PATH_TO_ROOT"},
            "ListAssetProperties": {**asset, "filter": "ALL", "maxResults": 250},
            "DescribeAssetProperty": {"assetId": "externalId:g1", "propertyId": "externalId:temp.C"},
            "DescribeAssetCompositeModel": {**asset, "assetCompositeModelId": self.composite},
            "UpdateAssetProperty": {**asset, "propertyId": self.temperature, "propertyAlias": "/plant/g1/temp"},
            "CreateAsset": {"assetName": "G3", **gearbox, "assetId": new_id(), "clientToken": new_id()},
            "AssociateAssets": {**link, "childAssetId": self.spare},
            "DisassociateAssets": {**link, "childAssetId": self.spare},
            "UpdateAsset": {"assetId": self.spare, "assetName": "G2b"},
            "DeleteAsset": {"assetId": self.spare},
            "DescribeAssetModel": gearbox,
            "ListAssetModels": {"maxResults": 2},
            "ListAssetModelProperties": {**gearbox, "filter": "ALL"},
            "ListAssetModelCompositeModels": gearbox,
            "DescribeAssetModelCompositeModel": {**gearbox, "assetModelCompositeModelId": self.composite},
            "ListCompositionRelationships": {"assetModelId": self.component},
            "CreateAssetModel": {
                "assetModelName": "Mast",
                "assetModelProperties": PROPERTIES,
                "assetModelHierarchies": [{"name": "g", "childAssetModelId": self.gearbox}],
                "assetModelCompositeModels": [ALARM],
                "tags": {"a": "b"},
            },
            "CreateAssetModelCompositeModel": {
                **gearbox,
                "assetModelCompositeModelName": "Seal",
                "assetModelCompositeModelType": "CUSTOM",
                "assetModelCompositeModelProperties": PROPERTIES[1:3],
            },
            "UpdateAssetModelCompositeModel": {**composite, "assetModelCompositeModelName": "Oils"},
            "DeleteAssetModelCompositeModel": self.deletable(),
            "UpdateAssetModel": {"assetModelId": self.turbine, "assetModelName": "Turbine 2"},
            "DeleteAssetModel": {"assetModelId": self.unused()},
            "ListTimeSeries": {"maxResults": 2},
            "DescribeTimeSeries": series,
            "AssociateTimeSeriesToAssetProperty": {
                **series,
                "assetId": self.other(),
                "propertyId": self.temperature,
            },
            "DisassociateTimeSeriesFromAssetProperty": {
                "alias": "/plant/g1/running",
                **asset,
                "propertyId": self.running,
            },
            "DeleteTimeSeries": series,
            "TagResource": {**arn, "tags": {"colour": "red"}},
            "UntagResource": {**arn, "tagKeys": ["colour", "line"]},
            "ListTagsForResource": arn,
            "DescribeStorageConfiguration": {},
            "PutStorageConfiguration": {
                "storageType": "MULTI_LAYER_STORAGE",
                "multiLayerStorage": {
                    "customerManagedS3Storage": {
                        "s3ResourceArn": "arn:aws:s3:::bucket",
                        "roleArn": "arn:aws:iam::123456789012:role/storage",
                    }
                },
                "disassociatedDataStorage": "ENABLED",
                "retentionPeriod": {"numberOfDays": 30},
                "warmTier": "ENABLED",
                "warmTierRetentionPeriod": {"unlimited": True},
            },
            "DescribeLoggingOptions": {},
            "PutLoggingOptions": {"loggingOptions": {"level": "INFO"}},
            "DescribeDefaultEncryptionConfiguration": {},
            "CreateBulkImportJob": self.bulk_import("the second"),
            "DescribeBulkImportJob": {"jobId": self.job},
            "ListBulkImportJobs": {"filter": "ALL", "maxResults": 1},
        }

    def bulk_import(self, name):
        """A bulk import job; without an S3 endpoint it ends FAILED."""
        columns = ["ASSET_ID", "PROPERTY_ID", "DATA_TYPE", "TIMESTAMP_SECONDS", "TIMESTAMP_NANO_OFFSET", "VALUE"]
        return {
            "jobName": name,
            "jobRoleArn": "arn:aws:iam::123456789012:role/import",
            "files": [{"bucket": "late", "key": "values.csv"}],
            "errorReportLocation": {"bucket": "late", "prefix": "errors/"},
            "jobConfiguration": {"fileFormat": {"csv": {"columnNames": columns}}},
        }

    def deletable(self):
        """A composite model of a model without assets."""
        model = {"assetModelId": self.unused()}
        made = self.api.call(
            "CreateAssetModelCompositeModel",
            **model,
            assetModelCompositeModelName="Part",
            assetModelCompositeModelType="CUSTOM",
        )
        return {**model, "assetModelCompositeModelId": made["assetModelCompositeModelId"]}

    def unused(self):
        """A model that nothing needs."""
        return self.api.call("CreateAssetModel", assetModelName=f"Unused {new_id()}")["assetModelId"]

    def other(self):
        """A gearbox without data."""
        made = self.api.call("CreateAsset", assetName=f"Other {new_id()}", assetModelId=self.gearbox)
        return made["assetId"]
