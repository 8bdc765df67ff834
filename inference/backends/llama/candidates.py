"""What a token is drawn from: llama.cpp's array of token data, whose memory numpy sees as well."""

from __future__ import annotations

import ctypes
from typing import Any

import llama_cpp
import numpy as np
import numpy.typing as npt

_TOKEN_DATA = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])

ROWS = 64
"""How a vocabulary is folded to find its likeliest tokens."""

Logits = npt.NDArray[np.float32]
Ids = npt.NDArray[np.integer[Any]]

NOTHING: Ids = np.empty(0, np.int32)


class Candidates:
    """One row of a model's vocabulary at a time; every sampler of the model uses the same one."""

    def __init__(self, n_vocab: int) -> None:
        self._fresh = np.zeros(n_vocab, _TOKEN_DATA)
        self._fresh["id"] = np.arange(n_vocab)
        self._table = self._fresh.copy()
        self._all_possible = True
        self._start: Any = self._table.ctypes.data_as(llama_cpp.llama_token_data_p)
        self._native = llama_cpp.llama_token_data_array(data=self._start, size=n_vocab)

    @property
    def logits(self) -> Logits:
        """The candidates' logits, in the order of `ids`. Valid until a native sampler has run."""
        return self._table["logit"][: self._native.size]

    @property
    def ids(self) -> Ids:
        """The candidates' token ids."""
        return self._table["id"][: self._native.size]

    @property
    def chosen(self) -> int | None:
        """The token id that the last native sampler chose, if it did."""
        native = self._native
        return int(native.data[native.selected].id) if 0 <= native.selected < native.size else None

    def load(self, logits: Logits) -> None:
        """Start afresh: every token is a candidate, in order of id."""
        np.copyto(self._table.view(np.uint8), self._fresh.view(np.uint8))
        self._table["logit"] = logits
        self._all_possible = bool(np.isfinite(logits.min()))
        self._reset(len(self._fresh))

    def load_likeliest(self, logits: Logits, count: int, *, without: Ids = NOTHING) -> bool:
        """Start with the `count` likeliest tokens but for some, and perhaps a few more; False when not all
        are numbers.
        """
        ids = _likeliest_ids(logits, count + len(without))
        if ids is None:
            return False
        if len(without):
            ids = ids[np.isin(ids, without, invert=True)]
        table = self._table[: len(ids)]
        table["id"], table["logit"] = ids, logits[ids]
        self._all_possible = True
        self._reset(len(ids))
        return True

    def exclude(self, ids: Ids) -> None:
        """Leave these tokens no probability. Only right after `load`."""
        if len(ids):
            self._table["logit"][ids] = -np.inf
            self._all_possible = False

    def penalise(self, sampler: Any) -> None:
        """Apply a native sampler that may leave tokens no probability."""
        self.apply(sampler)
        self._all_possible = False

    def apply(self, sampler: Any) -> None:
        """Let a native sampler change, reorder, drop or choose."""
        llama_cpp.llama_sampler_apply(sampler, ctypes.byref(self._native))

    def apply_once(self, sampler: Any) -> None:
        """Apply a sampler made for this draw alone, and free it."""
        self.apply(sampler)
        llama_cpp.llama_sampler_free(sampler)

    def drop_impossible(self) -> bool:
        """Forget candidates of no probability, which some samplers cannot digest; whether any is left."""
        if self._all_possible:
            return True
        table = self._table[: self._native.size]
        possible = table["logit"] > -np.inf  # false for NaN as well
        if not possible.all():
            kept = table[possible]
            self._table[: len(kept)] = kept
            self._reset(len(kept))
        return bool(self._native.size)

    def _reset(self, size: int) -> None:
        self._native.data = self._start  # XTC moves it
        self._native.size = size
        self._native.selected = -1
        self._native.sorted = False


def _likeliest_ids(logits: Logits, count: int) -> Ids | None:
    """The ids of at least the `count` likeliest tokens, in order, and few more; None if not all are numbers.

    Only those columns of the folded vocabulary are looked at whose greatest logit is among so many.
    """
    columns = len(logits) // ROWS
    if count >= columns:
        return _reaching(logits, count)
    folded, rest = logits[: ROWS * columns].reshape(ROWS, columns), logits[ROWS * columns :]
    greatest = np.maximum.reduce(folded, 0)
    places = _reaching(greatest, count)
    if places is None or not np.isfinite(rest).all():
        return None
    least = greatest[places].min()
    found = (folded.take(places, 1) >= least).ravel().nonzero()[0]
    rows, at = divmod(found, len(places))
    ids = rows * columns + places[at]
    return np.concatenate([ids, (rest >= least).nonzero()[0] + ROWS * columns]) if len(rest) else ids


def _reaching(logits: Logits, count: int) -> Ids | None:
    """Where the `count` greatest are, and their equals; None when there are fewer, or not all are numbers."""
    if count >= len(logits):
        return None
    top = np.partition(logits, -count)[-count:]
    return (logits >= top[0]).nonzero()[0] if np.isfinite(top).all() else None


def log_softmax(logits: Logits) -> npt.NDArray[np.float64]:
    """Natural logarithms of the tokens' probabilities, finite whatever the logits are: at least -9999."""
    values = np.nan_to_num(logits.astype(np.float64), nan=-9999.0, posinf=9999.0, neginf=-9999.0)
    values -= values.max()
    values -= np.log(np.exp(values).sum())
    return np.maximum(values, -9999.0)


def likeliest(logprobs: npt.NDArray[np.float64], count: int) -> list[int]:
    """The ids of the `count` likeliest tokens, best first, of equals the lower id."""
    if count == 0:
        return []
    count = min(count, len(logprobs))
    least = np.partition(logprobs, -count)[-count]
    among = np.flatnonzero(logprobs >= least)
    return [int(at) for at in among[np.argsort(-logprobs[among], kind="stable")][:count]]
