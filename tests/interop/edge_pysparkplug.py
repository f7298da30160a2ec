"""A Sparkplug edge node on a leash, made with the PyPI package pysparkplug.

The package has no rebirth of its own: to be born again is to connect again.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from threading import Thread
from typing import Any

from leashed import Json, serve, tell
from pysparkplug import Client, DataType, Device, EdgeNode, Message, Metric

REBIRTH = Metric(None, "Node Control/Rebirth", DataType.BOOLEAN, value=False)


class TellingClient(Client):
    """Tells when the births are published."""

    def connect(self, host: str, *, callback: Callable[[Client], None], **more: Any) -> None:
        def born(client: Client) -> None:
            callback(client)
            tell("born")

        super().connect(host, callback=born, **more)


class Node:
    def connect(self, host: str, port: int, group: str, node: str, state: Json) -> None:
        self.host, self.port = host, port
        metrics = [REBIRTH, *map(metric, state["node"])]
        client = TellingClient(client_id=f"edge {node}")
        self.node = EdgeNode(group, node, metrics, client=client, cmd_callback=self.commanded)
        for name, metrics in state["devices"].items():
            self.node.register(Device(name, map(metric, metrics)))
        self.join()

    def join(self) -> None:
        self.node.connect(self.host, port=self.port, keepalive=10)

    def commanded(self, _node: EdgeNode, message: Message) -> None:
        metrics = [{"name": m.name, "value": m.value} for m in message.payload.metrics]
        tell("ncmd", metrics=metrics)
        if {"name": REBIRTH.name, "value": True} in metrics:
            # The thread that calls is the one to be ended.
            Thread(target=self.reborn).start()

    def reborn(self) -> None:
        self.node.disconnect()
        self.join()

    def data(self, device: str | None, metrics: list[Json]) -> None:
        changed = [metric(m) for m in metrics]
        if device:
            self.node.update_device(device, changed)
        else:
            self.node.update(changed)

    def lose(self) -> None:
        """Uses up a sequence number, as a message does that gets lost."""
        _ = self.node._seq

    def stop(self) -> None:
        self.node.disconnect()


def metric(sent: Json) -> Metric:
    datatype = DataType[sent["type"].upper()]
    value: Any = sent["value"]
    if datatype == DataType.DATETIME:
        value = datetime.fromtimestamp(value / 1000, UTC)
    return Metric(
        timestamp=sent["timestamp"],
        name=sent["name"],
        datatype=datatype,
        value=value,
        alias=sent.get("alias"),
        is_historical=sent.get("isHistorical", False),
    )


if __name__ == "__main__":
    edge = Node()
    serve({"connect": edge.connect, "data": edge.data, "lose": edge.lose, "stop": edge.stop})
