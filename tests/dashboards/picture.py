"""Draws what panels got. This is a drawing of the answers, not Grafana."""

from html import escape
from pathlib import Path
from typing import Any

WIDTH, LINE, COLUMNS = 1_200, 26, 24
COLORS = {"GOOD": "#3274d9", "UNCERTAIN": "#8e8e8e", "BAD": "#e02f44"}


def draw(answers: list[tuple[Any, Any, Any, list[Any]]], folder: Path, name: str) -> None:
    """A picture of each dashboard for its first asset, its rows opened."""
    folder.mkdir(parents=True, exist_ok=True)
    dashboards: dict[str, dict[int, tuple[Any, list[Any]]]] = {}
    for dashboard, panel, _, frames in answers:
        panels = dashboards.setdefault(dashboard["title"], {})
        first = panels.setdefault(panel["id"], (panel, []))[1]
        assets = {frame.asset for frame in first} or {frame.asset for frame in frames}
        first += [frame for frame in frames if frame.asset in assets]
    for title, panels in dashboards.items():
        (folder / f"{name}-{title.lower().replace(' ', '-')}.svg").write_text(page(title, list(panels.values())))


def page(title: str, panels: list[tuple[Any, list[Any]]]) -> str:
    parts, x, y, height = [], 0, 2, 0
    for panel, frames in panels:
        place = panel["gridPos"]
        if x + place["w"] > COLUMNS:
            x, y, height = 0, y + height, 0
        unit = WIDTH / COLUMNS
        parts.append(box(panel, frames, x * unit, y * LINE, place["w"] * unit - 8, place["h"] * LINE - 8))
        x, height = x + place["w"], max(height, place["h"])
    bottom = (y + height) * LINE
    note = f"{title}: drawn from the answers to the dashboard's queries, not by Grafana"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom}" font-family="sans-serif">'
        f'<rect width="100%" height="100%" fill="#f4f5f5"/>'
        f'<text x="8" y="28" font-size="17" fill="#24292e">{escape(note)}</text>{"".join(parts)}</svg>\n'
    )


def box(panel: Any, frames: list[Any], x: float, y: float, w: float, h: float) -> str:
    inner = {"timeseries": curve, "stat": tiles}.get(panel["type"], texts)(panel, frames, w, h)
    return (
        f'<g transform="translate({x:.0f} {y:.0f})"><rect width="{w:.0f}" height="{h:.0f}" fill="#fff" '
        f'stroke="#d8d9da"/><text x="8" y="18" font-size="13" fill="#24292e">{escape(panel["title"])}</text>'
        f"{inner}</g>"
    )


def curve(panel: Any, frames: list[Any], w: float, h: float) -> str:
    rows = [row for frame in frames for row in frame.rows if isinstance(row[1], (int, float))]
    if not rows:
        return ""
    times, values = [row[0] for row in rows], [float(row[1]) for row in rows]
    begin, end = min(times), max(times) + 1
    custom = panel["fieldConfig"]["defaults"].get("custom", {})
    low = min([*values, custom.get("axisSoftMin", min(values))])
    high = max([*values, custom.get("axisSoftMax", max(values))])
    high += high == low

    def at(time: float, value: float) -> tuple[float, float]:
        return 50 + (w - 62) * (time - begin) / (end - begin), h - 12 - (h - 44) * (value - low) / (high - low)

    parts = [
        f'<text x="8" y="{at(begin, value)[1] + 4:.0f}" font-size="10" fill="#6e6e6e">{value:.4g}</text>'
        for value in (low, high)
    ]
    for frame in frames:
        path = ""
        for time, value, quality in sorted(row for row in frame.rows if isinstance(row[1], (int, float))):
            px, py = at(time, float(value))
            if panel["title"] == "Values by quality":
                color = {"GOOD": "#73bf69", "UNCERTAIN": "#fade2a"}.get(quality, "#e02f44")
                parts.append(f'<rect x="{px - 6:.1f}" y="{py:.1f}" width="4" height="{h - 12 - py:.1f}" fill="{color}"/>')
            elif quality == "GOOD":
                path += f"H{px:.1f}V{py:.1f}" if path else f"M{px:.1f} {py:.1f}"
            else:
                parts.append(f'<circle cx="{px:.1f}" cy="{py:.1f}" r="3" fill="{COLORS[quality]}"/>')
        if path:
            parts.append(f'<path d="{path}" fill="none" stroke="{COLORS["GOOD"]}"/>')
    return "".join(parts)


def tiles(panel: Any, frames: list[Any], w: float, h: float) -> str:
    shown = [frame for frame in frames if frame.rows]
    parts, each = [], (w - 16) / max(len(shown), 1)
    for n, frame in enumerate(shown):
        value = frame.rows[-1][1]
        color = {True: "#73bf69", False: "#e02f44"}.get(value, "#3274d9") if isinstance(value, bool) else "#3274d9"
        text = {True: "online", False: "offline"}[value] if isinstance(value, bool) else f"{value}"
        parts.append(
            f'<g transform="translate({8 + n * each:.0f} 28)"><rect width="{each - 4:.0f}" height="{h - 36:.0f}" '
            f'fill="{color}"/><text x="6" y="18" font-size="11" fill="#fff">{escape(frame.asset_name)}</text>'
            f'<text x="6" y="38" font-size="13" fill="#fff">{escape(text)}</text></g>'
        )
    return "".join(parts)


def texts(panel: Any, frames: list[Any], w: float, h: float) -> str:
    rows = sorted((row for frame in frames for row in frame.rows), key=lambda row: -row[0])
    lines = [f"{row[1]}" for row in rows[: int((h - 30) / 16)]]
    return "".join(
        f'<text x="8" y="{38 + 16 * n}" font-size="12" fill="#24292e">{escape(line[:60])}</text>'
        for n, line in enumerate(lines)
    )
