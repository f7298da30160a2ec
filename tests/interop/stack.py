"""The processes around an edge node: MQTT server, SiteWise emulator and the bridge."""

import json
import os
import random
import re
import socket
import subprocess
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from edge import Edge
from leash import Leash
from reader import Reader

HOST_ID = "interop-host"
STATE_TOPIC = f"spBv1.0/STATE/{HOST_ID}"

T = TypeVar("T")


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def eventually(look: Callable[[], T], good: Callable[[T], bool], within: float = 30.0) -> T:
    """What `look` sees once it is good, or the last it saw when the time is over."""
    deadline = time.monotonic() + within
    while True:
        seen = look()
        if good(seen) or time.monotonic() > deadline:
            return seen
        time.sleep(0.1)


class Stack:
    """Everything that runs for one scenario. `close` ends all of it, whatever happened."""

    _all: list["Stack"] = []
    # What the MQTT server logs, and how else it is configured.
    server_options: tuple[str, ...] = ("log_type all",)

    def __init__(self, name: str, sitewise: tuple[str, ...] = (), **settings: str) -> None:
        """`settings` are the bridge's own, beside what all have; `sitewise` the emulator's."""
        self._all.append(self)
        self._settings = settings
        self.folder = Path(os.environ["INTEROP_WORK"]) / name
        self.folder.mkdir()
        self._started: list[subprocess.Popen[bytes]] = []
        self._leashed: list[Leash] = []
        try:
            self.mqtt_url = self._start_mosquitto()
            self.sitewise_url = self._start_sitewise(sitewise)
            self.reader = Reader(self.sitewise_url)
            self.start_bridge()
        except BaseException:
            self.close()
            raise

    def start_bridge(self) -> int:
        """Starts the bridge, and returns since when it says that it is online."""
        began = now_ms()
        env = {
            "HOME": str(self.folder),
            "MQTT_URL": self.mqtt_url,
            "SPARKPLUG_HOST_ID": HOST_ID,
            "SPARKPLUG_REORDER_TIMEOUT": "500ms",
            "TWIN_NAMESPACE": "interop",
            "TWIN_STALE_AFTER": "2s",
            "INGEST_LINGER": "50ms",
            "CONSOLE_ADDR": "127.0.0.1:0",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "interop",
            "AWS_SECRET_ACCESS_KEY": "interop",
            "AWS_ENDPOINT_URL_IOTSITEWISE": self.sitewise_url,
            "RUST_LOG": "info,sparkwise=debug",
            **self._settings,
        }
        self.bridge = self._start([os.environ["INTEROP_SPARKWISE"]], "bridge", env)

        def is_fresh(event: dict[str, Any]) -> bool:
            state = json.loads(event["message"])
            return state["online"] and state["timestamp"] >= began

        with self._watching_state() as watcher:
            state = watcher.wait_for("message", is_fresh)
        return json.loads(state["message"])["timestamp"]

    def state(self) -> dict[str, Any]:
        """The STATE that the MQTT server keeps for whoever comes next."""
        with self._watching_state() as watcher:
            return json.loads(watcher.wait_for("message", lambda e: e["retain"])["message"])

    def kill_bridge(self) -> None:
        self.bridge.kill()
        self.bridge.wait(10)

    def stop_bridge(self, within: float = 30) -> int:
        """Asks the bridge to end, and tells its exit code."""
        self.bridge.terminate()
        return self.bridge.wait(within)

    def edge(self) -> Edge:
        edge = Edge(self.folder / "edge.log")
        self.track(edge)
        return edge

    def track(self, leashed: Leash) -> None:
        """Ends it with the others, at the latest."""
        self._leashed.append(leashed)

    def watch(self, topics: list[str]) -> Edge:
        """Tells of every message of these topics."""
        watcher = self.edge()
        watcher.watch(self.mqtt_url, topics)
        watcher.wait_for("watching")
        return watcher

    def order_fault(self, effect: dict[str, Any], **details: Any) -> str:
        """Lets SiteWise go wrong, until the fault with the id returned is lifted."""
        body = json.dumps({"effect": effect, **details}).encode()
        url = f"{self.sitewise_url}/_sitewise/faults"
        with urllib.request.urlopen(urllib.request.Request(url, body, method="POST")) as answer:
            return json.load(answer)["id"]

    def faults(self) -> list[dict[str, Any]]:
        """What is ordered, and how often it happened."""
        with urllib.request.urlopen(f"{self.sitewise_url}/_sitewise/faults") as answer:
            return json.load(answer)["faults"]

    def lift_faults(self) -> None:
        url = f"{self.sitewise_url}/_sitewise/faults"
        urllib.request.urlopen(urllib.request.Request(url, method="DELETE")).close()

    def usage(self, since: str | None = None) -> dict[str, Any]:
        query = f"?since={since}" if since else ""
        with urllib.request.urlopen(f"{self.sitewise_url}/_sitewise/usage{query}") as answer:
            return json.load(answer)

    def mark_usage(self, name: str) -> None:
        url = f"{self.sitewise_url}/_sitewise/usage/marks/{name}"
        urllib.request.urlopen(urllib.request.Request(url, method="POST")).close()

    @classmethod
    def close_all(cls) -> None:
        for stack in cls._all:
            stack.close()

    def close(self) -> None:
        for leashed in self._leashed:
            leashed.close()
        self._leashed.clear()
        # The bridge goes first: while there is a SiteWise it has nothing to wait for.
        for process in reversed(self._started):
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    @contextmanager
    def _watching_state(self) -> Iterator[Edge]:
        watcher = Edge(self.folder / "watcher.log")
        try:
            watcher.watch(self.mqtt_url, [STATE_TOPIC])
            yield watcher
        finally:
            watcher.close()

    def _start(
        self, command: list[str], name: str, env: dict[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env
            )
        self._started.append(process)
        return process

    def _start_mosquitto(self) -> str:
        # Mosquitto takes no port 0: another process may take the one that was free just now, and while
        # a server is restarted its own. So none of those that clients are given.
        for _ in range(20):
            port = random.randrange(20_000, 32_000)
            with socket.socket() as probe:
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    continue
            config = self.folder / "mosquitto.conf"
            config.write_text(
                f"listener {port} 127.0.0.1\n"
                "allow_anonymous true\n"
                "persistence false\n"
                "log_dest stderr\n"
                + "".join(f"{option}\n" for option in self.server_options)
            )
            config.chmod(0o644)
            if self._serve(port):
                return f"mqtt://127.0.0.1:{port}"
        raise RuntimeError("mosquitto does not start")

    def _serve(self, port: int) -> bool:
        config = self.folder / "mosquitto.conf"
        self.server = self._start(["mosquitto", "-c", str(config)], "mosquitto")
        return _listens(self.server, port)

    def restart_server(self) -> None:
        """Kills the MQTT server and starts it again at the same address."""
        self.server.kill()
        self.server.wait(10)
        assert self._serve(int(self.mqtt_url.rpartition(":")[2])), "mosquitto does not start again"

    def rebirth_requests(self) -> Counter[str]:
        """How many the MQTT server has had, by topic."""
        log = (self.folder / "mosquitto.log").read_text(errors="replace")
        return Counter(re.findall(r"Received PUBLISH from .* '(spBv1.0/[^']*/NCMD/[^']*)'", log))

    def _start_sitewise(self, options: tuple[str, ...]) -> str:
        command = [os.environ["INTEROP_SITEWISE"], "--listen", "127.0.0.1:0", *options]
        self._start(command, "sitewise-local")
        log = self.folder / "sitewise-local.log"
        marker = "sitewise-local listens on "
        lines = eventually(
            lambda: [line for line in log.read_text().splitlines() if line.startswith(marker)], bool
        )
        if not lines:
            raise RuntimeError("sitewise-local does not start")
        return lines[0].removeprefix(marker)


def _listens(server: subprocess.Popen[bytes], port: int) -> bool:
    """Waits until the server takes connections; false if it ends instead."""

    def connected() -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            return False
        return True

    eventually(lambda: server.poll() is not None or connected(), bool)
    return server.poll() is None and connected()
