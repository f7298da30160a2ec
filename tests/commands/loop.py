"""All that runs beside the bridge in these tests, and the machine's own half of the loop."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cloud import ACCOUNT, FINAL, REGION, Cloud, Wire, until_listening
from leash import Leash

Json = dict[str, Any]
FOLDER = Path(os.environ["LOOP_WORK"])
THING = f"{ACCOUNT}:thing/plant-1"
TEMPLATE = {
    "asset": "${aws:iot:commandexecution::parameter:asset}",
    "property": "${aws:iot:commandexecution::parameter:property}",
    "value": "${aws:iot:commandexecution::parameter:value}",
    "timeout": "${aws:iot:commandexecution::executionTimeoutSec}",
}
# Seconds between two updates of one execution.
UPDATE_GAP = 0.5
ALLOW = """Nordsee/gw/Secret = never
Nordsee/gw/Derate = on, off
Nordsee/gw/Slow = 0..90 rate 1/10s
Nordsee/gw/Reset = true pulse
Nordsee/gw/* = 0..90 step 0.5
Nordsee/other/* = 0..90
Nordsee/hand/pump/* = 0..90
Nordsee/its-*/* = 0..90 step 0.5"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until_open(port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f"nobody listens on port {port}")


def metric(name: str, kind: str, value: Any) -> Json:
    return {"name": name, "type": kind, "value": value, "timestamp": time.time_ns() // 1_000_000}


def births() -> list[Json]:
    return [
        metric("Limit", "Double", 40.0),
        metric("Silent", "Double", 1.0),
        metric("Slow", "Double", 1.0),
        metric("Derate", "Boolean", False),
        metric("Reset", "Boolean", False),
        metric("Secret", "Double", 1.0),
    ]


class Loop:
    """All that runs, and the machine's own half of the loop."""

    def __init__(self) -> None:
        self.started: list[subprocess.Popen[bytes]] = []
        self.port, sitewise = free_port(), free_port()
        configuration = FOLDER / "mosquitto.conf"
        configuration.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\n")
        self.start("mosquitto", ["mosquitto", "-c", str(configuration)], {})
        until_open(self.port)
        self.start(
            "sitewise", [os.environ["LOOP_SITEWISE"], "--listen", f"127.0.0.1:{sitewise}"], {}
        )
        until_open(sitewise)
        url = f"mqtt://127.0.0.1:{self.port}"
        iot = [os.environ["LOOP_IOT"], "--listen", "127.0.0.1:0", "--mqtt", url, "--region", REGION]
        # As AWS warns: what comes sooner after another update is rejected with DataConflict.
        iot += ["--update-gap", f"{round(UPDATE_GAP * 1000)}ms"]
        self.start("iot", iot, {})
        self.cloud = Cloud(until_listening(FOLDER / "iot.log"))
        self.iot, self.jobs = self.cloud.iot, self.cloud.jobs
        self.wire = Wire(self.port)
        self.environment = {
            "MQTT_URL": url,
            "TWIN_NAMESPACE": "commands",
            "CONSOLE_ADDR": "off",
            "SPARKPLUG_REORDER_TIMEOUT": "500ms",
            "AWS_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": "commands",
            "AWS_SECRET_ACCESS_KEY": "commands",
            "AWS_ENDPOINT_URL_IOTSITEWISE": f"http://127.0.0.1:{sitewise}",
            "COMMANDS_ALLOW": ALLOW,
            "COMMANDS_THING": "plant-1",
            "COMMANDS_IOT_URL": url,
        }
        self.bridge = self.start("bridge", [os.environ["LOOP_SPARKWISE"]], self.environment)
        self.commanded: list[tuple[str, Any]] = []
        self.edge = self.node("gw", births())

    def start(self, name: str, command: list[str], env: dict[str, str]) -> subprocess.Popen[bytes]:
        with (FOLDER / f"{name}.log").open("ab") as log:
            path = {name: os.environ[name] for name in ("PATH", "NO_PROXY", "no_proxy")}
            process = subprocess.Popen(
                command, stdout=log, stderr=log, env={**path, "HOME": str(FOLDER), **env}
            )
        self.started.append(process)
        return process

    def node(self, name: str, metrics: list[Json]) -> Leash:
        path = f"{os.environ['LOOP_PYSPARKPLUG']}:{os.environ['PYTHONPATH']}"
        log = FOLDER / f"edge-{name}.log"
        edge = Leash([sys.executable, os.environ["LOOP_EDGE"]], log, PYTHONPATH=path)
        state = {"node": metrics, "devices": {}}
        edge.call(
            "connect", host="127.0.0.1", port=self.port, group="Nordsee", node=name, state=state
        )
        edge.wait_for("born")
        return edge

    def obey(self) -> None:
        """Sets what the node was told, as a machine does; all but one metric."""
        for event in self.edge.unread("ncmd"):
            self.edge.wait_for("ncmd", lambda one, event=event: one is event)
            for told in event["metrics"]:
                if told["name"] == "Node Control/Rebirth":
                    continue
                self.commanded.append((told["name"], told["value"]))
                if told["name"] != "Silent":
                    kind = "Boolean" if isinstance(told["value"], bool) else "Double"
                    changed = metric(told["name"], kind, told["value"])
                    self.edge.call("data", device=None, metrics=[changed])

    def ask(self, value: Any, **more: Any) -> str:
        """Starts an execution."""
        asked = {"asset": "Nordsee/gw", "property": "Limit", "value": str(value), **more}
        timeout = asked.pop("timeout", 20)
        parameters = {name: {"S": text} for name, text in asked.items()}
        answer = self.jobs.start_command_execution(
            targetArn=THING,
            commandArn=f"{ACCOUNT}:command/write",
            parameters=parameters,
            executionTimeoutSeconds=timeout,
        )
        return str(answer["executionId"])

    def execution(self, name: str) -> Json:
        return dict(
            self.iot.get_command_execution(executionId=name, targetArn=THING, includeResult=True)
        )

    def ended(self, name: str, within: float = 15) -> Json:
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            self.obey()
            execution = self.execution(name)
            if execution["status"] in FINAL:
                return execution
            time.sleep(0.01)
        raise TimeoutError(f"execution {name} does not end: {self.execution(name)}")

    def outcome(self, value: Any, **more: Any) -> str:
        execution = self.ended(self.ask(value, **more))
        return f"{execution['status']} {execution['statusReason']['reasonCode']}"

    def close(self) -> None:
        for process in reversed(self.started):
            process.terminate()
        for process in self.started:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
        self.edge.close()
        self.wire.stop()


def check(what: str, seen: Any, wanted: Any) -> None:
    if seen != wanted:
        raise AssertionError(f"{what}: {seen!r}, not {wanted!r}")
    print(f"  {what}: {seen}", flush=True)


def until(look: Callable[[], Any], wanted: Any) -> None:
    """Looks again and again until it is so."""
    deadline = time.monotonic() + 30
    while (seen := look()) != wanted and time.monotonic() < deadline:
        time.sleep(0.1)
    check("at last", seen, wanted)
