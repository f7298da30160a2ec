"""AWS IoT commands on one machine, as far as the bridge meets them: CreateCommand,
StartCommandExecution, GetCommandExecution and ListCommandExecutions over HTTP, the executions on a
given MQTT server.

What a call may hold is botocore's own model of the service: its shapes bind path, query and body,
and its patterns, lengths and words are checked against.
"""

import base64
import json
import re
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import botocore.session
import paho.mqtt.client as mqtt

Json = dict[str, Any]
OPERATIONS = {
    "iot": ["CreateCommand", "GetCommandExecution", "ListCommandExecutions"],
    "iot-jobs-data": ["StartCommandExecution"],
}
FINAL = ("SUCCEEDED", "FAILED", "REJECTED")
PLACEHOLDER = re.compile(r"\$\{aws:iot:commandexecution::(?:parameter:([^}]+)|(executionTimeoutSec))\}")
ACCOUNT = "arn:aws:iot:eu-west-1:123456789012"


class Fault(Exception):
    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status, self.kind = status, kind


def invalid(message: str) -> Fault:
    return Fault(400, "ValidationException", message)


def check(shape: Any, value: Any, path: str) -> None:
    """Whether a value is of a shape."""
    kind, bounds = shape.type_name, shape.metadata
    if kind == "structure":
        if not isinstance(value, dict):
            raise invalid(f"{path} is no structure")
        for name in shape.required_members:
            if name not in value:
                raise invalid(f"{path} has no {name}")
        for name, part in value.items():
            if name not in shape.members:
                raise invalid(f"{path} has an unknown member {name}")
            check(shape.members[name], part, f"{path}.{name}")
    elif kind == "map":
        for name, part in value.items():
            check(shape.key, name, f"{path} key")
            check(shape.value, part, f"{path}.{name}")
    elif kind == "list":
        for part in value:
            check(shape.member, part, f"{path}[]")
    elif kind == "string":
        if not isinstance(value, str):
            raise invalid(f"{path} is no string")
        # Python has no \p{...}: what those patterns shut out are control characters here.
        pattern = bounds.get("pattern")
        if pattern == r"[^\p{C}]*":
            if not value.isprintable():
                raise invalid(f"{path} holds a character that is not printable")
        elif pattern and r"\p" not in pattern and not re.fullmatch(pattern, value):
            raise invalid(f"{path} does not match {pattern}")
        if shape.enum and value not in shape.enum:
            raise invalid(f"{path} is none of {shape.enum}")
    elif kind in ("integer", "long"):
        if isinstance(value, bool) or not isinstance(value, int):
            raise invalid(f"{path} is no integer")
    elif kind == "double":
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise invalid(f"{path} is no double")
    elif kind == "boolean" and not isinstance(value, bool):
        raise invalid(f"{path} is no boolean")
    size = value if kind in ("integer", "long") else len(value) if hasattr(value, "__len__") else None
    if size is not None and not bounds.get("min", 0) <= size <= bounds.get("max", size):
        raise invalid(f"{path} is shorter or longer, or smaller or larger, than may be")


