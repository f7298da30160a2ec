"""The service model that botocore ships: requests made from it, answers checked against it."""

import gzip
import http.client
import json
import os
import pathlib
import re
import urllib.parse
import uuid

import botocore


def load_model():
    # Another service of AWS than SiteWise, for its emulator.
    name = os.environ.get("CONTRACT_MODEL", "iotsitewise/2019-12-02")
    folder = pathlib.Path(botocore.__file__).parent / "data" / name
    return json.loads(gzip.open(folder / "service-2.json.gz").read())


MODEL = load_model()
SHAPES = MODEL["shapes"]
OPERATIONS = MODEL["operations"]


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self):
        return json.loads(self.body) if self.body else {}

    @property
    def error(self):
        return self.headers.get("x-amzn-errortype")

    def __repr__(self):
        return f"{self.status} {self.error or ''} {self.body[:400]!r}"


class Api:
    """Sends requests as the model describes them, without the checks that an SDK would make."""

    def __init__(self, address):
        self.address = address
        self.connection = http.client.HTTPConnection(address, timeout=20)

    def raw(self, method, target, body=None, headers=None):
        headers = {"authorization": signed(MODEL["metadata"]["signingName"]), **(headers or {})}
        if body is not None:
            headers["content-type"] = "application/json"
        for attempt in (0, 1):
            try:
                self.connection.request(method, target, body=body, headers=headers)
                response = self.connection.getresponse()
                names = {name.lower(): value for name, value in response.getheaders()}
                return Answer(response.status, names, response.read())
            except (http.client.HTTPException, ConnectionError):
                self.connection.close()
                self.connection = http.client.HTTPConnection(self.address, timeout=20)
                if attempt:
                    raise

    def send(self, operation, given):
        described = OPERATIONS[operation]
        shape = SHAPES[described["input"]["shape"]]
        target = described["http"]["requestUri"]
        query, headers, body = [], {}, {}
        takes_body = False
        for name, member in shape["members"].items():
            place, wire_name = member.get("location"), member.get("locationName", name)
            if place is None:
                takes_body = True
            if name not in given:
                continue
            value = given[name]
            if place == "uri":
                text = urllib.parse.quote(str(value), safe="")
                target = target.replace("{" + wire_name + "}", text)
            elif place == "querystring":
                values = value if isinstance(value, list) else [value]
                query += [(wire_name, as_text(item)) for item in values]
            elif place == "header":
                headers[wire_name] = str(value)
            else:
                body[wire_name] = value
        if query:
            target += "?" + urllib.parse.urlencode(query)
        content = json.dumps(body) if takes_body else None
        return self.raw(described["http"]["method"], target, content, headers)

    def call(self, operation, **given):
        """Sends a request that must succeed, and checks the answer against the model."""
        answer = self.send(operation, given)
        faults = check_answer(operation, answer)
        assert not faults, f"{operation}: {faults}: {answer}"
        return answer.json

    def admin(self, method, path, body=None):
        answer = self.raw(method, "/_sitewise/" + path, None if body is None else json.dumps(body))
        assert answer.status == 200, f"{method} {path}: {answer}"
        return answer.json


def signed(service):
    """A signature that names the service; nobody checks more."""
    scope = f"local/20260101/us-east-1/{service}/aws4_request"
    return f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"


