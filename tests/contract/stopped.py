"""Stops account.py at several moments, as Ctrl-C does: nothing of it may be left.

    python stopped.py 127.0.0.1:4567
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import boto3
from botocore.config import Config

HERE = pathlib.Path(__file__).resolve().parent


def models(address):
    client = boto3.client(
        "iotsitewise",
        endpoint_url=f"http://{address}",
        region_name="us-east-1",
        config=Config(inject_host_prefix=False),
    )
    return [model["name"] for model in client.list_asset_models()["assetModelSummaries"]]


def main(address):
    failed = 0
    # Before the first question, and after some answers.
    for which, after in [(signal.SIGINT, 1), (signal.SIGTERM, 6), (signal.SIGINT, 34)]:
        command = [sys.executable, str(HERE / "account.py"), "--endpoint", f"http://{address}"]
        run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ)
        said = [run.stdout.readline() for _ in range(after)]
        run.send_signal(which)
        time.sleep(0.3)
        # Whoever is impatient does not keep it from deleting.
        run.send_signal(which)
        rest, _ = run.communicate(timeout=120)
        output = "".join(said) + rest
        left = models(address)
        if left or "until it was stopped" not in output:
            failed += 1
            print(f"stopped after {after} lines: {left} left: {output[-2000:]}")
    print(json.dumps({"passed": 3 - failed, "failed": failed}))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
