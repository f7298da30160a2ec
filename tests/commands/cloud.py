"""AWS IoT commands as a caller has them: `iot-local`, asked with boto3 and the AWS CLI, and what
travels over MQTT in between."""

import json
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import boto3
import paho.mqtt.client as mqtt

Json = dict[str, Any]
FINAL = ("SUCCEEDED", "FAILED", "REJECTED")
REGION = "eu-west-1"
ACCOUNT = f"arn:aws:iot:{REGION}:123456789012"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "commands", "AWS_SECRET_ACCESS_KEY": "commands"}


class Cloud:
    def __init__(self, url: str) -> None:
        self.url = url
        more = {
            "region_name": REGION,
            "aws_access_key_id": "commands",
            "aws_secret_access_key": "commands",
            "endpoint_url": url,
        }
        self.iot = boto3.client("iot", **more)
        self.jobs = boto3.client("iot-jobs-data", **more)

    def cli(self, *words: str) -> Json:
        """What the AWS CLI answers."""
        environment = {
            **os.environ,
            **CREDENTIALS,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL_IOT": self.url,
            "AWS_ENDPOINT_URL_IOT_JOBS_DATA_PLANE": self.url,
        }
        command = [str(Path(sys.executable).parent / "aws"), *words, "--output", "json"]
        end = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        if end.returncode != 0:
            raise AssertionError(f"aws {' '.join(words)}: {end.stderr}")
        return dict(json.loads(end.stdout)) if end.stdout else {}


class Wire:
    """What travels on the topics of executions."""

    def __init__(self, port: int) -> None:
        self.lock = threading.Lock()
        # Statuses as the device answered, and what it was told of them, by execution.
        self.statuses: dict[str, list[str]] = {}
        self.rejected: dict[str, list[str]] = {}
        # When each was asked for, and when the first final answer came.
        self.asked: dict[str, float] = {}
        self.ended: dict[str, float] = {}
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="wire")
        self.client.on_message = self.heard
        subscribed = threading.Event()
        self.client.on_subscribe = lambda *_: subscribed.set()
        self.client.connect("127.0.0.1", port)
        self.client.subscribe("$aws/commands/+/+/executions/#", 1)
        self.client.loop_start()
        if not subscribed.wait(20):
            raise TimeoutError("the MQTT server grants no subscription")

    def heard(self, _client: Any, _data: Any, message: mqtt.MQTTMessage) -> None:
        name, _, way = message.topic.split("/executions/")[1].partition("/")
        now = time.monotonic()
        with self.lock:
            if way == "request/json":
                self.asked.setdefault(name, now)
            elif way == "response/json":
                status = json.loads(message.payload)["status"]
                self.statuses.setdefault(name, []).append(status)
                if status in FINAL:
                    self.ended.setdefault(name, now)
            elif way == "response/rejected/json":
                error = json.loads(message.payload)["error"]
                self.rejected.setdefault(name, []).append(error)

    def of(self, name: str) -> list[str]:
        with self.lock:
            return list(self.statuses.get(name, []))

    def errors(self, name: str) -> list[str]:
        with self.lock:
            return list(self.rejected.get(name, []))

    def took(self, name: str) -> float:
        """Seconds from the request to the first final answer, as both travelled."""
        with self.lock:
            return self.ended[name] - self.asked[name]

    def refused(self) -> dict[str, list[str]]:
        """What was rejected for good, by execution."""
        with self.lock:
            final = {
                name: [error for error in errors if error != "DataConflict"]
                for name, errors in self.rejected.items()
            }
        return {name: errors for name, errors in final.items() if errors}

    def publish(self, thing: str, execution: str, payload: str) -> None:
        topic = f"$aws/commands/things/{thing}/executions/{execution}/request/json"
        self.client.publish(topic, payload, qos=1).wait_for_publish(10)

    def stop(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def until_listening(log: Path) -> str:
    """The address that the program prints once it listens."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        found = re.search(r"listens on (http://[0-9.:]+)", log.read_text())
        # Not before it can deliver: what is started until then reaches nobody.
        if found and "connected to mqtt://" in log.read_text():
            return found[1]
        time.sleep(0.05)
    raise TimeoutError(f"iot-local does not listen: {log.read_text()}")
