"""A Sparkplug edge node on a leash, made with the PyPI package tahutils.

The package makes payloads; paho carries them. Its own model of a node knows flat metrics alone,
templates and properties come from Tahu's helpers within, as Tahu's examples use them.
"""

from threading import Lock
from typing import Any

from leashed import Json, serve, tell
from paho.mqtt import client as mqtt
from tahutils import SpbModel, SpbTopic
from tahutils.parse import parse_payload_to_metric_list, payload_from_string
from tahutils.tahu import sparkplug_b as tahu
from tahutils.tahu.sparkplug_b import MetricDataType

ARMS = {"String": "string_value", "Double": "double_value", "Int32": "int_value"}


class Source:
    """The node or a device: its model, and its metrics as they are now."""

    def __init__(self, metrics: list[Json], is_device: bool) -> None:
        self.metrics = {metric["name"]: metric for metric in metrics}
        types = {m["name"]: datatype(m) for m in metrics if m["type"] != "Template"}
        self.model = SpbModel(types, use_aliases=True, auto_serialize=False, is_device=is_device)

    def birth(self) -> bytes:
        values, times = _plain(self.metrics.values())
        payload = self.model.getBirthPayload(values, times, rebirth=bool(self.model.current_values))
        by_name = {metric.name: metric for metric in payload.metrics}
        for name, metric in self.metrics.items():
            if metric["type"] == "Template":
                add_template(payload, metric)
            else:
                add_properties(by_name[name], metric)
        return payload.SerializeToString()

    def data(self, metrics: list[Json]) -> bytes:
        payload = self.model.getDataPayload(*_plain(metrics))
        for metric in metrics:
            if metric["type"] == "Template":
                add_template(payload, metric)
                members = {m["name"]: m for m in metric["value"]["metrics"]}
                born = self.metrics[metric["name"]]["value"]
                born["metrics"] = [members.get(m["name"], m) for m in born["metrics"]]
            else:
                was = self.metrics[metric["name"]]
                self.metrics[metric["name"]] = {**was, **metric}
        return payload.SerializeToString()


def datatype(metric: Json) -> int:
    return getattr(MetricDataType, metric["type"])


def _plain(metrics: Any) -> tuple[Json, Json]:
    flat = [metric for metric in metrics if metric["type"] != "Template"]
    return {m["name"]: m["value"] for m in flat}, {m["name"]: m["timestamp"] for m in flat}


def add_template(container: Any, metric: Json) -> None:
    value = metric["value"]
    reference = None if value["isDefinition"] else value["templateRef"]
    template = tahu.initTemplateMetric(container, metric["name"], None, reference)
    if value["isDefinition"]:
        template.version = value["version"]
    for member in value["metrics"]:
        if member["type"] == "Template":
            add_template(template, member)
            continue
        add = tahu.addNullMetric if member["value"] is None else tahu.addMetric
        arguments = (template, member["name"], None, datatype(member))
        if member["value"] is not None:
            arguments = (*arguments, member["value"])
        add_properties(add(*arguments, member.get("timestamp")), member)
    for parameter in value.get("parameters", []):
        added = template.parameters.add()
        added.name = parameter["name"]
        added.type = datatype(parameter)
        setattr(added, ARMS[parameter["type"]], parameter["value"])


def add_properties(added: Any, metric: Json) -> None:
    for key, sent in metric.get("properties", {}).items():
        added.properties.keys.append(key)
        value = added.properties.values.add()
        value.type = datatype(sent)
        setattr(value, ARMS[sent["type"]], sent["value"])


class Node:
    def connect(self, host: str, port: int, group: str, node: str, state: Json) -> None:
        self.topic = SpbTopic(group, node)
        self.node = Source(state["node"], is_device=False)
        self.devices = {
            name: Source(metrics, is_device=True) for name, metrics in state["devices"].items()
        }
        # The payloads' sequence is the package's only global state: one message at a time.
        self.lock = Lock()
        self.client = mqtt.Client(f"edge {node}")
        self.client.will_set(self.topic.NDEATH, self.death(), qos=1)
        self.client.on_connect = self.connected
        self.client.on_message = self.commanded
        self.client.connect(host, port, keepalive=10)
        self.client.loop_start()

    def death(self) -> bytes:
        return bytes(self.node.model.getDeathPayload().SerializeToString())

    def connected(self, *_: Any) -> None:
        self.client.subscribe(self.topic.NCMD, qos=1)
        self.born()

    def born(self) -> None:
        with self.lock:
            self.client.publish(self.topic.NBIRTH, self.node.birth())
            for name, device in self.devices.items():
                topic = self.topic.construct_device_topic(name)
                self.client.publish(topic.DBIRTH, device.birth())
        tell("born")

    def commanded(self, _client: Any, _user: Any, message: mqtt.MQTTMessage) -> None:
        metrics = parse_payload_to_metric_list(payload_from_string(message.payload))
        tell("ncmd", metrics=[{"name": m.name, "value": m.value} for m in metrics])
        if any(m.name == "Node Control/Rebirth" and m.value for m in metrics):
            self.born()

    def data(self, device: str | None, metrics: list[Json]) -> None:
        with self.lock:
            source = self.devices[device] if device else self.node
            topic = self.topic.construct_device_topic(device)
            self.client.publish(topic.ddata if device else topic.ndata, source.data(metrics))

    def lose(self) -> None:
        """Uses up a sequence number, as a message does that gets lost."""
        with self.lock:
            tahu.getSeqNum()

    def stop(self) -> None:
        """Leaves in order: with a death certificate, since a DISCONNECT drops the will."""
        self.client.publish(self.topic.NDEATH, self.node.model.last_death.SerializeToString())
        self.client.disconnect()
        self.client.loop_stop()


if __name__ == "__main__":
    edge = Node()
    serve({"connect": edge.connect, "data": edge.data, "lose": edge.lose, "stop": edge.stop})
