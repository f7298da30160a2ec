"""Rules that the service model does not carry: those of the API Reference, the User Guide and the
quota page, each broken once and, where it matters, met once."""

import json
import sys
import time

from errors import many
from wire import Api, check_answer, check_error, new_id
from world import World

NOT_FOUND, CONFLICT = "ResourceNotFoundException", "ConflictingOperationException"
EXISTS, LIMIT = "ResourceAlreadyExistsException", "LimitExceededException"
INVALID, RANGE = "InvalidRequestException", "TimestampOutOfRangeException"

passed, failed = 0, []


def test(name, faults):
    global passed
    if faults:
        failed.append(f"{name}: {faults}")
    else:
        passed += 1


def refused(world, name, error, operation, **given):
    answer = world.api.send(operation, given)
    faults = check_error(operation, answer)
    test(name, [f"answered {answer}"] if answer.error != error else faults)


def accepted(world, name, operation, **given):
    answer = world.api.send(operation, given)
    faults = check_answer(operation, answer)
    test(name, faults and [*faults, str(answer)])
    return answer.json if not faults else {}


def value(world, variant, seconds=None, nanos=0, quality=None):
    time = {"timeInSeconds": world.now if seconds is None else seconds, "offsetInNanos": nanos}
    given = {"value": variant, "timestamp": time}
    return {**given, "quality": quality} if quality else given


def entry_errors(world, *values, partial=False, **target):
    """The codes of the errors of one entry, each with the seconds it names."""
    entries = [world.entry("e", list(values), **target)]
    answer = world.api.call("BatchPutAssetPropertyValue", entries=entries, enablePartialEntryProcessing=partial)
    return [
        (error["errorCode"], [time["timeInSeconds"] for time in error["timestamps"]])
        for entry in answer["errorEntries"]
        for error in entry["errors"]
    ]


def expect(world, name, code, *values, **more):
    codes = [found for found, _ in entry_errors(world, *values, **more)]
    wanted = [code] if code else []
    test(name, [] if codes == wanted else [f"{codes}, not {wanted}"])


def batches(world):
    put = "BatchPutAssetPropertyValue"
    one = world.double(1.0, world.now)
    refused(world, "11 entries", INVALID, put, entries=[world.entry(f"e{at}", [one]) for at in range(11)])
    refused(world, "11 values", INVALID, put, entries=[world.entry("e", [one] * 11)])
    refused(world, "no entries", INVALID, put, entries=[])
    refused(world, "no values", INVALID, put, entries=[world.entry("e", [])])
    refused(world, "duplicate entryId", INVALID, put, entries=[world.entry("e", [one])] * 2)
    source = world.source()
    get = [{"entryId": f"e{at}", **source} for at in range(129)]
    refused(world, "129 latest", INVALID, "BatchGetAssetPropertyValue", entries=get)
    accepted(world, "128 latest", "BatchGetAssetPropertyValue", entries=get[:128])
    refused(world, "17 histories", INVALID, "BatchGetAssetPropertyValueHistory", entries=get[:17])
    refused(world, "duplicate reads", INVALID, "BatchGetAssetPropertyValue", entries=[get[0]] * 2)
    history = "GetAssetPropertyValueHistory"
    refused(world, "20,001 results", INVALID, history, **source, maxResults=20_001)
    refused(world, "a foreign token", INVALID, history, **source, nextToken="QUJD")
    refused(world, "ids and alias", INVALID, history, **source, propertyAlias="/plant/free")
    refused(world, "neither ids nor alias", INVALID, history)
    refused(world, "externalId in a read of values", INVALID, history, assetId="externalId:g1", propertyId=new_id())
    refused(world, "two qualities", INVALID, history, **source, qualities=["GOOD", "BAD"])
    refused(
        world, "2,501 aggregates", INVALID, "GetAssetPropertyAggregates", **source, resolution="1m", maxResults=2501,
        aggregateTypes=["SUM"], startDate="2026-01-01T00:00:00Z", endDate="2026-01-02T00:00:00Z",
    )


