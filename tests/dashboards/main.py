"""Dashboards of two plants, and what their panels get. The last line is "N passed, N failed"."""

import atexit
import json
import math
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import paho.mqtt.client as mqtt

import picture
from grafana_types import all_panels, faults
from plugin import Frame, Plugin
from said import Said
from sitewise import SiteWise

HERE = Path(__file__).parent
WORK = Path(os.environ["DASHBOARDS_WORK"])
MODULES = Path(os.environ["DASHBOARDS_NODE_MODULES"])
SCHEMA = jsonschema.Draft202012Validator(json.loads((HERE / "query-schema.json").read_text()))
# Where drawings of the answers are kept, and how large one may be.
PICTURES = Path(os.environ.get("DASHBOARDS_PICTURES") or WORK / "pictures")
PICTURE_BYTES = 200_000
MARK = "Written by sparkwise dashboards"
# Seconds for a program to be ready, and for the plant to have said enough.
WITHIN, SPEAKS_FOR = 60, 12
# Quarters of an hour end in this span, also the one that has just begun.
HALF_A_DAY = 12 * 3_600

Json = dict[str, Any]
started: list[subprocess.Popen[bytes]] = []


def start(command: list[str], log: Path, env: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
    with log.open("ab") as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=env)
    started.append(process)
    return process


def stop_all() -> None:
    """The last started goes first."""
    while started:
        process = started.pop()
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def eventually(look: Callable[[], object], what: str, within: float = WITHIN) -> None:
    end = time.monotonic() + within
    while not look():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.1)


