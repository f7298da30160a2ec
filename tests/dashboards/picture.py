"""Draws what panels got. This is a drawing of the answers, not Grafana."""

import math
import re
import time
from html import escape
from pathlib import Path
from typing import Any

Json = dict[str, Any]

WIDTH, LINE, COLUMNS = 1_200, 26, 24
HEADING, GAP = 34, 8
# Room around the plot of a curve: left for numbers, below for times and the legend.
LEFT, RIGHT, TOP, BOTTOM = 58, 12, 32, 38
INK, PALE, GRID = "#24292e", "#6e6e6e", "#e9edf2"
LINE_COLOR, GREY = "#3274d9", "#8e8e8e"
# As Grafana shows its named colours.
NAMED = {"green": "#56a64b", "red": "#e02f44", "yellow": "#f2cc0c", "blue": "#3274d9", "orange": "#ff780a"}
QUALITY = {"GOOD": "green", "UNCERTAIN": "yellow", "BAD": "red"}
UNITS = {
    "none": "", "short": "", "percent": "%", "celsius": "°C", "watt": "W", "kwatt": "kW", "megwatt": "MW",
    "kwatth": "kWh", "volt": "V", "amp": "A", "hertz": "Hz", "rotrpm": "rpm", "pressurebar": "bar",
    "velocityms": "m/s", "degree": "°", "lengthmm": "mm", "pressurehpa": "hPa", "humidity": "%H",
}  # fmt: skip


def draw(answers: list[tuple[Json, Json, Json, list[Any]]], folder: Path, name: str) -> dict[str, Path]:
    """A picture of each dashboard for its first machine, its rows opened: files by the dashboards' titles.

    In each, a group with the attribute `data-panel` has what was drawn of that panel's values in elements
    of the class `value`."""
    folder.mkdir(parents=True, exist_ok=True)
    dashboards: dict[str, tuple[Json, dict[int, list[tuple[str, Any]]]]] = {}
    for dashboard, panel, target, frames in answers:
        _, panels = dashboards.setdefault(dashboard["title"], (dashboard, {}))
        of = panels.setdefault(panel["id"], [])
        # Rows are repeated for each machine: of a query's first answer, one machine or all of a plant.
        if not any(ref == target["refId"] for ref, _ in of):
            of += [(target["refId"], frame) for frame in frames]
    files = {}
    for title, (dashboard, panels) in dashboards.items():
        word = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
        files[title] = folder / f"{name}-{word}.svg"
        files[title].write_text(page(dashboard, panels))
    return files


def page(dashboard: Json, panels: dict[int, list[tuple[str, Any]]]) -> str:
    times = [row[0] for frames in panels.values() for _, frame in frames for row in frame.rows]
    # Ends of quarters of an hour lie behind all values, and are drawn by themselves.
    now = time.time() * 1_000
    times = [at for at in times if at <= now] or [now]
    span = (min(times), max(max(times), min(times) + 1_000))
    parts, y = [], 44.0
    for title, placed in rows(dashboard):
        named = [frame.asset_name for panel in placed for _, frame in panels.get(panel["id"], [])]
        if title:
            machine = named[0] if named else ""
            title = title.replace("${asset}", machine).replace("$asset", machine)
            parts.append(f'<text x="8" y="{y + 22:.0f}" font-size="15" font-weight="bold">{escape(title)}</text>')
            y += HEADING
        x, height = 0, 0
        for panel in placed:
            place = panel["gridPos"]
            if x + place["w"] > COLUMNS:
                x, y, height = 0, y + height * LINE, 0
            unit = WIDTH / COLUMNS
            size = place["w"] * unit - GAP, place["h"] * LINE - GAP
            parts.append(box(panel, panels.get(panel["id"], []), (x * unit + GAP / 2, y), size, span))
            x, height = x + place["w"], max(height, place["h"])
        y += height * LINE
    note = f"{dashboard['title']}: drawn from the answers to the dashboard's queries, not by Grafana"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y + 4:.0f}" font-family="sans-serif" '
        f'font-size="11" fill="{INK}"><rect width="100%" height="100%" fill="#f4f5f5"/>'
        f'<text x="8" y="28" font-size="17">{escape(note)}</text>{"".join(parts)}</svg>\n'
    )


