"""Asks an account of AWS what the documentation leaves open, and says which reading is true.

    python account.py                      AWS itself, credentials and region from the environment
    python account.py --endpoint URL       something that plays the account
    python account.py --endpoint URL --as-emulated   fails where a reading is not the emulator's

Each question is a row of "Unverified" in localstack/sitewise/README.md. All that is made has one
prefix and is deleted at the end, also after Ctrl-C. What it costs is said before it starts.
"""

import argparse
import http.client
import json
import math
import pathlib
import re
import signal
import sys
import time
import urllib.parse
import uuid

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

README = pathlib.Path(__file__).resolve().parents[2] / "localstack/sitewise/README.md"
COST = """\
This asks {where} for some 150 calls of the control plane and writes some 60 values, which are
billed as some 60 messages of ingest; it reads some 20 values and makes at most 14 models and 16 assets, all called
{prefix}..., for some five minutes, and deletes them. Nothing else in the account is touched.
"""
IMPORT = "takes a bucket, a role and a storage tier, which stays switched on for the whole account"
# What cannot be asked at such a price, and why.
NOT_ASKED = {
    "An update of a component model": "takes a component model and its users; slow, and Sparkwise uses none",
    "The alias after `DeleteTimeSeries`": "needs streams of no property, which an account never gets rid of again",
    "Quality of aggregates without a filter; which deviation": "aggregates take a quarter of an hour",
    "What a bulk import answers without a warm or cold tier": IMPORT,
    "Creating a job with an existing name": IMPORT,
    "Quoted text in a bulk import's CSV": IMPORT,
    "An empty value in CSV, quoted or not": IMPORT,
    "Which columns may be left out": IMPORT,
    "A row with the time and quality of a value that is there": IMPORT,
    "More than 10 values of one second and quality in CSV": IMPORT,
    "Values in CSV with a timestamp in the future, or NaN": IMPORT,
    "The form of a bulk import's reports, and their keys": IMPORT,
    "How bytes of a value count in the bill": "only the bill tells",
    "Quotas of reads per property, of bytes of history a second": "would use up what others need",
}
MEASUREMENT = {"measurement": {}}
INTERVAL = 1.2


def uid():
    return str(uuid.uuid4())


def code_of(call, *arguments, **given):
    """`taken`, or the code of the error."""
    try:
        call(*arguments, **given)
        return "taken"
    except ClientError as error:
        return error.response["Error"]["Code"]