def as_text(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def check_answer(operation, answer):
    """What is wrong with a successful answer; an empty list if nothing is."""
    described = OPERATIONS[operation]
    faults = []
    expected = described["http"].get("responseCode", 200)
    if answer.status != expected:
        return [f"status {answer.status}, not {expected}"]
    for header in ("x-amzn-requestid", "content-type"):
        if header not in answer.headers:
            faults.append(f"no header {header}")
    if "output" not in described:
        return faults
    shape = SHAPES[described["output"]["shape"]]
    given = answer.json
    for name, member in shape["members"].items():
        if member.get("location") == "header":
            value = answer.headers.get(member["locationName"].lower())
            if value is not None:
                faults += check(member["shape"], value, name)
            elif name in shape.get("required", []):
                faults.append(f"{name} is missing")
    body_members = {
        member.get("locationName", name): (name, member)
        for name, member in shape["members"].items()
        if "location" not in member
    }
    faults += check_members(shape, body_members, given, "")
    return faults


def check_error(operation, answer):
    """What is wrong with an error answer."""
    names = [error["shape"] for error in OPERATIONS[operation].get("errors", [])]
    if answer.error not in names:
        return [f"{answer.error} is not modelled for {operation}"]
    shape = SHAPES[answer.error]
    faults = []
    expected = shape.get("error", {}).get("httpStatusCode")
    if expected and answer.status != expected:
        faults.append(f"status {answer.status}, not {expected}")
    if "x-amzn-requestid" not in answer.headers:
        faults.append("no request id")
    return faults + check(answer.error, answer.json, "")


def check_members(shape, members, given, path):
    faults = []
    if not isinstance(given, dict):
        return [f"{path or 'body'} is not an object"]
    for name in given:
        if name not in members:
            faults.append(f"{path}.{name} is not in the model")
    for wire_name, (name, member) in members.items():
        if wire_name in given:
            faults += check(member["shape"], given[wire_name], f"{path}.{wire_name}")
        elif name in shape.get("required", []):
            faults.append(f"{path}.{wire_name} is missing")
    return faults


# Descriptions are required in answers and empty where there is none.
MAY_BE_EMPTY = {"Description"}


def check(name, value, path):
    """What is wrong with `value` as a shape of the model."""
    shape = SHAPES[name]
    kind = shape["type"]
    if kind == "structure":
        members = {m.get("locationName", n): (n, m) for n, m in shape["members"].items()}
        return check_members(shape, members, value, path)
    if kind == "list":
        if not isinstance(value, list):
            return [f"{path} is not a list"]
        faults = length(shape, len(value), path)
        for at, item in enumerate(value):
            faults += check(shape["member"]["shape"], item, f"{path}[{at}]")
        return faults
    if kind == "map":
        if not isinstance(value, dict):
            return [f"{path} is not a map"]
        faults = []
        for key, item in value.items():
            faults += check(shape["key"]["shape"], key, f"{path}.key")
            faults += check(shape["value"]["shape"], item, f"{path}.{key}")
        return faults
    if kind == "string":
        if not isinstance(value, str):
            return [f"{path} is not a string"]
        if value == "" and name in MAY_BE_EMPTY:
            return []
        faults = length(shape, len(value), path)
        if "enum" in shape and value not in shape["enum"]:
            faults.append(f"{path}: {value} is not one of {shape['enum']}")
        if "pattern" in shape and not matches(shape["pattern"], value):
            faults.append(f"{path}: {value} does not match {shape['pattern']}")
        return faults
    if kind == "boolean":
        return [] if isinstance(value, bool) else [f"{path} is not a boolean"]
    if kind in ("integer", "long"):
        if not isinstance(value, int) or isinstance(value, bool):
            return [f"{path} is not an integer"]
        return span(shape, value, path)
    if kind == "blob":
        return [] if isinstance(value, str) else [f"{path} is not base64"]
    if kind in ("double", "float", "timestamp"):
        special = kind != "timestamp" and value in ("NaN", "Infinity", "-Infinity")
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return [] if special or number else [f"{path} is not a number"]
    return [f"{path}: a {kind} is not expected"]


def length(shape, count, path):
    if count < shape.get("min", 0) or count > shape.get("max", count):
        return [f"{path} has the length {count}"]
    return []


def span(shape, value, path):
    if value < shape.get("min", value) or value > shape.get("max", value):
        return [f"{path} is {value}"]
    return []


# Python has no Unicode categories; what is asked for here tells these apart.
CATEGORIES = {
    r"[^\p{C}]": r"[^\x00-\x1f\x7f-\x9f]",
    r"\p{L}\p{Z}\p{N}": r"\w ",
    r"\p{L}\p{N}\p{Zs}": r"\w ",
}


def matches(pattern, text):
    for category, known in CATEGORIES.items():
        pattern = pattern.replace(category, known)
    return re.fullmatch(re.sub(r"\\u([0-9A-Fa-f]{4})", r"\\u\1", pattern), text) is not None


def new_id():
    return str(uuid.uuid4())
