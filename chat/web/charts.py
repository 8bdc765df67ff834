"""Charts as SVG, drawn on the server: no script, and nothing that a strict policy would refuse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 640.0, 160.0


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A rectangle; `series` numbers the class that colours it, `label` is what it says."""

    x: float
    y: float
    width: float
    height: float
    series: int
    label: str


@dataclass(frozen=True, kw_only=True)
class Line:
    """A polyline's points; gaps end one and begin another."""

    points: str
    series: int


@dataclass(frozen=True, kw_only=True)
class Chart:
    """What the template draws. `top` is the value at its upper edge."""

    title: str
    unit: str
    top: float
    names: list[str]
    bars: list[Bar]
    lines: list[Line]
    width: float = WIDTH
    height: float = HEIGHT


def bar_chart(title: str, unit: str, labels: Sequence[str], series: Mapping[str, Sequence[float]]) -> Chart:
    """Stacked bars, one stack for each label."""
    columns = list(zip(*series.values(), strict=True))
    top = max((sum(column) for column in columns), default=0) or 1
    step = WIDTH / max(1, len(labels))
    bars: list[Bar] = []
    for index, column in enumerate(columns):
        base = HEIGHT
        for number, value in enumerate(column):
            height = value / top * HEIGHT
            base -= height
            if value:
                name = f"{labels[index]}: {value:,.0f} {list(series)[number]}"
                bars.append(
                    Bar(
                        x=round(index * step + step * 0.1, 1),
                        y=round(base, 1),
                        width=round(step * 0.8, 1),
                        height=round(height, 1),
                        series=number,
                        label=name,
                    )
                )
    return Chart(title=title, unit=unit, top=top, names=list(series), bars=bars, lines=[])


def line_chart(
    title: str, unit: str, labels: Sequence[str], series: Mapping[str, Sequence[float | None]]
) -> Chart:
    """A line for each series, broken where nothing was measured; a lonely point is a short dash."""
    values = [value for line in series.values() for value in line if value is not None]
    top = max(values, default=0) or 1
    step = WIDTH / max(1, len(labels))
    lines = [
        Line(points=points, series=number)
        for number, line in enumerate(series.values())
        for points in _pieces(line, step, top)
    ]
    return Chart(title=title, unit=unit, top=top, names=list(series), bars=[], lines=lines)


def _pieces(line: Sequence[float | None], step: float, top: float) -> list[str]:
    pieces: list[list[tuple[float, float]]] = [[]]
    for index, value in enumerate(line):
        if value is None:
            pieces.append([])
        else:
            pieces[-1].append(((index + 0.5) * step, HEIGHT - value / top * HEIGHT))
    for piece in pieces:
        if len(piece) == 1:
            piece.append((piece[0][0] + step / 4, piece[0][1]))
    return [" ".join(f"{x:.1f},{y:.1f}" for x, y in piece) for piece in pieces if piece]
