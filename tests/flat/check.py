"""Holds what SiteWise shows against what the plant said, and ends with 1 where these differ.

    python check.py TRUTH ENDPOINT SECONDS

It looks again until all is right, or until so many seconds have passed since the plant fell silent.
It knows the plant's own words, SiteWise's API and the names that the documentation gives to what is
added: nothing of the bridge itself.
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from compare import Comparison, Counts
from sitewise import SiteWise

Json = dict[str, Any]

# Lines that are printed of each kind of disagreement.
PRINTED = 25
# Seconds between two looks.
PAUSE = 2.0


class Look:
    """What one look at SiteWise brought."""

    def __init__(self) -> None:
        self.found: list[tuple[str, str]] = []
        self.counts = Counts()
        self.models: dict[str, set[str]] = {"nodes": set(), "devices": set()}
        self.all_models: dict[str, str] = {}

    def says(self, kind: str, where: str, what: str) -> None:
        self.found.append((kind, f"{where}: {what}"))


class Checker:
    def __init__(self, truth: Json, sitewise: SiteWise) -> None:
        self.truth, self.sitewise = truth, sitewise
        self.names: dict[str, set[str]] = {}
        for source in self.sources():
            names = self.names.setdefault(source["kind"], set())
            names |= {said["name"] for said in source["tags"] + source["statics"]}
        # What was right at an earlier look, so that the next does not read it again.
        self.right: dict[str, Counts] = {}
        self.below: dict[str, list[Json]] = {}

    def sources(self) -> Iterator[Json]:
        for node in self.truth["nodes"]:
            yield node["itself"]
            yield from node["devices"]

    def look(self, whole: bool) -> Look:
        """Compares everything, or what was not right so far."""
        if whole:
            self.right.clear()
            self.below.clear()
        look = Look()
        roots = self.sitewise.roots()
        groups = {node["group"] for node in self.truth["nodes"]}
        devices = {source["id"] for source in self.sources() if source["id"]}
        for root in roots:
            if root["name"] not in groups and root["name"].rpartition("/")[2] in devices:
                look.says("at the root", root["name"], "hangs under nothing")
        for group in sorted(groups):
            found = [root for root in roots if root["name"] == group]
            if len(found) != 1:
                look.says("no asset", group, f"{len(found)} of that name at the root")
                continue
            nodes = list(self.sitewise.children(found[0]))
            for node in self.truth["nodes"]:
                if node["group"] == group:
                    self.node(look, node, nodes)
        look.all_models = self.sitewise.models()
        if len(look.all_models) > self.most_models():
            what = f"{len(look.all_models)}, at most {self.most_models()}"
            look.says("models", "there are", f"{what}: {sorted(look.all_models.values())}")
        return look

    def most_models(self) -> int:
        """Two for each kind, and one more for each sort of it beyond the first: one with other
        units, or other names of its tags."""
        return sum(1 + sorts for sorts in self.truth["sorts"].values())

    def node(self, look: Look, node: Json, beside: list[Json]) -> None:
        path = f"{node['group']}/{node['node']}"
        asset = named(beside, node["node"], path)
        if asset is None:
            look.says("no asset", path, "has none under its group")
            return
        look.models["nodes"].add(asset["assetModelId"])
        self.source(look, path, node["itself"], asset)
        below = self.below.get(path) or list(self.all_below(asset))
        missing, taken = False, set()
        for device in node["devices"]:
            where = f"{path}/{device['id']}"
            asset = named(below, device["id"], where)
            if asset is None or asset["id"] in taken:
                look.says("no asset", where, "has none of its own under its node")
                missing = True
                continue
            taken.add(asset["id"])
            look.models["devices"].add(asset["assetModelId"])
            self.source(look, where, device, asset)
        if not missing:
            self.below[path] = below

    def all_below(self, asset: Json) -> Iterator[Json]:
        """All assets under one, at any depth."""
        for child in self.sitewise.children(asset):
            yield child
            yield from self.all_below(child)

    def source(self, look: Look, where: str, source: Json, asset: Json) -> None:
        counts = self.right.get(asset["id"])
        if counts is None:
            properties = self.sitewise.properties(asset["id"])
            values = self.sitewise.latest(properties)
            comparison = Comparison(source, self.names[source["kind"]], properties, values)
            counts = comparison.counts
            for kind, what in comparison.found:
                look.says(kind, where, what)
            if not comparison.found:
                self.right[asset["id"]] = counts
        look.counts += counts


def named(assets: list[Json], name: str, path: str) -> Json | None:
    """The asset of a name, or of the address that it gets where the name is taken."""
    for wanted in (name, path):
        found = [asset for asset in assets if asset["name"] == wanted]
        if len(found) == 1:
            return found[0]
    return None


def report(look: Look, seconds: float, said: int) -> None:
    kinds = Counter(kind for kind, _ in look.found)
    printed: Counter[str] = Counter()
    for kind, what in look.found:
        printed[kind] += 1
        if printed[kind] <= PRINTED:
            print(f"{kind}: {what}")
    for kind, count in kinds.most_common():
        print(f"  {count:6} × {kind}")
    counts, models = look.counts, look.models
    for line in (
        f"{counts.assets} of {said} nodes and devices: {counts.tags} tags with their values, "
        f"{counts.units} units, {counts.attributes} static properties",
        f"{counts.empty} properties without a value that others of the kind have",
        f"{len(look.all_models)} models, {len(models['devices'])} of them of devices, "
        f"{len(models['nodes'])} of nodes",
        f"{len(look.found)} disagreements {seconds:.0f} s after the plant fell silent",
    ):
        print(line, flush=True)


def main() -> int:
    truth = json.loads(Path(sys.argv[1]).read_text())
    quiet = truth["quiet"] / 1000
    checker = Checker(truth, SiteWise(sys.argv[2]))
    said = sum(1 for _ in checker.sources())
    while True:
        began = time.time()
        look = checker.look(whole=False)
        seconds = time.time() - quiet
        if not look.found or seconds > float(sys.argv[3]):
            # All of it at one time.
            look = checker.look(whole=True)
            if not look.found or seconds > float(sys.argv[3]):
                report(look, seconds, said)
                return 1 if look.found or look.counts.assets != said else 0
        print(f"{len(look.found)} disagreements {seconds:.0f} s after the plant fell silent")
        # Who looks takes no more than half of the time.
        time.sleep(max(PAUSE, time.time() - began))


if __name__ == "__main__":
    sys.exit(main())
