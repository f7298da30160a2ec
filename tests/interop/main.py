"""Runs all scenarios and closes with the count of what passed and failed.

Where INTEROP_AT_ONCE is a number, so many processes run the tests, each one test after the other, or
one class whose tests share what it sets up.
"""

import atexit
import os
import re
import signal
import subprocess
import sys
import unittest
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
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
    at_once = int(os.environ.pop("INTEROP_AT_ONCE", "1"))
    if at_once > 1:
        # Of a module that cannot be imported, the process of its tests says less than this.
        print(*loader.errors, sep="\n", end="")
        return run_at_once(list(dict.fromkeys(map(unit, flattened(suite)))), at_once)
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


def flattened(suite: unittest.TestSuite) -> Iterator[unittest.TestCase]:
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from flattened(test)
        else:
            yield test


def unit(test: unittest.TestCase) -> str:
    """What has to run in one process: a test, or the class that sets up something for all of its."""
    shared = type(test).setUpClass.__func__ is not unittest.TestCase.setUpClass.__func__
    return test.id().rpartition(".")[0] if shared else test.id()


def run_at_once(names: list[str], at_once: int) -> int:
    running: set[subprocess.Popen[str]] = set()

    def run(name: str) -> tuple[int, int]:
        """The passed and failed tests of a process that runs this one."""
        folder = Path(os.environ["INTEROP_WORK"], name)
        folder.mkdir(parents=True)
        for above in (folder, folder.parent):
            above.chmod(0o755)
        process = subprocess.Popen(
            [sys.executable, __file__, name],
            env={**os.environ, "INTEROP_WORK": str(folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        running.add(process)
        output, _ = process.communicate()
        running.discard(process)
        print(output, flush=True)
        counts = re.findall(r"^(\d+) passed, (\d+) failed$", output, re.MULTILINE)
        passed, failed = map(int, counts[-1]) if counts else (0, 1)
        return passed, failed if process.returncode == 0 else max(failed, 1)

    with ThreadPoolExecutor(at_once) as pool:
        try:
            counts = list(pool.map(run, names))
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list(running):
                process.terminate()
            for process in list(running):
                process.wait()
            os._exit(130)
    passed, failed = (sum(column) for column in zip(*counts, strict=True))
    print(f"{passed} passed, {failed} failed", flush=True)
    return 0 if passed and not failed else 1


def print_logs() -> None:
    Stack.close_all()
    for log in sorted(Path(os.environ["INTEROP_WORK"]).glob("*/*.log")):
        lines = log.read_text(errors="replace").splitlines()
        print(f"\n--- {log.parent.name}/{log.name}, the last of {len(lines)} lines")
        print("\n".join(lines[-LAST_LINES:]))


if __name__ == "__main__":
    sys.exit(main())
