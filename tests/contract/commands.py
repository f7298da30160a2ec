"""Walks the service models of AWS IoT that botocore ships against a running iot-local, as contract.py
does for sitewise-local: CONTRACT_MODEL names the model, `iot/2015-05-28` or
`iot-jobs-data/2017-09-29`.
"""

import json
import sys

import violations
from contract import complains, names_member
from wire import MODEL, OPERATIONS, SHAPES, Api, check_answer, check_error, new_id, signed

PLACE = "arn:aws:iot:us-east-1:123456789012"
THING = f"{PLACE}:thing/plant-1"
TEMPLATE = {"value": "${aws:iot:commandexecution::parameter:value}"}
RANGE = {"comparisonOperator": "IN_RANGE", "operand": {"numberRange": {"min": "0", "max": "90"}}}
# What an operation answers to a request that breaks the model.
INVALID = {"DescribeEndpoint": "InvalidRequestException"}

passed, failed = 0, []


def test(name, faults):
    global passed
    if faults:
        failed.append(f"{name}: {faults}")
    else:
        passed += 1


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
    world = World(api)
    constraints = silent = met = 0
    for operation, base in world.bases().items():
        answer = api.send(operation, base)
        if operation == "DeleteCommand":
            faults = [] if answer.status in (202, 204) else [f"answered {answer}"]
        else:
            faults = check_answer(operation, answer)
        test(f"{operation} answers", faults)
        expressible, inexpressible = violations.of_operation(operation)
        silent += len(inexpressible)
        for case in expressible:
            constraints += 1
            whole = violations.completed(operation, base, case.path)
            if case.path:
                bad = violations.with_value(whole, case.path, case.bad)
            else:
                bad = {name: value for name, value in base.items() if name != case.bad}
            answer = api.send(operation, bad)
            if answer.error != INVALID.get(operation, "ValidationException"):
                faults = [f"answered {answer}"]
            else:
                faults = check_error(operation, answer)
            if not faults and not names_member(case, answer):
                faults = [f"does not name the member: {answer}"]
            test(f"{operation} {case}", faults)
            met += not faults
            if case.path and case.good is not None:
                good = violations.with_value(whole, case.path, case.good)
                answer = api.send(operation, good)
                faults = [f"finds fault with what is valid: {answer}"] if complains(case, answer) else []
                test(f"{operation} {case} met", faults)
    count = 0
    for operation, error, given in provoked(World(api)):
        if operation in OPERATIONS:
            answer = api.send(operation, given)
            faults = check_error(operation, answer)
            test(f"{operation} {error}", [f"answered {answer}"] if answer.error != error else faults)
            count += 1
    unknown = [name for name in OPERATIONS if name not in world.bases()]
    for operation in unknown:
        members = SHAPES[OPERATIONS[operation]["input"]["shape"]]["members"]
        given = {name: new_id() for name, member in members.items() if member.get("location") == "uri"}
        answer = api.send(operation, given)
        faults = [] if (answer.status, answer.error) == (404, "UnknownOperationException") else [str(answer)]
        test(f"{operation} is unknown", faults)
    for fault in failed[:60]:
        print("FAILED", fault[:700])
    print(
        f"{MODEL['metadata']['signingName']}: {len(world.bases())} operations are supported and "
        f"{len(unknown)} are not; {met} of {constraints} constraints, broken one by one, got the "
        f"documented error ({silent} more cannot be expressed in a request); {count} errors were provoked"
    )
    print(json.dumps({"passed": passed, "failed": len(failed)}))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