class Account:
    """A few models and assets under one prefix."""

    def __init__(self, endpoint):
        self.prefix = f"sparkwise-contract-{uuid.uuid4().hex[:8]}"
        self.session = boto3.Session()
        options = {"endpoint_url": endpoint, "region_name": self.session.region_name or "us-east-1"}
        # What is not valid by the model is asked for as well.
        config = Config(
            inject_host_prefix=endpoint is None,
            parameter_validation=False,
            retries={"mode": "standard", "total_max_attempts": 8},
        )
        self.client = self.session.client("iotsitewise", config=config, **options)
        # A refusal that is asked for is told as it is.
        once = config.merge(Config(retries={"total_max_attempts": 1}))
        self.once = self.session.client("iotsitewise", config=once, **options)
        self.endpoint, self.names, self.sent = endpoint, 0, {}

    def name(self):
        self.names += 1
        return f"{self.prefix} {self.names}"

    def external(self):
        self.names += 1
        return f"{self.prefix}.{self.names}"

    def wait(self, read, done, within=180):
        end = time.time() + within
        while time.time() < end:
            state = read()
            if done(state):
                return state
            time.sleep(1)
        raise TimeoutError(f"still {state}")

    def model_state(self, model):
        return self.client.describe_asset_model(assetModelId=model)["assetModelStatus"]["state"]

    def model(self, properties=1, **more):
        listed = [
            {"id": uid(), "name": f"p{n}", "dataType": "DOUBLE", "type": MEASUREMENT} for n in range(properties)
        ]
        given = {"assetModelName": self.name(), "assetModelProperties": listed, **more}
        model = self.client.create_asset_model(**given)["assetModelId"]
        self.wait(lambda: self.model_state(model), lambda state: state in ("ACTIVE", "FAILED"))
        return model, [item["id"] for item in given["assetModelProperties"]]

    def asset(self, model, ready=True, **more):
        # A model that has just become ACTIVE may still conflict.
        for _ in range(30):
            try:
                given = {"assetName": self.name(), "assetModelId": model, **more}
                asset = self.once.create_asset(**given)["assetId"]
                break
            except ClientError as error:
                if error.response["Error"]["Code"] != "ConflictingOperationException":
                    raise
                time.sleep(2)
        if ready:
            self.wait(lambda: self.asset_state(asset), lambda state: state != "CREATING")
        return asset

    def asset_state(self, asset):
        return self.client.describe_asset(assetId=asset)["assetStatus"]["state"]

    def value(self, number=1.0, ahead=0.0, quality="GOOD"):
        moment = time.time() + ahead
        nanos = int(moment % 1 * 1e9)
        value = number if isinstance(number, dict) else {"doubleValue": number}
        return {"value": value, "timestamp": {"timeInSeconds": int(moment), "offsetInNanos": nanos}, "quality": quality}

    def put(self, asset, prop, values, client=None):
        """`taken`, or the code of an entry's error or of the whole request's, in brackets."""
        # A property takes ten entries a second, an attribute one.
        time.sleep(max(0.0, self.sent.get(prop, 0.0) + INTERVAL - time.time()))
        entry = {"entryId": "1", "assetId": asset, "propertyId": prop, "propertyValues": values}
        try:
            answer = (client or self.client).batch_put_asset_property_value(
                entries=[entry], enablePartialEntryProcessing=True
            )
        except ClientError as error:
            return f"[{error.response['Error']['Code']}]"
        finally:
            self.sent[prop] = time.time()
        errors = [error["errorCode"] for entry in answer["errorEntries"] for error in entry["errors"]]
        return errors[0] if errors else "taken"

    def raw(self, method, plane, path, body):
        """A request that no SDK would make: status and code."""
        region = self.once.meta.region_name
        url = self.endpoint or f"https://{plane}.iotsitewise.{region}.amazonaws.com"
        request = AWSRequest(method, url.rstrip("/") + path, data=body, headers={"content-type": "application/json"})
        credentials = self.session.get_credentials().get_frozen_credentials()
        SigV4Auth(credentials, "iotsitewise", region).add_auth(request)
        target = urllib.parse.urlsplit(request.url)
        kind = http.client.HTTPSConnection if target.scheme == "https" else http.client.HTTPConnection
        connection = kind(target.netloc.rpartition("@")[2], timeout=20)
        connection.request(method, target.path, body=body, headers=dict(request.headers.items()))
        answer = connection.getresponse()
        text = answer.read()
        code = (answer.getheader("x-amzn-errortype") or "").split(":")[0]
        if not code and text[:1] == b"{":
            code = json.loads(text).get("__type", "").rpartition("#")[2]
        return f"{answer.status} {code}".strip()

    # Deletion.

    def mine(self):
        pages = self.client.get_paginator("list_asset_models").paginate(
            assetModelTypes=["ASSET_MODEL", "COMPONENT_MODEL"]
        )
        models = [model for page in pages for model in page["assetModelSummaries"]]
        return [model["id"] for model in models if model["name"].startswith(self.prefix)]

    def assets_of(self, model):
        pages = self.client.get_paginator("list_assets").paginate(assetModelId=model)
        return [asset for page in pages for asset in page["assetSummaries"]]

    def clear(self, within=300):
        """Deletes all of the prefix, children before the models that list them; what is locked is
        tried again."""
        end = time.time() + within
        while time.time() < end:
            try:
                models = self.mine()
                if not models:
                    return []
                for model in models:
                    for asset in self.assets_of(model):
                        self.let_go(asset)
                        code_of(self.once.delete_asset, assetId=asset["id"])
                for model in models:
                    code_of(self.once.delete_asset_model, assetModelId=model)
            except (ClientError, BotoCoreError) as error:
                print(f"deleting: {error}", file=sys.stderr)
            time.sleep(1)
        return self.mine()

    def let_go(self, asset):
        for hierarchy in asset["hierarchies"]:
            below = code_or(self.client.list_associated_assets, assetId=asset["id"], hierarchyId=hierarchy["id"])
            for child in below.get("assetSummaries", []):
                code_of(
                    self.once.disassociate_assets,
                    assetId=asset["id"],
                    hierarchyId=hierarchy["id"],
                    childAssetId=child["id"],
                )