class Cloud:
    def __init__(self, mqtt_port: int) -> None:
        session = botocore.session.get_session()
        self.models = [
            session.get_service_model(service).operation_model(name)
            for service, names in OPERATIONS.items()
            for name in names
        ]
        self.response = session.get_service_model("iot").shape_for("StatusReason")
        self.result = session.get_service_model("iot").shape_for("CommandExecutionResultMap")
        self.lock = threading.Condition()
        self.commands: dict[str, Json] = {}
        self.executions: dict[str, Json] = {}
        self.statuses: dict[str, list[str]] = {}
        self.refused: list[str] = []
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="iot-local")
        self.client.on_message = self.heard
        self.client.connect("127.0.0.1", mqtt_port)
        self.client.subscribe("$aws/commands/+/+/executions/+/response/json", 1)
        self.client.loop_start()
        cloud = self

        class Handler(BaseHTTPRequestHandler):
            def do(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                body = self.rfile.read(length)
                try:
                    status, answer = 200, cloud.call(self.command, self.path, self.headers, body)
                except Fault as fault:
                    status, answer = fault.status, {"message": str(fault), "__type": fault.kind}
                data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                if status != 200:
                    self.send_header("x-amzn-errortype", answer["__type"])
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = do

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.client.disconnect()
        self.client.loop_stop()

    def call(self, method: str, target: str, headers: Any, body: bytes) -> Json:
        parts = urlsplit(target)
        for model in self.models:
            pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", model.http["requestUri"])
            found = re.fullmatch(pattern, parts.path)
            # Two services share a method and a path: the signature names the service.
            service = model.service_model.signing_name
            signed = f"/{service}/aws4_request" in headers.get("authorization", "")
            if model.http["method"] == method and found and signed:
                break
        else:
            raise Fault(404, "ResourceNotFoundException", f"no operation is {method} {target}")
        given: Json = json.loads(body) if body else {}
        given |= {name: unquote(value) for name, value in found.groupdict().items()}
        for name, values in parse_qs(parts.query).items():
            shape = model.input_shape.members.get(name)
            kind = shape.type_name if shape else "string"
            text = values[0]
            given[name] = text == "true" if kind == "boolean" else int(text) if kind == "integer" else text
        check(model.input_shape, given, model.name)
        with self.lock:
            answer: Json = getattr(self, re.sub(r"(?<!^)(?=[A-Z])", "_", model.name).lower())(given)
        return answer

    def create_command(self, given: Json) -> Json:
        if ("payload" in given) == ("payloadTemplate" in given):
            raise invalid("either payload or payloadTemplate")
        if "payloadTemplate" in given and "preprocessor" not in given:
            raise invalid("a template needs a preprocessor")
        name = given["commandId"]
        if name in self.commands:
            raise Fault(409, "ConflictException", f"there is a command {name}")
        self.commands[name] = given
        return {"commandId": name, "commandArn": f"{ACCOUNT}:command/{name}"}

    def start_command_execution(self, given: Json) -> Json:
        command = self.commands.get(given["commandArn"].partition(":command/")[2])
        if command is None:
            raise Fault(404, "ResourceNotFoundException", "there is no such command")
        thing = given["targetArn"].partition(":thing/")[2]
        if not thing:
            raise invalid("the target is no thing")
        timeout = given.get("executionTimeoutSeconds", 10)
        parameters = given.get("parameters", {})
        for wanted in command.get("mandatoryParameters", []):
            value = parameters.get(wanted["name"], wanted.get("defaultValue"))
            if value is None:
                raise invalid(f"the parameter {wanted['name']} is missing")
            for condition in wanted.get("valueConditions", []):
                if condition["comparisonOperator"] == "IN_RANGE":
                    bounds = condition["operand"]["numberRange"]
                    number = float(next(iter(value.values())))
                    if not float(bounds["min"]) <= number <= float(bounds["max"]):
                        raise invalid(f"the parameter {wanted['name']} is out of its range")
        if "payload" in command:
            payload = base64.b64decode(command["payload"]["content"]).decode()
        else:

            def filled(found: re.Match[str]) -> str:
                if found[2]:
                    return str(timeout)
                value = next(iter(parameters[found[1]].values()))
                return json.dumps(value) if isinstance(value, bool) else str(value)

            payload = PLACEHOLDER.sub(filled, command["payloadTemplate"])
        name = str(uuid.uuid4())
        self.executions[name] = {
            "executionId": name,
            "commandArn": given["commandArn"],
            "targetArn": given["targetArn"],
            "status": "CREATED",
            "createdAt": time.time(),
            "executionTimeoutSeconds": timeout,
        }
        self.statuses[name] = ["CREATED"]
        self.publish(thing, name, payload)
        return {"executionId": name}

    def publish(self, thing: str, execution: str, payload: str) -> None:
        topic = f"$aws/commands/things/{thing}/executions/{execution}/request/json"
        self.client.publish(topic, payload, qos=1)

    def get_command_execution(self, given: Json) -> Json:
        execution = self.executions.get(given["executionId"])
        if execution is None or execution["targetArn"] != given["targetArn"]:
            raise Fault(404, "ResourceNotFoundException", "there is no such execution")
        shown = dict(execution)
        if not given.get("includeResult"):
            shown.pop("result", None)
        return shown

    def list_command_executions(self, given: Json) -> Json:
        names = ("commandArn", "executionId", "targetArn", "status", "createdAt")
        fits = [
            {name: execution[name] for name in names}
            for execution in self.executions.values()
            if all(execution[by] == given.get(by, execution[by]) for by in ("status", "targetArn"))
        ]
        return {"commandExecutions": fits[: given.get("maxResults", 100)]}

    def heard(self, _client: Any, _data: Any, message: mqtt.MQTTMessage) -> None:
        name = message.topic.split("/")[5]
        with self.lock:
            try:
                self.update(name, json.loads(message.payload))
            except Fault as fault:
                self.refused.append(f"{message.payload.decode()}: {fault}")
            self.lock.notify_all()

    def update(self, name: str, response: Json) -> None:
        execution = self.executions.get(name)
        if execution is None:
            raise invalid("there is no such execution")
        if set(response) - {"status", "statusReason", "result"}:
            raise invalid("unknown members")
        if response["status"] not in (*FINAL, "IN_PROGRESS", "TIMED_OUT"):
            raise invalid("unknown status")
        check(self.response, response.get("statusReason", {"reasonCode": "NONE"}), "statusReason")
        result = {
            key: {kind.upper(): value for kind, value in part.items()}
            for key, part in response.get("result", {}).items()
        }
        if "result" in response:
            check(self.result, result, "result")
        self.statuses[name].append(response["status"])
        if execution["status"] in FINAL:
            return
        execution |= {"status": response["status"], "lastUpdatedAt": time.time()}
        execution |= {key: response[key] for key in ("statusReason",) if key in response}
        if result:
            execution["result"] = result
