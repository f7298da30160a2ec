"""For every constraint of an input shape: a request that breaks it, and one that meets it."""

import copy

from wire import OPERATIONS, SHAPES, matches, new_id

# Texts that a pattern accepts, by the name of their shape.
VALID = {
    "ID": new_id,
    "CustomID": new_id,
    "ExternalId": lambda: "ab",
    "ETag": lambda: "a" * 43,
    "SelectAll": lambda: "*",
    "AssetModelVersionFilter": lambda: "LATEST",
    "ClientToken": new_id,
    "EntryId": lambda: "e1",
    "NextToken": lambda: "QQ==",
    "Resolution": lambda: "1m",
    "VariableName": lambda: "a",
    "ARN": lambda: "arn:aws:s3:::bucket",
    "InterpolationType": lambda: "LINEAR_INTERPOLATION",
    "Interval": lambda: "5m",
    "Offset": lambda: "1m",
    "UnsignedLongParameterValue": lambda: "1",
}
# Texts that are long enough to need letters which the pattern allows.
FILL = {"NextToken": "Q", "EntryId": "e", "ETag": "a", "ARN": "a", "WorkspaceName": "w"}


class Case:
    """One constraint at one place."""

    def __init__(self, path, rule, bad, good):
        self.path, self.rule, self.bad, self.good = path, rule, bad, good

    def __repr__(self):
        return f"{'.'.join(map(str, self.path))}: {self.rule}"


def valid(name):
    """The smallest valid value of a shape."""
    shape = SHAPES[name]
    kind = shape["type"]
    if kind == "structure":
        required = shape.get("required", [])
        return {n: valid(m["shape"]) for n, m in shape["members"].items() if n in required}
    if kind == "list":
        return [valid(shape["member"]["shape"]) for _ in range(max(1, shape.get("min", 0)))]
    if kind == "map":
        return {"key": valid(shape["value"]["shape"])}
    if kind == "string":
        if "enum" in shape:
            return shape["enum"][0]
        text = VALID[name]() if name in VALID else "x" * max(1, shape.get("min", 1))
        assert "pattern" not in shape or matches(shape["pattern"], text), name
        return text
    if kind == "boolean":
        return True
    if kind == "blob":
        return "aGk="
    if kind in ("integer", "long"):
        return max(1, shape.get("min", 1))
    return 1700000000 if kind == "timestamp" else 1.5


