"""Dashboards against the types of Grafana's own package @grafana/schema, by the TypeScript compiler."""

import json
import subprocess
from pathlib import Path
from typing import Any

# Which module has the types of a panel's options and of its fields.
PANELS = {
    "timeseries": "timeseries",
    "state-timeline": "statetimeline",
    "table": "table",
    "stat": "stat",
}

# JSON has words where the types have enumerations.
HEAD = """
import type { Dashboard } from '@grafana/schema';
type Plain<T> = T extends string ? `${T}` : T extends number ? T : T extends boolean ? T
  : T extends Array<infer U> ? Array<Plain<U>>
  : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;
"""


def faults(dashboards: dict[str, Any], modules: Path, work: Path) -> list[str]:
    """What the compiler has against dashboards, by their file names."""
    lines = [HEAD]
    for kind, module in PANELS.items():
        source = f"@grafana/schema/dist/types/raw/composable/{module}/panelcfg/x/types.gen"
        lines.append(f"import type * as {module} from '{source}';")
    for number, (name, dashboard) in enumerate(sorted(dashboards.items())):
        lines.append(f"// {name}")
        lines.append(f"export const d{number}: Plain<Dashboard> = {json.dumps(dashboard)};")
        for place, panel in enumerate(all_panels(dashboard)):
            module = PANELS[panel["type"]]
            options, custom = panel["options"], panel["fieldConfig"]["defaults"].get("custom", {})
            lines.append(
                f"export const o{number}_{place}: Plain<{module}.Options> = {json.dumps(options)};"
            )
            if panel["type"] != "stat":
                lines.append(
                    f"export const c{number}_{place}: Partial<Plain<{module}.FieldConfig>> ="
                    f" {json.dumps(custom)};"
                )
    folder = work / "types"
    folder.mkdir(exist_ok=True)
    (folder / "node_modules").unlink(missing_ok=True)
    (folder / "node_modules").symlink_to(modules)
    (folder / "check.ts").write_text("\n".join(lines))
    options = ["--noEmit", "--strict", "--skipLibCheck", "--module", "esnext", "--target", "es2022"]
    options += ["--moduleResolution", "node"]
    compiler = modules / "typescript/bin/tsc"
    ended = subprocess.run(
        ["node", compiler, *options, "check.ts"], cwd=folder, capture_output=True, text=True
    )
    found = [line[:400] for line in ended.stdout.splitlines() if line.strip()]
    return found if found or ended.returncode == 0 else [f"tsc ended with {ended.returncode}"]


def all_panels(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    """All panels, those of collapsed rows among them, without the rows."""
    found = []
    for panel in dashboard["panels"]:
        found += panel["panels"] if panel["type"] == "row" else [panel]
    return found