class Plant:
    """A wind farm, its bridge and its SiteWise, and the dashboards that births gave."""

    def __init__(self, spelling: str) -> None:
        self.spelling = spelling
        self.work = WORK / spelling
        self.work.mkdir()
        self.work.chmod(0o755)
        self.said = Said()
        self.port = self._mosquitto()
        self.url = f"mqtt://127.0.0.1:{self.port}"
        self.sitewise = self._sitewise()
        self.capture = self.work / "capture.txt"
        self._listen()
        self.env = {
            "HOME": str(self.work),
            "MQTT_URL": self.url,
            "TWIN_NAMESPACE": f"dashboards/{spelling}",
            "TWIN_STALE_AFTER": "1s",
            "SHUTDOWN_GRACE": "3s",
            "CONSOLE_ADDR": "127.0.0.1:0",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "eyes",
            "AWS_SECRET_ACCESS_KEY": "eyes",
            "AWS_ENDPOINT_URL_IOTSITEWISE": self.sitewise,
            "RUST_LOG": "info",
        }
        start([os.environ["DASHBOARDS_SPARKWISE"]], self.work / "bridge.log", self.env)
        options = ["--turbines", "4", "--rate", "2", "--spelling", spelling]
        windfarm = [os.environ["DASHBOARDS_WINDFARM"], self.url, *options]
        self.farm = start(windfarm, self.work / "windfarm.log")
        self.plugin = Plugin(self.sitewise)
        # Dashboard, panel, query and frames, of the check that compares them.
        self.answered: list[tuple[Json, Json, Json, list[Frame]]] = []

    def _mosquitto(self) -> int:
        # Mosquitto takes no port 0: another process may take the one that was free just now.
        for _ in range(5):
            with socket.create_server(("127.0.0.1", 0)) as probe:
                port = probe.getsockname()[1]
            config = self.work / "mosquitto.conf"
            config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n")
            config.chmod(0o644)
            server = start(["mosquitto", "-c", str(config)], self.work / "mosquitto.log")

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

    def _sitewise(self) -> str:
        log = self.work / "sitewise-local.log"
        start([os.environ["DASHBOARDS_SITEWISE"], "--listen", "127.0.0.1:0"], log)
        marker = "sitewise-local listens on "

        def address() -> list[str]:
            return [line for line in log.read_text().splitlines() if line.startswith(marker)]

        eventually(address, "sitewise-local")
        return address()[0].removeprefix(marker)

    def _listen(self) -> None:
        """Hears all that the plant says, and writes it down as `mosquitto_sub -F '%U %t %x'` does."""
        capture, subscribed = self.capture.open("w"), threading.Event()

        def hear(_client: object, _data: object, message: mqtt.MQTTMessage) -> None:
            self.said.hear(message.topic, message.payload)
            capture.write(f"{time.time():.3f} {message.topic} {message.payload.hex()}\n")
            capture.flush()

        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        client.on_message = hear
        client.on_connect = lambda client, *_: client.subscribe("spBv1.0/#")
        client.on_subscribe = lambda *_: subscribed.set()
        client.connect("127.0.0.1", self.port)
        client.loop_start()
        assert subscribed.wait(WITHIN)

    def write(self, out: Path, *arguments: str, env: Json | None = None) -> subprocess.CompletedProcess:
        command = [os.environ["DASHBOARDS_SPARKWISE"], "dashboards", "--out", str(out), *arguments]
        return subprocess.run(command, env=env or self.env, capture_output=True, text=True, timeout=WITHIN)

    def dashboards(self, out: Path | None = None) -> dict[str, Json]:
        """All that are over SiteWise, by their titles."""
        files = sorted(((out or self.work / "out") / "dashboards").glob("*.json"))
        read = [json.loads(file.read_text()) for file in files if file.name != "bridge.json"]
        return {dashboard["title"]: dashboard for dashboard in read}

    def variables(self, dashboard: Json) -> dict[str, list[str]]:
        """Each with all that it offers, in the order in which one needs the other."""
        found: dict[str, list[str]] = {}
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                found[variable["name"]] = [id for _, id in self.plugin.options(variable["query"], found)]
        return found

    def answers(self, ahead: float = 0) -> list[tuple[Json, Json, Json, list[Frame]]]:
        """Dashboard, panel, query and frames of every query, rows repeated as Grafana does."""
        now = time.time()
        found = []
        for dashboard in self.dashboards().values():
            variables = self.variables(dashboard)
            repeats = any(row.get("repeat") for row in dashboard["panels"])
            one_by_one = [{**variables, "asset": [asset]} for asset in variables.get("asset", [])]
            for panel in all_panels(dashboard):
                for target in panel["targets"]:
                    for chosen in one_by_one if repeats else [variables]:
                        span = (now - HALF_A_DAY, now + ahead)
                        frames = self.plugin.frames(target, span, chosen)
                        found.append((dashboard, panel, target, frames))
        return found

    def paths(self) -> dict[str, str]:
        """The address of each asset, which the bridge gives it as its description, by id."""
        models = SiteWise(self.sitewise).models()
        assets = [
            id
            for model in models
            for _, id in self.plugin.options({"queryType": "ListAssets", "modelId": model, "filter": "ALL"}, {})
        ]
        described = [self.plugin.client.describe_asset(assetId=asset) for asset in assets]
        return {asset["assetId"]: asset.get("assetDescription", "") for asset in described}


# What the bridge itself tells of a machine; the counters and the death only after the first time.
PRESENCE, COUNTERS = {"Online", "Last birth"}, {"Sequence gaps", "Rebirths", "Last death"}


def alike(one: Any, other: Any) -> bool:
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-9)
    return one == other


# The checks, for each plant.


def births_give_files_and_costs(plant: Plant) -> None:
    ended = plant.write(plant.work / "out", str(plant.capture))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "messages: open" in ended.stdout, ended.stdout
    wanted = {"Sparkwise Plant"}
    wanted |= {"WindTurbine", "Gearbox", "Generator"} if plant.spelling == "templates" else set()
    assert wanted <= set(plant.dashboards()), sorted(plant.dashboards())
    for file in (plant.work / "out").rglob("*.*"):
        assert MARK in file.read_text(), file


