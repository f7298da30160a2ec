"""Bulk import with boto3: objects in moto's S3, read by sitewise-local; reports, deletion, the bill.

bulk_import.py PROGRAM: the program sitewise-local; S3 runs in this process.
"""

import json
import subprocess
import sys
import time

import boto3
from botocore.config import Config
from moto.server import ThreadedMotoServer

COLUMNS = [
    "ASSET_ID", "PROPERTY_ID", "DATA_TYPE", "TIMESTAMP_SECONDS", "TIMESTAMP_NANO_OFFSET", "QUALITY", "VALUE",
]
PROPERTIES = [
    {"name": name, "dataType": name, "type": {"measurement": {}}}
    for name in ("DOUBLE", "INTEGER", "BOOLEAN", "STRING")
]
BUCKET, ROLE = "late-values", "arn:aws:iam::123456789012:role/import"
DAY = 24 * 3600

passed, failed = 0, []


def test(name, expected, found):
    global passed
    if expected == found:
        passed += 1
    else:
        failed.append(f"{name}: {found}, not {expected}")


def client(service, endpoint):
    keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local", "region_name": "us-east-1"}
    config = Config(inject_host_prefix=False, s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})
    return boto3.client(service, endpoint_url=endpoint, config=config, **keys)


class Plant:
    """A bucket, and an asset with a property of each type."""

    def __init__(self, s3, sitewise):
        self.s3, self.sitewise = s3, sitewise
        s3.create_bucket(Bucket=BUCKET)
        model = sitewise.create_asset_model(assetModelName="Press", assetModelProperties=PROPERTIES)["assetModelId"]
        described = self.when_active(lambda: sitewise.describe_asset_model(assetModelId=model), "assetModelStatus")
        self.properties = {item["name"]: item["id"] for item in described["assetModelProperties"]}
        self.asset = sitewise.create_asset(assetName="P1", assetModelId=model)["assetId"]
        self.when_active(lambda: sitewise.describe_asset(assetId=self.asset), "assetStatus")

    def when_active(self, describe, status):
        while True:
            described = describe()
            if described[status]["state"] == "ACTIVE":
                return described
            time.sleep(0.05)

    def row(self, kind, seconds, value, nanos=0, quality="GOOD", **other):
        asset = other.get("asset", self.asset)
        return f"{asset},{self.properties[kind]},{kind},{seconds},{nanos},{quality},{value}"

    def put(self, key, *rows):
        self.s3.put_object(Bucket=BUCKET, Key=key, Body="".join(row + "\n" for row in rows).encode())

    def run(self, name, *keys, **more):
        """Runs a job to its end; its status."""
        made = self.sitewise.create_bulk_import_job(
            jobName=name,
            jobRoleArn=ROLE,
            files=[{"bucket": BUCKET, "key": key} for key in keys],
            errorReportLocation={"bucket": BUCKET, "prefix": f"reports/{name}/"},
            jobConfiguration={"fileFormat": {"csv": {"columnNames": COLUMNS}}},
            **more,
        )
        test(f"{name} begins", "PENDING", made["jobStatus"])
        while True:
            job = self.sitewise.describe_bulk_import_job(jobId=made["jobId"])
            if job["jobStatus"] not in ("PENDING", "RUNNING"):
                return job["jobStatus"]
            time.sleep(0.05)

    def keys(self, prefix=""):
        listed = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix)
        return [item["Key"] for item in listed.get("Contents", [])]

    def report(self, name):
        keys = self.keys(f"reports/{name}/")
        bodies = [self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode() for key in keys]
        return "".join(bodies).splitlines()

    def history(self, kind):
        page = self.sitewise.get_asset_property_value_history(
            assetId=self.asset, propertyId=self.properties[kind], maxResults=100
        )
        return [
            (item["timestamp"]["timeInSeconds"], item["quality"], *item["value"].values())
            for item in page["assetPropertyValueHistory"]
        ]


