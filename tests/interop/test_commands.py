"""Commands to edge nodes that others wrote: each receives one by name, obeys, and confirms it."""

import json
import os
import time
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import senders
from payloads import Json, metric
from stack import Stack, eventually, now_ms

REGION = "us-east-1"
ACCOUNT = f"arn:aws:iot:{REGION}:123456789012"
THING = f"{ACCOUNT}:thing/plant-1"
FINAL = ("SUCCEEDED", "FAILED", "REJECTED")
WANTED = 42.5
# The bridge waits for AWS IoT's reply to its first answer before it sends the last one, a second at
# most; here another 100 ms go by until it is looked again.
PAUSE = 1
MAKES: dict[str, Callable[[Path], Any]] = {
    "sparkplug-client": senders.SparkplugClient,
    "tahutils": senders.tahutils,
    "pysparkplug": senders.pysparkplug,
    "srad": senders.srad,
}


class CommandStack(Stack):
    """Beside the others `iot-local`, on the plant's own MQTT server."""

    def start_bridge(self) -> int:
        command = [os.environ["INTEROP_IOT"], "--listen", "127.0.0.1:0", "--mqtt", self.mqtt_url]
        self._start([*command, "--region", REGION], "iot-local")
        log = self.folder / "iot-local.log"
        # Not before it can deliver: what is started until then reaches nobody.
        eventually(log.read_text, lambda text: "connected to mqtt://" in text)
        said = log.read_text()
        url = said.partition("listens on ")[2].split()[0]
        more = {"region_name": REGION, "endpoint_url": url}
        more |= {"aws_access_key_id": "interop", "aws_secret_access_key": "interop"}
        self.iot, self.jobs = boto3.client("iot", **more), boto3.client("iot-jobs-data", **more)
        self._settings["COMMANDS_ALLOW"] = "Nordsee/*/Limit = 0..90 step 0.5"
        self._settings["COMMANDS_THING"] = "plant-1"
        self._settings["COMMANDS_IOT_URL"] = self.mqtt_url
        return super().start_bridge()

    def outcome(self, node: str, obey: Callable[[], None] = lambda: None) -> Json:
        """How an execution ends that asks for the value."""
        arn = f"{ACCOUNT}:command/{node}"
        started = self.jobs.start_command_execution(
            targetArn=THING, commandArn=arn, executionTimeoutSeconds=20
        )

        def look() -> Json:
            obey()
            name = started["executionId"]
            return self.iot.get_command_execution(
                executionId=name, targetArn=THING, includeResult=True
            )

        return eventually(look, lambda execution: execution["status"] in FINAL)


class CommandsTest(unittest.TestCase):
    def test_each_obeys_by_name_within_a_second(self) -> None:
        stack = CommandStack("commands")
        self.addCleanup(stack.close)
        for name, make in MAKES.items():
            with self.subTest(name):
                self.obeys(stack, name, make(stack.folder / f"{name}.log"))

    def obeys(self, stack: CommandStack, name: str, sender: Any) -> None:
        stack.track(sender)
        request = {"asset": f"Nordsee/{name}", "property": "Limit", "value": WANTED}
        payload = {"content": json.dumps(request).encode(), "contentType": "application/json"}
        stack.iot.create_command(commandId=name, namespace="AWS-IoT", payload=payload)
        state = {"node": [metric("Limit", "Double", 40.0, now_ms())], "devices": {}}
        sender.connect(stack.mqtt_url, "Nordsee", name, state)
        # Until its birth has come, a command is refused.
        known = eventually(lambda: [asset["name"] for asset in stack.reader.assets()], lambda all: name in all)
        self.assertIn(name, known)

        told: list[Json] = []

        def obey() -> None:
            for event in sender.leash.unread("ncmd"):
                sender.leash.wait_for("ncmd", lambda one, event=event: one is event)
                for change in event["metrics"]:
                    if change["name"] == "Node Control/Rebirth":
                        continue
                    told.append(change)
                    sender.data(None, [metric("Limit", "Double", change["value"], now_ms())])

        began = time.monotonic()
        execution = stack.outcome(name, obey)
        took = time.monotonic() - began
        reason = execution["statusReason"]["reasonCode"]
        self.assertEqual((execution["status"], reason), ("SUCCEEDED", "CONFIRMED"), execution)
        self.assertEqual(execution["result"]["value"], {"S": "42.5"})
        self.assertEqual(told, [{"name": "Limit", "value": WANTED}])
        self.assertLess(took, 1 + PAUSE, "seconds from the start to the answer")
        # And what it has already is not told again.
        again = stack.outcome(name, obey)["statusReason"]["reasonCode"]
        self.assertEqual((again, len(told)), ("ALREADY", 1))


if __name__ == "__main__":
    unittest.main()
