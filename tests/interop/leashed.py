"""The other end of the leash, for edges in Python: commands come in, events go out."""

import json
import sys
import traceback
from collections.abc import Callable
from typing import Any

Json = dict[str, Any]


def tell(event: str, **details: Any) -> None:
    sys.stdout.write(json.dumps({"event": event, **details}) + "\n")
    sys.stdout.flush()


def serve(commands: dict[str, Callable[..., None]]) -> None:
    """Carries out commands until there is nobody left to give them."""
    for line in sys.stdin:
        details = json.loads(line, object_hook=_revive)
        command = details.pop("command")
        try:
            commands[command](**details)
            tell("done", command=command)
        except Exception:
            tell("failed", command=command, message=traceback.format_exc())


def _revive(value: Json) -> Any:
    return int(value["$integer"]) if "$integer" in value else value
