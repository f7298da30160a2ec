"""Values of ten days ago through LocalStack's S3: the bridge puts them there, the emulator reads them.

    python late.py http://127.0.0.1:4566 path/to/sparkwise

A bridge of its own, with an MQTT server and an edge node of its own, writes to LocalStack's port. What
came of it is read with boto3: objects and reports in S3, jobs and values in SiteWise. The last line is
"N passed, N failed".
"""

import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

import boto3
import paho.mqtt.client as mqtt
from botocore.config import Config

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "flat"))
from wire import Codec, Metric, asks_for_rebirth, payload  # noqa: E402

LIMIT = 90
BUCKET = "late-values"
ROLE = "arn:aws:iam::000000000000:role/late"
DAY = 24 * 3600 * 1000
TANK, LEVEL = "Tank 1", "Archived Level"


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def until(what, condition):
    end = time.monotonic() + LIMIT
    while not (found := condition()):
        assert time.monotonic() < end, f"{what}: not after {LIMIT} s"
        time.sleep(0.2)
    return found


def equal(what, expected, found):
    assert expected == found, f"{what}: {found}, not {expected}"


class Edge:
    """An edge node with one device, which has one metric."""

    def __init__(self, port):
        self.seq = 0
        self.lock = threading.RLock()
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="archive gw")
        self.client.will_set("spBv1.0/Archive/NDEATH/gw", payload(None, None, [self.bd_seq()], Codec()), qos=1)
        self.client.on_message = self.commanded
        subscribed = threading.Event()
        self.client.on_subscribe = lambda *_: subscribed.set()
        self.client.on_connect = lambda client, *_: client.subscribe("spBv1.0/Archive/NCMD/gw", qos=1)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert subscribed.wait(30), "the edge node is not let in"
        self.be_born()

    def bd_seq(self):
        return Metric(b"bdSeq", type="Int64", value=0)

    def commanded(self, _client, _data, message):
        if asks_for_rebirth(message.payload):
            self.be_born()

    def be_born(self):
        with self.lock:
            self.seq = 0
            control = Metric(b"Node Control/Rebirth", type="Boolean", value=False)
            self.say("NBIRTH/gw", [self.bd_seq(), control])
            self.say(f"DBIRTH/gw/{TANK}", [self.level(time.time_ns() // 1_000_000, 0.5)])

    def level(self, time, value, historical=False):
        return Metric(LEVEL.encode(), time=time, type="Double", value=value, historical=historical)

    def recall(self, times):
        """Tells values of the past: their times in seconds."""
        with self.lock:
            self.say(f"DDATA/gw/{TANK}", [self.level(at, at / 1000, historical=True) for at in times])

    def say(self, topic, metrics):
        message = payload(time.time_ns() // 1_000_000, self.seq, metrics, Codec())
        self.client.publish(f"spBv1.0/Archive/{topic}", message).wait_for_publish(10)
        self.seq = (self.seq + 1) % 256

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


class World:
    def __init__(self, endpoint, program, folder, mqtt_port):
        session = boto3.Session("test", "test", region_name="eu-west-1")
        config = Config(inject_host_prefix=False, retries={"max_attempts": 1})
        self.sitewise = session.client("iotsitewise", endpoint_url=endpoint, config=config)
        self.s3 = session.client("s3", endpoint_url=endpoint, config=Config(s3={"addressing_style": "path"}))
        self.program, self.folder = program, folder
        self.outbox = folder / "outbox"
        self.log = folder / "bridge.log"
        self.console = free_port()
        self.environment = {
            "PATH": os.environ["PATH"],
            "MQTT_URL": f"mqtt://127.0.0.1:{mqtt_port}",
            "AWS_REGION": "eu-west-1",
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "TWIN_NAMESPACE": "archive",
            # The farm's bridge has made those without.
            "TWIN_MODEL_PREFIX": "Archive ",
            "SPARKPLUG_HOST_ID": "archive",
            "CONSOLE_ADDR": f"127.0.0.1:{self.console}",
            "OUTBOX_DIR": str(self.outbox),
            "LATE_BUCKET": BUCKET,
            "LATE_PREFIX": "plant/history",
            "LATE_ROLE_ARN": ROLE,
        }
        self.bridge = None

    def start(self):
        with self.log.open("a") as log:
            before = log.tell()
            self.bridge = subprocess.Popen([self.program], env=self.environment, stdout=log, stderr=log)
        said = "initial sync with SiteWise complete"
        until("the initial sync", lambda: said in self.log.read_text()[before:])

    def stop(self):
        self.bridge.send_signal(signal.SIGTERM)
        equal("the bridge's exit", 0, self.bridge.wait(60))
        assert "do not balance" not in self.log.read_text(), "the books do not balance"

    def metric(self, name):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.console}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return next(float(line.split()[-1]) for line in lines if line.startswith(f"{name} "))

    def dead_letters(self):
        command = [self.program, "dead-letters", "list", "--json"]
        run = subprocess.run(command, env=self.environment, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        return run.stdout

    def rows(self):
        """Rows in files that are not sent yet."""
        files = [path for path in (self.outbox / "late").glob("*") if path.suffix != ".job"]
        return sum(path.read_text().count("\n") for path in files)

    def objects(self, infix=""):
        listed = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=f"plant/history/archive/{infix}")
        keys = [item["Key"] for item in listed.get("Contents", [])]
        return {key: self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode() for key in keys}

    def tank(self):
        """Id of the tank's asset and of its property."""
        for page in self.sitewise.get_paginator("list_asset_models").paginate():
            for model in page["assetModelSummaries"]:
                for asset in self.sitewise.list_assets(assetModelId=model["id"])["assetSummaries"]:
                    described = self.sitewise.describe_asset(assetId=asset["id"])
                    found = [item["id"] for item in described["assetProperties"] if item["name"] == LEVEL]
                    if found and described["assetStatus"]["state"] == "ACTIVE":
                        return asset["id"], found[0]
        return None

    def history(self, asset, level):
        """Times in milliseconds, and values."""
        found = {}
        pages = self.sitewise.get_paginator("get_asset_property_value_history")
        for page in pages.paginate(assetId=asset, propertyId=level, startDate=0, endDate=time.time() + 60):
            for item in page["assetPropertyValueHistory"]:
                stamp = item["timestamp"]
                at = stamp["timeInSeconds"] * 1000 + stamp["offsetInNanos"] // 1_000_000
                found[at] = item["value"]["doubleValue"]
        return found

    def jobs(self):
        pages = self.sitewise.get_paginator("list_bulk_import_jobs").paginate()
        return {job["name"]: job["status"] for page in pages for job in page["jobSummaries"]}

    def delete(self, asset):
        for item in self.sitewise.list_asset_relationships(
            assetId=asset, traversalType="PATH_TO_ROOT"
        )["assetRelationshipSummaries"]:
            parts = item["hierarchyInfo"]
            if parts["childAssetId"] == asset:
                parent = parts["parentAssetId"]
                for hierarchy in self.sitewise.describe_asset(assetId=parent)["assetHierarchies"]:
                    with contextlib.suppress(self.sitewise.exceptions.ResourceNotFoundException):
                        self.sitewise.disassociate_assets(
                            assetId=parent, hierarchyId=hierarchy["id"], childAssetId=asset
                        )
        until("the asset is gone", lambda: self.is_gone(asset))

    def is_gone(self, asset):
        try:
            self.sitewise.delete_asset(assetId=asset)
        except self.sitewise.exceptions.ResourceNotFoundException:
            return True
        except self.sitewise.exceptions.ConflictingOperationException:
            pass
        return False


def old_values_arrive_by_an_object_and_young_ones_live(world, edge):
    now = time.time_ns() // 1_000_000
    old = [now - 10 * DAY + hour * 3_600_000 for hour in range(48)]
    young = [now - 2 * DAY + hour * 3_600_000 for hour in range(24)]
    edge.recall(old + young)
    asset, level = until("the tank", world.tank)
    until("rows in a file", lambda: world.rows() == len(old))
    equal("objects before their hour", {}, world.objects())
    # The next process closes the file, which would be open for an hour.
    world.stop()
    world.start()
    wanted = {at: at / 1000 for at in old + young}
    until("all values", lambda: wanted.items() <= world.history(asset, level).items())
    (content,) = world.objects().values()
    rows = [line.split(",") for line in content.splitlines()]
    equal("rows of the object", [(asset, level, str(at // 1000)) for at in old],
          [(row[0], row[1], row[3]) for row in rows])
    # The job's name is the key.
    until("the job", lambda: set(world.jobs().values()) == {"COMPLETED"})
    equal("names of jobs", [key.removesuffix(".csv") for key in world.objects()],
          [name.removesuffix(".csv") for name in world.jobs()])
    until("the file goes", lambda: world.metric("sparkwise_values_waiting_late") == 0)
    equal("accepted", len(old), world.metric("sparkwise_values_delivered_late_total"))


def a_report_in_localstacks_s3_becomes_dead_letters(world, edge):
    """Listed and read as LocalStack writes its XML."""
    asset, _ = world.tank()
    now = time.time_ns() // 1_000_000
    edge.recall([now - 9 * DAY + minute * 60_000 for minute in range(5)])
    until("rows in a file", lambda: world.rows() == 5)
    # Without its edge node nothing makes the asset again.
    edge.close()
    world.stop()
    world.delete(asset)
    world.start()
    until("refused", lambda: world.metric("sparkwise_values_refused_late_total") == 5)
    assert "COMPLETED_WITH_FAILURES" in world.jobs().values(), world.jobs()
    (report,) = world.objects("reports/").values()
    equal("rows of the report", [asset] * 5, [line.split(",")[0] for line in report.splitlines()])
    until("the file goes", lambda: world.metric("sparkwise_values_waiting_late") == 0)
    equal("dead letters", 5, world.dead_letters().count("bulk import: ResourceNotFoundException"))


def main(endpoint, program):
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        # Mosquitto drops root for its own user, which must be able to read its configuration.
        folder.chmod(0o755)
        port = free_port()
        (folder / "mosquitto.conf").write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
        with (folder / "mosquitto.log").open("w") as log:
            command = ["mosquitto", "-c", str(folder / "mosquitto.conf")]
            broker = subprocess.Popen(command, stdout=log, stderr=log)
        stack.callback(broker.wait)
        stack.callback(broker.terminate)
        world = World(endpoint, program, folder, port)
        world.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        world.sitewise.put_storage_configuration(storageType="SITEWISE_DEFAULT_STORAGE", warmTier="ENABLED")
        world.start()
        stack.callback(lambda: world.bridge.kill())
        edge = Edge(port)
        checks = [
            old_values_arrive_by_an_object_and_young_ones_live,
            a_report_in_localstacks_s3_becomes_dead_letters,
        ]
        wrong = 0
        for check in checks:
            try:
                check(world, edge)
            except Exception as fault:  # whatever it is, the log tells more
                wrong += 1
                print(f"{check.__name__}: {fault!r}")
        if wrong:
            print(world.log.read_text()[-6000:])
        else:
            world.stop()
        print(f"{len(checks) - wrong} passed, {wrong} failed")
    return wrong


if __name__ == "__main__":
    sys.exit(1 if main(*sys.argv[1:]) else 0)
