"""Train the demo model: seeded, resumable, on two CPU cores. Run `python -m inference.demo_model.train`."""

import argparse
import csv
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, count, islice
from pathlib import Path

import torch
from torch import Tensor
from torch.optim import AdamW, Muon, Optimizer
from tqdm import tqdm

from inference.demo_model import data, vocabulary
from inference.demo_model.model import DemoModel, Shape
from inference.demo_model.workplace import WORK, workplace


@dataclass(frozen=True)
class Stage:
    """A mix of conversations, and how to learn from it: the learning rate's factor rises to `peak`, stays
    there, and falls to nothing from the part `decay_from` of the steps on.
    """

    mix: str
    seed: int
    tokens: int
    steps: int
    peak: float
    decay_from: float


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the outcome."""

    seed: int = 7
    stages: tuple[Stage, ...] = (
        Stage(mix="all", seed=7, tokens=14_000_000, steps=3_200, peak=1.0, decay_from=0.55),
        Stage(mix="practice", seed=8, tokens=3_200_000, steps=700, peak=0.3, decay_from=0.2),
    )
    batch_tokens: int = 4_096
    warmup: int = 100
    matrix_rate: float = 4e-3
    other_rate: float = 3e-3
    save_every: int = 100


def rate(stage: Stage, step: int, *, warmup: int) -> float:
    """The learning rate's factor at a stage's step: up in a few steps, a plateau, then straight down."""
    down = (stage.steps - step) / (stage.steps * (1 - stage.decay_from))
    return stage.peak * min((step + 1) / warmup, 1.0, max(down, 0.0))


def weigh(learnt: Tensor) -> Tensor:
    """Every learnt token's weight: one by the root of its reply's length.

    With equal weights, long lists and stories outweigh short sums fifty to one.
    """
    flat = learnt.flatten()
    starts = flat & ~flat.roll(1)
    reply = starts.cumsum(0) * flat
    return (flat / reply.bincount()[reply].float().sqrt()).view(learnt.shape)


def optimisers(model: DemoModel, recipe: Recipe) -> list[Optimizer]:
    """Muon (Jordan et al., 2024) for the blocks' matrices, AdamW for the embedding and the norms."""
    matrices = [p for p in model.blocks.parameters() if p.dim() == 2]
    others = [p for p in model.parameters() if p.dim() == 1] + [model.embedding.weight]
    return [
        Muon(matrices, lr=recipe.matrix_rate, weight_decay=0.02, adjust_lr_fn="match_rms_adamw"),
        AdamW(others, lr=recipe.other_rate, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def endless(dataset: data.Dataset, *, seed: int, budget: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Epoch after epoch, each in its own order; the same for every run of the recipe."""
    epochs = (data.batches(dataset, seed=seed + n, budget=budget) for n in count())
    for ids, learnt in chain.from_iterable(epochs):
        yield torch.from_numpy(ids), torch.from_numpy(learnt)


def save(path: Path, model: DemoModel, tools: list[Optimizer], step: int, spent: float) -> None:
    """Write a checkpoint whole or not at all."""
    state = {"model": model.state_dict(), "tools": [tool.state_dict() for tool in tools]}
    torch.save(state | {"step": step, "cpu_seconds": spent}, path.with_suffix(".new"))
    path.with_suffix(".new").replace(path)


def resume(path: Path, model: DemoModel, tools: list[Optimizer]) -> tuple[int, float]:
    """Load the checkpoint if there is one; returns the step to go on with and the CPU seconds spent."""
    if not path.exists():
        return 0, 0.0
    state = torch.load(path, weights_only=True)
    model.load_state_dict(state["model"])
    for tool, kept in zip(tools, state["tools"], strict=True):
        tool.load_state_dict(kept)
    return state["step"], state["cpu_seconds"]


def train(recipe: Recipe, work: Path) -> DemoModel:
    """Run the recipe from the last checkpoint, or from the start, to its end."""
    torch.manual_seed(recipe.seed)
    work.mkdir(parents=True, exist_ok=True)
    tokenizer = vocabulary.load_or_train(work / "tokenizer.json", seed=recipe.seed)
    model = DemoModel(Shape(vocabulary=tokenizer.get_vocab_size()))
    tools = optimisers(model, recipe)
    done, spent = resume(work / "checkpoint.pt", model, tools)
    started = time.process_time()
    begin = 0
    with (work / "loss.csv").open("a") as log:
        losses = csv.writer(log)
        for stage in recipe.stages:
            if done < begin + stage.steps:
                path = work / f"corpus-{stage.mix}.npz"
                dataset = data.load_or_build(
                    path, tokenizer, seed=stage.seed, mix=stage.mix, tokens=stage.tokens
                )
                first = max(done - begin, 0)
                for step, loss, size in learn(recipe, stage, dataset, model, tools, first=first):
                    seconds = spent + time.process_time() - started
                    losses.writerow((begin + step, size, f"{loss:.4f}", f"{seconds:.1f}"))
                    if (step + 1) % recipe.save_every == 0 or step + 1 == stage.steps:
                        log.flush()
                        save(work / "checkpoint.pt", model, tools, begin + step + 1, seconds)
            begin += stage.steps
    return model


def learn(
    recipe: Recipe,
    stage: Stage,
    dataset: data.Dataset,
    model: DemoModel,
    tools: list[Optimizer],
    *,
    first: int,
) -> Iterator[tuple[int, float, int]]:
    """One stage from its step `first` on: after each step its number, its loss and its batch's tokens."""
    batches = islice(endless(dataset, seed=stage.seed, budget=recipe.batch_tokens), first, stage.steps)
    progress = tqdm(batches, total=stage.steps, initial=first, desc=stage.mix, mininterval=5)
    for step, (ids, learnt) in enumerate(progress, first):
        factor = rate(stage, step, warmup=recipe.warmup)
        loss = one_step(model, tools, ids, weigh(learnt), factor=factor)
        if step % 20 == 0:
            progress.set_postfix(loss=f"{loss:.3f}")
        yield step, loss, ids.numel()


def one_step(
    model: DemoModel, tools: list[Optimizer], ids: Tensor, weights: Tensor, *, factor: float
) -> float:
    """Learn from one batch; returns its loss."""
    with torch.autocast("cpu", torch.bfloat16):
        loss = model.loss(ids, weights)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for tool in tools:
        for group in tool.param_groups:
            group["lr"] = factor * group.setdefault("base", group["lr"])
        tool.step()
        tool.zero_grad()
    return loss.item()


def main() -> None:
    """Train with the recipe in this file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=WORK, help="checkpoints and logs go below this folder")
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    train(Recipe(), workplace(chosen.work))


if __name__ == "__main__":
    main()
