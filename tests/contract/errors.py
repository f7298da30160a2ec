"""Provokes each exception that an operation may answer with.

Where the state of the account can bring it about, it does; what only a broken or overloaded
service answers is ordered from the emulator's fault endpoint.
"""

from wire import new_id
from world import World

NOT_FOUND, CONFLICT = "ResourceNotFoundException", "ConflictingOperationException"
EXISTS, LIMIT = "ResourceAlreadyExistsException", "LimitExceededException"
PRECONDITION, INVALID = "PreconditionFailedException", "InvalidRequestException"

STALE = {"ifMatch": "x" * 43, "matchForVersionType": "LATEST"}


def many(count, **more):
    return [
        {"name": f"p{at}", "dataType": "DOUBLE", "type": {"measurement": {}}, **more} for at in range(count)
    ]


def unknown_ids(world, operation, base):
    """The base request about things that do not exist."""
    given = dict(base)
    for name in ("assetModelId", "assetId", "composedAssetModelId", "jobId"):
        if name in given:
            given[name] = new_id()
    if "alias" in given:
        given["alias"] = "/nothing"
    if "resourceArn" in given:
        given["resourceArn"] = world.arn("asset", new_id())
    if operation == "CreateAsset":
        given["clientToken"] = new_id()
    if operation == "ListAssetModels":
        return None
    return given


def natural(world, operation, error):
    """A request that brings the exception about, or None."""
    base = world.bases()[operation]
    api = world.api
    if error == INVALID:
        return {**base, "maxResults": 0} if "maxResults" in base else malformed(base, operation)
    if error == NOT_FOUND and "assetModelName" in base and operation == "CreateAssetModel":
        return {**base, "assetModelHierarchies": [{"name": "h", "childAssetModelId": new_id()}]}
    workspaces = ("ListTimeSeries", "DescribeLoggingOptions", "PutLoggingOptions", "ListBulkImportJobs")
    if error == NOT_FOUND and operation in workspaces:
        return {**base, "workspaceName": "nowhere"}
    if error == NOT_FOUND and operation == "CreateBulkImportJob":
        return {**base, "workspaceName": "nowhere", "datasetId": new_id()}
    if error == NOT_FOUND:
        given = unknown_ids(world, operation, base)
        return given if given != base else None
    if error == PRECONDITION:
        return {**base, **STALE}
    return special(world, operation, error, base, api)


def malformed(base, operation):
    wrong = {
        "DescribeStorageConfiguration": None,
        "DescribeDefaultEncryptionConfiguration": None,
        "DescribeLoggingOptions": {"workspaceName": "a b"},
        "PutLoggingOptions": {"loggingOptions": {"level": "LOUD"}},
        "PutStorageConfiguration": {"storageType": "NONE"},
    }
    if operation in wrong:
        return wrong[operation]
    first = next(iter(base))
    return {**base, first: "\u0001"}


def special(world, operation, error, base, api):
    model, asset = world.gearbox, world.asset
    if error == EXISTS:
        return {
            "CreateAssetModel": {"assetModelName": "Gearbox"},
            "UpdateAssetModel": {"assetModelId": world.turbine, "assetModelName": "Gearbox"},
            "CreateAssetModelCompositeModel": {**base, "assetModelCompositeModelId": world.inline},
            "UpdateAssetModelCompositeModel": None,
            "CreateAsset": {"assetName": "G1", "assetModelId": model},
            "CreateBulkImportJob": world.bulk_import("the first"),
            "UpdateAsset": {"assetId": world.spare, "assetName": "G1"},
            "AssociateAssets": {"assetId": world.parent, "hierarchyId": world.hierarchy, "childAssetId": asset},
        }.get(operation)
    if error == LIMIT:
        turbine = {"assetModelId": world.turbine, "assetModelName": "Turbine"}
        return {
            "CreateAssetModel": {"assetModelName": "Big", "assetModelProperties": many(501)},
            "UpdateAssetModel": {**turbine, "assetModelProperties": many(501)},
            "CreateAssetModelCompositeModel": {**base, "assetModelCompositeModelProperties": many(101)},
            "UpdateAssetModelCompositeModel": {**base, "assetModelCompositeModelProperties": many(101)},
        }.get(operation)
    if error == CONFLICT:
        return conflict(world, operation, base, api)
    if error == "TooManyTagsException":
        api.call("TagResource", **{**base, "tags": {f"t{at}": "v" for at in range(49)}})
        return {**base, "tags": {"one": "1", "two": "2"}}
    return None


def conflict(world, operation, base, api):
    if operation in ("CreateAsset", "DeleteAssetModel"):
        # The models that use it stand in the way of the one, its new state in the way of the other.
        if operation == "DeleteAssetModel":
            return {"assetModelId": world.component}
        return None
    if operation == "DeleteAssetModelCompositeModel":
        return {"assetModelId": world.gearbox, "assetModelCompositeModelId": world.inline}
    if operation == "DeleteAsset":
        return {"assetId": world.asset}
    if operation == "UpdateAssetProperty":
        return {**base, "propertyAlias": "/plant/free"}
    if operation == "AssociateTimeSeriesToAssetProperty":
        return {**base, "assetId": world.asset}
    return None


def provoke(api, operation, error):
    """The answer, and whether the state of the account brought it about."""
    world = World(api)
    given = natural(world, operation, error)
    if given is not None:
        return api.send(operation, given), True
    fault = {"effect": {"kind": "error", "code": error}, "operations": [operation], "count": 1}
    base = world.bases()[operation]
    api.admin("POST", "faults", fault)
    answer = api.send(operation, base)
    api.admin("DELETE", "faults")
    return answer, False