def values(world):
    now = world.now
    for name, variant, code in [
        ("an integer into DOUBLE", {"integerValue": 1}, INVALID),
        ("text into DOUBLE", {"stringValue": "1"}, INVALID),
        ("two members", {"doubleValue": 1.0, "stringValue": "1"}, INVALID),
        ("no member", {}, INVALID),
        ("infinity", {"doubleValue": "Infinity"}, INVALID),
        ("minus infinity", {"doubleValue": "-Infinity"}, INVALID),
        ("1e10", {"doubleValue": 1e10}, None),
        ("past 1e10", {"doubleValue": 10000000001.0}, INVALID),
        ("past -1e10", {"doubleValue": -10000000001.0}, INVALID),
        ("NaN of quality GOOD", {"doubleValue": "NaN"}, INVALID),
        ("an integral double", {"doubleValue": 7}, None),
        ("a null of quality GOOD", {"nullValue": {"valueType": "D"}}, INVALID),
    ]:
        world.pass_second()
        expect(world, name, code, value(world, variant, now - 40))
    for name, variant, quality, code in [
        ("a null of quality BAD", {"nullValue": {"valueType": "D"}}, "BAD", None),
        ("NaN of quality BAD", {"doubleValue": "NaN"}, "BAD", None),
        ("NaN of quality UNCERTAIN", {"doubleValue": "NaN"}, "UNCERTAIN", None),
        ("an unknown null of quality UNCERTAIN", {"nullValue": {"valueType": "U"}}, "UNCERTAIN", None),
        ("a null of another type", {"nullValue": {"valueType": "S"}}, "BAD", INVALID),
    ]:
        world.pass_second()
        expect(world, name, code, value(world, variant, now - 41, quality=quality))
    world.pass_second()
    serial = {"assetId": world.asset, "propertyId": world.serial}
    for name, text, code in [
        ("an empty string", "", None),
        ("1,024 bytes", "x" * 1024, None),
        ("1,025 bytes", "x" * 1025, INVALID),
        ("a newline", "a\nb", INVALID),
        ("a delete", "a\x7f", INVALID),
        ("unicode", "Größe 🌀", None),
    ]:
        # An attribute takes one entry a second.
        world.pass_second()
        expect(world, name, code, value(world, {"stringValue": text}, now - 42), **serial)
    world.pass_second()
    expect(world, "seven days back", None, value(world, {"doubleValue": 1.0}, world.clock() - 604_790))
    expect(world, "more than seven days back", RANGE, value(world, {"doubleValue": 1.0}, world.clock() - 604_860))
    expect(world, "five minutes ahead", None, value(world, {"doubleValue": 1.0}, world.clock() + 290))
    expect(world, "more than five minutes ahead", RANGE, value(world, {"doubleValue": 1.0}, world.clock() + 330))
    computed = world.api.call("DescribeAssetModel", assetModelId=world.gearbox)["assetModelProperties"][3]["id"]
    target = {"assetId": world.asset, "propertyId": computed}
    expect(world, "into a transform", INVALID, value(world, {"doubleValue": 1.0}), **target)
    target = {"assetId": world.asset, "propertyId": new_id()}
    expect(world, "an unknown property", NOT_FOUND, value(world, {"doubleValue": 1.0}), **target)
    expect(world, "an asset without a property", INVALID, value(world, {"doubleValue": 1.0}), assetId=world.asset)