def rows(dashboard: Json) -> list[tuple[str, list[Json]]]:
    """Titles of rows, and the panels in them, whether open or collapsed."""
    found: list[tuple[str, list[Json]]] = [("", [])]
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            found.append((panel["title"], list(panel["panels"])))
        else:
            found[-1][1].append(panel)
    return [row for row in found if row[1]]


def box(panel: Json, frames: list[Any], at: tuple[float, float], size: tuple[float, float], span: Any) -> str:
    w, h = size
    kinds = {"timeseries": curve, "stat": tiles, "state-timeline": states}
    kind = bars if panel["title"] == "Values by quality" else kinds.get(panel["type"], table)
    kind = machines if "transformations" in panel else kind
    inner = kind(panel, frames, w, h, span)
    if 'class="value"' not in inner:
        inner += f'<text x="{w / 2:.0f}" y="{h / 2:.0f}" fill="{PALE}" text-anchor="middle">No data</text>'
    return (
        f'<g data-panel="{panel["id"]}" transform="translate({at[0]:.0f} {at[1]:.0f})">'
        f'<rect width="{w:.0f}" height="{h:.0f}" fill="#fff" stroke="#d8d9da"/>'
        f'<text x="8" y="18" font-size="13" font-weight="bold">{cut(panel["title"], w - 16, 8)}</text>{inner}</g>'
    )


def cut(text: str, room: float, each: float = 6.4) -> str:
    """As much of a text as there is room for."""
    most = max(int(room / each), 1)
    return escape(text if len(text) <= most else text[: most - 1] + "…")


def number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def clock(millis: float) -> str:
    return time.strftime("%H:%M:%S", time.gmtime(millis / 1_000))


def ticks(low: float, high: float) -> list[float]:
    """Round numbers within a range, four to nine."""
    power = 10 ** math.floor(math.log10((high - low) / 4))
    step = next(power * of for of in (1, 2, 5, 10) if (high - low) / (power * of) <= 5)
    # Large numbers are shown without decimals.
    step = max(step, 1) if abs(high) >= 10_000 else step
    first = math.ceil(low / step - 1e-9)
    return [step * of for of in range(first, math.floor(high / step + 1e-9) + 1)]


def label(x: float, y: float, text: str, anchor: str = "start", color: str = PALE) -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" font-size="10" fill="{color}" text-anchor="{anchor}">{escape(text)}</text>'


