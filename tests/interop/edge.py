"""The npm package sparkplug-client in edge.js, and another MQTT client beside it that listens."""

import os
from pathlib import Path

from leash import Json, Leash


class Edge(Leash):
    def __init__(self, log: Path) -> None:
        script = str(Path(__file__).with_name("edge.js"))
        super().__init__(["node", script], log, NODE_PATH=os.environ["INTEROP_NODE_MODULES"])

    def watch(self, server_url: str, topics: list[str]) -> None:
        self.call("watch", serverUrl=server_url, topics=topics)

    def connect(self, server_url: str, group: str, node: str, announce_death: bool = False) -> None:
        """Connects, and waits until the client asks for its birth."""
        config = {
            "serverUrl": server_url,
            "username": "edge",
            "password": "edge",
            "groupId": group,
            "edgeNode": node,
            "clientId": f"edge {node}",
            "publishDeath": announce_death,
        }
        self.call("connect", config=config)
        self.wait_for("birth")

    def node_birth(self, payload: Json, options: Json | None = None) -> None:
        self.call("nodeBirth", payload=payload, options=options or {})

    def node_data(self, payload: Json, options: Json | None = None) -> None:
        self.call("nodeData", payload=payload, options=options or {})

    def device_birth(self, device: str, payload: Json, options: Json | None = None) -> None:
        self.call("deviceBirth", device=device, payload=payload, options=options or {})

    def device_data(self, device: str, payload: Json, options: Json | None = None) -> None:
        self.call("deviceData", device=device, payload=payload, options=options or {})

    def device_death(self, device: str, payload: Json) -> None:
        self.call("deviceDeath", device=device, payload=payload)

    def stop(self) -> None:
        self.call("stop")

    def cut(self) -> None:
        self.call("cut")
        self.wait_for("close")

    def lose(self) -> None:
        self.call("lose")

    def wait_for_rebirth_request(self) -> None:
        request = {"name": "Node Control/Rebirth", "value": True}
        self.wait_for("ncmd", lambda event: event["metrics"] == [request])