def partial_entries(world):
    now = world.now
    good, bad = value(world, {"doubleValue": 5.0}, now - 50), value(world, {"integerValue": 5}, now - 51)
    found = entry_errors(world, good, bad)
    test("a bad value is named", [] if found == [(INVALID, [now - 51])] else [found])
    span = {"startDate": "2020-01-01T00:00:00Z", "endDate": iso(now - 50)}
    read = lambda: world.api.call(
        "GetAssetPropertyValueHistory", **world.source(), **span, timeOrdering="DESCENDING", maxResults=1
    )["assetPropertyValueHistory"]
    before = [item["timestamp"]["timeInSeconds"] for item in read()]
    test("and takes its entry with it", [] if now - 50 not in before else [before])
    entry_errors(world, good, bad, partial=True)
    after = [item["timestamp"]["timeInSeconds"] for item in read()]
    test("unless entries are processed in part", [] if after == [now - 50] else [after])


def seconds(world):
    second = world.now - 200
    ten = [value(world, {"doubleValue": float(at)}, second, at) for at in range(10)]
    world.pass_second()
    expect(world, "ten values in a second", None, *ten)
    expect(world, "an eleventh", LIMIT, value(world, {"doubleValue": 1.0}, second, 11))
    expect(world, "the same again", None, ten[3])
    expect(world, "an eleventh of another quality", None, value(world, {"doubleValue": 1.0}, second, 11, "BAD"))
    world.pass_second()
    codes = []
    for at in range(11):
        codes += entry_errors(world, value(world, {"doubleValue": 1.0}, world.now - 210 - at))
    first = [code for code, _ in codes]
    test("an eleventh entry in a second", [] if first == ["ThrottlingException"] else [first])
    serial = {"assetId": world.asset, "propertyId": world.serial}
    world.pass_second()
    expect(world, "an entry of an attribute", None, value(world, {"stringValue": "a"}), **serial)
    expect(world, "another in its second", "ThrottlingException", value(world, {"stringValue": "a"}), **serial)


def streams(world):
    put = lambda name, variant, alias, quality=None: expect(
        world, name[0], name[1], value(world, variant, world.now - 60, quality=quality), propertyAlias=alias
    )
    put(("an unknown alias", None), {"booleanValue": True}, "/plant/new")
    put(("its type is fixed", INVALID), {"doubleValue": 1.0}, "/plant/new")
    put(("an untyped null first", INVALID), {"nullValue": {"valueType": "U"}}, "/plant/null", "BAD")
    link = {"assetId": world.spare, "propertyId": world.temperature}
    refused(world, "another data type", INVALID, "AssociateTimeSeriesToAssetProperty", alias="/plant/new", **link)
    refused(
        world, "a property with data", CONFLICT, "AssociateTimeSeriesToAssetProperty", alias="/plant/free",
        assetId=world.asset, propertyId=world.temperature,
    )
    refused(
        world, "an attribute", INVALID, "AssociateTimeSeriesToAssetProperty", alias="/plant/free",
        assetId=world.spare, propertyId=world.serial,
    )
    accepted(world, "a stream joined", "AssociateTimeSeriesToAssetProperty", alias="/plant/free", **link)
    latest = accepted(world, "its data", "GetAssetPropertyValue", **link)
    test("are the property's", [] if latest.get("propertyValue") else [latest])
    accepted(world, "a stream parted", "DisassociateTimeSeriesFromAssetProperty", alias="/plant/free", **link)
    latest = accepted(world, "its data stay", "GetAssetPropertyValue", propertyAlias="/plant/free")
    test("with the alias", [] if latest.get("propertyValue") else [latest])
    refused(
        world, "a taken alias", CONFLICT, "UpdateAssetProperty", assetId=world.spare, propertyId=world.running,
        propertyAlias="/plant/free",
    )
    refused(
        world, "free streams switched off", INVALID, "PutStorageConfiguration",
        storageType="SITEWISE_DEFAULT_STORAGE", disassociatedDataStorage="DISABLED",
    )
    strict = {"storageType": "SITEWISE_DEFAULT_STORAGE", "disassociatedDataStorage": "ENABLED"}
    accepted(world, "no null, no NaN", "PutStorageConfiguration", **strict, disallowIngestNullNaN=True)
    world.pass_second()
    expect(world, "NaN refused", INVALID, value(world, {"doubleValue": "NaN"}, world.now - 61))
    null = value(world, {"nullValue": {"valueType": "D"}}, world.now - 61, quality="BAD")
    expect(world, "null refused", INVALID, null)


