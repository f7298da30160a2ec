"""Reads the wind farm's twins at LocalStack's own port, where the bridge wrote them.

    python twins.py http://127.0.0.1:4566 path/to/aws

The bridge is the AWS SDK for Rust; what it wrote is read here with boto3 and with the AWS CLI.
The last line is "N passed, N failed".
"""

import json
import os
import subprocess
import sys
import time
import uuid

import boto3
from botocore.config import Config

LIMIT = 90


class World:
    def __init__(self, endpoint, aws):
        session = boto3.Session("test", "test", region_name="eu-west-1")
        # boto3 puts api. and data. before every host, this one included, unless told not to.
        config = Config(inject_host_prefix=False, retries={"max_attempts": 1})
        self.sitewise = session.client("iotsitewise", endpoint_url=endpoint, config=config)
        self.secrets = session.client("secretsmanager", endpoint_url=endpoint)
        self.aws = aws
        self.environment = {
            **os.environ,
            # The CLI has no such switch; the user name takes the label: http://api.x@127.0.0.1.
            "AWS_ENDPOINT_URL": endpoint.replace("http://", "http://x@"),
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_PAGER": "",
        }

    def cli(self, *words):
        run = subprocess.run([self.aws, *words], env=self.environment, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        return json.loads(run.stdout)

    def models(self):
        pages = self.sitewise.get_paginator("list_asset_models").paginate()
        return {model["name"]: model["id"] for page in pages for model in page["assetModelSummaries"]}

    def turbines(self):
        model = self.models().get("WindTurbine")
        if model is None:
            return {}
        pages = self.sitewise.get_paginator("list_assets").paginate(assetModelId=model)
        return {asset["name"]: asset["id"] for page in pages for asset in page["assetSummaries"]}

    def value(self, asset, name):
        """The latest value of a property; none if there is none yet."""
        properties = self.sitewise.describe_asset(assetId=asset)["assetProperties"]
        (wanted,) = [entry["id"] for entry in properties if entry["name"] == name]
        answer = self.sitewise.get_asset_property_value(assetId=asset, propertyId=wanted)
        return wanted, answer.get("propertyValue")


def until(what, condition):
    """Waits for the farm to come to life; how fast is not what is tested."""
    end = time.monotonic() + LIMIT
    while not (found := condition()):
        assert time.monotonic() < end, f"{what}: not after {LIMIT} s"
        time.sleep(0.5)
    return found


def twelve_turbines_are_live(world):
    until("twelve turbines", lambda: len(world.turbines()) == 12)
    turbine = world.turbines()["T01"]
    value = until("a value", lambda: world.value(turbine, "Rotor Speed")[1])
    assert value["quality"] == "GOOD", value


def the_cli_reads_what_boto3_reads(world):
    turbine = world.turbines()["T01"]
    wanted, _ = world.value(turbine, "Serial")
    words = ["get-asset-property-value", "--asset-id", turbine, "--property-id", wanted]
    found = world.cli("iotsitewise", *words)["propertyValue"]["value"]["stringValue"]
    assert found.startswith("WT-"), found
    assert found == world.value(turbine, "Serial")[1]["value"]["stringValue"]
    names = {model["name"] for model in world.cli("iotsitewise", "list-asset-models")["assetModelSummaries"]}
    assert names == set(world.models()), names


def localstack_still_answers_for_itself(world):
    world.secrets.create_secret(Name="beside/sitewise", SecretString="kept")
    found = world.cli("secretsmanager", "get-secret-value", "--secret-id", "beside/sitewise")
    assert found["SecretString"] == "kept", found


def ids_name_the_account_that_sts_told(world):
    """The emulator's account is LocalStack's, and so is the twin's namespace."""
    model = world.models()["WindTurbine"]
    arn = world.sitewise.describe_asset_model(assetModelId=model)["assetModelArn"]
    account = world.cli("sts", "get-caller-identity")["Account"]
    assert arn.split(":")[3:5] == ["eu-west-1", account], (arn, account)


def a_refusal_comes_through_as_it_is(world):
    unknown = str(uuid.uuid4())
    try:
        world.sitewise.describe_asset(assetId=unknown)
    except world.sitewise.exceptions.ResourceNotFoundException as fault:
        assert fault.response["ResponseMetadata"]["HTTPStatusCode"] == 404, fault.response
    else:
        raise AssertionError("an unknown asset is described")


def main(endpoint, aws):
    world = World(endpoint, aws)
    checks = [
        twelve_turbines_are_live,
        the_cli_reads_what_boto3_reads,
        localstack_still_answers_for_itself,
        ids_name_the_account_that_sts_told,
        a_refusal_comes_through_as_it_is,
    ]
    wrong = 0
    for check in checks:
        try:
            check(world)
        except Exception as fault:  # whatever it is, the next check may tell more
            wrong += 1
            print(f"{check.__name__}: {fault!r}")
    print(f"{len(checks) - wrong} passed, {wrong} failed")
    return wrong


if __name__ == "__main__":
    sys.exit(1 if main(*sys.argv[1:]) else 0)
