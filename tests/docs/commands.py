"""Runs the commands that the documentation prints, as they are printed.

    python commands.py            all that can run here, offline
    python commands.py --list     what would run and what would not, and why

Every ```console block of every document is taken, its `$ ` lines with what continues them. What
cannot run here says so in a comment just above the block: <!-- not run: reason -->. What runs until
somebody ends it says what it prints once it is up: <!-- until: words -->; it goes on beside the
following commands and gets Ctrl-C at the end of its document, and must then end with 0. A document
is one session: what is exported stays.

The last line is "N passed, N failed, N skipped".
"""

import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIMIT = 300
BLOCK = re.compile(r"(?:<!-- (not run|until): (.+?) -->\n)?```console\n(.*?)```", re.DOTALL)
FENCE = re.compile(r"```(?:sh|bash|shell)\n")


def documents():
    folders = ["", "docs", "docs/decisions", "infra", "infra/grafana", "infra/kubernetes"]
    folders += ["infra/systemd", "localstack", "localstack/iot", "localstack/sitewise", "localstack/windfarm", "fuzz"]
    found = [path for folder in folders for path in sorted((ROOT / folder).glob("*.md"))]
    assert len(found) > 10, found
    return found


def commands(block):
    """Each command of a block with the lines that continue it, without what it printed."""
    found = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append(line[2:])
        elif found and (found[-1].endswith("\\") or found[-1].endswith("|")):
            found[-1] += "\n" + line
    assert found, f"a console block without a command: {block!r}"
    return found


def blocks(path):
    text = path.read_text()
    assert not FENCE.search(text), f"{path}: a command belongs into a ```console block"
    # Fences in order are begin, end, begin, end; one that begins without a word may hold anything.
    begins = re.findall(r"^```(.*)$", text, re.MULTILINE)[::2]
    assert all(begins), f"{path}: a block without a word for what it holds"
    return [(kind, words, commands(block)) for kind, words, block in BLOCK.findall(text)]


class Session:
    """The shell of someone who follows a document."""

    def __init__(self, folder):
        self.environment = folder / "environment"
        self.beside = []
        self.folder = folder

    def script(self, command):
        """The command in the environment that those before it left, and the one it leaves."""
        return f"""
            set -aeo pipefail
            if test -f {self.environment}; then . {self.environment}; fi
            {command}
            export -p >{self.environment}
        """

    def run(self, command):
        end = subprocess.run(
            ["bash", "-c", self.script(command)],
            cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT,
        )
        return None if end.returncode == 0 else f"ended with {end.returncode}\n{end.stdout}{end.stderr}"

    def start(self, command, words):
        log = self.folder / f"beside-{len(self.beside)}"
        with log.open("w") as out:
            process = subprocess.Popen(
                # `env` also takes variables that stand before the command's name.
                ["bash", "-c", self.script(f"exec env {command}")],
                cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
            )
        self.beside.append((command, process, log))
        end = time.monotonic() + LIMIT
        while words not in log.read_text():
            if process.poll() is not None or time.monotonic() > end:
                return f"never printed {words!r}\n{log.read_text()}"
            time.sleep(0.2)
        return None

    def close(self):
        """Ctrl-C for all that still runs, the last started first."""
        faults = []
        for command, process, log in reversed(self.beside):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)
            try:
                code = process.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                code = "no end"
            if code != 0:
                faults.append((command, f"after Ctrl-C: {code}\n{log.read_text()[-2000:]}"))
        return faults


def main(only_list):
    passed, failed, skipped = 0, 0, 0
    for path in documents():
        name = path.relative_to(ROOT)
        with tempfile.TemporaryDirectory() as folder:
            session = Session(pathlib.Path(folder))
            for kind, words, found in blocks(path):
                for command in found:
                    if kind == "not run":
                        skipped += 1
                        if only_list:
                            print(f"{name}: not run ({words}): {command}")
                        continue
                    if only_list:
                        print(f"{name}: {command}")
                        continue
                    start = time.monotonic()
                    fault = session.start(command, words) if kind == "until" else session.run(command)
                    print(f"{time.monotonic() - start:6.1f}s {name}: {command}", flush=True)
                    if fault:
                        failed += 1
                        print(fault)
                    else:
                        passed += 1
            for command, fault in session.close():
                failed += 1
                print(f"{name}: {command}\n{fault}")
    assert only_list or passed > 5, "hardly a command was found"
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return failed


if __name__ == "__main__":
    sys.exit(1 if main("--list" in sys.argv[1:]) else 0)