def models(world):
    create, update = "CreateAssetModel", "UpdateAssetModel"
    measured = {"measurement": {}}
    for name, properties in {
        "two properties of one name": many(2) + many(1),
        "no type": [{"name": "a", "dataType": "DOUBLE", "type": {}}],
        "two types": [{"name": "a", "dataType": "DOUBLE", "type": {"measurement": {}, "attribute": {}}}],
        "a data type for streams only": [{"name": "a", "dataType": "VIDEO", "type": measured}],
        "a structure without its name": [{"name": "a", "dataType": "STRUCT", "type": measured}],
        "a default of another type": [
            {"name": "a", "dataType": "INTEGER", "type": {"attribute": {"defaultValue": "x"}}}
        ],
        "an unknown variable": [transform("b + 1", [{"name": "c", "value": {"propertyId": "a"}}])],
        "an unknown property": [transform("c", [{"name": "c", "value": {"propertyId": "nothing"}}])],
        "an attribute as only input": [
            {"name": "a", "dataType": "DOUBLE", "type": {"attribute": {}}},
            transform("c", [{"name": "c", "value": {"propertyId": "a"}}]),
        ],
    }.items():
        refused(world, name, INVALID, create, assetModelName="M", assetModelProperties=properties)
    gearbox = world.api.call("DescribeAssetModel", assetModelId=world.gearbox)
    kept = [{k: v for k, v in item.items() if k != "path"} for item in gearbox["assetModelProperties"]]
    same = {"assetModelId": world.gearbox, "assetModelName": "Gearbox"}
    changed = lambda **more: [{**kept[0], **more}, *kept[1:]]
    refused(world, "a data type changed", INVALID, update, **same, assetModelProperties=changed(dataType="STRING"))
    refused(
        world, "a type changed", INVALID, update, **same, assetModelProperties=changed(type={"attribute": {}})
    )
    refused(world, "an external id changed", INVALID, update, **same, assetModelProperties=changed(externalId="zz"))
    refused(world, "a model's external id changed", INVALID, update, **same, assetModelExternalId="other")
    fresh = {"name": "Temperature", "dataType": "STRING", "type": measured}
    refused(world, "a name used again", INVALID, update, **same, assetModelProperties=[fresh, *kept[1:]])
    refused(world, "a stale ETag", "PreconditionFailedException", update, **same, ifMatch="x" * 43,
            matchForVersionType="LATEST")
    refused(world, "a version there is", "PreconditionFailedException", update, **same, ifNoneMatch="*",
            matchForVersionType="ACTIVE")
    refused(world, "another child model", INVALID, update, assetModelId=world.turbine, assetModelName="Turbine",
            assetModelHierarchies=[{"id": world.hierarchy, "name": "gearboxes", "childAssetModelId": world.turbine}])
    refused(world, "a ring", INVALID, update, **same, assetModelProperties=kept,
            assetModelHierarchies=[{"name": "up", "childAssetModelId": world.turbine}])
    refused(world, "a component as child", INVALID, update, **same, assetModelProperties=kept,
            assetModelHierarchies=[{"name": "up", "childAssetModelId": world.component}])
    accepted(world, "the right ETag", update, **same, assetModelProperties=[*kept, *many(1)], ifMatch=world.etag,
             matchForVersionType="LATEST")
    metric = {
        "expression": "max(t)",
        "variables": [{"name": "t", "value": {"propertyId": world.temperature, "hierarchyId": "gearboxes"}}],
        "window": {"tumbling": {"interval": "1m"}},
    }
    hottest = {"name": "Hottest", "dataType": "DOUBLE", "type": {"metric": metric}}
    world.settle()
    accepted(world, "a metric over child assets", update, assetModelId=world.turbine, assetModelName="Turbine",
             assetModelHierarchies=[{"id": world.hierarchy, "name": "gearboxes", "childAssetModelId": world.gearbox}],
             assetModelProperties=[hottest])
    refused(world, "its input taken away", CONFLICT, update, **same, assetModelProperties=kept[1:3])
    refused(world, "a deleted model that has assets", INVALID, "DeleteAssetModel", assetModelId=world.gearbox)
    refused(world, "a composite of a model with assets", CONFLICT, "DeleteAssetModelCompositeModel",
            assetModelId=world.gearbox, assetModelCompositeModelId=world.inline)
    refused(world, "a component in use", CONFLICT, "DeleteAssetModel", assetModelId=world.component)
    refused(world, "a mixed filter", INVALID, "ListAssetModels", assetModelTypes=["INTERFACE", "ASSET_MODEL"])
    token = new_id()
    first = accepted(world, "a client token", create, assetModelName="Once", clientToken=token)
    again = accepted(world, "the same again", create, assetModelName="Once", clientToken=token)
    test("gives the same", [] if first == again else [first, again])
    refused(world, "a token with another request", INVALID, create, assetModelName="Twice", clientToken=token)