def the_same_births_give_the_same_files(plant: Plant) -> None:
    again = plant.work / "again"
    ended = plant.write(again, str(plant.capture))
    assert ended.returncode == 0, ended.stderr
    # Machines in another order: all births first, then the data, turned.
    lines = plant.capture.read_text().splitlines()
    nodes = [line for line in lines if "/NBIRTH/" in line]
    devices = [line for line in lines if "/DBIRTH/" in line]
    random.Random(7).shuffle(nodes)
    turned = plant.work / "turned.txt"
    # Each device behind its node, which may come in any order.
    text = [
        line
        for node in nodes
        for line in [node, *(d for d in devices if d.split()[1].split("/")[3] == node.split()[1].split("/")[3])]
    ]
    turned.write_text("\n".join(text))
    other = plant.work / "other"
    ended = plant.write(other, str(turned))
    assert ended.returncode == 0, ended.stderr
    files = {file.relative_to(again): file.read_text() for file in again.rglob("*.*")}
    out = {file.relative_to(plant.work / "out"): file.read_text() for file in (plant.work / "out").rglob("*.*")}
    assert files == out
    turned_files = {file.relative_to(other): file.read_text() for file in other.rglob("*.*")}
    assert turned_files == out, [name for name in out if turned_files.get(name) != out[name]]


def a_running_plant_gives_the_same_files_as_its_capture(plant: Plant) -> None:
    live = plant.work / "live"
    ended = plant.write(live, "--for", "4s", "--rebirth")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    for file in sorted((plant.work / "out").rglob("*.json")):
        there = live / file.relative_to(plant.work / "out")
        assert there.read_text() == file.read_text(), file.name


def what_somebody_else_wrote_stays(plant: Plant) -> None:
    out = plant.work / "foreign"
    out.mkdir()
    (out / "README.md").write_text("mine")
    ended = plant.write(out, str(plant.capture))
    assert ended.returncode == 1 and "was not written by this command" in ended.stderr, ended.stderr
    assert [file.name for file in out.rglob("*")] == ["README.md"]


def without_an_account_nothing_is_guessed(plant: Plant) -> None:
    env = {"HOME": str(plant.work), "PATH": os.environ["PATH"], "AWS_EC2_METADATA_DISABLED": "true"}
    out = plant.work / "guessed"
    ended = plant.write(out, str(plant.capture), env=env)
    assert ended.returncode == 1 and "TWIN_NAMESPACE" in ended.stderr, ended.stderr
    assert not out.exists()


def grafanas_own_types_accept_them(plant: Plant) -> None:
    found = faults(plant.dashboards(), MODULES, plant.work)
    assert not found, "\n".join(found[:5])


def every_query_has_the_fields_that_the_plugin_reads(plant: Plant) -> None:
    for dashboard in plant.dashboards().values():
        targets = [target for panel in all_panels(dashboard) for target in panel["targets"]]
        targets += [v["query"] for v in dashboard["templating"]["list"] if v["type"] == "query"]
        assert targets
        for target in targets:
            error = jsonschema.exceptions.best_match(SCHEMA.iter_errors(target))
            assert error is None, f"{dashboard['title']}: {error.message} in {target}"
    yaml = (plant.work / "out/provisioning/alerting/sparkwise.yaml").read_text()
    (group,) = json.loads(yaml.split("\n", 1)[1])["groups"]
    for rule in group["rules"]:
        error = jsonschema.exceptions.best_match(SCHEMA.iter_errors(rule["data"][0]["model"]))
        assert error is None, f"{rule['title']}: {error.message}"


