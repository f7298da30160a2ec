"""Orders each kind of fault and sees it happen on the wire."""

import http.client
import json
import sys
import time

from wire import Api, new_id

passed, failed = 0, []


def test(name, holds, seen=None):
    global passed
    if holds:
        passed += 1
    else:
        failed.append(f"{name}: {seen!r}")


def order(api, effect, **more):
    return api.admin("POST", "faults", {"effect": effect, "count": 1, **more})["id"]


def lost(address, method, target, body=None):
    """What a client sees whose answer does not come whole."""
    connection = http.client.HTTPConnection(address, timeout=5)
    try:
        connection.request(method, target, body=body)
        return connection.getresponse().read()
    except (http.client.HTTPException, ConnectionError) as error:
        return type(error)
    finally:
        connection.close()


def main(address):
    api = Api(address)
    api.admin("POST", "reset")
    model = new_id()
    create = json.dumps({"assetModelName": "F", "assetModelId": model})

    order(api, {"kind": "drop"}, operations=["CreateAssetModel"])
    seen = lost(address, "POST", "/asset-models", create)
    test("an answer is dropped", seen is http.client.RemoteDisconnected, seen)
    test("after its work was done", api.send("DescribeAssetModel", {"assetModelId": model}).status == 200)
    order(api, {"kind": "drop", "carriedOut": False}, operations=["CreateAssetModel"])
    other = new_id()
    lost(address, "POST", "/asset-models", json.dumps({"assetModelName": "G", "assetModelId": other}))
    test("or before", api.send("DescribeAssetModel", {"assetModelId": other}).status == 404)
    order(api, {"kind": "halfSent"}, operations=["DescribeAssetModel"])
    seen = lost(address, "GET", f"/asset-models/{model}")
    test("an answer is half sent", seen is http.client.IncompleteRead, seen)
    order(api, {"kind": "latency", "milliseconds": 300}, operations=["ListAssetModels"])
    start = time.monotonic()
    api.call("ListAssetModels")
    test("an answer comes late", time.monotonic() - start >= 0.3)
    order(api, {"kind": "error", "code": "ThrottlingException", "retryAfterMilliseconds": 20})
    answer = api.send("ListAssetModels", {})
    after = answer.headers.get("x-amz-retry-after")
    test("a request is throttled", (answer.status, answer.error, after) == (429, "ThrottlingException", "20"), answer)
    api.call("ListAssetModels")
    order(api, {"kind": "error", "code": "InternalFailureException", "carriedOut": True}, operations=["DeleteAssetModel"])
    answer = api.send("DeleteAssetModel", {"assetModelId": model})
    time.sleep(0.5)
    gone = api.send("DescribeAssetModel", {"assetModelId": model}).status
    test("an error that hides what was done", (answer.status, gone) == (500, 404), [answer, gone])
    asset = new_id()
    order(api, {"kind": "entryError", "code": "AccessDeniedException", "assetId": asset})
    value = {"value": {"doubleValue": 1.0}, "timestamp": {"timeInSeconds": int(time.time())}}
    entries = [
        {"entryId": str(at), "assetId": target, "propertyId": new_id(), "propertyValues": [value]}
        for at, target in enumerate((new_id(), asset, asset))
    ]
    answer = api.call("BatchPutAssetPropertyValue", entries=entries)
    codes = [entry["errors"][0]["errorCode"] for entry in answer["errorEntries"]]
    missing = "ResourceNotFoundException"
    test("an entry is refused", codes == [missing, "AccessDeniedException", missing], codes)
    order(api, {"kind": "failModel", "name": "doomed"})
    spared = api.call("CreateAssetModel", assetModelName="spared")["assetModelId"]
    failing = api.call("CreateAssetModel", assetModelName="doomed")["assetModelId"]
    time.sleep(0.5)
    status = api.call("DescribeAssetModel", assetModelId=failing)["assetModelStatus"]
    test("another is spared", api.call("DescribeAssetModel", assetModelId=spared)["assetModelStatus"] == {"state": "ACTIVE"})
    test("a model fails", status["state"] == "FAILED" and "error" in status, status)
    answer = api.send("CreateAsset", {"assetName": "a", "assetModelId": failing})
    test("and has no assets", answer.error == "ConflictingOperationException", answer)
    api.call("UpdateAssetModel", assetModelId=failing, assetModelName="doomed")
    time.sleep(0.5)
    status = api.call("DescribeAssetModel", assetModelId=failing)["assetModelStatus"]
    test("until it is mended", status == {"state": "ACTIVE"}, status)

    api.admin("POST", "usage/marks/here")
    api.call("ListAssetModels")
    usage = api.admin("GET", "usage?since=here")
    test("usage since a mark", usage["requests"] == {"ListAssetModels": 1}, usage)
    for bad in ({"effect": {"kind": "rain"}}, {"effect": {"kind": "drop"}, "share": 2}, {}):
        answer = api.raw("POST", "/_sitewise/faults", json.dumps(bad))
        test("an order that makes no sense", answer.status == 400, answer)
    for fault in failed:
        print("FAILED", fault[:500])
    print(json.dumps({"passed": passed, "failed": len(failed)}))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
