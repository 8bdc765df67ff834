"""The engine beside llama-server: `python -m bench.engine [NAME …] [--repeat N] [--sketch | --report]`.

Each workload's samples are kept in `bench/results/engine/`; the table and the plots in `docs/` are made of
what is there, so that workloads can be measured one at a time. `--sketch` runs everything small, on a tiny
model and without llama-server, to see that it works.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from bench.engine.growth import growth_tables
from bench.engine.parley import ParleyServer
from bench.engine.plan import OURS, Workload, plan
from bench.engine.plots import draw_plots
from bench.engine.report import IMAGES, Samples, gallery, load_samples, save_samples, table, write_page


def main(arguments: list[str]) -> None:
    """Measure the named workloads, or all of them, and write the report."""
    parser = argparse.ArgumentParser(prog="bench.engine", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="workloads: decode-1, deep-8, …")
    parser.add_argument("--repeat", type=int, help="runs of each workload (3 to 5)")
    parser.add_argument("--sketch", action="store_true", help="a tiny model, small workloads, nothing kept")
    parser.add_argument("--report", action="store_true", help="measure nothing, only write the report")
    chosen = parser.parse_args(arguments)
    workloads = plan(size="tiny", scale=5, servers={OURS: ParleyServer}) if chosen.sketch else plan()
    if unknown := set(chosen.names) - workloads.keys():
        parser.error(f"no such workload: {', '.join(sorted(unknown))}; there are {', '.join(workloads)}")
    taken = {}
    for name in [] if chosen.report else chosen.names or workloads:
        print(f"{name} …", flush=True)
        taken[name] = measure(workloads[name], chosen.repeat)
        if not chosen.sketch:
            save_samples(name, taken[name])
    if chosen.sketch:
        print(table(workloads, taken), growth_tables(taken), sep="\n")
        print(*draw_plots(taken, Path(tempfile.mkdtemp(prefix="parley-sketch-"))), sep="\n")
        return
    kept = {name: load_samples(name) for name in workloads}
    shown = {name: kept[name] for name in taken} or kept
    print(table(workloads, shown), growth_tables(shown), sep="\n")
    write_page(table=table(workloads, kept), pictures=gallery(draw_plots(kept, IMAGES)))


def measure(workload: Workload, repeat: int | None) -> Samples:
    """Every figure of everybody measured, in the order of taking."""
    samples: Samples = {}
    for name, figures in workload.take(repeat or workload.repeat):
        for figure, value in figures.items():
            samples.setdefault(name, {}).setdefault(figure, []).append(value)
    return samples


if __name__ == "__main__":
    main(sys.argv[1:])
