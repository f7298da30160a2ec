"""The failures: how each is provoked, when it could be known, and what must be said of it.

A provocation returns the moment from which it could be known, by the monotonic clock. One line of
the log, of `/readyz`, of what the page shows and of `sparkwise status` must each name all three:
the machine, the cause and the remedy."""

import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from paho.mqtt import publish
from plant import Gateway
from wire import Codec, payload
from world import HOST_ID, World, end, eventually

# A call without an answer counts as a failure after so many seconds.
SILENT = 5
# Who is asked for a birth may take so many seconds.
ANSWER = 10
DAY = 86_400
WRITE = ["BatchPutAssetPropertyValue"]


@dataclass(frozen=True)
class Case:
    name: str
    provoke: Callable[[World], float]
    # When it could be known, for who reads the report.
    moment: str
    machine: str
    # Or any of several, with | between them.
    cause: str
    remedy: str
    # Where it must be told; nothing is wrong with the bridge where SiteWise's values tell it.
    readings: tuple[str, ...] = ("log", "readyz", "page", "status")
    # What must hold once all has been read.
    after: Callable[[World], None] | None = None

    @property
    def words(self) -> tuple[str, str, str]:
        return self.machine, self.cause, self.remedy

    def names(self, line: str) -> bool:
        causes = self.cause.split("|")
        words = [self.machine, self.remedy]
        return all(word in line for word in words) and any(cause in line for cause in causes)


def sitewise_hangs(world: World) -> float:
    gateway = world.live()
    world.fault([], kind="latency", milliseconds=600_000)
    gateway.say(21)
    return time.monotonic() + SILENT


def sitewise_dies(world: World) -> float:
    gateway = world.live()
    end(world.sitewise)
    gateway.say(21)
    return time.monotonic()


def denied(world: World) -> float:
    gateway = world.live()
    world.fault(WRITE, kind="error", code="AccessDeniedException")
    gateway.say(21)
    return time.monotonic()


def throttled(world: World) -> float:
    gateway = world.live()
    world.fault(WRITE, kind="error", code="ThrottlingException")
    gateway.say(21)
    return time.monotonic() + SILENT


