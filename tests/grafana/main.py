"""Holds infra/grafana against a real Prometheus that scrapes a running bridge.

The demo is the bridge, its plant and its SiteWise. The last line is "N passed, N failed".
"""

import json
import os
import pathlib
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
GRAFANA = ROOT / "infra/grafana"
WORK = pathlib.Path(os.environ["GRAFANA_WORK"])
TOKEN = secrets.token_hex(16)
PATIENCE = 90

# A metric of ours, with what stands in braces behind it.
SELECTOR = re.compile(r"\b((?:sparkwise|process)_[a-z_]+)\b(\{[^}]*\})?")
MATCHER = re.compile(r'(\w+)(=~|!~|!=|=)"([^"]*)"')
# What Prometheus puts to every series.
OWN_LABELS = {"instance", "job"}


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


CONSOLE, PROMETHEUS = free_port(), free_port()


def get(url):
    request = urllib.request.Request(url, headers={"authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read().decode()


def exposition():
    return get(f"http://127.0.0.1:{CONSOLE}/metrics")


def ask(path, **parameters):
    url = f"http://127.0.0.1:{PROMETHEUS}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
    try:
        answer = json.loads(get(url))
    except urllib.error.HTTPError as error:
        answer = json.loads(error.read())
    assert answer["status"] == "success", answer
    return answer["data"]


def eventually(holds, what):
    end = time.monotonic() + PATIENCE
    while True:
        try:
            if holds():
                return
        except (OSError, AssertionError, ValueError):
            pass
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.3)


def documented():
    """Each metric of docs/metrics.md with its labels and the words of each, none where they are free."""
    found = {}
    text = (ROOT / "docs/metrics.md").read_text()
    for name, kind, label in re.findall(r"^\| `([a-z_]+)` \| (counter|gauge|histogram) \| (.*?) \|", text, re.M):
        keys, _, words = label.partition(": ")
        free = keys in ("`server`", "`version`", "`group`, `node`")
        found[name] = {key: None if free else set(words.split(", ")) for key in re.findall(r"`(\w+)`", keys)}
        if "histogram" in kind:
            found |= {f"{name}_bucket": {"le": None}, f"{name}_sum": {}, f"{name}_count": {}}
    assert len(found) > 50, found
    return found


KNOWN = documented()


def faults(expression):
    """What an expression refers to that the bridge does not have."""
    found = []
    for name, braces in SELECTOR.findall(expression):
        if name not in KNOWN:
            found.append(f"{name} is not in docs/metrics.md")
            continue
        for label, sign, value in MATCHER.findall(braces):
            if label in OWN_LABELS:
                continue
            if label not in KNOWN[name]:
                found.append(f"{name} has no label {label}")
            words = KNOWN[name].get(label)
            missing = set(value.split("|")) - words if words and "~" in sign else {value} - (words or {value})
            found += [f"{name} has no {label} {word}" for word in missing]
    return found


def promtool(*arguments, text=None):
    ended = subprocess.run(["promtool", *arguments], input=text, capture_output=True, text=True, cwd=ROOT)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


def rules():
    (group,) = ask("rules")["groups"]
    return group["rules"]


def dashboard():
    return json.loads((GRAFANA / "dashboard.json").read_text())


def shown():
    """Every query of the dashboard with its panel's title, variables filled in."""
    found = [(note["name"], note["expr"]) for note in dashboard()["annotations"]["list"]]
    for panel in dashboard()["panels"]:
        found += [(panel["title"], target["expr"]) for target in panel.get("targets", [])]
    for variable, value in [("$instance", ".*"), ("$__rate_interval", "1m"), ("$__range", "1h")]:
        found = [(title, query.replace(variable, value)) for title, query in found]
    return found


def anchors(path):
    """What a link into a document can name, as GitHub makes it of the headings."""
    headings = re.findall(r"^#+ (.+)$", (ROOT / path).read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


# The checks.


def promtool_finds_nothing_wrong_with_the_metrics():
    assert promtool("check", "metrics", text=exposition()) == ""


def the_documentation_has_every_metric_and_no_other():
    told = set(re.findall(r"^# TYPE (\w+) ", exposition(), re.MULTILINE))
    # A histogram has one type for its three names.
    expected = {name for name in KNOWN if re.sub(r"_(bucket|sum|count)$", "", name) == name or name in told}
    assert told == expected, told ^ expected


def every_label_is_documented():
    for name, label, value in re.findall(r'^(\w+)\{(\w+)="([^"]*)"\}', exposition(), re.MULTILINE):
        words = KNOWN[name][label]
        assert words is None or value in words, (name, label, value)


def the_process_is_told():
    values = dict(re.findall(r"^(process_\w+) (\S+)$", exposition(), re.MULTILINE))
    assert 1e6 < float(values["process_resident_memory_bytes"]) < 1e9, values
    assert 0 < float(values["process_cpu_seconds_total"]) < 600, values
    assert abs(float(values["process_start_time_seconds"]) - BEGAN) < 30, (values, BEGAN)
    assert 3 < float(values["process_open_fds"]) < float(values["process_max_fds"]), values


def configuration_and_rules_are_taken():
    promtool("check", "config", "--syntax-only", "infra/grafana/prometheus.yaml")
    promtool("check", "rules", "infra/grafana/alerts.yaml")
    promtool("check", "config", "--syntax-only", "localstack/grafana/prometheus.yaml")


def the_compose_project_scrapes_its_bridge_with_its_token():
    compose = (ROOT / "localstack/docker-compose.yml").read_text()
    scraped = (ROOT / "localstack/grafana/prometheus.yaml").read_text()
    (token,) = re.findall(r"CONSOLE_TOKEN: (\S+)", compose)
    assert re.findall(r"credentials: (\S+)", scraped) == [token] and len(token) >= 16
    (port,) = re.findall(r'CONSOLE_ADDR: "0\.0\.0\.0:(\d+)"', compose)
    assert f"targets: [sparkwise:{port}]" in scraped
    for file in ["localstack/grafana/prometheus.yaml", "infra/grafana/alerts.yaml"]:
        mounted = f"../{file}" if file.startswith("infra") else f"./{file.removeprefix('localstack/')}"
        assert f"- {mounted}:/etc/prometheus/" in compose, file
    # What the dashboard of the bridge itself reads has a data source of its type.
    types = re.findall(r"^    type: (\S+)", (ROOT / "localstack/grafana/datasource.yaml").read_text(), re.M)
    wanted = {variable["query"] for variable in dashboard()["templating"]["list"] if variable["type"] == "datasource"}
    assert wanted <= set(types), (wanted, types)


def each_alert_fires_when_it_should():
    print(promtool("test", "rules", "tests/grafana/alerts.test.yaml").strip())
    tested = (ROOT / "tests/grafana/alerts.test.yaml").read_text()
    untested = [rule["name"] for rule in rules() if f'alertname="{rule["name"]}"' not in tested]
    assert not untested, untested


def alerts_refer_to_what_there_is():
    for rule in rules():
        found = faults(rule["query"])
        assert not found, (rule["name"], found)
        for name, braces in SELECTOR.findall(rule["query"]):
            assert ask("query", query=name + braces)["result"], (rule["name"], name, braces)


def alerts_are_evaluated_and_none_fires():
    def evaluated():
        return all(rule["health"] == "ok" for rule in rules())

    eventually(evaluated, f"rules without an error: {[(rule['name'], rule['health']) for rule in rules()]}")
    firing = [rule["name"] for rule in rules() if rule["state"] == "firing"]
    assert not firing, firing


def each_alert_says_what_to_do():
    for rule in rules():
        said = rule["annotations"]
        assert rule["labels"]["severity"] in ("critical", "warning"), rule
        assert said["summary"] and len(said["description"]) > 40, rule
        path, _, anchor = said["runbook_url"].partition("#")
        assert anchor in anchors(path), said["runbook_url"]


def each_reason_has_an_alert():
    queries = " ".join(rule["query"] for rule in rules())
    # They have a counter or a gauge of their own, which says it sooner.
    others = {
        "mqtt_not_connected": "sparkwise_mqtt_connected",
        "mqtt_messages_lost": "sparkwise_mqtt_messages_dropped_total",
        "mqtt_packet_too_large": "sparkwise_mqtt_messages_oversized_total",
        "outbox_full": "outbox_full",
        "values_rejected": "sparkwise_values_refused_total",
    }
    for reason in KNOWN["sparkwise_degraded"]["reason"]:
        word = others.get(reason, reason)
        assert re.search(rf"\b{word}\b", queries), f"no alert for {reason}"


def the_dashboard_refers_to_what_there_is():
    for title, query in shown():
        found = faults(query)
        assert not found, (title, found)


def every_panel_has_an_answer():
    silent = []
    for title, query in shown():
        result = ask("query", query=query)["result"]
        # A comparison may hold for nothing.
        if not result and not re.search(r" [>=]=? 0\b", query):
            silent.append((title, query))
    assert not silent, silent


def the_dashboard_can_be_imported():
    board = dashboard()
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids)) and board["uid"] and board["schemaVersion"] > 30
    assert board.get("id") is None
    cells = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24, panel["title"]
        mine = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not mine & cells, f"{panel['title']} lies on another"
        cells |= mine
    variables = {variable["name"] for variable in board["templating"]["list"]}
    used = set(re.findall(r"\$\{?([a-z]+)\}?", json.dumps([board["panels"], board["annotations"]])))
    assert used <= variables, used - variables


