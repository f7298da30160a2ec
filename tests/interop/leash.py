"""Another program on a leash: told what to do by JSON lines on its stdin, it tells what happens
by JSON lines on its stdout."""

import base64
import contextlib
import json
import math
import os
import queue
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Json = dict[str, Any]

# Seconds until an event must have come.
WITHIN = 30.0


class Leash:
    def __init__(self, command: list[str], log: Path, **env: str) -> None:
        self._log = log.open("ab")
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**os.environ, **env},
            text=True,
        )
        assert self._process.stdin and self._process.stdout
        self._commands, self._lines = self._process.stdin, self._process.stdout
        self._events: queue.Queue[Json] = queue.Queue()
        self._unread: list[Json] = []
        threading.Thread(target=self._read, daemon=True).start()

    def call(self, command: str, **details: Any) -> None:
        """Has a command carried out."""
        line = json.dumps(_wire({"command": command, **details}))
        self._commands.write(line + "\n")
        self._commands.flush()
        answer = self._take(lambda e: e["event"] in ("done", "failed") and e["command"] == command)
        if answer is None or answer["event"] == "failed":
            raise RuntimeError(f"{command} failed: {answer}")

    def wait_for(self, event: str, matching: Callable[[Json], bool] = lambda _: True) -> Json:
        """The first event of this kind that nobody has waited for yet."""
        found = self._take(lambda e: e["event"] == event and matching(e))
        if found is None:
            raise TimeoutError(f"no {event} within {WITHIN} s; unread: {self._unread}")
        return found

    def unread(self, event: str) -> list[Json]:
        """Events of this kind that nobody has waited for."""
        while not self._events.empty():
            self._unread.append(self._events.get())
        return [e for e in self._unread if e["event"] == event]

    def kill(self) -> None:
        """SIGKILL: the program has no chance to take leave."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """Ends the process, in order if it can."""
        with contextlib.suppress(BrokenPipeError):
            self._commands.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self.kill()
        self._lines.close()
        self._log.close()

    def _take(self, wanted: Callable[[Json], bool]) -> Json | None:
        for event in self._unread:
            if wanted(event):
                self._unread.remove(event)
                return event
        deadline = time.monotonic() + WITHIN
        try:
            while True:
                event = self._events.get(timeout=max(0.0, deadline - time.monotonic()))
                if wanted(event):
                    return event
                self._unread.append(event)
        except queue.Empty:
            return None

    def _read(self) -> None:
        for line in self._lines:
            self._events.put(json.loads(line))


def _wire(value: Any) -> Any:
    """What JSON lacks, as edge.js revives it."""
    match value:
        case dict():
            return {key: _wire(inner) for key, inner in value.items()}
        case list():
            return [_wire(inner) for inner in value]
        case bytes():
            return {"$bytes": base64.b64encode(value).decode()}
        case bool():
            return value
        case int() if abs(value) > 2**53:
            return {"$integer": str(value)}
        case float() if not math.isfinite(value):
            return {"$float": {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")}
    return value