def every_panel_answers_with_what_the_plant_sent(plant: Plant) -> None:
    paths = plant.paths()
    drawn = []
    compared = 0
    for dashboard, panel, target, frames in plant.answers(ahead=900):
        what = f"{dashboard['title']} / {panel['title']} / {target['refId']}"
        assert frames, what
        drawn.append((dashboard, panel, target, frames))
        bad = target.get("quality") in ("UNCERTAIN", "BAD")
        if target["queryType"] == "ListAssets":
            continue
        for frame in frames:
            if target["queryType"] == "PropertyAggregate" or bad or frame.property_name in COUNTERS:
                continue
            assert frame.rows, f"{what}: nothing of {frame.asset_name}/{frame.property_name}"
            sent = plant.said.values.get(f"{paths[frame.asset]}/{frame.property_name}")
            if sent is None:
                assert frame.property_name in PRESENCE, (what, paths[frame.asset])
                value = frame.rows[-1][1]
                is_born = abs(time.time() - value) < HALF_A_DAY if "birth" in frame.property_name else value is True
                assert is_born, (what, frame.rows[-1])
                continue
            for time_ms, value, quality in frame.rows:
                same = [v for t, v in sent if abs(t - time_ms) < 1]
                assert quality == "GOOD", (what, quality)
                assert any(alike(value, v) for v in same), (what, time_ms, value, same, sent[-3:])
                compared += 1
        if target["queryType"] == "PropertyAggregate" and target["quality"] == "GOOD":
            assert sum(row[1] for frame in frames for row in frame.rows) > 0, what
    assert compared > 200, compared
    print(f"     {compared} values of {plant.spelling}")
    plant.answered = drawn


def every_panel_is_drawn_from_what_it_got(plant: Plant) -> None:
    files = picture.draw(plant.answered, PICTURES, plant.spelling)
    assert files.keys() == plant.dashboards().keys(), sorted(files)
    panels = 0
    for title, dashboard in plant.dashboards().items():
        text = files[title].read_text()
        assert "not by Grafana" in text and len(text) < PICTURE_BYTES, f"{title}: {len(text)} bytes"
        drawn = {
            int(group.attrib["data-panel"]): len(group.findall(".//*[@class='value']"))
            for group in ElementTree.fromstring(text).iter()
            if "data-panel" in group.attrib
        }
        # Counters have nothing until something was counted.
        empty = {
            panel["id"]
            for panel in all_panels(dashboard)
            for _, of, _, frames in plant.answered
            if of["id"] == panel["id"] and frames[0].property_name in COUNTERS
        }
        for panel in all_panels(dashboard):
            assert panel["id"] in drawn, f"{title} / {panel['title']} is not in the picture"
            has = drawn[panel["id"]] > 0
            assert has or panel["id"] in empty, f"{title} / {panel['title']}: nothing is drawn of its values"
            panels += has
    assert panels > 10, panels
    print(f"     {panels} panels of {plant.spelling} drawn in {PICTURES}")


def the_plant_is_online_by_its_rules(plant: Plant) -> None:
    fired = fires(plant)
    # A machine that has never died has no last death.
    assert {title: fire for title, fire in fired.items() if fire} == {}, fired
    bridges = [fire for title, fire in fired.items() if title.endswith(" is silent")]
    assert bridges == [False], fired


def a_dead_plant_is_grey_and_its_rules_fire(plant: Plant) -> None:
    plant.farm.kill()
    plant.farm.wait()

    def offline() -> bool:
        machines = [fire for title, fire in fires(plant).items() if title.endswith(" is offline")]
        return bool(machines) and all(machines)

    eventually(offline, "offline")
    paths = plant.paths()

    def grey() -> bool:
        for dashboard, panel, target, frames in plant.answers():
            if target.get("quality") != "UNCERTAIN" or target["queryType"] != "PropertyValueHistory":
                continue
            for frame in frames:
                if not frame.rows:
                    return False
                sent = plant.said.values.get(f"{paths[frame.asset]}/{frame.property_name}")
                assert sent, (panel["title"], paths[frame.asset], frame.property_name)
                assert alike(frame.rows[-1][1], sent[-1][1]), (panel["title"], frame.rows[-1], sent[-1])
        return True

    eventually(grey, "values of quality UNCERTAIN in every curve", 30)


def a_dead_plant_keeps_its_dashboards_and_its_rules(plant: Plant) -> None:
    out = plant.work / "out"
    files = {file.relative_to(out): file.read_text() for file in out.rglob("*.*")}
    ended = plant.write(plant.work / "account", "--account")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    for name, text in files.items():
        assert (plant.work / "account" / name).read_text() == text, name
    rules = json.loads((out / "provisioning/alerting/sparkwise.yaml").read_text().split("\n", 1)[1])
    titles = [rule["title"] for rule in rules["groups"][0]["rules"]]
    named = [title.removesuffix(" is offline") for title in titles if title.endswith(" is offline")]
    assert named and all(name in ended.stdout for name in named), ended.stdout


