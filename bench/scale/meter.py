"""Processor seconds, tokens and commits of a running cluster, part by part, between two moments."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import psutil

from tests.support.faults.cluster import Cluster

COUNTS = """
SELECT (SELECT coalesce(sum(length(token_ids)), 0) / 4 FROM chat_generationchunk),
       (SELECT count(*) FROM chat_generation WHERE finished_at IS NOT NULL),
       (SELECT xact_commit FROM pg_stat_database WHERE datname = current_database())
"""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Totals at one moment; `cpu_s` by part."""

    at: float
    cpu_s: Mapping[str, float]
    tokens: int
    turns: int
    commits: int


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What lies between two readings. `cpu_s` holds the control plane's parts; engines stand in for GPUs."""

    seconds: float
    cpu_s: Mapping[str, float]
    tokens: int
    turns: int
    commits: int

    @property
    def cpu_per_1000(self) -> float:
        """Processor seconds of the whole control plane for a thousand tokens."""
        return 1000 * sum(self.cpu_s.values()) / self.tokens

    def share(self, part: str, processes: int = 1) -> float:
        """How much of one processor a part uses, in percent, for each of its processes."""
        return 100 * self.cpu_s[part] / self.seconds / processes


def read(cluster: Cluster, database: psutil.Process) -> Reading:
    """Where everything stands now."""
    tokens, turns, commits = cluster.database.rows(COUNTS)[0]
    return Reading(
        at=time.monotonic(),
        cpu_s={
            "web": _cpu([cluster.web()]),
            "workers": _cpu(psutil.Process(each.process.pid) for each in cluster.workers.values()),
            "redis": _cpu([cluster.redis()]),
            "database": _cpu([database, *database.children(recursive=True)]),
        },
        tokens=int(tokens),
        turns=turns,
        commits=commits,
    )


def between(before: Reading, after: Reading) -> Spent:
    """What was spent."""
    return Spent(
        seconds=after.at - before.at,
        cpu_s={part: after.cpu_s[part] - seconds for part, seconds in before.cpu_s.items()},
        tokens=after.tokens - before.tokens,
        turns=after.turns - before.turns,
        commits=after.commits - before.commits,
    )


def _cpu(processes: Iterable[psutil.Process]) -> float:
    total = 0.0
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
    return total
