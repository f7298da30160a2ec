"""One life of a twin with the AWS CLI, called as people call it."""

import json
import os
import subprocess
import sys
import time


def main(address, program):
    # The CLI puts `api.` before the host; a user name in front of the host takes it up.
    environment = {
        **os.environ,
        "AWS_ENDPOINT_URL_IOTSITEWISE": f"http://x@{address}",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_PAGER": "",
        "AWS_MAX_ATTEMPTS": "1",
    }

    def aws(*words, fails=None):
        command = [program, "iotsitewise", *words, "--output", "json"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        if fails:
            assert done.returncode != 0 and fails in done.stderr, done
            return None
        assert done.returncode == 0, done
        return json.loads(done.stdout) if done.stdout.strip() else {}

    properties = [{"name": "Wind", "dataType": "DOUBLE", "unit": "m/s", "type": {"measurement": {}}}]
    mast = aws("create-asset-model", "--asset-model-name", "cli mast", "--asset-model-properties",
               json.dumps(properties), "--asset-model-external-id", "cli.mast")["assetModelId"]
    site = aws("create-asset-model", "--asset-model-name", "cli site")["assetModelId"]
    for model in (mast, site):
        aws("wait", "asset-model-active", "--asset-model-id", model)
    aws("update-asset-model", "--asset-model-id", site, "--asset-model-name", "cli site", "--asset-model-hierarchies",
        json.dumps([{"name": "masts", "childAssetModelId": mast}]))
    aws("wait", "asset-model-active", "--asset-model-id", site)
    hierarchy = aws("describe-asset-model", "--asset-model-id", site)["assetModelHierarchies"][0]["id"]
    wind = aws("describe-asset-model", "--asset-model-id", "externalId:cli.mast")["assetModelProperties"][0]["id"]
    child = aws("create-asset", "--asset-name", "cli M1", "--asset-model-id", mast)["assetId"]
    parent = aws("create-asset", "--asset-name", "cli S1", "--asset-model-id", site)["assetId"]
    for asset in (child, parent):
        aws("wait", "asset-active", "--asset-id", asset)
    link = ("--asset-id", parent, "--hierarchy-id", hierarchy, "--child-asset-id", child)
    aws("associate-assets", *link)
    aws("associate-assets", *link, fails="ResourceAlreadyExistsException")
    now = int(time.time())
    entry = {
        "entryId": "1",
        "assetId": child,
        "propertyId": wind,
        "propertyValues": [{"value": {"doubleValue": 7.5}, "timestamp": {"timeInSeconds": now}}],
    }
    answer = aws("batch-put-asset-property-value", "--entries", json.dumps([entry]))
    assert answer["errorEntries"] == [], answer
    latest = aws("get-asset-property-value", "--asset-id", child, "--property-id", wind)
    assert latest["propertyValue"]["value"]["doubleValue"] == 7.5, latest
    tree = aws("list-associated-assets", "--asset-id", parent, "--hierarchy-id", hierarchy)
    assert [asset["name"] for asset in tree["assetSummaries"]] == ["cli M1"], tree
    series = aws("list-time-series", "--asset-id", child)
    assert len(series["TimeSeriesSummaries"]) == 1, series
    aws("disassociate-assets", *link)
    for asset in (child, parent):
        aws("delete-asset", "--asset-id", asset)
        aws("wait", "asset-not-exists", "--asset-id", asset)
    for model in (site, mast):
        aws("delete-asset-model", "--asset-model-id", model)
        aws("wait", "asset-model-not-exists", "--asset-model-id", model)
    print(json.dumps({"passed": 1, "failed": 0}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