def documents_name_metrics_that_there_are():
    named = 0
    for path in [ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("infra/**/*.md")]:
        for name in re.findall(r"\b(?:sparkwise|process)_[a-z_]+[a-z]\b", path.read_text()):
            named += 1
            assert name in KNOWN, f"{path.name} names {name}"
    assert named > 50, named


def what_there_is_not_is_noticed():
    assert faults("sparkwise_nothing > 0")
    assert faults('sparkwise_degraded{reason="nothing"}')
    assert faults('sparkwise_degraded{reason=~"clock|nothing"}')
    assert faults('sparkwise_ready{reason="clock"}')
    assert not faults('sparkwise_degraded{reason=~"clock|values_retried", instance="a"}')


CHECKS = [
    promtool_finds_nothing_wrong_with_the_metrics,
    the_documentation_has_every_metric_and_no_other,
    every_label_is_documented,
    the_process_is_told,
    configuration_and_rules_are_taken,
    the_compose_project_scrapes_its_bridge_with_its_token,
    each_alert_fires_when_it_should,
    alerts_refer_to_what_there_is,
    alerts_are_evaluated_and_none_fires,
    each_alert_says_what_to_do,
    each_reason_has_an_alert,
    the_dashboard_refers_to_what_there_is,
    every_panel_has_an_answer,
    the_dashboard_can_be_imported,
    documents_name_metrics_that_there_are,
    what_there_is_not_is_noticed,
]