def no_credentials(world: World) -> float:
    world.start_bridge(AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    return time.monotonic()


def wrong_region(world: World) -> float:
    endpoint = "http://iotsitewise.eu-nowhere-1.invalid"
    world.start_bridge(AWS_REGION="eu-nowhere-1", AWS_ENDPOINT_URL_IOTSITEWISE=endpoint)
    return time.monotonic()


def model_refused(world: World) -> float:
    world.fault([], kind="failModel")
    world.start_bridge()
    world.gateway().be_born()
    return time.monotonic()


def capped(world: World) -> float:
    world.start_bridge(TWIN_MAX_PROPERTIES="5")
    world.gateway(tags=40).be_born()
    return time.monotonic()


def latin1(world: World) -> float:
    world.start_bridge()
    world.gateway(codec=Codec("latin-1")).be_born()
    return time.monotonic()


def wrong_clock(world: World, ahead: float) -> float:
    world.start_bridge()
    gateway = world.gateway(clock=ahead)
    gateway.be_born()
    gateway.say(21)
    return time.monotonic()


def clock_slow(world: World, behind: float) -> float:
    """It is asked for its birth, and answers by its own clock."""
    world.start_bridge()
    eventually(world.logged("initial sync with SiteWise complete"), "SiteWise")
    gateway = world.gateway(clock=-behind)
    gateway.say(21)
    eventually(world.logged("Plant/gw is online"), "its birth")
    gateway.say(22)
    return time.monotonic()


def clock_set_back(world: World) -> float:
    gateway = world.live()
    gateway.say(21)
    gateway.clock = -3600
    # One message may have been stored; those that stay back are asked about.
    began = time.monotonic()
    for value in range(22, 30):
        gateway.say(value)
        time.sleep(1)
    return began


def gateway_dies(world: World) -> float:
    world.live().die()
    return time.monotonic()


def dead_before_start(world: World, heard: bool) -> float:
    """Whether the bridge of before still heard its death."""
    gateway = world.live()
    first = world.bridge
    if heard:
        gateway.die()
        eventually(world.logged("Plant/gw is offline"), "the death")
        # SiteWise has to show it.
        time.sleep(1)
    end(first)
    if not heard:
        gateway.die()
    world.start_bridge()
    eventually(world.logged("connected to"), "the broker")
    return time.monotonic() + ANSWER


def waits_for_a_birth(world: World) -> float:
    """SiteWise did not make its asset before the bridge was restarted, and it is silent now."""
    outbox = str(world.work / "outbox")
    world.fault(["CreateAsset"], kind="error", code="InternalFailureException")
    world.start_bridge(OUTBOX_DIR=outbox)
    eventually(world.logged("connected to"), "the broker")
    gateway = world.gateway(answers=False)
    gateway.be_born()
    for value in range(5):
        gateway.say(value)
    eventually(world.logged("Plant/gw is online"), "its birth")
    # The values have to be on disk.
    time.sleep(2)
    gateway.leave()
    end(world.bridge)
    world.start_bridge(OUTBOX_DIR=outbox)
    eventually(world.logged("connected to"), "the broker")
    return time.monotonic() + ANSWER


def was_asked(world: World) -> None:
    assert world.logged("Plant/gw", "requesting a rebirth of Plant/gw")(), world.log
    world.gateway().be_born()


def broker_restarts(world: World) -> float:
    world.live()
    end(world.broker)
    return time.monotonic()


def broker_is_back(world: World) -> None:
    world.restart_broker()
    world.gateway().be_born()
    world.until_well()


def tls_to_a_plain_port(world: World) -> float:
    world.start_bridge(MQTT_URL=f"mqtts://127.0.0.1:{world.port}")
    return time.monotonic()


def full_disk(world: World) -> float:
    """A file system of its own, where one may be mounted; else files that may not grow."""
    outbox = world.work / "outbox"
    outbox.mkdir()
    mount = f"mount -t tmpfs -o size=48m none {outbox}"
    private = ["unshare", "-rm", "sh", "-c", f'{mount} && exec "$0" "$@"']
    mounted = subprocess.run([*private, "true"], capture_output=True, check=False).returncode == 0
    gateway = world.live(before=private if mounted else None, OUTBOX_DIR=str(outbox))
    pid = world.bridge.pid
    if mounted:
        fill(Path(f"/proc/{pid}/root{outbox}"))
    else:
        subprocess.run(["prlimit", "--pid", str(pid), "--fsize=1"], check=True)
    for n in range(500):
        gateway.say(n)
    return time.monotonic()


def fill(folder: Path) -> None:
    with (folder / "filler").open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue


def filter_takes_all(world: World) -> float:
    world.start_bridge(SPARKPLUG_INCLUDE="Works/*")
    world.gateway().be_born()
    return time.monotonic()


def two_senders(world: World) -> float:
    """With one id; their births interleave, as after requests that both answer."""
    world.start_bridge()
    one, other = (
        world.gateway(answers=False, bd_seq=bd_seq, client_id=f"client {bd_seq}")
        for bd_seq in (7, 90)
    )
    for sender in (one, other, one, other, one):
        sender.be_born()
        time.sleep(0.2)
    return time.monotonic()


def birth_not_decoded(world: World) -> float:
    world.start_bridge()
    world.gateway(answers=False).send("NBIRTH", b"\xff\xff\xff this is JSON, perhaps")
    return time.monotonic()


def never_born(world: World) -> float:
    world.start_bridge()
    eventually(world.logged("connected to"), "the broker")
    world.gateway(answers=False).say(21)
    return time.monotonic() + ANSWER


def only_stored(world: World) -> float:
    """The server has stored the birth of a gateway that is gone."""
    gone = world.gateway(answers=False)
    gone.be_born(retain=True)
    gone.leave()
    world.start_bridge()
    eventually(world.logged("connected to"), "the broker")
    return time.monotonic() + ANSWER


def only_stored_many(world: World) -> float:
    """The same of six hundred gateways."""
    gone = world.gateway(answers=False)
    message = payload(int(time.time() * 1000), 0, [], Codec())
    for n in range(600):
        gone.publish(f"spBv1.0/Plant/NBIRTH/gone-{n}", message, retain=True)
    gone.leave()
    world.start_bridge()
    eventually(world.logged("connected to"), "the broker")
    return time.monotonic() + ANSWER


def told_in_few_lines(world: World) -> None:
    told = [line for _, line in world.log if " WARN " in line and "Plant/gone-" in line]
    assert 0 < len(told) < 50, told

    def one_row() -> bool:
        rows = [line for line in world.readyz() if "Plant/gone-" in line]
        return len(rows) == 1 and "and 595 more" in rows[0]

    eventually(one_row, "one row for all of them")


def reads_nothing(world: World) -> float:
    """The server grants subscriptions, and withholds all messages."""
    end(world.broker)
    world.restart_broker(acl="topic write spBv1.0/#")
    world.start_bridge()
    eventually(world.logged("connected to"), "the broker")
    return time.monotonic() + ANSWER


def doctor_says_it(world: World) -> None:
    told = [line for line in world.doctor() if line.startswith("wrong") and "ACL" in line]
    assert told and "read spBv1.0/#" in told[0], world.doctor()
    end(world.broker)
    world.restart_broker()
    told = [line for line in world.doctor() if "delivered back" in line]
    assert told and told[0].startswith("ok"), world.doctor()


def same_client_id(world: World) -> float:
    """Another client takes the bridge's session from it, and again once the bridge is back."""
    world.live(MQTT_CLIENT_ID="sparkwise-1")
    for _ in range(4):
        before = len([line for _, line in world.log if "connected to" in line])
        Gateway(world.port, "intruder", client_id="sparkwise-1")
        eventually(
            lambda before=before: (
                len([line for _, line in world.log if "connected to" in line]) > before
            ),
            "the bridge is back",
        )
    return time.monotonic()


def another_host(world: World) -> float:
    """Another host application goes by the bridge's id."""
    world.live()
    state = f'{{"online":true,"timestamp":{int(time.time() * 1000) + 5000}}}'.encode()
    world.gateway("host").publish(f"spBv1.0/STATE/{HOST_ID}", state, retain=True)
    return time.monotonic()


def farm(world: World, fault: str, known_after: float = 0) -> float:
    """A fault of `windfarm`."""
    return world.farm(fault) + known_after


# What a command waits for the machine's value.
CONFIRM = 2
THING = "$aws/commands/things/plant-1/executions"


def farm_deaf_turbine(world: World) -> float:
    """A command to a machine that does not obey: it comes in where AWS IoT would send it."""
    world.farm(
        "deaf-turbine",
        COMMANDS_ALLOW="WindTurbine/Pitch Limit = 0..90 step 0.5",
        COMMANDS_THING="plant-1",
        COMMANDS_IOT_URL=f"mqtt://127.0.0.1:{world.port}",
        COMMANDS_CONFIRM=f"{CONFIRM}s",
    )
    asset = "Nordsee/Gateway Nord/Row 1/T01"
    request = json.dumps({"asset": asset, "property": "Pitch Limit", "value": 41.5})
    publish.single(f"{THING}/e-1/request/json", request, hostname="127.0.0.1", port=world.port)
    return time.monotonic() + CONFIRM


CASES = [
    Case(
        "farm_deaf_turbine", farm_deaf_turbine, f"{CONFIRM} s after the command",
        "T01/Pitch Limit", "NOT_CONFIRMED", "look at the machine",
        readings=("log",),
    ),
    Case(
        "farm_hot_gearbox", partial(farm, fault="hot-gearbox", known_after=90),
        "90 s after the cooling broke",
        "T01", "Alarm", "True",
        readings=("value",),
    ),
    Case(
        "farm_lost_gateway", partial(farm, fault="lost-gateway"), "at its death",
        "Nordsee/Gateway Nord", "is offline", "check its power",
    ),
    Case(
        "farm_wrong_clock", partial(farm, fault="wrong-clock"), "at the next value",
        "Nordsee/Gateway Nord", "ahead", "synchronize the edge's clock",
    ),
    Case(
        "farm_no_birth", partial(farm, fault="no-birth", known_after=ANSWER),
        "10 s after the request",
        "Nordsee/Gateway Nord", "without a birth", "restart it",
    ),
    Case(
        "farm_two_senders", partial(farm, fault="two-senders", known_after=ANSWER),
        "at the second alternation of bdSeq",
        "Nordsee/Gateway Nord", "two senders", "give each an id of its own",
    ),
    Case(
        "sitewise_hangs", sitewise_hangs, "5 s after the call",
        "SiteWise", "no answer for", "AWS Health Dashboard",
    ),
    Case(
        "sitewise_dies", sitewise_dies, "at the next call",
        "SiteWise", "is unreachable", "check routes",
    ),
    Case(
        "denied", denied, "at the next call",
        "SiteWise", "denies iotsitewise:BatchPutAssetPropertyValue", "allow it in the policy",
    ),
    Case(
        "throttled", throttled, "5 s after the call",
        "SiteWise", "throttles", "request higher quotas from AWS",
    ),
    Case(
        "no_credentials", no_credentials, "at the start",
        "http://127.0.0.1:", "no AWS credentials were found", "give the task or instance a role",
    ),
    Case(
        "wrong_region", wrong_region, "at the start",
        "iotsitewise.eu-nowhere-1.invalid", "cannot be resolved", "check AWS_REGION",
    ),
    Case(
        "model_refused", model_refused, "at the birth",
        "Plant/gw waits for it", "was ordered to fail", "correct what the message names",
    ),
    Case(
        "capped", capped, "at the birth",
        "Plant/gw", "exceeds TWIN_MAX_PROPERTIES", "raise",
    ),
    Case(
        "latin1", latin1, "at the birth",
        "Plant/gw", "is not UTF-8", "let the edge node send UTF-8",
    ),
    Case(
        "clock_ahead", partial(wrong_clock, ahead=3600), "at the data",
        "Plant/gw", "ahead", "synchronize the edge's clock",
    ),
    Case(
        "clock_behind", partial(wrong_clock, ahead=-8 * DAY), "at the data",
        "Plant/gw", "seven days", "synchronize the edge's clock",
    ),
    Case(
        "clock_slow", partial(clock_slow, behind=47 * 60), "at the data",
        "Plant/gw", "47 min behind", "synchronize the edge's clock",
    ),
    Case(
        "clock_set_back", clock_set_back, "at the data",
        "Plant/gw", "its clock went back", "synchronize the edge's clock",
    ),
    Case(
        "gateway_dies", gateway_dies, "at its death",
        "Plant/gw", "is offline", "check its power",
    ),
    Case(
        "dead_unheard", partial(dead_before_start, heard=False), "10 s after the connection",
        "Plant/gw", "offline", "check its power",
    ),
    Case(
        "dead_before_start", partial(dead_before_start, heard=True), "10 s after the connection",
        "Plant/gw", "offline", "check its power",
    ),
    Case(
        "waits_for_a_birth", waits_for_a_birth, "10 s after the connection",
        "Plant/gw", "that wait for a birth", "start the edge node",
        after=was_asked,
    ),
    Case(
        "broker_restarts", broker_restarts, "when it goes",
        "mqtt://127.0.0.1:", "connection refused", "that the server runs",
        after=broker_is_back,
    ),
    Case(
        "tls_to_a_plain_port", tls_to_a_plain_port, "at the start",
        "mqtts://127.0.0.1:", "without TLS", "check scheme and port in MQTT_URL",
    ),
    Case(
        "full_disk", full_disk, "at the next value",
        "outbox", "No space left on device|File too large", "free space on the disk of OUTBOX_DIR",
    ),
    Case(
        "filter_takes_all", filter_takes_all, "at the first message",
        "Plant/gw", "filtered out by SPARKPLUG_INCLUDE and SPARKPLUG_EXCLUDE", "change the globs",
    ),
    Case(
        "two_senders", two_senders, "at the second alternation of bdSeq",
        "Plant/gw", "two senders", "give each an id of its own",
    ),
    Case(
        "birth_not_decoded", birth_not_decoded, "at the birth",
        "Plant/gw", "cannot be decoded", "check",
    ),
    Case(
        "never_born", never_born, "10 s after the request",
        "Plant/gw", "without a birth", "restart it",
    ),
    Case(
        "only_stored", only_stored, "10 s after the request",
        "Plant/gw", "stored (retained)", "delete the retained message",
    ),
    Case(
        "only_stored_many", only_stored_many, "10 s after the request",
        "Plant/gone-", "stored (retained)", "delete the retained message",
        after=told_in_few_lines,
    ),
    Case(
        "reads_nothing", reads_nothing, "10 s after the connection",
        "mqtt://127.0.0.1:", "delivers nothing", "allow this user to read",
        after=doctor_says_it,
    ),
    Case(
        "same_client_id", same_client_id, "when it is lost for the third time",
        "mqtt://127.0.0.1:", "MQTT_CLIENT_ID", "give each its own",
    ),
    Case(
        "another_host", another_host, "at its STATE",
        "another host application", "SPARKPLUG_HOST_ID", "of its own",
    ),
]
