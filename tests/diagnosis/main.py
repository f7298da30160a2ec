"""Provokes each failure, and reads log, console and status."""

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from cases import CASES, Case
from world import World

# Seconds from the moment at which it could be known.
DEADLINE = 10.0
AT_ONCE = 3
LAST_LINES = 25


@dataclass
class Outcome:
    case: Case
    # Seconds from the moment until each reading had it; those that are missing did not.
    found: dict[str, float] = field(default_factory=dict)
    trouble: str = ""
    evidence: str = ""

    @property
    def well(self) -> bool:
        return not self.trouble and len(self.found) == len(self.case.readings)


def in_log(world: World, case: Case, since: float) -> float | None:
    return next((at for at, line in list(world.log) if at >= since and case.names(line)), None)


def among(lines: Callable[[World], list[str]]) -> Callable[[World, Case, float], float | None]:
    def read(world: World, case: Case, _since: float) -> float | None:
        return time.monotonic() if any(case.names(line) for line in lines(world)) else None

    return read


READINGS: dict[str, Callable[[World, Case, float], float | None]] = {
    "log": in_log,
    "readyz": among(World.readyz),
    "page": among(World.page),
    "status": among(World.status),
    # What SiteWise shows of the plant: asset, property and value.
    "value": among(lambda world: [f"T01 Alarm {world.value('T01', 'Alarm')}"]),
}


def run(case: Case, work: Path) -> Outcome:
    outcome = Outcome(case)
    folder = work / case.name
    folder.mkdir()
    folder.chmod(0o755)
    world = World(folder)
    try:
        world.start()
        began = time.monotonic()
        moment = case.provoke(world)
        while len(outcome.found) < len(case.readings):
            for name, read in [(name, READINGS[name]) for name in case.readings]:
                if name not in outcome.found and (at := read(world, case, began)) is not None:
                    if at <= moment + DEADLINE:
                        outcome.found[name] = max(at - moment, 0.0)
            if time.monotonic() > moment + DEADLINE:
                break
            time.sleep(0.2)
        if not outcome.well:
            outcome.evidence = evidence(world)
        if case.after:
            case.after(world)
    except Exception:
        outcome.trouble = traceback.format_exc()
        outcome.evidence = outcome.evidence or evidence(world)
    finally:
        world.stop()
    return outcome


def evidence(world: World) -> str:
    parts = {
        "log": [line for _, line in world.log if " INFO " not in line][-LAST_LINES:],
        "readyz": world.readyz(),
        "page": world.page(),
        "status": world.status(),
    }
    return "\n".join(f"  [{name}]\n    " + "\n    ".join(said) for name, said in parts.items())


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    wanted = sys.argv[1:]
    chosen = [case for case in CASES if not wanted or any(part in case.name for part in wanted)]
    if not chosen:
        print(f"there is no case like {wanted}")
        return 64
    began = time.monotonic()
    work = Path(os.environ["DIAGNOSIS_WORK"])
    with ThreadPoolExecutor(AT_ONCE) as pool:
        outcomes = list(pool.map(lambda case: run(case, work), chosen))
    for outcome in outcomes:
        if not outcome.well:
            print(f"\n--- {outcome.case.name}: wanted {outcome.case.words}")
            print(outcome.trouble + outcome.evidence)
    width = max(len(case.name) for case in chosen)
    print(f"\n{'':{width}}  seconds after the moment: " + ", ".join(READINGS))
    for outcome in outcomes:
        seconds = [outcome.found.get(name) for name in READINGS]
        told = "  ".join("  -- " if at is None else f"{at:5.1f}" for at in seconds)
        verdict = "" if outcome.well else "  NOT TOLD"
        print(f"{outcome.case.name:{width}}  {told}{verdict}  ({outcome.case.moment})")
    wrong = sum(not outcome.well for outcome in outcomes)
    print(f"{len(outcomes) - wrong} of {len(outcomes)} told, {time.monotonic() - began:.0f} s")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
