"""Ends the emulator with SIGTERM and starts it on the same folder: everything is there again."""

import json
import re
import subprocess
import sys
import time

from wire import Api
from world import World

QUESTIONS = ["DescribeAssetModel", "DescribeAsset", "ListAssets", "ListAssociatedAssets", "ListTimeSeries",
             "GetAssetPropertyValueHistory", "ListTagsForResource", "DescribeStorageConfiguration",
             "ListAssetProperties"]


def start(program, folder):
    command = [program, "--listen", "127.0.0.1:0", "--create-delay", "0", "--update-delay", "0", "--data-dir", folder]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return process, re.search(r"http://(\S+)", process.stdout.readline()).group(1)


def stop(process):
    began = time.monotonic()
    process.terminate()
    assert process.wait(timeout=10) == 0, process.returncode
    return time.monotonic() - began


def main(program, folder):
    process, address = start(program, folder)
    world = World(Api(address))
    bases = world.bases()
    before = {name: world.api.call(name, **bases[name]) for name in QUESTIONS}
    rival = subprocess.run([program, "--listen", "127.0.0.1:0", "--data-dir", folder], capture_output=True, timeout=10)
    assert rival.returncode == 1, "two emulators share a folder"
    assert stop(process) < 5
    process, address = start(program, folder)
    api = Api(address)
    after = {name: api.call(name, **bases[name]) for name in QUESTIONS}
    stop(process)
    different = [name for name in QUESTIONS if before[name] != after[name]]
    assert not different, different
    print(json.dumps({"passed": len(QUESTIONS) + 1, "failed": 0}))


if __name__ == "__main__":
    main(*sys.argv[1:])
