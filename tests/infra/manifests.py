"""Checks infra/kubernetes and infra/systemd: against Kubernetes' own schemas, with systemd's own
tools, and against the bridge, its variables, paths and times.

    python manifests.py

The last line is "N passed, N failed".
"""

import pathlib
import re
import subprocess
import sys
import tempfile

import kubernetes_validate
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
MANIFESTS = ROOT / "infra/kubernetes/sparkwise.yaml"
UNIT = ROOT / "infra/systemd/sparkwise.service"
ENVIRONMENT = ROOT / "infra/systemd/sparkwise.env"
# The oldest that is still looked after, and the newest that the schemas are there for.
VERSIONS = ["1.33", "1.37"]
# What `systemd-analyze security` makes of the unit, times ten: "OK" ends at 2.0.
EXPOSURE = 20


def variables():
    """Every variable of docs/configuration.md, and the variable that names its file."""
    rows = re.findall(r"^\| (`[^|]+) \|", (ROOT / "docs/configuration.md").read_text(), re.MULTILINE)
    found = {name for row in rows for name in re.findall(r"`([A-Z0-9_]+)`", row)}
    assert len(found) > 40, found
    return found


def seconds(duration):
    number, unit = re.fullmatch(r"(\d+)(ms|s|m|h)?", duration).groups()
    return int(number) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600, None: 1}[unit]


def size(text):
    number, unit = re.fullmatch(r"(\d+)([KMG]i)B?", text).groups()
    return int(number) << {"Ki": 10, "Mi": 20, "Gi": 30}[unit]


def default(name):
    row = re.search(rf"^\| `{name}` \| `([^`]+)` \|", (ROOT / "docs/configuration.md").read_text(), re.M)
    return row.group(1)


def manifests():
    return {tree["kind"]: tree for tree in yaml.safe_load_all(MANIFESTS.read_text())}


def set_of():
    return manifests()["StatefulSet"]["spec"]


def pod():
    return set_of()["template"]["spec"]


def container():
    (only,) = pod()["containers"]
    return only


def kubernetes_takes_the_manifests():
    for version in VERSIONS:
        for tree in yaml.safe_load_all(MANIFESTS.read_text()):
            kubernetes_validate.validate(tree, version, strict=True)


def a_wrong_manifest_is_noticed():
    tree = manifests()["StatefulSet"]
    tree["spec"]["template"]["spec"]["containers"][0]["livenessProbe"]["httpGett"] = {}
    try:
        kubernetes_validate.validate(tree, VERSIONS[-1], strict=True)
    except kubernetes_validate.ValidationError:
        return
    raise AssertionError("a probe with a field that there is not was taken")


def there_is_never_a_second_bridge():
    assert set_of()["replicas"] == 1
    assert set_of().get("updateStrategy", {}).get("type", "RollingUpdate") == "RollingUpdate"
    (claim,) = set_of()["volumeClaimTemplates"]
    assert claim["spec"]["accessModes"] == ["ReadWriteOncePod"]


def all_that_is_referred_to_is_there():
    trees, labels = manifests(), set_of()["template"]["metadata"]["labels"]
    assert pod()["serviceAccountName"] == trees["ServiceAccount"]["metadata"]["name"]
    assert set_of()["serviceName"] == trees["Service"]["metadata"]["name"]
    assert trees["Service"]["spec"]["selector"].items() <= labels.items()
    assert set_of()["selector"]["matchLabels"].items() <= labels.items()
    (source,) = container()["envFrom"]
    assert source["configMapRef"]["name"] == trees["ConfigMap"]["metadata"]["name"]
    volumes = {volume["name"] for volume in pod()["volumes"]}
    volumes |= {claim["metadata"]["name"] for claim in set_of()["volumeClaimTemplates"]}
    assert {mount["name"] for mount in container()["volumeMounts"]} == volumes


def every_variable_is_one_of_the_bridge():
    settings = manifests()["ConfigMap"]["data"]
    assert set(settings) <= variables(), set(settings) - variables()
    lines = re.findall(r"^#?([A-Z_]+)=", ENVIRONMENT.read_text(), re.MULTILINE)
    known = variables() | {"AWS_SECRET_ACCESS_KEY"}
    assert set(lines) <= known, set(lines) - known
    assert len(lines) > 4


