"""Commands from their request to their answer: over AWS IoT, and over a queue."""

import json
import re
import signal
import sys
import time

import by_queue
import byhand
import foreign
from botocore.exceptions import ClientError
from loop import ACCOUNT, FOLDER, TEMPLATE, THING, UPDATE_GAP, Json, Loop, check, metric, until


def scenario(loop: Loop) -> None:
    loop.iot.create_command(
        commandId="write",
        namespace="AWS-IoT",
        payloadTemplate=json.dumps(TEMPLATE),
        preprocessor={"awsJsonSubstitution": {"outputFormat": "JSON"}},
        mandatoryParameters=[
            {"name": name, "type": "STRING"} for name in ("asset", "property", "value")
        ],
    )
    until(lambda: loop.outcome(40), "SUCCEEDED ALREADY")
    check("nothing sent for a value that is there", loop.commanded, [])

    began = time.monotonic()
    execution = loop.ended(loop.ask(42.5))
    took = time.monotonic() - began
    check("status", execution["status"], "SUCCEEDED")
    check("code", execution["statusReason"]["reasonCode"], "CONFIRMED")
    check("value", execution["result"]["value"], {"S": "42.5"})
    first = execution["executionId"]
    foreign.within_a_second("the first", loop.wire.took(first))
    # And where it came too soon for AWS IoT, as soon as it is taken.
    check("within a second and the gap", took < 1 + UPDATE_GAP, True)
    # The answer came too soon, and again until it was accepted.
    until(lambda: len(loop.wire.of(first)) - len(loop.wire.errors(first)), 2)
    said = loop.wire.of(first)
    check("in progress, then", (said[0], set(said[1:])), ("IN_PROGRESS", {"SUCCEEDED"}))
    check("too soon", set(loop.wire.errors(first)), {"DataConflict"})
    check("the machine was told", loop.commanded, [("Limit", 42.5)])

    # It stays silent while the others are asked: for ten seconds, as without COMMANDS_CONFIRM.
    silent = loop.ask(7, property="Silent")
    until(lambda: len(loop.obey() or loop.commanded), 2)
    check("busy", loop.outcome(8, property="Silent"), "REJECTED BUSY")

    # The request comes twice: answered twice, told once.
    again = {"asset": "Nordsee/gw", "property": "Limit", "value": 1}
    loop.wire.publish("plant-1", first, json.dumps(again))
    deadline = time.monotonic() + 5
    while len(loop.wire.of(first)) <= len(said) and time.monotonic() < deadline:
        time.sleep(0.01)
    check("answered again", loop.wire.of(first)[len(said) :], ["SUCCEEDED"])
    check("a Boolean", loop.outcome("on", property="Derate"), "SUCCEEDED CONFIRMED")
    check("a pulse", loop.outcome("true", property="Reset"), "SUCCEEDED SENT_UNCONFIRMED")
    check("its rate, once", loop.outcome(5, property="Slow"), "SUCCEEDED CONFIRMED")

    check("not listed", loop.outcome(2, property="Secret"), "REJECTED NOT_ALLOWED")
    check("no such asset", loop.outcome(1, asset="Nordsee/nobody"), "REJECTED UNKNOWN_ASSET")
    check("no such property", loop.outcome(1, property="Speed"), "REJECTED UNKNOWN_PROPERTY")
    check("of another type", loop.outcome("fast"), "REJECTED WRONG_TYPE")
    check("out of range", loop.outcome(90.5), "REJECTED OUT_OF_RANGE")
    check("too many", loop.outcome(6, property="Slow"), "REJECTED TOO_MANY")
    for code, payload in {
        "MALFORMED": {"asset": "Nordsee/gw", "property": "Limit"},
        "EXPIRED": {"asset": "Nordsee/gw", "property": "Limit", "value": 1, "expires": 1},
        "UNEXPECTED_VALUE": {"asset": "Nordsee/gw", "property": "Limit", "value": 1, "expected": 7},
    }.items():
        name = code.lower()
        content = json.dumps(payload).encode()
        static = {"content": content, "contentType": "application/json"}
        loop.iot.create_command(commandId=name, namespace="AWS-IoT", payload=static)
        answer = loop.jobs.start_command_execution(
            targetArn=THING, commandArn=f"{ACCOUNT}:command/{name}"
        )
        seen = loop.ended(answer["executionId"])["statusReason"]["reasonCode"]
        check(name, seen, code)

    execution = loop.ended(silent)
    check("silent", execution["statusReason"]["reasonCode"], "NOT_CONFIRMED")
    waited = re.search(r"within (\d+) ms", execution["statusReason"]["reasonDescription"])
    check("given up after ten seconds", bool(waited and 10_000 <= int(waited[1]) < 12_000), True)
    # Long enough for anything that would be sent again.
    time.sleep(2)
    loop.obey()
    told = [("Limit", 42.5), ("Silent", 7.0), ("Derate", True), ("Reset", True), ("Slow", 5.0)]
    check("everything that the machine was told", loop.commanded, told)

    other = loop.node("other", [metric("Limit", "Double", 40.0)])
    until(lambda: loop.outcome(40, asset="Nordsee/other"), "SUCCEEDED ALREADY")
    other.kill()
    until(lambda: loop.outcome(40, asset="Nordsee/other"), "REJECTED NODE_OFFLINE")

    hand = byhand.Node(loop.port)
    byhand.births(hand)
    pump = {"asset": "Nordsee/hand/pump"}
    until(lambda: loop.outcome(40, **pump), "SUCCEEDED ALREADY")
    check("not GOOD", loop.outcome(2, property="Broken", **pump), "REJECTED STALE")
    told = loop.ask(50, **pump)
    until(lambda: len(hand.commands), 1)
    check("to a device", hand.commands[0][0], "spBv1.0/Nordsee/DCMD/hand/pump")
    hand.say("DDATA", byhand.metric("Limit", 50.0), device="pump")
    check("by hand", loop.ended(told)["statusReason"]["reasonCode"], "CONFIRMED")
    hand.say("DDEATH", device="pump")
    until(lambda: loop.outcome(50, **pump), "REJECTED DEVICE_OFFLINE")
    hand.publish("NBIRTH", b"\xff\xff\xff")
    until(lambda: loop.outcome(50, **pump), "REJECTED AWAITING_BIRTH")
    check("told by hand", len(hand.commands), 1)
    hand.stop()

    refused_before_it_travels(loop)
    by_the_cli(loop)
    foreign.by_iot(loop)
    late(loop)
    last = loop.ask(9, property="Silent")
    while loop.execution(last)["status"] == "CREATED":
        time.sleep(0.01)
    loop.bridge.terminate()
    check("at the end", loop.ended(last)["statusReason"]["reasonCode"], "NOT_CONFIRMED")
    check("the bridge's exit", loop.bridge.wait(30), 0)
    # The execution that was asked for twice had ended when its second answer came.
    until(loop.wire.refused, {first: ["InvalidStateTransition"]})
    shown = loop.iot.list_command_executions(
        namespace="AWS-IoT", targetArn=THING, status="SUCCEEDED", maxResults=100
    )
    names = [one["executionId"] for one in shown["commandExecutions"]]
    check("listed", (first in names, silent in names), (True, False))