def curve(panel: Json, frames: list[Any], w: float, h: float, span: tuple[float, float]) -> str:
    defaults = panel["fieldConfig"]["defaults"]
    custom, unit = defaults.get("custom", {}), defaults.get("unit", "")
    unit = UNITS.get(unit, unit.removeprefix("suffix:").strip())
    seen = [float(row[1]) for _, frame in frames for row in frame.rows if is_number(row[1])]
    if not seen:
        return ""
    low = min([*seen, *(custom[key] for key in ["axisSoftMin"] if key in custom)])
    high = max([*seen, *(custom[key] for key in ["axisSoftMax"] if key in custom)])
    # Some room around what does not change.
    if high - low < 1e-9 * max(abs(high), 1):
        low, high = low - max(abs(low) * 0.01, 1), high + max(abs(high) * 0.01, 1)

    def px(at: float) -> float:
        return LEFT + (w - LEFT - RIGHT) * min(max((at - span[0]) / (span[1] - span[0]), 0), 1)

    def py(value: float) -> float:
        return h - BOTTOM - (h - TOP - BOTTOM) * (value - low) / (high - low)

    parts = []
    for tick in ticks(low, high):
        line = f'<path d="M{LEFT} {py(tick):.1f}H{w - RIGHT:.0f}" stroke="{GRID}"/>'
        parts += [line, label(LEFT - 6, py(tick) + 4, number(tick), "end")]
    parts.append(label(LEFT, h - BOTTOM + 13, clock(span[0])))
    parts.append(label(w - RIGHT, h - BOTTOM + 13, clock(span[1]), "end"))
    for step in defaults.get("thresholds", {}).get("steps", []):
        value = step["value"]
        if value is not None and low <= value <= high and "thresholdsStyle" in custom:
            color = NAMED.get(step["color"], step["color"])
            dashes = f'stroke="{color}" stroke-dasharray="6 4"'
            parts.append(f'<path d="M{LEFT} {py(value):.1f}H{w - RIGHT:.0f}" {dashes}/>')
    last = ""
    for ref, frame in frames:
        points = [row for row in sorted(frame.rows, key=lambda row: row[0]) if is_number(row[1])]
        if ref != "A" or not points:
            parts += [
                f'<circle class="value" cx="{px(at):.1f}" cy="{py(float(value)):.1f}" r="3" fill="{GREY}"/>'
                for at, value, _ in points
            ]
            continue
        path = "".join(
            f"H{px(at):.1f}V{py(float(value)):.1f}" if n else f"M{px(at):.1f} {py(float(value)):.1f}"
            for n, (at, value, _) in enumerate(points)
        )
        # Each value holds until the next.
        path += f"H{w - RIGHT:.0f}"
        parts.append(f'<path class="value" d="{path}" fill="none" stroke="{LINE_COLOR}" stroke-width="1.5"/>')
        last = f"{number(float(points[-1][1]))} {unit}".strip()
    if last:
        parts.append(f'<path d="M{LEFT} {h - 10:.0f}h14" stroke="{LINE_COLOR}" stroke-width="3"/>')
        parts.append(label(LEFT + 20, h - 6, f"last {last}", color=INK))
    return "".join(parts)


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def bars(panel: Json, frames: list[Any], w: float, h: float, span: tuple[float, float]) -> str:
    """Counts by quality, one bar for each quarter of an hour."""
    counts: dict[float, dict[str, float]] = {}
    for _, frame in frames:
        for at, value, quality in frame.rows:
            of = counts.setdefault(at, {})
            of[quality] = of.get(quality, 0) + value
    most = max((sum(of.values()) for of in counts.values()), default=0)
    if not most:
        return ""
    parts, each = [], min((w - LEFT - RIGHT) / len(counts), 120)
    for tick in ticks(0, most):
        y = h - 20 - (h - TOP - 20) * tick / most
        parts.append(f'<path d="M{LEFT} {y:.1f}H{w - RIGHT:.0f}" stroke="{GRID}"/>')
        parts.append(label(LEFT - 6, y + 4, number(tick), "end"))
    for n, (at, of) in enumerate(sorted(counts.items())):
        x, y = LEFT + n * each + 4, h - 20.0
        for quality, color in QUALITY.items():
            tall = (h - TOP - 20) * of.get(quality, 0) / most
            y -= tall
            if tall:
                rect = f'x="{x:.1f}" y="{y:.1f}" width="{each - 8:.1f}" height="{tall:.1f}"'
                parts.append(f'<rect class="value" {rect} fill="{NAMED[color]}"/>')
        parts.append(label(x, h - 6, f"until {clock(at)[:5]}"))
    return "".join(parts)


def shown(panel: Json, value: Any) -> tuple[str, str]:
    """Text and colour of a value, by the panel's mappings."""
    key = {True: "true", False: "false"}.get(value, str(value)) if isinstance(value, bool) else str(value)
    for mapping in panel["fieldConfig"]["defaults"].get("mappings", []):
        if key in mapping["options"]:
            of = mapping["options"][key]
            return of["text"], NAMED.get(of["color"], of["color"])
    return (number(float(value)) if is_number(value) else key), LINE_COLOR


