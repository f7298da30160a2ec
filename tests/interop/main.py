"""Runs all scenarios and closes with the count of what passed and failed."""

import atexit
import os
import signal
import sys
import unittest
from pathlib import Path

from stack import Stack

LAST_LINES = 60


def interrupted(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def main() -> int:
    signal.signal(signal.SIGTERM, interrupted)
    atexit.register(Stack.close_all)
    names = sys.argv[1:]
    loader = unittest.defaultTestLoader
    suite = loader.loadTestsFromNames(names) if names else loader.discover(".")
    try:
        result = unittest.TextTestRunner(verbosity=2).run(suite)
    except KeyboardInterrupt:
        Stack.close_all()
        # Whoever still waits for something waits for nothing.
        os._exit(130)
    unhappy = [test for test, _ in [*result.failures, *result.errors]]
    # A subtest counts for its test, and a class that cannot be set up as one that failed.
    failed = {getattr(test, "test_case", test).id() for test in unhappy}
    ran = {name for name in failed if not name.startswith("setUpClass")}
    if failed:
        print_logs()
    print(f"{result.testsRun - len(ran)} passed, {len(failed)} failed", flush=True)
    return 0 if result.testsRun and not failed else 1


def print_logs() -> None:
    Stack.close_all()
    for log in sorted(Path(os.environ["INTEROP_WORK"]).glob("*/*.log")):
        lines = log.read_text(errors="replace").splitlines()
        print(f"\n--- {log.parent.name}/{log.name}, the last of {len(lines)} lines")
        print("\n".join(lines[-LAST_LINES:]))


if __name__ == "__main__":
    sys.exit(main())
