"""Conversations as token arrays, and batches of conversations of like length."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer
from tqdm import tqdm

from inference.demo_model.corpus.conversations import corpus
from inference.demo_model.corpus.turns import END, Conversation, prefix

MAX_LENGTH = 2048


@dataclass(frozen=True)
class Dataset:
    """All conversations end to end: their tokens, which of these are learnt, and where each one ends."""

    tokens: NDArray[np.uint16]
    learnt: NDArray[np.bool_]
    ends: NDArray[np.int64]

    def lengths(self) -> NDArray[np.int64]:
        """Tokens per conversation."""
        return np.diff(self.ends, prepend=0)


def encode(conversation: Conversation, tokenizer: Tokenizer) -> tuple[list[int], list[bool]]:
    """Token ids in ChatML and, for each, whether the model should learn to write it."""
    ids: list[int] = []
    learnt: list[bool] = []
    for message in conversation.messages():
        opening = tokenizer.encode(prefix(message["role"])).ids
        content = tokenizer.encode(message["content"] + END).ids
        closing = tokenizer.encode("\n").ids
        ids += opening + content + closing
        spoken = message["role"] == "assistant"
        learnt += [False] * len(opening) + [spoken] * len(content) + [False] * len(closing)
    return ids[:-1], learnt[:-1]


def build(tokenizer: Tokenizer, *, seed: int, mix: str, tokens: int) -> Dataset:
    """Write conversations until they hold the wanted number of tokens."""
    ids: list[NDArray[np.uint16]] = []
    learnt: list[NDArray[np.bool_]] = []
    total = 0
    with tqdm(total=tokens, desc="corpus", unit="tok", unit_scale=True) as bar:
        for conversation in corpus(seed, mix):
            row, mask = encode(conversation, tokenizer)
            ids.append(np.asarray(row[:MAX_LENGTH], np.uint16))
            learnt.append(np.asarray(mask[:MAX_LENGTH], np.bool_))
            total += len(ids[-1])
            bar.update(len(ids[-1]))
            if total >= tokens:
                break
    return Dataset(np.concatenate(ids), np.concatenate(learnt), np.cumsum([len(row) for row in ids]))


def load_or_build(path: Path, tokenizer: Tokenizer, *, seed: int, mix: str, tokens: int) -> Dataset:
    """The encoded corpus kept at `path`, built on first use."""
    if not path.exists():
        made = build(tokenizer, seed=seed, mix=mix, tokens=tokens)
        partial = path.with_suffix(".new.npz")
        np.savez(partial, tokens=made.tokens, learnt=made.learnt, ends=made.ends)
        partial.replace(path)
    with np.load(path) as stored:
        return Dataset(stored["tokens"], stored["learnt"], stored["ends"])


def batches(
    dataset: Dataset, *, seed: int, budget: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.bool_]]]:
    """One shuffled epoch of padded batches `(rows, length)`, each of about `budget` tokens.

    Conversations of like length share a batch, so little is padding, and no conversation sees another.
    """
    rng = np.random.default_rng(seed)
    lengths = dataset.lengths()
    order = rng.permutation(len(lengths))
    order = order[np.argsort(lengths[order], kind="stable")]
    groups, start = [], 0
    while start < len(order):
        stop = start + 1
        while stop < len(order) and (stop + 1 - start) * lengths[order[stop]] <= budget:
            stop += 1
        groups.append(order[start:stop])
        start = stop
    for index in rng.permutation(len(groups)):
        yield _padded(dataset, groups[index], lengths)


def _padded(
    dataset: Dataset, rows: NDArray[np.int64], lengths: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    shape = (len(rows), int(lengths[rows].max()))
    ids, learnt = np.zeros(shape, np.int64), np.zeros(shape, np.bool_)
    for place, row in enumerate(rows):
        end, length = dataset.ends[row], lengths[row]
        ids[place, :length] = dataset.tokens[end - length : end]
        learnt[place, :length] = dataset.learnt[end - length : end]
    return ids, learnt
