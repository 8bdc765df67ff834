"""How costs grow, drawn from kept samples."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from statistics import median

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from bench.engine.report import Samples

IMAGES = Path(__file__).parents[2] / "docs/images"
_FIGURE = re.compile(r"(.+) at (\d+)")

PANELS: dict[str, tuple[str, dict[str, str]]] = {
    "growth-streams": ("sequences", {"tok/s": "tokens a second, all together"}),
    "growth-history": (
        "tokens of history",
        {
            "cold ttft": "first token, nothing cached, ms",
            "warm ttft": "first token, all cached, ms",
            "tok/s": "tokens a second",
        },
    ),
    "growth-step-target": (
        "step target, ms",
        {"gap p99": "gap of running streams, p99, ms", "ttft": "first token of 3,000, ms"},
    ),
}


def draw_plots(samples: Mapping[str, Samples]) -> None:
    """One picture for each growth workload that was measured."""
    mpl.use("Agg")
    for name, (across, panels) in PANELS.items():
        if not samples[name]:
            continue
        figure, axes = plt.subplots(1, len(panels), figsize=(4.2 * len(panels), 3.2), squeeze=False)
        for axis, (measured, label) in zip(axes[0], panels.items(), strict=True):
            _draw(axis, samples[name], measured)
            axis.set(xscale="log", xlabel=across, ylabel=label)
            axis.set_ylim(bottom=0)
        axes[0][0].legend(fontsize="small")
        figure.tight_layout()
        figure.savefig(IMAGES / f"{name}.svg")
        plt.close(figure)


def _draw(axis: Axes, samples: Samples, measured: str) -> None:
    points: list[int] = []
    for who, figures in samples.items():
        line = {
            int(match[2]): median(values)
            for figure, values in figures.items()
            if (match := _FIGURE.fullmatch(figure)) and match[1] == measured
        }
        points = sorted(line)
        axis.plot(points, [line[point] for point in points], marker="o", label=who)
    axis.set_xticks(points, map(str, points))
    axis.minorticks_off()
    axis.grid(visible=True, alpha=0.3)
