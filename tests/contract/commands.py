"""Walks the service models of AWS IoT that botocore ships against a running iot-local, as contract.py
does for sitewise-local: CONTRACT_MODEL names the model, `iot/2015-05-28` or
`iot-jobs-data/2017-09-29`.
"""

import json
import sys

from walk import Walk
from wire import MODEL, OPERATIONS, Api, check_answer, check_error, new_id, signed

PLACE = "arn:aws:iot:us-east-1:123456789012"
THING = f"{PLACE}:thing/plant-1"
TEMPLATE = {"value": "${aws:iot:commandexecution::parameter:value}"}
RANGE = {"comparisonOperator": "IN_RANGE", "operand": {"numberRange": {"min": "0", "max": "90"}}}
# What an operation answers to a request that breaks the model.
INVALID = {"DescribeEndpoint": "InvalidRequestException"}


class World:
    """A command, one of its executions, and one valid request for each supported operation."""

    def __init__(self, api):
        self.api = api
        self.command = new_id()
        self.ask("iot", "PUT", f"/commands/{self.command}", self.definition())
        lasting = {**self.start(), "executionTimeoutSeconds": 600}
        started = self.ask("iot-jobs-data", "POST", "/command-executions", lasting)
        self.execution = started["executionId"]

    def ask(self, service, method, path, body):
        headers = {"authorization": signed(service)}
        answer = self.api.raw(method, path, json.dumps(body), headers)
        assert answer.status == 200, answer
        return answer.json

    def definition(self):
        return {
            "namespace": "AWS-IoT",
            "displayName": "Limit",
            "description": "how far the blades may turn",
            "payloadTemplate": json.dumps(TEMPLATE),
            "preprocessor": {"awsJsonSubstitution": {"outputFormat": "JSON"}},
            "mandatoryParameters": [{"name": "value", "type": "DOUBLE", "valueConditions": [RANGE]}],
            "tags": [{"Key": "plant", "Value": "north"}],
        }

    def start(self):
        return {
            "targetArn": THING,
            "commandArn": f"{PLACE}:command/{self.command}",
            "parameters": {"value": {"D": 42.5}},
            "executionTimeoutSeconds": 1,
            "clientToken": new_id(),
        }

    def bases(self):
        bases = {
            "CreateCommand": {"commandId": new_id(), **self.definition()},
            "GetCommand": {"commandId": self.command},
            "ListCommands": {"maxResults": 1, "commandParameterName": "value"},
            "GetCommandExecution": {
                "executionId": self.execution,
                "targetArn": THING,
                "includeResult": True,
            },
            "ListCommandExecutions": {"targetArn": THING, "maxResults": 1},
            "DescribeEndpoint": {"endpointType": "iot:Data-ATS"},
            "DeleteCommand": {"commandId": new_id()},
            "StartCommandExecution": self.start(),
        }
        return {name: base for name, base in bases.items() if name in OPERATIONS}


def provoked(world):
    """Requests that are refused for what the account has, with the documented error."""
    api = world.api
    unknown = {"commandId": new_id()}
    start = world.start()
    yield "GetCommand", "ResourceNotFoundException", unknown
    execution = {"executionId": new_id(), "targetArn": THING}
    yield "GetCommandExecution", "ResourceNotFoundException", execution
    gone = {"commandArn": f"{PLACE}:command/{new_id()}"}
    yield "ListCommandExecutions", "ResourceNotFoundException", gone
    yield "CreateCommand", "ConflictException", {"commandId": world.command, **world.definition()}
    yield "DescribeEndpoint", "InvalidRequestException", {"endpointType": "iot:Other"}
    yield "StartCommandExecution", "ResourceNotFoundException", {**start, **gone}
    out_of_range = {"parameters": {"value": {"D": 90.5}}}
    yield "StartCommandExecution", "ValidationException", {**start, **out_of_range}
    if "StartCommandExecution" in OPERATIONS:
        api.call("StartCommandExecution", **start)
        other = {"parameters": {"value": {"D": 1.0}}}
        yield "StartCommandExecution", "ConflictException", {**start, **other}
        busy = {**world.start(), "targetArn": f"{PLACE}:thing/busy", "executionTimeoutSeconds": 600}
        for _ in range(100):
            api.call("StartCommandExecution", **{**busy, "clientToken": new_id()})
        full = {**busy, "clientToken": new_id()}
        yield "StartCommandExecution", "ServiceQuotaExceededException", full


def main(address):
    api = Api(address)
    walk = Walk(api, lambda operation: INVALID.get(operation, "ValidationException"))
    bases = World(api).bases()
    for operation, base in bases.items():
        answer = api.send(operation, base)
        if operation == "DeleteCommand":
            faults = [] if answer.status in (202, 204) else [f"answered {answer}"]
        else:
            faults = check_answer(operation, answer)
        walk.test(f"{operation} answers", faults)
        walk.break_each(operation, base)
    count = 0
    for operation, error, given in provoked(World(api)):
        if operation in OPERATIONS:
            answer = api.send(operation, given)
            faults = check_error(operation, answer)
            walk.test(f"{operation} {error}", [f"answered {answer}"] if answer.error != error else faults)
            count += 1
    unknown = walk.ask_unknown(bases)
    return walk.end(
        f"{MODEL['metadata']['signingName']}: {len(bases)} operations are supported and "
        f"{unknown} are not; {walk.met} of {walk.constraints} constraints, broken one by one, got the "
        f"documented error ({walk.silent} more cannot be expressed in a request); {count} errors were "
        "provoked"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