def files_and_folders_are_mounted():
    settings = manifests()["ConfigMap"]["data"]
    mounts = {mount["name"]: mount["mountPath"] for mount in container()["volumeMounts"]}
    for name, path in settings.items():
        if name.endswith("_FILE"):
            assert path == f"{mounts['secret']}/{name.removesuffix('_FILE')}", name
    assert settings["OUTBOX_DIR"].startswith(mounts["outbox"] + "/")


def the_outbox_leaves_room_on_its_volume():
    (claim,) = set_of()["volumeClaimTemplates"]
    volume = size(claim["spec"]["resources"]["requests"]["storage"])
    bound = size(manifests()["ConfigMap"]["data"]["OUTBOX_MAX_BYTES"])
    assert bound + (128 << 20) < 0.7 * volume, (bound, volume)


def probes_ask_what_the_console_answers():
    routes = (ROOT / "src/console/routes.rs").read_text()
    port = manifests()["ConfigMap"]["data"]["CONSOLE_ADDR"].rpartition(":")[2]
    (named,) = container()["ports"]
    assert named == {"name": "console", "containerPort": int(port)}
    (service,) = manifests()["Service"]["spec"]["ports"]
    assert service["targetPort"] == "console"
    for probe, path in [("livenessProbe", "/livez"), ("readinessProbe", "/readyz")]:
        assert container()[probe]["httpGet"] == {"path": path, "port": "console"}
        assert f'"{path}"' in routes
    assert manifests()["Service"]["spec"]["publishNotReadyAddresses"] is True


def the_end_may_take_longer_than_its_grace():
    grace = seconds(manifests()["ConfigMap"]["data"]["SHUTDOWN_GRACE"])
    assert pod()["terminationGracePeriodSeconds"] > grace + 10
    unit = UNIT.read_text()
    stop = re.search(r"^TimeoutStopSec=(\w+)$", unit, re.MULTILINE).group(1)
    assert seconds(stop) > seconds(default("SHUTDOWN_GRACE")) + 10


def nobody_is_root_and_nothing_is_written_but_the_outbox():
    security, inner = pod()["securityContext"], container()["securityContext"]
    user = re.search(r"^USER (\d+):(\d+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert str(security["runAsUser"]) == user.group(1)
    assert str(security["fsGroup"]) == user.group(2)
    assert security["runAsNonRoot"] and inner["readOnlyRootFilesystem"]
    assert inner["allowPrivilegeEscalation"] is False
    assert inner["capabilities"] == {"drop": ["ALL"]}


def systemd_takes_the_unit():
    text = UNIT.read_text()
    assert "RestartPreventExitStatus=64" in text and "USAGE: u8 = 64" in (ROOT / "src/main.rs").read_text()
    assert re.search(r"^Environment=OUTBOX_DIR=/var/lib/sparkwise/", text, re.MULTILINE)
    assert re.search(r"^StateDirectory=sparkwise$", text, re.MULTILINE)
    with tempfile.TemporaryDirectory() as folder:
        # The program is not installed here: another one stands in its place.
        unit = pathlib.Path(folder) / UNIT.name
        unit.write_text(text.replace("/usr/local/bin/sparkwise", "/bin/true"))
        run(["systemd-analyze", "verify", "--man=no", str(unit)])
        wrong = pathlib.Path(folder) / "wrong.service"
        wrong.write_text(text.replace("/usr/local/bin/sparkwise", "/bin/true") + "\n[Service]\nRestartSecs=1\n")
        said = subprocess.run(["systemd-analyze", "verify", "--man=no", wrong], capture_output=True, text=True)
        assert "RestartSecs" in said.stderr, said
        run(["systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE}", str(unit)], quiet=False)


def run(command, quiet=True):
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr
    assert not quiet or not ended.stderr, ended.stderr


CHECKS = [
    kubernetes_takes_the_manifests,
    a_wrong_manifest_is_noticed,
    there_is_never_a_second_bridge,
    all_that_is_referred_to_is_there,
    every_variable_is_one_of_the_bridge,
    files_and_folders_are_mounted,
    the_outbox_leaves_room_on_its_volume,
    probes_ask_what_the_console_answers,
    the_end_may_take_longer_than_its_grace,
    nobody_is_root_and_nothing_is_written_but_the_outbox,
    systemd_takes_the_unit,
]


def main():
    failed = 0
    for check in CHECKS:
        try:
            check()
            print(f"ok    {check.__name__}")
        except Exception as fault:
            failed += 1
            print(f"FAIL  {check.__name__}: {type(fault).__name__}: {fault}")
    print(f"{len(CHECKS) - failed} passed, {failed} failed")
    return failed


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