def start_demo():
    environment = {**os.environ, "CONSOLE_ADDR": f"127.0.0.1:{CONSOLE}", "CONSOLE_TOKEN": TOKEN}
    log = (WORK / "demo.log").open("w")
    return subprocess.Popen([os.environ["GRAFANA_DEMO"], "--calm"], env=environment, stdout=log, stderr=log)


def start_prometheus():
    """With the configuration that is printed, but for the address and how often."""
    text = (GRAFANA / "prometheus.yaml").read_text()
    text = text.replace("sparkwise.plant.example:8080", f"127.0.0.1:{CONSOLE}")
    text = text.replace("scrape_interval: 15s", "scrape_interval: 1s")
    (WORK / "prometheus.yaml").write_text("global: {evaluation_interval: 1s}\n" + text)
    (WORK / "sparkwise-token").write_text(TOKEN)
    shutil.copy(GRAFANA / "alerts.yaml", WORK)
    log = (WORK / "prometheus.log").open("w")
    command = ["prometheus", f"--config.file={WORK}/prometheus.yaml"]
    command += [f"--storage.tsdb.path={WORK}/data", f"--web.listen-address=127.0.0.1:{PROMETHEUS}"]
    return subprocess.Popen(command, stdout=log, stderr=log)


def is_well():
    return get(f"http://127.0.0.1:{CONSOLE}/readyz").startswith("ready") and "sparkwise_assets_live 47" in exposition()


def is_scraped():
    (count,) = ask("query", query="count_over_time(sparkwise_ready[1m])")["result"]
    return int(count["value"][1]) >= 5


def check_all():
    failed = 0
    for check in CHECKS:
        try:
            check()
            print(f"ok    {check.__name__}")
        except Exception as fault:
            failed += 1
            print(f"FAIL  {check.__name__}: {type(fault).__name__}: {fault}")
    return failed


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    running = [(start_demo(), signal.SIGINT, "demo.log")]
    try:
        eventually(is_well, "the bridge is ready and every twin live")
        running.append((start_prometheus(), signal.SIGTERM, "prometheus.log"))
        eventually(is_scraped, "Prometheus scrapes the bridge")
        failed = check_all()
    finally:
        for process, how, log in reversed(running):
            if process.poll() is None:
                process.send_signal(how)
            try:
                code = process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                code = "no end"
            if code != 0:
                print(f"{log}: ended with {code}\n{(WORK / log).read_text()[-2000:]}")
    print(f"{len(CHECKS) - failed} passed, {failed} failed")
    return failed


BEGAN = time.time()
if __name__ == "__main__":
    sys.exit(1 if main() else 0)