def refused_without_tier(plant):
    try:
        plant.run("early", "values.csv")
    except plant.sitewise.exceptions.InvalidRequestException as error:
        test("a job without a tier names what is missing", True, "warm tier" in str(error))
    else:
        test("a job without a tier is refused", True, False)


def imports(plant, now):
    old = now - 20 * DAY
    good = [
        plant.row("DOUBLE", old, "1.5", quality="UNCERTAIN"),
        plant.row("INTEGER", old, "-7"),
        plant.row("BOOLEAN", old, "false"),
        plant.row("STRING", old, '"a, ""b"""'),
    ]
    plant.put("a b/värde+1.csv", *good)
    test("a good file", "COMPLETED", plant.run("good", "a b/värde+1.csv"))
    test("a double", [(old, "UNCERTAIN", 1.5)], plant.history("DOUBLE"))
    test("an integer", [(old, "GOOD", -7)], plant.history("INTEGER"))
    test("a boolean", [(old, "GOOD", False)], plant.history("BOOLEAN"))
    test("a text", [(old, "GOOD", 'a, "b"')], plant.history("STRING"))
    test("no report", [], plant.report("good"))
    test("its file stays", True, "a b/värde+1.csv" in plant.keys())

    bad = [
        plant.row("DOUBLE", old + 1, "much"),
        plant.row("DOUBLE", old + 1, ""),
        plant.row("INTEGER", old + 1, "1.5"),
        plant.row("DOUBLE", old + 1, "1", asset="00000000-0000-4000-8000-000000000000"),
        plant.row("DOUBLE", now + 3600, "1"),
    ]
    plant.put("mixed.csv", plant.row("DOUBLE", old + 2, "2"), *bad)
    status = plant.run("mixed", "mixed.csv", deleteFilesAfterImport=True)
    test("some bad rows", "COMPLETED_WITH_FAILURES", status)
    report = plant.report("mixed")
    begins = [line.startswith(row) for line, row in zip(report, bad)]
    test("the report has each of them", [True] * len(bad), begins)
    test("the good row was taken", [(old, "UNCERTAIN", 1.5), (old + 2, "GOOD", 2.0)], plant.history("DOUBLE"))
    test("its file is deleted", False, "mixed.csv" in plant.keys())

    test("a file that is not there", "FAILED", plant.run("missing", "nowhere.csv"))
    test("is in the report", 1, len(plant.report("missing")))
    status = plant.run("half", "nowhere.csv", "a b/värde+1.csv")
    test("one of two files", "COMPLETED_WITH_FAILURES", status)
    plant.put("adaptive.csv", plant.row("INTEGER", now - 40 * DAY, "1"), plant.row("INTEGER", now - 29 * DAY, "1"))
    status = plant.run("adaptive", "adaptive.csv", adaptiveIngestion=True)
    test("adaptive ingestion takes thirty days", ("COMPLETED_WITH_FAILURES", 1), (status, len(plant.report("adaptive"))))
    listed = plant.sitewise.list_bulk_import_jobs(filter="FAILED")["jobSummaries"]
    test("the list", ["missing"], [job["name"] for job in listed])


def main(program):
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    s3_endpoint = f"http://{host}:{port}"
    emulator = subprocess.Popen(
        [program, "--listen", "127.0.0.1:0", "--import-delay", "200ms", "--s3-endpoint", s3_endpoint],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        address = emulator.stdout.readline().split()[-1]
        sitewise = client("iotsitewise", address)
        plant = Plant(client("s3", s3_endpoint), sitewise)
        refused_without_tier(plant)
        sitewise.put_storage_configuration(storageType="SITEWISE_DEFAULT_STORAGE", warmTier="ENABLED")
        imports(plant, int(time.time()))
    finally:
        emulator.terminate()
        emulator.wait()
        server.stop()
    for fault in failed:
        print("FAILED", fault[:600])
    print(json.dumps({"passed": passed, "failed": len(failed)}))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