def states(panel: Json, frames: list[Any], w: float, h: float, span: tuple[float, float]) -> str:
    """A line for each machine, in the colour of what holds until the next value."""
    with_rows = [frame for _, frame in frames if frame.rows]
    parts, tall = [], min((h - 48) / max(len(with_rows), 1), 60)
    left = 130 if len(with_rows) > 1 else 12
    for n, frame in enumerate(with_rows):
        y = 28 + n * tall
        if len(with_rows) > 1:
            parts.append(label(8, y + tall / 2 + 3, cut(frame.asset_name, left - 12), color=INK))
        changes = sorted(frame.rows, key=lambda row: row[0])
        changes = [row for m, row in enumerate(changes) if not m or changes[m - 1][1] != row[1]]
        ends = [row[0] for row in changes[1:]] + [span[1]]
        for (at, value, _), end in zip(changes, ends, strict=True):
            begin, stop = (
                left + (w - left - 12) * min(max((t - span[0]) / (span[1] - span[0]), 0), 1) for t in (at, end)
            )
            wide = max(stop - begin, 2)
            text, color = shown(panel, value)
            rect = f'x="{begin:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{max(tall - 4, 2):.1f}"'
            parts.append(f'<rect class="value" {rect} fill="{color}" fill-opacity="0.8"/>')
            if wide > 7 * len(text) + 8:
                parts.append(label(begin + 6, y + tall / 2 + 2, text, color="#fff"))
    parts += [label(left, h - 6, clock(span[0])), label(w - 12, h - 6, clock(span[1]), "end")]
    return "".join(parts) if with_rows else ""


def tiles(panel: Json, frames: list[Any], w: float, h: float, span: tuple[float, float]) -> str:
    with_rows = [frame for _, frame in frames if frame.rows]
    parts, each = [], (w - 12) / max(len(with_rows), 1)
    on_color = panel["options"]["colorMode"] == "background"
    for n, frame in enumerate(with_rows):
        text, color = shown(panel, frame.rows[-1][1])
        back, ink = (color, "#fff") if on_color else ("#f4f5f5", color)
        name_color = "#fff" if on_color else PALE
        parts.append(
            f'<g class="value" transform="translate({8 + n * each:.0f} 28)">'
            f'<rect width="{each - 4:.0f}" height="{h - 36:.0f}" fill="{back}"/>'
            f'<text x="6" y="16" fill="{name_color}">{cut(frame.asset_name, each - 12)}</text>'
            f'<text x="6" y="40" font-size="18" fill="{ink}">{cut(text, each - 12, 10)}</text></g>'
        )
    return "".join(parts)


def machines(panel: Json, frames: list[Any], w: float, h: float, span: tuple[float, float]) -> str:
    """A line for each machine with a point in time, the latest at the top."""
    found = [(frame.rows[-1][1], frame.asset_name) for _, frame in frames if frame.rows]
    found.sort(reverse=True)
    parts = [label(8, 38, "machine"), label(w / 2, 38, panel["title"])] if found else []
    for n, (seconds, name) in enumerate(found[: int((h - 56) / 20)]):
        y = 58 + n * 20
        parts.append(f'<path d="M8 {y - 14}H{w - 8:.0f}" stroke="{GRID}"/>')
        shown = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))
        parts.append(f'<g class="value"><text x="8" y="{y}">{cut(name, w / 2 - 16)}</text>')
        parts.append(f'<text x="{w / 2:.0f}" y="{y}" font-size="12">{shown}</text></g>')
    return "".join(parts)


def table(panel: Json, frames: list[Any], w: float, h: float, span: tuple[float, float]) -> str:
    """The latest values at the top."""
    found = [(row, frame) for _, frame in frames for row in frame.rows]
    found.sort(key=lambda one: -one[0][0])
    lines = int((h - 56) / 20)
    parts = [label(8, 38, "time"), label(100, 38, "value")] if found else []
    for n, ((at, value, _), _) in enumerate(found[:lines]):
        y = 58 + n * 20
        parts.append(f'<path d="M8 {y - 14}H{w - 8:.0f}" stroke="{GRID}"/>')
        parts.append(f'<g class="value"><text x="8" y="{y}">{clock(at)}</text>')
        text = number(float(value)) if is_number(value) and abs(value) < 1e6 else str(value)
        parts.append(f'<text x="100" y="{y}" font-size="12">{cut(text, w - 108, 7)}</text></g>')
    return "".join(parts)
