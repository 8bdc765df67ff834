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

WORK = Path("var/demo-model")


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the outcome."""

    seed: int = 7
    corpus_tokens: int = 14_000_000
    steps: int = 2_800
    batch_tokens: int = 4_096
    warmup: int = 100
    decay_from: float = 0.55
    matrix_rate: float = 4e-3
    other_rate: float = 3e-3
    even_from: int = 2_300
    save_every: int = 100


def rate(recipe: Recipe, step: int) -> float:
    """The learning rate's factor: a short warm-up, a plateau, then straight down to nothing."""
    down = (recipe.steps - step) / (recipe.steps * (1 - recipe.decay_from))
    return min((step + 1) / recipe.warmup, 1.0, max(down, 0.0))


def weigh(learnt: Tensor, *, even: bool) -> Tensor:
    """Every learnt token's weight: one, or, to even out, one by the root of its reply's length.

    Long lists and stories would else outweigh short sums fifty to one.
    """
    if not even:
        return learnt.float()
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


def endless(dataset: data.Dataset, recipe: Recipe) -> Iterator[tuple[Tensor, Tensor]]:
    """Epoch after epoch, each in its own order; the same for every run of the recipe."""
    epochs = (data.batches(dataset, seed=recipe.seed + n, budget=recipe.batch_tokens) for n in count())
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
    dataset = data.load_or_build(
        work / "corpus.npz", tokenizer, seed=recipe.seed, tokens=recipe.corpus_tokens
    )
    model = DemoModel(Shape(vocabulary=tokenizer.get_vocab_size()))
    tools = optimisers(model, recipe)
    first, spent = resume(work / "checkpoint.pt", model, tools)
    started = time.process_time()
    with (work / "loss.csv").open("a") as log:
        losses = csv.writer(log)
        progress = tqdm(
            islice(endless(dataset, recipe), first, recipe.steps),
            total=recipe.steps,
            initial=first,
            desc="train",
            mininterval=5,
        )
        for step, (ids, learnt) in enumerate(progress, first):
            weights = weigh(learnt, even=step >= recipe.even_from)
            loss = one_step(model, tools, ids, weights, factor=rate(recipe, step))
            seconds = spent + time.process_time() - started
            losses.writerow((step, ids.numel(), f"{loss:.4f}", f"{seconds:.1f}"))
            if step % 20 == 0:
                progress.set_postfix(loss=f"{loss:.3f}")
            if (step + 1) % recipe.save_every == 0 or step + 1 == recipe.steps:
                log.flush()
                save(work / "checkpoint.pt", model, tools, step + 1, seconds)
    return model


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
    parser.add_argument("--work", type=Path, default=WORK, help="folder for checkpoints and logs")
    parser.add_argument("--steps", type=int, default=Recipe.steps)
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    train(Recipe(steps=chosen.steps), chosen.work)


if __name__ == "__main__":
    main()