def code_or(call, **given):
    try:
        return call(**given)
    except ClientError:
        return {}


class Questions:
    """One method a question, named in README by its first words."""

    def __init__(self, account):
        self.to = account
        self.kind, (self.speed, self.text) = account.model(
            2,
            assetModelProperties=[
                {"id": uid(), "name": "Speed", "dataType": "DOUBLE", "type": MEASUREMENT},
                {"id": uid(), "name": "Text", "dataType": "STRING", "type": MEASUREMENT},
            ],
        )
        self.one = account.asset(self.kind)

    def all(self):
        return {
            "How far ahead may a value's time lie: 5 or 10 minutes?": (self.ahead, "5 minutes"),
            "The largest double: 1e10 (API model) or 1e100 (user guide)?": (self.largest, "1e10"),
            "NaN of quality GOOD": (self.nan, "InvalidRequestException"),
            "A default that is NaN, infinite or empty": (self.defaults, "InvalidRequestException"),
            "More than 10 entries, more than 10 values, a duplicate `entryId`": (
                self.too_many, "[InvalidRequestException]",
            ),
            "More than 10 entries a second for a property, 1 for an attribute": (self.entries, "ThrottlingException"),
            "More than 10 values of one second and quality": (self.second, "LimitExceededException, times named"),
            "Broken JSON, a wrong JSON type, an integer past 32 bits": (self.json, "400 InvalidRequestException"),
            "Values for an asset that is CREATING": (self.creating, "ConflictingOperationException"),
            "A string longer than 1,024: bytes or characters?": (self.length, "bytes"),
            "Scope of unique asset names": (self.asset_names, "within the model"),
            "A sibling of the same name at `AssociateAssets`": (self.siblings, "InvalidRequestException"),
            "May an asset have two parents?": (self.parents, "ResourceAlreadyExistsException"),
            "Scope of unique property names": (self.property_names, "not with a composite model's"),
            "Ids of properties, hierarchies and composites over models": (self.property_ids, "unique over all models"),
            "May an id or external id be used again after deletion?": (self.again, "yes"),
            "`If-Match` without `Match-For-Version-Type`": (self.match, "InvalidRequestException"),
            "An unchanged update": (self.unchanged, "a new version"),
            "Composite models of type CUSTOM in `CreateAssetModel`": (self.custom, "InvalidRequestException"),
            "Deleting a composite model of a model that has assets": (
                self.composite, "ConflictingOperationException",
            ),
            "A client token with another request": (self.token, "InvalidRequestException"),
            "`_` at the ends of an external id: the API model takes it, the user guide does not": (
                self.underscore, "InvalidRequestException",
            ),
            "A description that was left out": (self.description, "comes back empty; an update takes it away"),
            "Cycles of hierarchies": (self.cycle, "InvalidRequestException"),
            "`ListAssetModels` with INTERFACE and other types": (self.interfaces, "InvalidRequestException"),
            "The error of an operation that is not known": (self.unknown, "404 UnknownOperationException"),
        }

    def speed_of(self, *values):
        return self.to.put(self.one, self.speed, list(values))

    def ahead(self):
        six, eleven = (self.speed_of(self.to.value(ahead=60 * minutes)) for minutes in (6, 11))
        readings = {("taken", "TimestampOutOfRangeException"): "10 minutes"}
        return readings.get((six, eleven), "5 minutes" if six != "taken" else f"{six}, {eleven}")

    def largest(self):
        ten, hundred = (self.speed_of(self.to.value(number)) for number in (2e10, 1e99))
        return "1e10" if ten != "taken" else "1e100" if hundred == "taken" else f"between: {hundred}"

    def nan(self):
        return self.speed_of(self.to.value(math.nan))

    def defaults(self):
        codes = set()
        for default in ("NaN", "Infinity", ""):
            attribute = {"attribute": {"defaultValue": default}}
            properties = [{"name": "a", "dataType": "DOUBLE", "type": attribute}]
            given = {"assetModelName": self.to.name(), "assetModelProperties": properties}
            codes.add(code_of(self.to.once.create_asset_model, **given))
        return ", ".join(sorted(codes))

    def too_many(self):
        put = self.to.once.batch_put_asset_property_value
        entry = {"assetId": self.one, "propertyId": self.speed}
        several = [{"entryId": str(n), **entry, "propertyValues": [self.to.value()]} for n in range(11)]
        twice = [{"entryId": "1", **entry, "propertyValues": [self.to.value()]}] * 2
        codes = {code_of(put, entries=several), code_of(put, entries=twice)}
        codes = {f"[{code}]" for code in codes}
        codes.add(self.to.put(self.one, self.speed, [self.to.value(ahead=-n) for n in range(11)], self.to.once))
        return ", ".join(sorted(codes))

    def entries(self):
        time.sleep(INTERVAL)
        time.sleep(1.001 - time.time() % 1)
        entry = {"assetId": self.one, "propertyId": self.speed}
        codes = set()
        for round_ in range(2):
            entries = [
                {"entryId": str(n), **entry, "propertyValues": [self.to.value(ahead=-100 * (n + 1) - round_)]}
                for n in range(10)
            ]
            answer = self.to.once.batch_put_asset_property_value(entries=entries, enablePartialEntryProcessing=True)
            codes |= {error["errorCode"] for entry in answer["errorEntries"] for error in entry["errors"]}
        self.to.sent[self.speed] = time.time()
        return ", ".join(sorted(codes)) or "taken"

    def second(self):
        start = int(time.time()) - 50
        times = [{"timeInSeconds": start, "offsetInNanos": n * 1_000_000} for n in range(11)]
        values = [{"value": {"doubleValue": 1.0}, "timestamp": at, "quality": "GOOD"} for at in times]
        first = self.to.put(self.one, self.speed, values[:10])
        if first != "taken":
            return f"ten of them: {first}"
        time.sleep(INTERVAL)
        entry = {"entryId": "1", "assetId": self.one, "propertyId": self.speed, "propertyValues": values[10:]}
        answer = self.to.once.batch_put_asset_property_value(entries=[entry], enablePartialEntryProcessing=True)
        errors = [error for entry in answer["errorEntries"] for error in entry["errors"]]
        if not errors:
            return "taken"
        named = "times named" if errors[0]["timestamps"] else "no times"
        return f"{errors[0]['errorCode']}, {named}"

    def json(self):
        entry = {"entryId": "1", "assetId": self.one, "propertyId": self.speed}
        value = {"value": {"integerValue": 2**40}, "timestamp": {"timeInSeconds": int(time.time())}}
        wrong = [
            "{",
            json.dumps({"entries": "x"}),
            json.dumps({"entries": [{**entry, "propertyValues": [value]}]}),
        ]
        return ", ".join(sorted({self.to.raw("POST", "data", "/properties", body) for body in wrong}))

    def creating(self):
        asset = self.to.asset(self.kind, ready=False)
        if self.to.asset_state(asset) != "CREATING":
            return "it was ACTIVE too soon to tell"
        return self.to.put(asset, self.speed, [self.to.value()])

    def length(self):
        text = {"stringValue": "é" * 600}
        return "characters" if self.to.put(self.one, self.text, [self.to.value(text)]) == "taken" else "bytes"

    def asset_names(self):
        other, _ = self.to.model()
        self.other = other
        name = self.to.name()
        self.namesake = self.to.asset(self.kind, assetName=name)
        create = self.to.once.create_asset
        same = code_of(create, assetName=name, assetModelId=self.kind)
        self.name_in_other = name
        elsewhere = code_of(self.to.asset, other, assetName=name)
        if same == "taken":
            return "none within the model"
        return "within the model" if elsewhere == "taken" else f"over models: {elsewhere}"

    def tree(self):
        """A model with places for two kinds of children, and an asset of it."""
        if not hasattr(self, "top"):
            if not hasattr(self, "other"):
                self.asset_names()
            self.places = [uid(), uid()]
            kinds = zip(self.places, ("a", "b"), (self.kind, self.other), strict=True)
            hierarchies = [{"id": place, "name": name, "childAssetModelId": kind} for place, name, kind in kinds]
            self.top, _ = self.to.model(assetModelHierarchies=hierarchies)
            self.root = self.to.asset(self.top)
        return self.root

    def associate(self, parent, place, child):
        given = {"assetId": parent, "hierarchyId": place, "childAssetId": child}
        return code_of(self.to.once.associate_assets, **given)

    def siblings(self):
        root = self.tree()
        listed = self.to.assets_of(self.other)
        twins = [asset["id"] for asset in listed if asset["name"] == self.name_in_other]
        if not twins:
            return "there are no assets of one name"
        first = self.associate(root, self.places[0], self.namesake)
        return self.associate(root, self.places[1], twins[0]) if first == "taken" else f"the first: {first}"

    def parents(self):
        root = self.tree()
        child = self.to.asset(self.kind)
        second = self.to.asset(self.top)
        self.associate(root, self.places[0], child)
        return self.associate(second, self.places[0], child)

    def property_names(self):
        model, _ = self.to.model(assetModelProperties=[{"name": "same", "dataType": "DOUBLE", "type": MEASUREMENT, "id": uid()}])
        self.composed = model
        given = {
            "assetModelId": model,
            "assetModelCompositeModelName": "more",
            "assetModelCompositeModelType": "CUSTOM",
            "assetModelCompositeModelProperties": [{"name": "same", "dataType": "DOUBLE", "type": MEASUREMENT}],
        }
        code = code_of(self.to.once.create_asset_model_composite_model, **given)
        self.to.wait(lambda: self.to.model_state(model), lambda state: state in ("ACTIVE", "FAILED"))
        return "not with a composite model's" if code == "taken" else f"the whole model's: {code}"

    def property_ids(self):
        prop = {"id": self.speed, "name": "x", "dataType": "DOUBLE", "type": MEASUREMENT}
        code = code_of(
            self.to.once.create_asset_model, assetModelName=self.to.name(), assetModelProperties=[prop]
        )
        return "the model's own" if code == "taken" else "unique over all models"

    def again(self):
        given = {"assetId": uid(), "assetExternalId": self.to.external()}
        asset = self.to.asset(self.kind, **given)
        self.to.client.delete_asset(assetId=asset)
        gone = lambda: code_of(self.to.once.describe_asset, assetId=asset)
        self.to.wait(gone, lambda code: code == "ResourceNotFoundException")
        code = code_of(self.to.asset, self.kind, **given)
        return "yes" if code == "taken" else f"no: {code}"

    def described(self, model):
        described = self.to.client.describe_asset_model(assetModelId=model)
        properties = [{k: v for k, v in item.items() if k != "path"} for item in described["assetModelProperties"]]
        update = {"assetModelId": model, "assetModelName": described["assetModelName"], "assetModelProperties": properties}
        return described, update

    def match(self):
        described, update = self.described(self.composed_model())
        return code_of(self.to.once.update_asset_model, **update, ifMatch=described["eTag"])

    def composed_model(self):
        if not hasattr(self, "composed"):
            self.property_names()
        return self.composed

    def unchanged(self):
        model, _ = self.to.model()
        described, update = self.described(model)
        code = code_of(self.to.once.update_asset_model, **update)
        if code != "taken":
            return code
        self.to.wait(lambda: self.to.model_state(model), lambda state: state == "ACTIVE")
        after, _ = self.described(model)
        return "a new version" if after["assetModelVersion"] != described["assetModelVersion"] else "the same version"

    def custom(self):
        composite = {"name": "more", "type": "CUSTOM", "properties": []}
        given = {"assetModelName": self.to.name(), "assetModelCompositeModels": [composite]}
        return code_of(self.to.once.create_asset_model, **given)

    def composite(self):
        model = self.composed_model()
        self.to.asset(model)
        summaries = self.to.client.describe_asset_model(assetModelId=model)["assetModelCompositeModelSummaries"]
        if not summaries:
            return "there is none"
        given = {"assetModelId": model, "assetModelCompositeModelId": summaries[0]["id"]}
        return code_of(self.to.once.delete_asset_model_composite_model, **given)

    def token(self):
        token = uid()
        create = self.to.once.create_asset_model
        code_of(create, assetModelName=self.to.name(), clientToken=token)
        return code_of(create, assetModelName=self.to.name(), clientToken=token)

    def underscore(self):
        codes = set()
        for external in (f"_{self.to.external()}", f"{self.to.external()}_"):
            given = {"assetModelName": self.to.name(), "assetModelExternalId": external}
            codes.add(code_of(self.to.once.create_asset_model, **given))
        return ", ".join(sorted(codes))

    def description(self):
        model, _ = self.to.model(assetModelDescription="said")
        bare = self.to.client.describe_asset_model(assetModelId=self.kind)
        first = {None: "does not come back", "": "comes back empty"}.get(bare.get("assetModelDescription"), "comes back otherwise")
        _, update = self.described(model)
        self.to.client.update_asset_model(**update)
        self.to.wait(lambda: self.to.model_state(model), lambda state: state == "ACTIVE")
        after = self.to.client.describe_asset_model(assetModelId=model)
        second = "an update takes it away" if not after.get("assetModelDescription") else "an update keeps it"
        return f"{first}; {second}"

    def cycle(self):
        self.tree()
        _, update = self.described(self.other)
        up = {"name": "up", "childAssetModelId": self.top}
        return code_of(self.to.once.update_asset_model, **update, assetModelHierarchies=[up])

    def interfaces(self):
        return code_of(self.to.once.list_asset_models, assetModelTypes=["INTERFACE", "ASSET_MODEL"])

    def unknown(self):
        return self.to.raw("GET", "api", "/sparkwise-contract", None)


