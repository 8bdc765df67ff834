"""A large file: how long its validation takes, and how much memory that and the upload need."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import httpx2
import psutil

from bench.batch.jobs import look, open_client, request_line, submit, watch
from bench.batch.options import Options
from bench.report import Result
from tests.support.faults.cluster import Cluster, start_cluster
from tests.support.services import temporary_directory

LOOK_S = 0.02
MIB = 1 << 20


def validation(options: Options) -> list[Result]:
    """The clerk's time and memory, and by how much the web process grows with the upload."""
    with (
        temporary_directory("bench-") as directory,
        start_cluster("ann", MAX_BATCH_LINES="10000000") as cluster,
        open_client(cluster.stack, cluster.key) as client,
    ):
        return measure(options, cluster, client, write_file(directory / "large.jsonl", options.megabytes))


def measure(options: Options, cluster: Cluster, client: httpx2.Client, path: Path) -> list[Result]:
    """Upload, then watch."""
    web = cluster.web()
    before = web.memory_info().rss
    started = time.perf_counter()
    with peak(lambda: web.memory_info().rss) as web_peak:
        batch_id = submit(client, path)
        uploaded = time.perf_counter() - started
    worker = psutil.Process(cluster.workers["ann"].process.pid)
    with peak(lambda: clerk_memory(worker)) as clerk_peak:
        list(watch(client, batch_id, until=("in_progress", "failed")))
    seconds = time.perf_counter() - started - uploaded
    job = look(client, batch_id)
    client.post(f"/v1/batches/{batch_id}/cancel").raise_for_status()
    return [
        Result(
            name=f"validation of {options.megabytes} MB, {job['request_counts']['total']} lines",
            unit="",
            bounds={"seconds": 60, "MB": 200},
            figures={"seconds": round(seconds, 1), "MB": round(max(clerk_peak) / MIB)},
        ),
        Result(
            name=f"upload of {options.megabytes} MB: the web process grows by",
            unit="",
            bounds={"MB": 50},
            figures={"MB": round((max(web_peak) - before) / MIB, 1), "seconds": round(uploaded, 1)},
        ),
    ]


@contextmanager
def peak(measure_bytes: Callable[[], int]) -> Iterator[list[int]]:
    """What was measured again and again meanwhile."""
    seen: list[int] = [0]
    over = threading.Event()

    def sample() -> None:
        while not over.wait(LOOK_S):
            with suppress(psutil.Error):
                seen.append(measure_bytes())

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    yield seen
    over.set()
    thread.join()


def clerk_memory(worker: psutil.Process) -> int:
    """What the worker's clerk holds; 0 while there is none."""
    return max(
        (child.memory_info().rss for child in worker.children() if "clerk" in child.cmdline()), default=0
    )


def write_file(path: Path, megabytes: int) -> Path:
    """Lines of about a kilobyte, until there are so many."""
    filler = "All work and no play makes a dull line. " * 22
    with path.open("wb") as file:
        for number in count():
            if file.tell() >= megabytes * 1_000_000:
                return path
            file.write(request_line(number, model="paced", content=f"{number} {filler}", tokens=1))
    raise AssertionError("unreachable")
