"""Commands over an SQS queue: moto's server holds the queues, a proxy before it lets answers come
twice, late, or not at all."""

import json
import os
import subprocess
import threading
import time
import urllib.error
import urllib.request
from http.client import HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import foreign

from loop import FOLDER, Json, Loop, check, free_port, until, until_open

RECEIVE, DELETE = "AmazonSQS.ReceiveMessage", "AmazonSQS.DeleteMessageBatch"


class Proxy:
    """Before the queues. Messages are hidden for a second only, so that what stays comes again
    soon."""

    def __init__(self, target: int) -> None:
        self.target = f"http://127.0.0.1:{target}"
        # What happens with the next answer of an operation.
        self.away = False
        self.refuse_deletion = False
        self.hold_deletion = threading.Event()
        self.deleted = threading.Event()
        self.release = threading.Event()
        self.replay: bytes | None = None
        self.last_received: bytes | None = None
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                status, answer = proxy.answer(self.headers, body)
                try:
                    self.send_response(status)
                    self.send_header("content-type", "application/x-amz-json-1.0")
                    self.send_header("content-length", str(len(answer)))
                    self.end_headers()
                    self.wfile.write(answer)
                except (BrokenPipeError, ConnectionResetError):
                    pass

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, headers: Any, body: bytes) -> tuple[int, bytes]:
        operation = headers["x-amz-target"]
        if self.away:
            return 503, b"{}"
        given: Json = json.loads(body)
        is_request = given.get("QueueUrl", "").endswith("/requests")
        if operation == RECEIVE and is_request:
            if self.replay is not None:
                answer, self.replay = self.replay, None
                return 200, answer
            check_received(given)
            given |= {"VisibilityTimeout": 1, "WaitTimeSeconds": 1}
        if operation == DELETE and self.refuse_deletion:
            self.refuse_deletion = False
            return 500, b'{"__type": "InternalFailure"}'
        status, answer = self.forward(headers, json.dumps(given).encode())
        if operation == RECEIVE and is_request and json.loads(answer).get("Messages"):
            self.last_received = answer
        if operation == DELETE:
            answer = all_deleted(given)
            if self.hold_deletion.is_set():
                self.deleted.set()
                self.release.wait(30)
        return status, answer

    def forward(self, headers: Any, body: bytes) -> tuple[int, bytes]:
        names = ("x-amz-target", "content-type", "authorization", "x-amz-date")
        sent = {name: headers[name] for name in names if name in headers}
        request = urllib.request.Request(self.target, body, sent)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except (OSError, HTTPException) as error:
            # At the end the queues go first.
            return 502, json.dumps({"message": str(error)}).encode()

    def stop(self) -> None:
        self.release.set()
        self.server.shutdown()


def check_received(given: Json) -> None:
    wanted = {"MaxNumberOfMessages": 10, "WaitTimeSeconds": 20, "VisibilityTimeout": 60}
    seen = {name: given.get(name) for name in wanted}
    if seen != wanted or given.get("MessageSystemAttributeNames") != ["SentTimestamp"]:
        raise AssertionError(f"messages are asked for with {given}")


def all_deleted(given: Json) -> bytes:
    """SQS deletes a message that was deleted before as well; moto does not."""
    ids = [{"Id": entry["Id"]} for entry in given["Entries"]]
    return json.dumps({"Successful": ids, "Failed": []}).encode()


