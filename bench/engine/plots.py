"""How costs grow, drawn from kept samples."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from bench.engine.growth import lines_of
from bench.engine.report import Samples

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
    "policy": ("messages", {"ms": "time of a context policy, all texts counted before, ms"}),
}


def draw_plots(samples: Mapping[str, Samples], folder: Path) -> list[Path]:
    """One picture for each growth workload that was measured."""
    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "parley"  # the same samples make the same file
    pictures = []
    for name, (across, panels) in PANELS.items():
        if not samples.get(name):
            continue
        lines = lines_of(samples[name])
        figure, axes = plt.subplots(1, len(panels), figsize=(4.2 * len(panels), 3.2), squeeze=False)
        for axis, (measured, label) in zip(axes[0], panels.items(), strict=True):
            _draw(axis, lines[measured])
            axis.set(xscale="log", xlabel=across, ylabel=label)
            axis.set_ylim(bottom=0)
        axes[0][0].legend(fontsize="small")
        figure.tight_layout()
        pictures.append(folder / f"{name}.svg")
        figure.savefig(pictures[-1], metadata={"Date": None})
        plt.close(figure)
    return pictures


def _draw(axis: Axes, by_who: Mapping[str, Mapping[int, float]]) -> None:
    points = sorted({point for line in by_who.values() for point in line})
    for who, line in by_who.items():
        axis.plot(sorted(line), [line[point] for point in sorted(line)], marker="o", label=who)
    axis.set_xticks(points, map(str, points))
    axis.minorticks_off()
    axis.grid(visible=True, alpha=0.3)