def transform(expression, variables):
    return {
        "name": "t",
        "dataType": "DOUBLE",
        "type": {"transform": {"expression": expression, "variables": variables}},
    }


def quotas(world):
    create = "CreateAssetModel"
    refused(world, "501 properties", LIMIT, create, assetModelName="M", assetModelProperties=many(501))
    accepted(world, "500 properties", create, assetModelName="Full", assetModelProperties=many(500))
    refused(world, "101 in a component", LIMIT, create, assetModelName="M", assetModelType="COMPONENT_MODEL",
            assetModelProperties=many(101))
    child = {"childAssetModelId": world.gearbox}
    hierarchies = [{"name": f"h{at}", **child} for at in range(31)]
    refused(world, "31 hierarchies", LIMIT, create, assetModelName="M", assetModelHierarchies=hierarchies)
    variables = [{"name": f"v{at}", "value": {"propertyId": "p0"}} for at in range(11)]
    refused(world, "11 variables", LIMIT, create, assetModelName="M",
            assetModelProperties=[*many(1), transform("v0", variables)])
    one = [{"name": "v", "value": {"propertyId": "p0"}}]
    calls = "+".join(["abs(v)"] * 11)
    refused(world, "11 functions", LIMIT, create, assetModelName="M",
            assetModelProperties=[*many(1), transform(calls, one)])
    direct = [{**transform("v", one), "name": f"t{at}"} for at in range(21)]
    refused(world, "21 direct dependents", LIMIT, create, assetModelName="M", assetModelProperties=[*many(1), *direct])
    chain = []
    for at in range(11):
        source = [{"name": "v", "value": {"propertyId": "p0" if at == 0 else f"t{at - 1}"}}]
        chain.append({**transform("v", source), "name": f"t{at}"})
    refused(world, "a chain of 11", LIMIT, create, assetModelName="M", assetModelProperties=[*many(1), *chain])
    below = {"assetModelId": world.gearbox, "assetModelCompositeModelType": "CUSTOM"}
    make = "CreateAssetModelCompositeModel"
    refused(world, "101 in a composite", LIMIT, make, **below, assetModelCompositeModelName="c",
            assetModelCompositeModelProperties=many(101))
    deep = accepted(world, "depth two", make, **below, assetModelCompositeModelName="c",
                    parentAssetModelCompositeModelId=world.inline)
    world.settle()
    refused(world, "depth three", LIMIT, make, **below, assetModelCompositeModelName="d",
            parentAssetModelCompositeModelId=deep.get("assetModelCompositeModelId", new_id()))
    previous = world.gearbox
    for at in range(31):
        answer = world.api.send(create, {
            "assetModelName": f"level {at}",
            "assetModelHierarchies": [{"name": "h", "childAssetModelId": previous}],
        })
        if answer.status != 202:
            break
        previous = answer.json["assetModelId"]
        world.settle()
    # The gearbox is the first level.
    test("30 levels", [] if (at, answer.error) == (29, LIMIT) else [f"{at}: {answer}"])