class Queues:
    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        port = free_port()
        moto = str(Path(os.environ["LOOP_PYTHON"]).parent / "moto_server")
        loop.start("moto", [moto, "-H", "127.0.0.1", "-p", str(port)], {})
        until_open(port)
        self.proxy = Proxy(port)
        self.sqs = boto3.client(
            "sqs",
            region_name="eu-west-1",
            aws_access_key_id="commands",
            aws_secret_access_key="commands",
            endpoint_url=f"http://127.0.0.1:{port}",
        )
        self.dead = self.create("dead")
        arn = self.attributes(self.dead, "QueueArn")["QueueArn"]
        redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "2"})
        self.requests = self.create("requests", RedrivePolicy=redrive)
        self.answers = self.create("answers")
        self.seen: list[Json] = []
        self.console = free_port()
        self.bridge = self.start()

    def create(self, name: str, **attributes: str) -> str:
        return str(self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])

    def attributes(self, url: str, *names: str) -> Json:
        return dict(self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"])

    def url(self, name: str) -> str:
        return f"{self.proxy.url}/123456789012/{name}"

    def configuration(self) -> dict[str, str]:
        environment: dict[str, str] = self.loop.environment | {
            "COMMANDS_QUEUE_URL": self.url("requests"),
            "COMMANDS_ANSWER_QUEUE_URL": self.url("answers"),
            "CONSOLE_ADDR": f"127.0.0.1:{self.console}",
            "SPARKPLUG_HOST_ID": "queues",
            "COMMANDS_CONFIRM": "2s",
        }
        for name in ("COMMANDS_THING", "COMMANDS_IOT_URL"):
            environment.pop(name)
        return environment

    def start(self) -> subprocess.Popen[bytes]:
        program = os.environ["LOOP_SPARKWISE"]
        return self.loop.start("queues", [program], self.configuration())

    def terminal(self, *arguments: str) -> tuple[int, str]:
        """A subcommand, with the bridge's variables, while the machine obeys."""
        process = subprocess.Popen(
            [os.environ["LOOP_SPARKWISE"], *arguments],
            env={**os.environ, **self.configuration()},
            stdout=subprocess.PIPE,
            text=True,
        )
        while process.poll() is None:
            self.loop.obey()
            time.sleep(0.01)
        return process.returncode, process.communicate()[0]

    def write(self, value: str) -> tuple[int, str]:
        named = ("--asset", "Nordsee/gw", "--property", "Limit")
        code, text = self.terminal("write", *named, "--value", value)
        return code, text.split(":")[0]

    def send(self, body: str) -> str:
        return str(self.sqs.send_message(QueueUrl=self.requests, MessageBody=body)["MessageId"])

    def ask(self, value: Any, **more: Any) -> str:
        return self.send(json.dumps({"asset": "Nordsee/gw", "property": "Limit", "value": value} | more))

    def read(self) -> None:
        answer = self.sqs.receive_message(QueueUrl=self.answers, MaxNumberOfMessages=10)
        for message in answer.get("Messages", []):
            self.seen.append(json.loads(message["Body"]))
            self.sqs.delete_message(QueueUrl=self.answers, ReceiptHandle=message["ReceiptHandle"])

    def answers_to(self, name: str) -> list[Json]:
        self.loop.obey()
        self.read()
        return [one for one in self.seen if one["id"] == name]

    def answered(self, name: str, times: int = 1) -> Json:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if len(seen := self.answers_to(name)) >= times:
                return seen[-1]
            time.sleep(0.01)
        raise TimeoutError(f"{name} is not answered {times} times: {self.seen}")

    def outcome(self, value: Any, **more: Any) -> str:
        answer = self.answered(self.ask(value, **more))
        return f"{answer['status']} {answer['code']}"

    def left(self, url: str) -> int:
        """Messages in a queue, hidden ones included."""
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        return sum(int(count) for count in self.attributes(url, *names).values())

    def problems(self) -> str:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.console}/readyz", timeout=5) as page:
                return page.read().decode()
        except (urllib.error.URLError, ConnectionError) as error:
            return str(error)

    def metric(self, name: str) -> float:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.console}/metrics", timeout=5) as page:
            lines = page.read().decode().splitlines()
        return next(float(line.split()[-1]) for line in lines if line.startswith(name + " "))


def scenario(loop: Loop) -> None:
    queues = Queues(loop)
    try:
        play(queues)
    finally:
        queues.proxy.stop()