def fires(plant: Plant) -> dict[str, bool | None]:
    """Whether the condition of each rule holds, by its title; none where it has no numbers."""
    yaml = (plant.work / "out/provisioning/alerting/sparkwise.yaml").read_text()
    (group,) = json.loads(yaml.split("\n", 1)[1])["groups"]
    found: dict[str, bool | None] = {}
    for rule in group["rules"]:
        # By their names: rows of queries, numbers of reductions, at last the condition.
        known: Json = {}
        for data in rule["data"]:
            model, name = data["model"], data["refId"]
            assert model["refId"] == name, rule["title"]
            match model.get("type"):
                case None:
                    known[name] = alert_rows(plant, data)
                case "reduce":
                    assert model["settings"] == {"mode": "dropNN"}, rule["title"]
                    known[name] = reduced(model["reducer"], known[model["expression"]])
                case "threshold":
                    evaluator = model["conditions"][0]["evaluator"]
                    assert evaluator == {"type": "lt", "params": [1]}, rule["title"]
                    number = known[model["expression"]]
                    known[name] = None if number is None else number < 1
                case "math":
                    assert model["expression"] == "$death > $birth", rule["title"]
                    death, birth = known["death"], known["birth"]
                    known[name] = None if death is None or birth is None else death > birth
        found[rule["title"]] = known[rule["condition"]]
    return found


def alert_rows(plant: Plant, data: Json) -> list[tuple[float, Any, str]]:
    """What a rule's query reads, if Grafana's expressions take it: numbers, their quality a label."""
    query, now = data["model"], time.time()
    assert query.get("responseFormat") == "timeseries", query
    span = (now - data["relativeTimeRange"]["from"], now - data["relativeTimeRange"]["to"])
    (frame,) = plant.plugin.frames(query, span, {})
    assert frame.data_type in ("DOUBLE", "INTEGER"), (frame.property_name, frame.data_type)
    # Of two qualities Grafana makes two series.
    assert len({quality for _, _, quality in frame.rows}) <= 1, frame.rows
    return frame.rows


def reduced(by: str, rows: list[tuple[float, Any, str]]) -> float | None:
    """An answer without a row is refused: it is no series."""
    match by, rows:
        case _, []:
            return None
        case "count", _:
            return len(rows)
        case "last", _:
            return rows[-1][1]
    raise ValueError(by)


CHECKS = [
    births_give_files_and_costs,
    the_same_births_give_the_same_files,
    what_somebody_else_wrote_stays,
    without_an_account_nothing_is_guessed,
    grafanas_own_types_accept_them,
    every_query_has_the_fields_that_the_plugin_reads,
    every_panel_answers_with_what_the_plant_sent,
    every_panel_is_drawn_from_what_it_got,
    the_plant_is_online_by_its_rules,
    a_running_plant_gives_the_same_files_as_its_capture,
    a_dead_plant_is_grey_and_its_rules_fire,
    a_dead_plant_keeps_its_dashboards_and_its_rules,
]


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    atexit.register(stop_all)
    began = time.monotonic()
    plants = [Plant(spelling) for spelling in ("templates", "flat")]
    for plant in plants:
        eventually(lambda plant=plant: len(plant.said.values) > 40, "births")
    time.sleep(SPEAKS_FOR)
    passed = failed = 0
    for plant in plants:
        for check in CHECKS:
            name = f"{plant.spelling}: {check.__name__.replace('_', ' ')}"
            try:
                check(plant)
            except Exception:
                failed += 1
                print(f"FAIL {name}")
                traceback.print_exc(limit=-3)
            else:
                passed += 1
                print(f"ok   {name}")
    if failed:
        for log in sorted(WORK.rglob("bridge.log")):
            print(f"\n--- {log}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-20:]))
    print(f"{passed} passed, {failed} failed, {time.monotonic() - began:.0f} s")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