def open_questions():
    """The rows of README's table."""
    table = README.read_text().partition("## Unverified")[2]
    rows = re.findall(r"^\| (.+?) \| (.+?) \| (.+?) \|$", table, re.MULTILINE)
    return [question for question, *_ in rows if question not in ("Question", "---")]


def ask(account, emulated):
    """Asks all; how many answers there were, and how many are wrong."""
    questions = Questions(account).all()
    asked = wrong = 0
    for question in open_questions():
        if question in NOT_ASKED:
            print(f"? {question}\n    not asked: {NOT_ASKED[question]}")
            continue
        if question not in questions:
            wrong += 1
            print(f"! {question}\n    nobody asks this")
            continue
        probe, here = questions[question]
        try:
            found = probe()
        except (ClientError, BotoCoreError, TimeoutError) as error:
            found = f"no answer: {error}"
        asked += 1
        differs = found != here
        wrong += emulated and differs
        print(f"{'x' if differs else '='} {question}\n    {found}{f' (here: {here})' if differs else ''}", flush=True)
    return asked, wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--endpoint")
    parser.add_argument("--as-emulated", action="store_true")
    given = parser.parse_args()
    account = Account(given.endpoint)

    def stop(*_):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    asked, wrong, ended = 0, 1, "to its end"
    try:
        where = given.endpoint or f"AWS ({account.client.meta.region_name})"
        print(COST.format(where=where, prefix=account.prefix), flush=True)
        if given.endpoint is None:
            print("It begins in ten seconds; Ctrl-C ends it.", flush=True)
            time.sleep(10)
        asked, wrong = ask(account, given.as_emulated)
    except KeyboardInterrupt:
        ended = "until it was stopped"
    finally:
        # Whoever stops it now would leave things behind.
        for which in (signal.SIGINT, signal.SIGTERM):
            signal.signal(which, signal.SIG_IGN)
        print("deleting all of it...", flush=True)
        left = account.clear()
    for model in left:
        print(f"asset model {model} is still there: delete it by hand")
    print(f"asked {ended}; = as the emulator has it, x otherwise, ? not asked")
    print(json.dumps({"passed": asked - min(wrong, asked), "failed": wrong + bool(left)}))
    return 1 if wrong or left else 0


if __name__ == "__main__":
    sys.exit(main())
