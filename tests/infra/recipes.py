"""Runs what infra/recipes would run: the function of the anomaly, and the rule's words.

The last line is "N passed, N failed".
"""

import json
import os
import pathlib
import re
import sys
import time
import types

from cfnlint.decode import decode

ROOT = pathlib.Path(__file__).resolve().parents[2]
ASSET = "0a1b2c3d-0000-4000-8000-000000000000"


def template(name):
    tree, faults = decode(str(ROOT / f"infra/recipes/{name}.yaml"))
    assert not faults, faults
    return json.loads(json.dumps(tree))["Resources"]


class Client:
    """What the function calls."""

    def __init__(self):
        self.started = []

    def start_command_execution(self, **arguments):
        self.started.append(arguments)
        return {"executionId": "e-1"}


def function(value="true", window="300"):
    """The function's code with a client that notes what it is asked for."""
    client = Client()
    boto3 = types.ModuleType("boto3")
    boto3.client = lambda service, endpoint_url: client
    sys.modules["boto3"] = boto3
    os.environ.update(COMMAND_ARN="command", THING_ARN="thing", ENDPOINT="h", VALUE=value)
    os.environ.update(WINDOW=window, MAX_AGE="900")
    code = template("anomaly-to-command")["Function"]["Properties"]["Code"]["ZipFile"]
    names = {}
    exec(compile(code, "index.py", "exec"), names)
    return client, names["handler"]


def notification(*values, quality="GOOD", age=0):
    """Of these values, or results, so many seconds old."""
    variants = [value if "doubleValue" in value else {"stringValue": json.dumps(value)} for value in values]
    at = {"timeInSeconds": int(time.time()) - age, "offsetInNanos": 0}
    values = [{"timestamp": at, "quality": quality, "value": variant} for variant in variants]
    return {"type": "PropertyValueUpdate", "payload": {"assetId": ASSET, "values": values}}


NORMAL = {"prediction": 0, "prediction_reason": "NO_ANOMALY_DETECTED"}
ANOMALY = {"prediction": 1, "prediction_reason": "ANOMALY_DETECTED", "anomaly_score": 0.9}


def an_anomaly_starts_the_command():
    client, handler = function()
    assert handler(notification(NORMAL, ANOMALY), None) == "e-1"
    [started] = client.started
    assert (started["commandArn"], started["targetArn"]) == ("command", "thing"), started
    assert started["parameters"] == {"value": {"B": True}}, started
    assert started["executionTimeoutSeconds"] == 20, started
    assert re.fullmatch(r"[\x21-\x7e]{1,64}", started["clientToken"]), started


def numbers_are_sent_as_such():
    client, handler = function(value="-42.5")
    handler(notification(ANOMALY), None)
    assert client.started[0]["parameters"] == {"value": {"D": -42.5}}, client.started


def what_is_none_starts_nothing():
    client, handler = function()
    for event in (
        notification(NORMAL),
        notification(ANOMALY, quality="BAD"),
        notification({"doubleValue": 1.0}),
        notification(ANOMALY, age=3600),
    ):
        assert handler(event, None) is None, event
    assert client.started == []


def within_a_window_the_token_is_the_same():
    client, handler = function(window="300")
    event = notification(ANOMALY)
    first = int(time.time()) // 300 * 300
    tokens = []
    for now in (first, first + 1, first + 299.9, first + 300):
        handler.__globals__["time"] = types.SimpleNamespace(time=lambda now=now: now)
        handler(event, None)
        tokens.append(client.started[-1]["clientToken"])
    assert len(client.started) == 4, client.started
    assert len(set(tokens[:3])) == 1 and tokens[3] != tokens[0], tokens
    assert all(token.startswith(ASSET) for token in tokens), tokens


def the_function_fits_where_it_stands():
    code = template("anomaly-to-command")["Function"]["Properties"]["Code"]["ZipFile"]
    assert len(code) <= 4096, len(code)


def the_rule_makes_a_request_that_the_bridge_reads():
    """Its fields are those of a request: the bridge refuses any other."""
    sql = template("value-to-command")["Rule"]["Properties"]["TopicRulePayload"]["Sql"]["Fn::Sub"]
    fields = re.findall(r" AS (\w+)", sql.split(" FROM ")[0])
    assert fields == ["asset", "property", "value", "expires"], sql
    assert "#" not in sql, "a rule on these topics may not have it"


def the_rule_takes_no_value_of_long_ago():
    sql = template("value-to-command")["Rule"]["Properties"]["TopicRulePayload"]["Sql"]["Fn::Sub"]
    conditions = re.split(r"\s+AND\s+", sql.split(" WHERE ")[1])
    age = "get(payload.values, 0).timestamp.timeInSeconds * 1000 > timestamp() - 60000"
    assert age in [condition.strip() for condition in conditions], sql


def main():
    checks = [
        an_anomaly_starts_the_command,
        numbers_are_sent_as_such,
        what_is_none_starts_nothing,
        within_a_window_the_token_is_the_same,
        the_function_fits_where_it_stands,
        the_rule_makes_a_request_that_the_bridge_reads,
        the_rule_takes_no_value_of_long_ago,
    ]
    wrong = 0
    for check in checks:
        try:
            check()
        except AssertionError as fault:
            wrong += 1
            print(f"{check.__name__}: {fault!r}")
    print(f"{len(checks) - wrong} passed, {wrong} failed")
    return wrong


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