def play(queues: Queues) -> None:
    loop = queues.loop
    until(lambda: queues.outcome(42.5), "SUCCEEDED ALREADY")
    loop.commanded.clear()
    told: list[tuple[str, Any]] = []

    began = time.monotonic()
    name = queues.ask(43.5)
    answer = queues.answered(name)
    took = time.monotonic() - began
    seen = (answer["status"], answer["code"], answer["value"], answer["metric"])
    check("confirmed", seen, ("SUCCEEDED", "CONFIRMED", 43.5, "Nordsee/gw/Limit"))
    check("within a second", took < 1 and answer["after_ms"] < 1000, True)
    told.append(("Limit", 43.5))
    check("the machine was told", loop.commanded, told)
    check("deleted", queues.left(queues.requests), 0)

    check("not listed", queues.outcome(2, property="Secret"), "REJECTED NOT_ALLOWED")
    check("out of range", queues.outcome(90.5), "REJECTED OUT_OF_RANGE")
    check("expired", queues.outcome(1, expires=1), "REJECTED EXPIRED")
    check("silent", queues.outcome(8, property="Silent"), "FAILED NOT_CONFIRMED")
    told.append(("Silent", 8.0))

    # It comes a second time, although it was deleted.
    name = queues.ask(44)
    queues.answered(name)
    told.append(("Limit", 44.0))
    queues.proxy.replay = queues.proxy.last_received
    check("the same answer again", queues.answered(name, 2)["code"], "CONFIRMED")
    check("told once", loop.commanded, told)

    # What cannot be deleted is not told; it comes again.
    queues.proxy.refuse_deletion = True
    name = queues.ask(45)
    check("at the second attempt", queues.answered(name)["code"], "CONFIRMED")
    told.append(("Limit", 45.0))
    check("and once", loop.commanded, told)
    not_taken = 'sparkwise_commands_not_taken_total{channel="queue"}'
    check("counted", queues.metric(not_taken), 1.0)

    foreign.by_queue(queues)

    poison = [queues.send("not JSON"), queues.send('{"asset": "a", "property": "b", "vlaue": 1}')]
    codes = [queues.answered(name)["code"] for name in poison]
    check("poison is answered", codes, ["MALFORMED", "MALFORMED"])
    until(lambda: (queues.left(queues.requests), queues.left(queues.dead)), (0, 2))
    check("once each", [len(queues.answers_to(name)) for name in poison], [1, 1])

    check("from a terminal", queues.write("49.5"), (0, "SUCCEEDED CONFIRMED (49.5)"))
    told.append(("Limit", 49.5))
    check("and rejected", queues.write("91"), (1, "REJECTED OUT_OF_RANGE"))
    check("told once more", loop.commanded, told)
    _, report = queues.terminal("doctor")
    for line in ("the dead-letter queue of", "sqs:DeleteMessage on"):
        check(f"doctor: {line}", f"ok          {line} {queues.url('requests')}" in report, True)

    queues.proxy.away = True
    until(lambda: "commands_unreachable" in queues.problems(), True)
    up = 'sparkwise_commands_channel_up{channel="queue"}'
    check("told by the metrics", queues.metric(up), 0.0)
    queues.proxy.away = False
    until(lambda: "commands_unreachable" in queues.problems(), False)
    check("and back", queues.metric(up), 1.0)

    # Killed between the deletion and the command: nothing is told, and nobody answers.
    queues.proxy.hold_deletion.set()
    lapse = queues.ask(46)
    check("deleted", queues.proxy.deleted.wait(20), True)
    queues.bridge.kill()
    queues.bridge.wait()
    queues.proxy.hold_deletion.clear()
    queues.proxy.release.set()
    late = queues.ask(47)
    time.sleep(1)
    queues.bridge = queues.start()
    answer = queues.answered(late)
    check("sent before the start", (answer["code"], "before" in answer["reason"]), ("EXPIRED", True))
    until(lambda: queues.outcome(48), "SUCCEEDED CONFIRMED")
    told.append(("Limit", 48.0))
    check("nothing else was told", loop.commanded, told)
    check("a lapse", queues.answers_to(lapse), [])
    check("nothing is left", queues.left(queues.requests), 0)

    name = queues.ask(9, property="Silent")
    until(lambda: len(loop.obey() or loop.commanded), len(told) + 1)
    queues.bridge.terminate()
    check("at the end", queues.answered(name)["code"], "NOT_CONFIRMED")
    check("the bridge's exit", queues.bridge.wait(30), 0)
