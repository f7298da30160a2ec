"""What the bridge logs at shutdown about every value it has read."""

import json
from collections import Counter
from pathlib import Path
from typing import Any


class Accounts:
    """The closing lines of a log in JSON."""

    def __init__(self, log: Path) -> None:
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        (self.totals,) = [line for line in lines if "values.points" in line]
        self.given_up: dict[str, Counter[str]] = {}
        for line in lines:
            if "values.count" in line:
                reasons = self.given_up.setdefault(line["outcome"], Counter())
                reasons[line["reason"]] += line["values.count"]

    def __getitem__(self, name: str) -> Any:
        """`read`, `points`, `own`, `delivered`, `waiting` or `buffered`."""
        return self.totals[f"values.{name}"]

    def named(self, *became: str) -> Counter[str]:
        """Values that were `refused`, `discarded` or `dropped`, by the reason."""
        return sum((self.given_up.get(what, Counter()) for what in became), Counter())
