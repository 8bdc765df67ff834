"""How figures grow: those named `FIGURE at NUMBER` are points of a line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from statistics import median

from bench.engine.report import Samples, shorten

_POINT = re.compile(r"(.+) at (\d+)")

Lines = dict[str, dict[str, dict[int, float]]]
"""By figure and who was measured: the median at each point."""


def lines_of(samples: Samples) -> Lines:
    """The lines among samples, points in order; other figures are left out."""
    lines: Lines = {}
    for who, figures in samples.items():
        for name, values in figures.items():
            if match := _POINT.fullmatch(name):
                line = lines.setdefault(match[1], {}).setdefault(who, {})
                line[int(match[2])] = median(values)
    return lines


def growth_tables(taken: Mapping[str, Samples]) -> str:
    """A Markdown table for each workload that has lines: a row for each of them, a column for each point."""
    return "\n".join(_table(name, lines) for name, samples in taken.items() if (lines := lines_of(samples)))


def _table(name: str, lines: Lines) -> str:
    points = sorted({point for by_who in lines.values() for line in by_who.values() for point in line})
    head = f"| {name} | who | {' | '.join(map(str, points))} |\n{'| --- ' * (len(points) + 2)}|\n"
    rows = [
        f"| {figure} | {who} | {' | '.join(shorten(line.get(point)) for point in points)} |\n"
        for figure, by_who in lines.items()
        for who, line in by_who.items()
    ]
    return head + "".join(rows)