def refused_before_it_travels(loop: Loop) -> None:
    """What the cloud itself does not start."""

    def started() -> list[str]:
        shown = loop.iot.list_command_executions(
            namespace="AWS-IoT", commandArn=f"{ACCOUNT}:command/limit"
        )
        return [one["executionId"] for one in shown["commandExecutions"]]

    def refused(what: str, **value: Json) -> None:
        more: Json = {"parameters": value} if value else {}
        try:
            loop.jobs.start_command_execution(
                targetArn=THING, commandArn=f"{ACCOUNT}:command/limit", **more
            )
            raise AssertionError(f"{what} is started")
        except ClientError as error:
            check(what, error.response["Error"]["Code"], "ValidationException")
        check("nothing started", started(), [])

    conditions = [
        {
            "comparisonOperator": "IN_RANGE",
            "operand": {"numberRange": {"min": "0", "max": "90"}},
        }
    ]
    loop.iot.create_command(
        commandId="limit",
        namespace="AWS-IoT",
        payloadTemplate=json.dumps({**TEMPLATE, "asset": "Nordsee/gw", "property": "Limit"}),
        preprocessor={"awsJsonSubstitution": {"outputFormat": "JSON"}},
        mandatoryParameters=[{"name": "value", "type": "DOUBLE", "valueConditions": conditions}],
    )
    refused("no value")
    refused("out of its range", value={"D": 90.5})
    refused("of another type", value={"S": "42"})


def by_the_cli(loop: Loop) -> None:
    """The same command with the AWS CLI, as docs/commands.md shows it."""
    told = len(loop.commanded)
    started = loop.cloud.cli(
        "iot-jobs-data", "start-command-execution", "--execution-timeout-seconds", "20",
        "--command-arn", f"{ACCOUNT}:command/limit", "--target-arn", THING,
        "--parameters", '{"value": {"D": 55.5}}',
    )  # fmt: skip
    name = started["executionId"]
    loop.ended(name)
    seen = loop.cloud.cli(
        "iot", "get-command-execution", "--include-result", "--execution-id", name,
        "--target-arn", THING,
    )  # fmt: skip
    check("by the AWS CLI", seen["statusReason"]["reasonCode"], "CONFIRMED")
    check("its value", seen["result"]["value"], {"S": "55.5"})
    check("told once", loop.commanded[told:], [("Limit", 55.5)])


def late(loop: Loop) -> None:
    """The bridge stands still for longer than the sender waits. What its socket has by then is late: it
    was taken for a request of that moment."""
    told = len(loop.commanded)
    loop.bridge.send_signal(signal.SIGSTOP)
    try:
        name = loop.ask(33, timeout=8)
        time.sleep(10)
    finally:
        loop.bridge.send_signal(signal.SIGCONT)
    time.sleep(2)
    loop.obey()
    check("nothing is told too late", loop.commanded[told:], [])
    check("nor answered as if it were", "SUCCEEDED" in loop.wire.of(name), False)
    until(lambda: loop.outcome(33.5), "SUCCEEDED CONFIRMED")


def main() -> int:
    began = time.monotonic()
    loop = Loop()
    try:
        scenario(loop)
        by_queue.scenario(loop)
    except BaseException:
        for log in sorted(FOLDER.glob("*.log")):
            print(f"--- {log.name}\n{log.read_text()[-4000:]}", file=sys.stderr)
        raise
    finally:
        loop.close()
    print(f"passed in {time.monotonic() - began:.0f}s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
