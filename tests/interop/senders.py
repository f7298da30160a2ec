"""Edge nodes made with clients that others wrote, behind one face.

All are told the same: connect with these metrics, publish these changes, lose a message, leave.
What they put on the wire of it is their business. Being born again when they are asked to is,
too, for all but sparkplug-client, which leaves that to its user.
"""

import os
import sys
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from edge import Edge
from leash import Json, Leash
from stack import now_ms

REBIRTH = {"name": "Node Control/Rebirth", "type": "Boolean", "value": False}


class Sender(Protocol):
    def connect(self, url: str, group: str, node: str, state: Json) -> None:
        """Connects and publishes all births."""

    def data(self, device: str | None, metrics: list[Json]) -> None:
        """Publishes changes."""

    def lose(self) -> None:
        """Lets a message get lost, with nothing new in it."""

    def be_reborn(self, state: Json) -> None:
        """Waits for the request for a rebirth, and for the births."""

    def stop(self) -> None:
        """Leaves in order."""

    def kill(self) -> None:
        """SIGKILL."""

    def close(self) -> None:
        """Ends the process."""


class Leashed(Leash):
    """A program that keeps its metrics itself."""

    def __init__(self, command: list[str], log: Path, births: str, **env: str) -> None:
        super().__init__(command, log, **env)
        self._birth = births
        self._births = 1

    def connect(self, url: str, group: str, node: str, state: Json) -> None:
        server = urlsplit(url)
        if self._birth == "birth":
            self._births = 1 + len(state["devices"])
        self.call(
            "connect", host=server.hostname, port=server.port, group=group, node=node, state=state
        )
        self._born()

    def data(self, device: str | None, metrics: list[Json]) -> None:
        self.call("data", device=device, metrics=metrics)

    def lose(self) -> None:
        self.call("lose")

    def be_reborn(self, state: Json) -> None:
        _wait_for_request(self)
        self._born()

    def stop(self) -> None:
        self.call("stop")

    @property
    def leash(self) -> Leash:
        """What tells its events."""
        return self

    def _born(self) -> None:
        for _ in range(self._births):
            self.wait_for(self._birth)


def tahutils(log: Path) -> Sender:
    return _python("tahutils", log)


def pysparkplug(log: Path) -> Sender:
    return _python("pysparkplug", log)


def _python(package: str, log: Path) -> Sender:
    script = str(Path(__file__).with_name(f"edge_{package}.py"))
    path = os.environ[f"INTEROP_{package.upper()}"]
    return Leashed([sys.executable, script], log, births="born", PYTHONPATH=path)


def srad(log: Path) -> Sender:
    """It tells of each birth, the node's and the devices'."""
    return Leashed([os.environ["INTEROP_SRAD"]], log, births="birth")


class SparkplugClient:
    """The npm package sparkplug-client, with its compression if an algorithm is given."""

    def __init__(self, log: Path, algorithm: str | None = None) -> None:
        self._edge = Edge(log)
        self._options = {"compress": True, "algorithm": algorithm} if algorithm else {}

    def connect(self, url: str, group: str, node: str, state: Json) -> None:
        self._edge.connect(url, group, node, announce_death=True)
        self._be_born(state)

    def data(self, device: str | None, metrics: list[Json]) -> None:
        payload = {"timestamp": metrics[0]["timestamp"], "metrics": metrics}
        if device is None:
            self._edge.node_data(payload, self._options)
        else:
            self._edge.device_data(device, payload, self._options)

    def lose(self) -> None:
        self._edge.lose()

    def be_reborn(self, state: Json) -> None:
        _wait_for_request(self._edge)
        self._be_born(state)

    def stop(self) -> None:
        self._edge.stop()

    def kill(self) -> None:
        self._edge.kill()

    @property
    def leash(self) -> Leash:
        return self._edge

    def close(self) -> None:
        self._edge.close()

    def _be_born(self, state: Json) -> None:
        node = {"timestamp": now_ms(), "metrics": [REBIRTH, *state["node"]]}
        self._edge.node_birth(node, self._options)
        for device, metrics in state["devices"].items():
            payload = {"timestamp": now_ms(), "metrics": metrics}
            self._edge.device_birth(device, payload, self._options)


def _wait_for_request(leash: Leash) -> None:
    def is_request(event: dict[str, Any]) -> bool:
        return event["metrics"] == [{"name": REBIRTH["name"], "value": True}]

    leash.wait_for("ncmd", is_request)
