"""Flowcharts as pictures within the page, made when the site is built: nothing is fetched to show them.

Blocks of ``mermaid`` hold a chart that code hosts draw themselves. What is understood here is ``flowchart LR`` with
lines such as ``a & b --> c --> d``. Boxes lead to the page of their name.
"""

from __future__ import annotations

import itertools
import re
from typing import Any

_BLOCK = re.compile(r"^```mermaid\nflowchart LR\n(.*?)^```$", re.DOTALL | re.MULTILINE)

# Sizes in pixels: a box, and the distances between boxes' centres.
_BOX, _COLUMN, _ROW = (86, 30), 122, 50


def on_page_markdown(markdown: str, files: Any, **_: Any) -> str:
    """Draw every flowchart of a page."""
    return _BLOCK.sub(lambda block: _picture(_edges(block.group(1)), files), markdown)


def _edges(text: str) -> list[tuple[str, str]]:
    edges = []
    for line in text.splitlines():
        groups = [[name.strip() for name in part.split("&")] for part in line.split("-->")]
        for before, after in itertools.pairwise(groups):
            edges += [(a, b) for a in before for b in after]
    return edges


def _picture(edges: list[tuple[str, str]], files: Any) -> str:
    """Boxes in columns by the longest way that leads to them; long edges go through empty places of the columns."""
    column: dict[str, int] = {name: 0 for edge in edges for name in edge}
    for _ in column:
        for a, b in edges:
            column[b] = max(column[b], column[a] + 1)
    # An edge over several columns has a place of its own in each that it passes.
    chains = []
    cells: list[list[str]] = [[] for _ in range(max(column.values()) + 1)]
    for name, at in column.items():
        cells[at].append(name)
    for a, b in edges:
        chain = [a, *(f"{a} {b} {at}" for at in range(column[a] + 1, column[b])), b]
        for at, name in enumerate(chain[1:-1], column[a] + 1):
            cells[at].append(name)
        chains.append(chain)
    links = [pair for chain in chains for pair in itertools.pairwise(chain)]
    row = {name: float(index) for cell in cells for index, name in enumerate(cell)}
    for sweep in range(8):
        for cell in cells if sweep % 2 == 0 else cells[::-1]:
            side = 0 if sweep % 2 == 0 else 1
            near = {n: [row[pair[side]] for pair in links if pair[1 - side] == n] for n in cell}
            cell.sort(key=lambda n, near=near: sum(near[n]) / len(near[n]) if near[n] else row[n])  # type: ignore[misc]
            for index, name in enumerate(cell):
                row[name] = index - (len(cell) - 1) / 2
    top = min(row.values())
    height = (max(row.values()) - top) * _ROW + _BOX[1] + 8
    width = (len(cells) - 1) * _COLUMN + _BOX[0] + 8

    def centre(name: str, at: int) -> tuple[float, float]:
        return at * _COLUMN + _BOX[0] / 2 + 4, (row[name] - top) * _ROW + _BOX[1] / 2 + 4

    parts = []
    for chain in chains:
        first = column[chain[0]]
        points = [centre(name, first + step) for step, name in enumerate(chain)]
        x, y = points[0][0] + _BOX[0] / 2, points[0][1]
        path = f"M{x:.0f} {y:.0f}"
        for step, (px, py) in enumerate(points[1:], 1):
            last = step == len(points) - 1
            end = px - _BOX[0] / 2 - (6 if last else 0)
            middle = (x + end) / 2
            path += f"C{middle:.0f} {y:.0f} {middle:.0f} {py:.0f} {end:.0f} {py:.0f}"
            if not last:
                path += f"L{px + _BOX[0] / 2:.0f} {py:.0f}"
            x, y = px + _BOX[0] / 2, py
        parts.append(f'<path d="{path}" marker-end="url(#arrow)"/>')
    for name, at in column.items():
        x, y = centre(name, at)
        box = (
            f'<rect x="{x - _BOX[0] / 2:.0f}" y="{y - _BOX[1] / 2:.0f}" width="{_BOX[0]}" height="{_BOX[1]}" rx="5"/>'
            f'<text x="{x:.0f}" y="{y:.0f}">{name}</text>'
        )
        page = files.get_file_from_path(f"{name}.md")
        parts.append(f'<a href="{page.url}">{box}</a>' if page else box)
    label = "; ".join(f"{a} to {b}" for a, b in edges)
    arrow = (
        '<marker id="arrow" viewBox="0 0 6 6" refX="1" refY="3" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L6 3L0 6z"/></marker>'
    )
    return (
        f'<svg class="flowchart" role="img" aria-label="{label}" viewBox="0 0 {width} {height:.0f}" '
        f'width="{width}"><defs>{arrow}</defs>{"".join(parts)}</svg>\n'
    )
