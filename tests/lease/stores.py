"""Starts both stand-ins of DynamoDB with a table each, and runs a command against them."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

TABLE = "sparkwise-lease"
HERE = Path(__file__).parent
WORK = Path(os.environ["LEASE_WORK"])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(name: str, command: list[str]) -> subprocess.Popen:
    with (WORK / f"{name}.log").open("wb") as log:
        return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)


def make_table(url: str) -> None:
    """Waits until somebody answers, and makes the table as the documentation says."""
    client = boto3.client(
        "dynamodb",
        endpoint_url=url,
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(connect_timeout=1, read_timeout=5, retries={"max_attempts": 1}),
    )
    deadline = time.monotonic() + 120
    while True:
        try:
            client.create_table(
                TableName=TABLE,
                AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                BillingMode="PAY_PER_REQUEST",
            )
            break
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceInUseException":
                break
            if time.monotonic() > deadline:
                raise
        except BotoCoreError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.1)
    client.get_waiter("table_exists").wait(
        TableName=TABLE, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    ports = {"moto": free_port(), "dynalite": free_port()}
    commands = {
        "moto": [sys.executable, str(HERE / "one_at_a_time.py"), str(ports["moto"])],
        "dynalite": [
            "node",
            os.environ["LEASE_DYNALITE"],
            "--host",
            "127.0.0.1",
            "--port",
            str(ports["dynalite"]),
        ],
    }
    started = {name: start(name, command) for name, command in commands.items()}
    try:
        for port in ports.values():
            make_table(f"http://127.0.0.1:{port}")
        stores = ",".join(f"{name}=127.0.0.1:{port}" for name, port in ports.items())
        return subprocess.run(sys.argv[1:], env=os.environ | {"LEASE_STORES": stores}).returncode
    finally:
        for process in started.values():
            process.terminate()
        for process in started.values():
            process.wait(10)


if __name__ == "__main__":
    sys.exit(main())
