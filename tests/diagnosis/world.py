"""A broker, a SiteWise and a bridge of one case, and the places where people look."""

import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from plant import Gateway

# Seconds for a program to be ready.
WITHIN = 60
HOST_ID = "diagnosed"
# Seconds that a wind farm has before its fault.
FARM_IS_WELL = 20


class World:
    def __init__(self, work: Path) -> None:
        self.work = work
        self.log: list[tuple[float, str]] = []
        self._started: list[subprocess.Popen[bytes]] = []
        self._gateways: list[Gateway] = []
        self._console = ""

    def start(self) -> None:
        """MQTT server and SiteWise."""
        self.broker, self.port = self._start_broker()
        self.sitewise, self.endpoint = self._start_sitewise()

    def live(self, **bridge: str) -> Gateway:
        """A bridge and one gateway, all of it well."""
        self.start_bridge(**bridge)
        # A birth that is published before the bridge subscribes reaches nobody.
        eventually(lambda: self._get("/readyz") == "ready", "the bridge is ready")
        gateway = self.gateway()
        gateway.be_born()
        self.until_well()
        return gateway

    def gateway(self, id: str = "gw", **manner: object) -> Gateway:
        # A birth that is published before the bridge subscribes reaches nobody, and some gateways
        # are not to be asked for one.
        until = time.monotonic() + 5
        while self._started and not self.logged("connected to")() and time.monotonic() < until:
            time.sleep(0.05)
        made = Gateway(self.port, id, **manner)  # type: ignore[arg-type]
        self._gateways.append(made)
        return made

    def until_well(self) -> None:
        """Whatever is waited for: a gateway's asset is live, and nothing is wrong."""

        def well() -> bool:
            now = json.loads(self._get("/api/overview") or "{}")
            live, assets = now.get("assets_live", 0), now.get("assets")
            # The bridge's own asset comes first: that alone is not yet the gateway's.
            online = dict(now.get("nodes", [])).get("online", 0)
            return online > 0 and live == assets > 1 and self._get("/readyz") == "ready"

        eventually(well, "the bridge is well")

    def start_bridge(self, before: list[str] | None = None, **env: str) -> subprocess.Popen[bytes]:
        """Until its console answers. A variable whose value is empty is not set."""
        chosen = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.work),
            "MQTT_URL": f"mqtt://127.0.0.1:{self.port}",
            "SPARKPLUG_HOST_ID": HOST_ID,
            "TWIN_NAMESPACE": "diagnosis",
            "INGEST_LINGER": "200ms",
            "SHUTDOWN_GRACE": "1s",
            "CONSOLE_ADDR": "127.0.0.1:0",
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ACCESS_KEY_ID": "diagnosis",
            "AWS_SECRET_ACCESS_KEY": "diagnosis",
            "AWS_ENDPOINT_URL_IOTSITEWISE": self.endpoint,
            "NO_PROXY": "127.0.0.1",
            **env,
        }
        chosen = {name: value for name, value in chosen.items() if value}
        self.log, self._console = [], ""
        command = [*(before or []), os.environ["DIAGNOSIS_SPARKWISE"]]
        # What Python ignores stays ignored: SIGXFSZ, where files must not grow.
        bridge = subprocess.Popen(
            command,
            env=chosen,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            restore_signals=False,
        )
        self._started.append(bridge)
        self.bridge = bridge
        threading.Thread(target=self._read_log, args=(bridge, self.log), daemon=True).start()
        eventually(lambda: self._console, "the console")
        return bridge

    def _read_log(self, bridge: subprocess.Popen[bytes], log: list[tuple[float, str]]) -> None:
        assert bridge.stdout
        for line in bridge.stdout:
            text = line.decode(errors="replace").rstrip()
            log.append((time.monotonic(), text))
            if not self._console and (at := re.search(r"http://(127\.0\.0\.1:\d+)", text)):
                if "console" in text:
                    self._console = at.group(1)

    def logged(self, *words: str) -> Callable[[], bool]:
        """Whether a line has all of these words."""
        return lambda: any(all(word in line for word in words) for _, line in list(self.log))

    def readyz(self) -> list[str]:
        return self._get("/readyz").splitlines()

    def page(self) -> list[str]:
        """What the page shows as reasons and problems."""
        reasons = json.loads(self._get("/api/overview") or "{}").get("not_ready", [])
        rows = json.loads(self._get("/api/problems?limit=500") or "{}").get("rows", [])
        return [": ".join(reason) for reason in reasons] + [
            f"{row['kind']}: {row['subject']} {row['reason']}" for row in rows
        ]

    def status(self) -> list[str]:
        env = {"CONSOLE_ADDR": self._console}
        command = [os.environ["DIAGNOSIS_SPARKWISE"], "status"]
        said = subprocess.run(command, env=env, capture_output=True, timeout=30, check=False)
        return said.stdout.decode(errors="replace").splitlines()

    def doctor(self) -> list[str]:
        """What `sparkwise doctor` says of the MQTT server."""
        env = {"MQTT_URL": f"mqtt://127.0.0.1:{self.port}", "AWS_REGION": "us-east-1"}
        env |= {"AWS_ENDPOINT_URL_IOTSITEWISE": self.endpoint, "TWIN_NAMESPACE": "diagnosis"}
        env |= {"AWS_ACCESS_KEY_ID": "diagnosis", "AWS_SECRET_ACCESS_KEY": "diagnosis"}
        env |= {"AWS_EC2_METADATA_DISABLED": "true", "NO_PROXY": "127.0.0.1"}
        command = [os.environ["DIAGNOSIS_SPARKWISE"], "doctor"]
        said = subprocess.run(command, env=env, capture_output=True, timeout=120, check=False)
        return said.stdout.decode(errors="replace").splitlines()

    def fault(self, operations: list[str], **effect: object) -> None:
        """SiteWise's orders, as `sitewise-local` has them."""
        body = json.dumps({"effect": effect, "operations": operations}).encode()
        order = urllib.request.Request(
            f"{self.endpoint}/_sitewise/faults",
            data=body,
            headers={"content-type": "application/json"},
        )
        urllib.request.urlopen(order, timeout=WITHIN).read()

    def _get(self, path: str) -> str:
        try:
            with urllib.request.urlopen(f"http://{self._console}{path}", timeout=5) as answer:
                return answer.read().decode().strip()
        except urllib.error.HTTPError as error:
            return error.read().decode() if path == "/readyz" else ""
        except OSError:
            return ""

    def stop(self) -> None:
        for gateway in self._gateways:
            gateway.leave()
        while self._started:
            end(self._started.pop())

    def farm(self, fault: str, **bridge: str) -> float:
        """The wind farm, all of it well, and then its fault; when that began."""
        log = self.work / "windfarm.log"
        url = f"mqtt://127.0.0.1:{self.port}"
        self.start_bridge(**bridge)
        options = ["--turbines", "2", "--fault", fault, "--after", str(FARM_IS_WELL)]
        self._start([os.environ["DIAGNOSIS_WINDFARM"], url, *options], log)
        self.until_well()
        if f"{fault}: " in log.read_text():
            raise TimeoutError(f"the farm was not well before {fault}")
        eventually(lambda: f"{fault}: " in log.read_text(), fault)
        return time.monotonic()

    def value(self, asset: str, property: str) -> object:
        """What SiteWise shows, by the console; none where there is nothing."""
        found = json.loads(self._get(f"/api/search?q={asset}") or "{}").get("rows", [])
        ids = [row["id"] for row in found if row["name"] == asset and "property" not in row]
        if not ids:
            return None
        detail = json.loads(self._get(f"/api/assets/{ids[0]}?limit=500") or "{}")
        rows = detail.get("values", {}).get("rows", [])
        return next((row["value"] for row in rows if row["name"] == property), None)

    def restart_broker(self, acl: str = "") -> None:
        """With these access rules for everybody, if any."""
        self.broker, _ = self._start_broker(self.port, acl)

    def _start(self, command: list[str], log: Path) -> subprocess.Popen[bytes]:
        with log.open("ab") as out:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )
        self._started.append(process)
        return process

    def _start_broker(
        self, port: int | None = None, acl: str = ""
    ) -> tuple[subprocess.Popen[bytes], int]:
        rules = self.work / "acl"
        rules.write_text(f"{acl}\n")
        rules.chmod(0o644)
        use_rules = f"acl_file {rules}\n" if acl else ""
        # Mosquitto takes no port 0: another process may take the one that was free just now.
        for _ in range(5):
            chosen = port or free_port()
            config = self.work / "mosquitto.conf"
            config.write_text(
                f"listener {chosen} 127.0.0.1\nallow_anonymous true\npersistence false\n{use_rules}"
            )
            config.chmod(0o644)
            server = self._start(["mosquitto", "-c", str(config)], self.work / "mosquitto.log")
            eventually(
                lambda server=server, at=chosen: server.poll() is not None or listens(at),
                "mosquitto",
            )
            if server.poll() is None:
                return server, chosen
        raise RuntimeError("mosquitto does not start")

    def _start_sitewise(self) -> tuple[subprocess.Popen[bytes], str]:
        log = self.work / "sitewise-local.log"
        command = [os.environ["DIAGNOSIS_SITEWISE"], "--listen", "127.0.0.1:0"]
        process = self._start(command, log)
        marker = "sitewise-local listens on "

        def address() -> list[str]:
            return [line for line in log.read_text().splitlines() if line.startswith(marker)]

        eventually(address, "sitewise-local")
        return process, address()[0].removeprefix(marker)


def end(process: subprocess.Popen[bytes], how: int = signal.SIGTERM) -> None:
    if process.poll() is None:
        process.send_signal(how)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def eventually(look: Callable[[], object], what: str) -> None:
    until = time.monotonic() + WITHIN
    while not look():
        if time.monotonic() > until:
            raise TimeoutError(f"not within {WITHIN} s: {what}")
        time.sleep(0.1)