def trees(world):
    link = {"assetId": world.parent, "hierarchyId": world.hierarchy}
    refused(world, "a second association", EXISTS, "AssociateAssets", **link, childAssetId=world.asset)
    refused(world, "another model's asset", INVALID, "AssociateAssets", **link, childAssetId=world.parent)
    second = world.api.call("CreateAsset", assetName="T2", assetModelId=world.turbine)["assetId"]
    world.settle()
    refused(world, "a second parent", EXISTS, "AssociateAssets", assetId=second, hierarchyId=world.hierarchy,
            childAssetId=world.asset)
    refused(world, "an unknown hierarchy", NOT_FOUND, "AssociateAssets", **{**link, "hierarchyId": new_id()},
            childAssetId=world.spare)
    refused(world, "not associated", NOT_FOUND, "DisassociateAssets", **link, childAssetId=world.spare)
    refused(world, "a child deleted", CONFLICT, "DeleteAsset", assetId=world.asset)
    refused(world, "a parent deleted", CONFLICT, "DeleteAsset", assetId=world.parent)
    refused(world, "all assets without a model", INVALID, "ListAssets")
    refused(world, "an asset's name twice", EXISTS, "CreateAsset", assetName="G1", assetModelId=world.gearbox)
    refused(world, "an asset's id twice", EXISTS, "CreateAsset", assetName="N", assetModelId=world.gearbox,
            assetId=world.asset)
    refused(world, "an external id twice", EXISTS, "CreateAsset", assetName="N", assetModelId=world.gearbox,
            assetExternalId="g1")
    refused(world, "an asset of a component", INVALID, "CreateAsset", assetName="N", assetModelId=world.component)
    accepted(world, "disassociated", "DisassociateAssets", **link, childAssetId=world.asset)
    accepted(world, "deleted", "DeleteAsset", assetId=world.asset)
    world.settle()
    refused(world, "and gone", NOT_FOUND, "DescribeAsset", assetId=world.asset)
    refused(world, "with its data", NOT_FOUND, "GetAssetPropertyValue", **world.source())


