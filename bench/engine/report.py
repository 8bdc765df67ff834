"""Samples to files, and medians to a table that says which targets hold."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from bench.engine.plan import DEFAULT, NO_FLASH, Target, Workload
from bench.report import RESULTS, describe_run

Samples = dict[str, dict[str, list[float]]]
"""Who was measured, which figure, every value."""

KEPT = RESULTS / "engine"
DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "engine.md"
IMAGES = DOCS / "images"
_HEAD = (
    "| workload | figure | ours | llama-server | `-fa off` | ratio | wanted | holds |\n"
    + "| --- " * 8
    + "|\n"
)


def save_samples(name: str, samples: Samples) -> None:
    """Keep a workload's samples, with commit and machine."""
    KEPT.mkdir(parents=True, exist_ok=True)
    document = describe_run() | {"samples": samples}
    (KEPT / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")


def load_samples(name: str) -> Samples:
    """What was kept of a workload; nothing where it was never measured."""
    path = KEPT / f"{name}.json"
    samples: Samples = json.loads(path.read_text())["samples"] if path.is_file() else {}
    return samples


def write_page(**parts: str) -> None:
    """Put the parts that are made of samples into the page."""
    page = PAGE.read_text()
    for part, text in parts.items():
        start, end = f"<!-- {part} -->\n", f"<!-- end of {part} -->"
        before, rest = page.split(start)
        page = before + start + text + end + rest.split(end)[1]
    PAGE.write_text(page)


def gallery(pictures: Sequence[Path]) -> str:
    """Pictures for the page."""
    return "".join(f"![{picture.stem}]({picture.relative_to(DOCS)})\n" for picture in pictures)


def table(workloads: Mapping[str, Workload], samples: Mapping[str, Samples]) -> str:
    """One line for each target of what was measured, as Markdown."""
    lines = [
        _line(name, target, samples[name])
        for name, workload in workloads.items()
        for target in workload.targets
        if target.ours in samples.get(name, {})
    ]
    return _HEAD + "".join(lines)


def _line(name: str, target: Target, samples: Samples) -> str:
    medians = {
        who: median(figures[target.figure]) for who, figures in samples.items() if target.figure in figures
    }
    ours = medians[target.ours]
    reference = _reference(target, medians)
    value = ours if target.of == "nothing" else ours / reference if reference else None
    label = target.figure if target.ours == "parley" else f"{target.figure}, {target.ours}"
    cells = [
        f"{name} ({len(samples[target.ours][target.figure])})",
        label,
        shorten(ours),
        shorten(medians.get(DEFAULT, medians.get("plain"))),
        shorten(medians.get(NO_FLASH)),
        "" if target.of == "nothing" or value is None else f"{value:.2f}",
        _wanted(target),
        "?" if value is None else "yes" if _holds(target, value) else "**no**",
    ]
    return f"| {' | '.join(cells)} |\n"


def _reference(target: Target, medians: dict[str, float]) -> float | None:
    if target.of == "default":
        return medians.get(DEFAULT)
    if target.of == "plain":
        return medians.get("plain")
    peers = [medians[peer] for peer in (DEFAULT, NO_FLASH) if peer in medians]
    better = max if target.at_least is not None else min
    return better(peers, default=None)


def _holds(target: Target, value: float) -> bool:
    at_least = target.at_least is None or value >= target.at_least
    return at_least and (target.at_most is None or value <= target.at_most)


def _wanted(target: Target) -> str:
    whose = {"better": " of the better", "default": " of its default", "plain": " of plain", "nothing": ""}
    sign, bound = ("≥", target.at_least) if target.at_least is not None else ("≤", target.at_most)
    if target.at_least == target.at_most:
        sign = "="
    return f"{sign} {bound:g}{whose[target.of]}"


def shorten(value: float | None) -> str:
    """A figure as tables have it."""
    return "" if value is None else f"{value:.3g}" if value < 1000 else f"{value:.0f}"
