"""Payloads in the words of sparkplug-client."""

from typing import Any

Json = dict[str, Any]

REBIRTH = {"name": "Node Control/Rebirth", "type": "Boolean", "value": False}


def payload(at: int, *metrics: Json) -> Json:
    return {"timestamp": at, "metrics": list(metrics)}


def metric(name: str, type: str, value: Any, at: int | None = None, **more: Any) -> Json:
    """A metric with its own time, if `at` is given."""
    return {"name": name, "type": type, "value": value, **_stamp(at), **more}


def by_alias(alias: int, type: str, value: Any, at: int | None = None, **more: Any) -> Json:
    """A metric of data that is named by its alias alone."""
    return {"alias": alias, "type": type, "value": value, **_stamp(at), **more}


def definition(name: str, version: str, members: list[Json], parameters: list[Json]) -> Json:
    return {
        "name": name,
        "type": "Template",
        "value": {
            "isDefinition": True,
            "version": version,
            "metrics": members,
            "parameters": parameters,
        },
    }


def instance(
    name: str,
    template: str,
    *members: Json,
    at: int | None = None,
    parameters: list[Json] | None = None,
) -> Json:
    value = {"isDefinition": False, "templateRef": template, "metrics": list(members)}
    if parameters is not None:
        value["parameters"] = parameters
    return {"name": name, "type": "Template", "value": value, **_stamp(at)}


def parameter(name: str, type: str, value: Any) -> Json:
    return {"name": name, "type": type, "value": value}


def properties(**values: tuple[str, Any]) -> Json:
    """Properties of a metric, each with its type and value."""
    return {name: {"type": type, "value": value} for name, (type, value) in values.items()}


def quality(code: int) -> Json:
    return properties(Quality=("Int32", code))


def _stamp(at: int | None) -> Json:
    return {} if at is None else {"timestamp": at}