def text_cases(name, shape, path):
    filler = FILL.get(name, "x")
    good = valid(name)
    if shape.get("min", 0) > 0:
        yield Case(path, "min", filler * (shape["min"] - 1), good)
    if "max" in shape:
        long = good + filler * (shape["max"] + 1 - len(good))
        if name == "CustomID":
            long = "externalId:" + "x" * (shape["max"] - 10)
        elif name in ("ID", "Resolution"):
            long = good + "0" * (shape["max"] + 1 - len(good))
        yield Case(path, "max", long, good)
    if "pattern" in shape:
        for bad in ("\u0001", "not a match \u0007", "!"):
            if not matches(shape["pattern"], bad * max(1, shape.get("min", 1))):
                bad = bad * max(1, -(-shape.get("min", 1) // len(bad)))
                yield Case(path, "pattern", bad[: shape.get("max", len(bad))], good)
                break
        else:
            blank = " " * max(1, shape.get("min", 1))
            if not matches(shape["pattern"], blank):
                yield Case(path, "pattern", blank, good)
    if "enum" in shape:
        yield Case(path, "enum", "NO_SUCH_CHOICE", good)


def cases(name, path):
    """Every constraint of a shape that stands at `path`."""
    shape = SHAPES[name]
    kind = shape["type"]
    if kind == "structure":
        yield Case(path, "type", "text", valid(name))
        for member, described in shape["members"].items():
            deeper = path + (member,)
            if member in shape.get("required", []):
                without = valid(name)
                del without[member]
                yield Case(path, f"required {member}", without, valid(name))
            yield from cases(described["shape"], deeper)
        return
    if kind == "list":
        yield Case(path, "type", "text", valid(name))
        item = shape["member"]["shape"]
        if shape.get("min", 0) > 0:
            yield Case(path, "min", [], valid(name))
        if "max" in shape:
            yield Case(path, "max", [valid(item) for _ in range(shape["max"] + 1)], valid(name))
        yield from cases(item, path + (0,))
        return
    if kind == "map":
        yield Case(path, "type", "text", valid(name))
        key, value = shape["key"]["shape"], shape["value"]["shape"]
        if shape.get("min", 0) > 0:
            yield Case(path, "min", {}, valid(name))
        if "max" in shape:
            yield Case(path, "max", {f"k{at}": valid(value) for at in range(shape["max"] + 1)}, valid(name))
        for case in text_cases(key, SHAPES[key], path):
            yield Case(path, f"key {case.rule}", {case.bad: valid(value)}, {case.good: valid(value)})
        for case in text_cases(value, SHAPES[value], path):
            yield Case(path, f"value {case.rule}", {"k": case.bad}, {"k": case.good})
        return
    if kind == "string":
        yield Case(path, "type", 12345, valid(name))
        yield from text_cases(name, shape, path)
        return
    if kind == "blob":
        yield Case(path, "type", 12345, valid(name))
        yield Case(path, "base64", "no base64!", valid(name))
        if shape.get("min", 0) > 0:
            yield Case(path, "min", "", valid(name))
        return
    yield Case(path, "type", "text", valid(name))
    if "min" in shape:
        yield Case(path, "min", shape["min"] - 1, shape["min"])
    if "max" in shape:
        yield Case(path, "max", shape["max"] + 1, shape["max"])


def of_operation(operation):
    """Every constraint of an operation's input, and those that no request can express."""
    shape = SHAPES[OPERATIONS[operation]["input"]["shape"]]
    expressible, silent = [], []
    for member, described in shape["members"].items():
        place = described.get("location")
        if member in shape.get("required", []):
            # A path without its label is another path.
            target = silent if place == "uri" else expressible
            target.append(Case((), f"required {member}", member, None))
        for case in cases(described["shape"], (member,)):
            text = place is not None
            if text and SHAPES[described["shape"]]["type"] == "timestamp":
                case.good = "2026-01-31T23:59:59.25Z"
            if text and case.rule == "type" and SHAPES[described["shape"]]["type"] in ("string", "list"):
                silent.append(case)  # everything is text in a path, a query or a header
            elif text and case.rule == "type" and isinstance(case.bad, int):
                silent.append(case)
            elif text and case.bad in ("", []) and place in ("uri", "header"):
                silent.append(case)
            elif text and case.bad == []:
                silent.append(case)  # an empty list is an absent one
            elif place == "header" and any(ord(letter) < 32 for letter in str(case.bad)):
                case.bad = "not valid"
                expressible.append(case)
            else:
                expressible.append(case)
    return expressible, silent


def with_value(base, path, value):
    """`base` with `value` at `path`; what leads there is made as the model asks."""
    given = copy.deepcopy(base)
    if not path:
        return given
    node = given
    for at, step in enumerate(path[:-1]):
        below = path[at + 1]
        fresh = [] if below == 0 else {}
        if isinstance(step, int):
            while len(node) <= step:
                node.append(fresh)
            node = node[step]
        else:
            node = node.setdefault(step, fresh)
    last = path[-1]
    if isinstance(last, int):
        if len(node) > last:
            node[last] = value
        else:
            node.append(value)
    else:
        node[last] = value
    return given


def completed(operation, base, path):
    """`base` where every structure on the way to `path` has its required members."""
    given = copy.deepcopy(base)
    name = OPERATIONS[operation]["input"]["shape"]
    node = given
    for step in path[:-1]:
        shape = SHAPES[name]
        if isinstance(step, int):
            name = shape["member"]["shape"]
            if not node:
                node.append(valid(name) if SHAPES[name]["type"] != "string" else valid(name))
            node = node[0]
        else:
            name = shape["members"][step]["shape"]
            kind = SHAPES[name]["type"]
            if step not in node:
                node[step] = [] if kind == "list" else {} if kind == "map" else valid(name)
            node = node[step]
        if SHAPES[name]["type"] == "structure":
            for member in SHAPES[name].get("required", []):
                node.setdefault(member, valid(SHAPES[name]["members"][member]["shape"]))
    return given