def iso(seconds):
    import datetime

    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def reads(world):
    history = "GetAssetPropertyValueHistory"
    times = [world.now - 300 + 30 * at for at in range(10)]
    read = accepted(world, "a span", history, **world.source(), startDate=iso(times[0]), endDate=iso(times[3]))
    found = [item["timestamp"]["timeInSeconds"] for item in read["assetPropertyValueHistory"]]
    test("is open at its start and closed at its end", [] if found == times[1:4] else [found])
    pages, token = [], {}
    while True:
        page = world.api.call(history, **world.source(), maxResults=4, timeOrdering="DESCENDING", **token)
        pages.append([item["timestamp"]["timeInSeconds"] for item in page["assetPropertyValueHistory"]])
        if "nextToken" not in page:
            break
        token = {"nextToken": page["nextToken"]}
    test("pages", [] if sum(pages, []) == times[::-1] and len(pages) == 3 else [pages])
    question = {"aggregateTypes": ["COUNT", "SUM", "MINIMUM", "MAXIMUM", "AVERAGE"], "resolution": "1d"}
    whole = {"startDate": "2020-01-01T00:00:00Z", "endDate": "2099-01-01T00:00:00Z"}
    answer = accepted(world, "aggregates", "GetAssetPropertyAggregates", **world.source(), **question, **whole)
    counted = [sum(day["value"][name] for day in answer["aggregatedValues"]) for name in ("count", "sum")]
    test("count every value", [] if counted == [10, 245] else [answer])
    between = accepted(
        world, "interpolation", "GetInterpolatedAssetPropertyValues", **world.source(), quality="GOOD",
        startTimeInSeconds=times[0], endTimeInSeconds=times[2], intervalInSeconds=15, type="LINEAR_INTERPOLATION",
    )["interpolatedAssetPropertyValues"]
    numbers = [item["value"]["doubleValue"] for item in between]
    test("stands between its neighbours", [] if numbers == [20.5, 21, 21.5, 22] else [numbers])
    entries = [{"entryId": f"e{at}", **world.source(), **world.span()} for at in range(3)]
    first = accepted(world, "a batch", "BatchGetAssetPropertyValueHistory", entries=entries, maxResults=15)
    second = accepted(
        world, "its next page", "BatchGetAssetPropertyValueHistory", entries=entries, maxResults=15,
        nextToken=first.get("nextToken", ""),
    )
    skipped = [entry["entryId"] for entry in second.get("skippedEntries", [])]
    count = sum(len(e["assetPropertyValueHistory"]) for page in (first, second) for e in page["successEntries"])
    test("skips what is done", [] if (skipped, count) == (["e0"], 30) else [skipped, count])
    default = accepted(world, "an attribute", "GetAssetPropertyValue", assetId=world.spare, propertyId=world.serial)
    shown = default.get("propertyValue", {}).get("value")
    test("shows its default", [] if shown == {"stringValue": "s-1"} else [default])


def imports(world):
    create, base = "CreateBulkImportJob", world.bulk_import("another")
    file = base["files"][0]
    columns = base["jobConfiguration"]["fileFormat"]["csv"]["columnNames"]

    def of(*names):
        return {"fileFormat": {"csv": {"columnNames": list(names)}}}

    for name, changed in {
        "no file": {"files": []},
        "101 files": {"files": [file] * 101},
        "reports without a slash": {"errorReportLocation": {"bucket": "late", "prefix": "errors"}},
        "no format": {"jobConfiguration": {}},
        "two formats": {"jobConfiguration": {"fileFormat": {"csv": {"columnNames": columns}, "parquet": {}}}},
        "a column twice": {"jobConfiguration": of(*columns, "VALUE")},
        "no value": {"jobConfiguration": of(*columns[:-1])},
        "ids and alias": {"jobConfiguration": of("ALIAS", *columns)},
        "half of the ids": {"jobConfiguration": of(*columns[1:])},
        "a workspace without its dataset": {"workspaceName": "nowhere"},
    }.items():
        refused(world, name, INVALID, create, **{**base, **changed})
    accepted(world, "a file's own format", create, **{**base, "jobConfiguration": {},
             "files": [{**file, "fileFormat": {"csv": {"columnNames": ["ALIAS", *columns[2:]]}}}]})
    refused(world, "a job's name twice", EXISTS, create, **base)
    for at in range(50):
        status = world.api.call("DescribeBulkImportJob", jobId=world.job)["jobStatus"]
        if status == "FAILED":
            break
        time.sleep(0.1)
    test("a job without S3 fails", [] if status == "FAILED" else [status])
    listed = world.api.call("ListBulkImportJobs", filter="COMPLETED")["jobSummaries"]
    test("and is not among those that did not", [] if listed == [] else [listed])
    world.api.call("PutStorageConfiguration", storageType="SITEWISE_DEFAULT_STORAGE",
                   disassociatedDataStorage="ENABLED")
    refused(world, "no tier", INVALID, create, **{**base, "jobName": "without a tier"})


def main(address):
    api = Api(address)
    for rules in (batches, values, partial_entries, seconds, streams, models, quotas, trees, reads, imports):
        rules(World(api))
    for fault in failed:
        print("FAILED", fault[:600])
    print(json.dumps({"passed": passed, "failed": len(failed)}))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
