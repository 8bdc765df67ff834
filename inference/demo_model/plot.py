"""Draw the training's loss. Run `python -m inference.demo_model.plot`."""

import argparse
from pathlib import Path

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
from matplotlib import pyplot as plt

from inference.demo_model.workplace import WORK, workplace

TARGET = Path(__file__).with_name("loss.png")
WINDOW = 40


def draw(log: Path, target: Path) -> None:
    """Loss against tokens seen: each batch faintly, and a moving mean."""
    steps = {int(row[0]): row for row in np.loadtxt(log, delimiter=",", ndmin=2)}
    rows = np.stack([steps[step] for step in sorted(steps)])
    tokens, loss = np.cumsum(rows[:, 1]) / 1e6, rows[:, 2]
    smooth = np.convolve(loss, np.ones(WINDOW) / WINDOW, "valid")
    figure, axes = plt.subplots(figsize=(7, 3.5), dpi=90)
    axes.plot(tokens, loss, alpha=0.2, linewidth=0.5, color="tab:blue")
    axes.plot(tokens[WINDOW - 1 :], smooth, color="tab:blue")
    axes.set(yscale="log", xlabel="million tokens", ylabel="loss on the assistant's tokens, nats")
    axes.grid(visible=True, which="both", alpha=0.3)
    figure.tight_layout()
    figure.savefig(target)


def main() -> None:
    """Plot the log of the last training."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=WORK)
    draw(workplace(parser.parse_args().work) / "loss.csv", TARGET)


if __name__ == "__main__":
    main()
