"""The plant, the bridge and SiteWise, until SiteWise shows what the plant said."""

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import paho.mqtt.client as mqtt

HOST_ID = "flat-host"
LAST_LINES = 40


@dataclass(frozen=True)
class Size:
    devices: int
    rounds: int
    # Seconds of a round, and until SiteWise must be right after the last of them.
    round: float
    deadline: float


SIZES = {
    "tenth": Size(devices=40, rounds=20, round=1.0, deadline=180),
    "whole": Size(devices=400, rounds=40, round=5.0, deadline=600),
}
# Seconds for a program to be ready.
WITHIN = 60

started: list[subprocess.Popen[bytes]] = []


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    atexit.register(stop_all)
    size = SIZES[os.environ.get("FLAT_SIZE", "tenth")]
    began = time.monotonic()
    work = Path(os.environ["FLAT_WORK"])
    port = start_mosquitto(work)
    sitewise = start_sitewise(work)
    bridge = start_bridge(work, port, sitewise)
    here = Path(__file__).parent
    truth = work / "truth.json"
    arguments = [str(port), str(size.devices), str(size.rounds), str(size.round), str(truth)]
    plant = subprocess.Popen(
        [sys.executable, str(here / "plant.py"), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    started.append(plant)
    assert plant.stdin and plant.stdout
    for line in iter(plant.stdout.readline, b""):
        print(f"{line.decode().strip()} after {time.monotonic() - began:.0f} s")
        if line == b"late\n":
            bridge.terminate()
            bridge.wait(WITHIN)
            bridge = start_bridge(work, port, sitewise)
            plant.stdin.write(b"heard again\n")
            plant.stdin.flush()
        if line == b"quiet\n":
            break
    if not truth.exists():
        print("the plant failed")
        return 1
    checker = [sys.executable, str(here / "check.py"), str(truth), sitewise, str(size.deadline)]
    code = subprocess.run(checker, check=False).returncode
    plant.stdin.close()
    print(plant.stdout.read().decode().strip())
    usage = urllib.request.urlopen(f"{sitewise}/_sitewise/usage").read().decode()
    (work / "usage.json").write_text(usage)
    for key in ("throttles", "throttled", "entryErrors", "errors"):
        if key in (said := json.loads(usage)):
            print(f"SiteWise's {key}: {said[key]}")
    print(f"{'right' if code == 0 else 'not right'} after {time.monotonic() - began:.0f} s")
    if code:
        stop_all()
        print_logs(work)
    return code


def start(
    command: list[str], log: Path, env: dict[str, str] | None = None
) -> subprocess.Popen[bytes]:
    with log.open("ab") as out:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=env
        )
    started.append(process)
    return process


def stop_all() -> None:
    """The last started goes first: while there is a SiteWise the bridge has nothing to wait for."""
    while started:
        process = started.pop()
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def eventually(look: Callable[[], object], what: str) -> None:
    end = time.monotonic() + WITHIN
    while not look():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.1)


def start_mosquitto(work: Path) -> int:
    # Mosquitto takes no port 0: another process may take the one that was free just now.
    for _ in range(5):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        config = work / "mosquitto.conf"
        config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n")
        config.chmod(0o644)
        server = start(["mosquitto", "-c", str(config)], work / "mosquitto.log")

        def listens(port: int = port) -> bool:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
            except OSError:
                return False
            return True

        eventually(lambda server=server: server.poll() is not None or listens(), "mosquitto")
        if server.poll() is None:
            return port
    raise RuntimeError("mosquitto does not start")


def start_sitewise(work: Path) -> str:
    """With the rates of an account as AWS sets it up, and a service's own slowness."""
    log = work / "sitewise-local.log"
    options = ["--listen", "127.0.0.1:0", "--quotas", "aws", "--double-limit", "1e10"]
    options += ["--create-delay", "500ms", "--update-delay", "1s"]
    start([os.environ["FLAT_SITEWISE"], *options], log)
    marker = "sitewise-local listens on "

    def address() -> list[str]:
        return [line for line in log.read_text().splitlines() if line.startswith(marker)]

    eventually(address, "sitewise-local")
    return address()[0].removeprefix(marker)


def start_bridge(work: Path, port: int, sitewise: str) -> subprocess.Popen[bytes]:
    """Until it says that it is online, and not that another was before it."""
    began = time.time() * 1000
    env = {
        "HOME": str(work),
        "MQTT_URL": f"mqtt://127.0.0.1:{port}",
        "SPARKPLUG_HOST_ID": HOST_ID,
        "TWIN_NAMESPACE": "flat",
        # Between the time that one gateway is away and that of another.
        "TWIN_STALE_AFTER": "6s",
        # What waits for a model to grow would keep a bridge that is to end for longer.
        "SHUTDOWN_GRACE": "3s",
        "CONSOLE_ADDR": "127.0.0.1:0",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "flat",
        "AWS_SECRET_ACCESS_KEY": "flat",
        "AWS_ENDPOINT_URL_IOTSITEWISE": sitewise,
        "RUST_LOG": "info",
    }
    online = threading.Event()
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.on_connect = lambda client, *_: client.subscribe(f"spBv1.0/STATE/{HOST_ID}", qos=1)

    def hear(_client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        state = json.loads(message.payload)
        if state["online"] and state["timestamp"] >= began:
            online.set()

    client.on_message = hear
    client.connect("127.0.0.1", port)
    client.loop_start()
    bridge = start([os.environ["FLAT_SPARKWISE"]], work / "bridge.log", env)
    if not online.wait(WITHIN):
        raise TimeoutError("the bridge is not online")
    client.disconnect()
    client.loop_stop()
    return bridge


def print_logs(work: Path) -> None:
    for log in sorted(work.glob("*.log")):
        lines = log.read_text(errors="replace").splitlines()
        print(f"\n--- {log.name}, the last of {len(lines)} lines")
        print("\n".join(lines[-LAST_LINES:]))


if __name__ == "__main__":
    sys.exit(main())
