"""An edge node and its devices, played by any sender, from its state."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

from payloads import Json
from plant import Twinned, heard
from points import integer
from senders import Sender
from stack import Stack


class Node(Twinned):
    def __init__(
        self, stack: Stack, make: Callable[[Path], Sender], group: str, node: str, state: Json
    ) -> None:
        super().__init__(stack, group, node)
        self.state = state
        self.devices = list(state["devices"])
        self._make = make
        self.asked = 0

    def is_own(self, asset: str) -> bool:
        return any(asset == name or asset.startswith(f"{name}/") for name in self._assets())

    def start(self) -> None:
        """A new process connects and is born."""
        self.sender = self._make(self.stack.folder / f"{self.node}.log")
        self.stack.track(self.sender)
        self._born()
        self.sender.connect(self.stack.mqtt_url, self.group, self.node, deepcopy(self.state))

    def data(self, device: str | None, *metrics: Json) -> None:
        payload = {"timestamp": heard(), "metrics": list(metrics)}
        self.twins.data(device or self.node, payload, heard())
        self.keep(device, *metrics)
        self.sender.data(device, list(metrics))

    def keep(self, device: str | None, *metrics: Json) -> None:
        """What is born from now on."""
        known = self.state["devices"][device] if device else self.state["node"]
        _merge(known, [metric for metric in metrics if not metric.get("isHistorical")])

    def lose(self, device: str | None, *metrics: Json) -> None:
        """A message gets lost before these changes, so that a rebirth is asked for."""
        self.tells("Sequence gaps", integer(1))
        self.sender.lose()
        self.data(device, *metrics)
        self._ask()
        self._born()
        self.sender.be_reborn(deepcopy(self.state))

    def stop(self, doubt: int) -> None:
        """Leaves in order, and stays away until its values are marked. Its death may be in doubt
        for so many milliseconds: then the bridge asks twice, and takes silence for it."""
        self.all_die(doubt)
        self.stay_dead()
        self.sender.stop()
        self.settle()
        if doubt:
            self._ask(2)

    def kill(self) -> None:
        """The process is killed, and the node stays away until its values are marked."""
        self.all_die()
        self.stay_dead()
        self.sender.kill()

    def _ask(self, times: int = 1) -> None:
        """The bridge asks for a birth, and tells so when the birth has come."""
        self.asked += times
        self.tells("Rebirths", integer(self.asked))

    def _born(self) -> None:
        self.twins.birth(self.node, {"timestamp": heard(), "metrics": self.state["node"]}, heard())
        for device, metrics in self.state["devices"].items():
            self.twins.birth(device, {"timestamp": heard(), "metrics": metrics}, heard())

    def _assets(self) -> list[str]:
        metrics = [*self.state["node"], *sum(self.state["devices"].values(), [])]
        instances = [metric["name"] for metric in metrics if metric["type"] == "Template"]
        return [self.node, *self.devices, *instances]


def _merge(known: list[Json], changes: list[Json]) -> None:
    """Metrics as they are after changes: templates tell of some members alone."""
    for change in changes:
        (metric,) = [metric for metric in known if metric["name"] == change["name"]]
        value = metric["value"]
        metric.update(change)
        if change["type"] == "Template":
            metric["value"] = value
            _merge(value["metrics"], change["value"]["metrics"])
