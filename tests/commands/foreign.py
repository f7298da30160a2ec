"""Edge nodes made with clients that others wrote: each receives a command by name, sets its metric, and
says so; and one that stays silent."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import senders
from cloud import ACCOUNT, FINAL
from loop import FOLDER, THING, Json, Loop, check, metric, until

if TYPE_CHECKING:
    from by_queue import Queues

MAKES: dict[str, Callable[[Path], Any]] = {
    "sparkplug-client": senders.SparkplugClient,
    "tahutils": senders.tahutils,
    "pysparkplug": senders.pysparkplug,
    "srad": senders.srad,
}
WANTED = 42.5


class Machine:
    """A node that sets what it is told, but for one metric."""

    def __init__(self, loop: Loop, name: str, make: Callable[[Path], Any]) -> None:
        self.node = name
        self.asset = {"asset": f"Nordsee/{name}"}
        self.told: list[tuple[str, Any]] = []
        self.sender = make(FOLDER / f"edge-{name}.log")
        metrics = [metric("Limit", "Double", 40.0), metric("Silent", "Double", 1.0)]
        state = {"node": metrics, "devices": {}}
        self.sender.connect(f"mqtt://127.0.0.1:{loop.port}", "Nordsee", name, state)

    def obey(self) -> None:
        leash = self.sender.leash
        for event in leash.unread("ncmd"):
            leash.wait_for("ncmd", lambda one, event=event: one is event)
            for change in event["metrics"]:
                if change["name"] == "Node Control/Rebirth":
                    continue
                self.told.append((change["name"], change["value"]))
                if change["name"] != "Silent":
                    changed = metric(change["name"], "Double", change["value"])
                    self.sender.data(None, [changed])


def machines(loop: Loop, prefix: str) -> list[Machine]:
    return [Machine(loop, f"{prefix}-{name}", make) for name, make in MAKES.items()]


def close(all_of_them: list[Machine]) -> None:
    for machine in all_of_them:
        machine.sender.close()


def by_iot(loop: Loop) -> None:
    """The AWS CLI starts an execution for each of them."""
    nodes = machines(loop, "its-iot")
    try:
        for node in nodes:
            until(lambda node=node: loop.outcome(40, **node.asset), "SUCCEEDED ALREADY")
            name = start_by_the_cli(loop, node)
            execution = ended(loop, [node], name)
            reason = execution["statusReason"]["reasonCode"]
            seen = (execution["status"], reason, execution["result"]["value"])
            check(f"{node.node} obeys", seen, ("SUCCEEDED", "CONFIRMED", {"S": str(WANTED)}))
            within_a_second(node.node, loop.wire.took(name))
        asked = [(node, loop.ask(7, property="Silent", **node.asset)) for node in nodes]
        for node, name in asked:
            execution = ended(loop, nodes, name)
            reason = execution["statusReason"]["reasonCode"]
            check(f"{node.node} is silent", (execution["status"], reason), ("FAILED", "NOT_CONFIRMED"))
            took = loop.wire.took(name)
            check(f"{node.node} is given ten seconds", 10 <= took < 12, True)
        # Long enough for anything that would be sent again.
        time.sleep(2)
        told_once(nodes)
    finally:
        close(nodes)


def start_by_the_cli(loop: Loop, node: Machine) -> str:
    asked = f'{{"asset":{{"S":"Nordsee/{node.node}"}},"property":{{"S":"Limit"}},"value":{{"S":"{WANTED}"}}}}'
    started = loop.cloud.cli(
        "iot-jobs-data", "start-command-execution", "--execution-timeout-seconds", "20",
        "--command-arn", f"{ACCOUNT}:command/write", "--target-arn", THING,
        "--parameters", asked,
    )  # fmt: skip
    return str(started["executionId"])


def ended(loop: Loop, nodes: list[Machine], name: str, within: float = 15) -> Json:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        for node in nodes:
            node.obey()
        execution = loop.execution(name)
        if execution["status"] in FINAL:
            return execution
        time.sleep(0.01)
    raise TimeoutError(f"execution {name} does not end: {loop.execution(name)}")


def by_queue(queues: Queues) -> None:
    nodes = machines(queues.loop, "its-queue")

    def answered(name: str) -> Json:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            for node in nodes:
                node.obey()
            if seen := queues.answers_to(name):
                return seen[-1]
            time.sleep(0.01)
        raise TimeoutError(f"{name} is not answered")

    try:
        for node in nodes:
            until(lambda node=node: queues.outcome(40, **node.asset), "SUCCEEDED ALREADY")
            began = time.monotonic()
            answer = answered(queues.ask(WANTED, **node.asset))
            took = time.monotonic() - began
            seen = (answer["status"], answer["code"], answer["value"])
            check(f"{node.node} obeys", seen, ("SUCCEEDED", "CONFIRMED", WANTED))
            within_a_second(node.node, took)
        asked = [queues.ask(7, property="Silent", **node.asset) for node in nodes]
        codes = [answered(name)["code"] for name in asked]
        check("they are silent", codes, ["NOT_CONFIRMED"] * len(nodes))
        time.sleep(2)
        told_once(nodes)
    finally:
        close(nodes)


def within_a_second(who: str, took: float) -> None:
    if took >= 1:
        raise AssertionError(f"{who} is answered after {took:.3f} s, not within a second")
    print(f"  {who} within a second: {took:.3f} s", flush=True)


def told_once(nodes: list[Machine]) -> None:
    for node in nodes:
        node.obey()
        check(f"all that {node.node} was told", node.told, [("Limit", WANTED), ("Silent", 7.0)])
