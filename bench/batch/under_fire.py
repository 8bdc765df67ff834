"""Four workers, one of them killed every few seconds, and somebody who looks at the job's page."""

from __future__ import annotations

import random
import re
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2

from bench.batch.jobs import ENDED, open_client, read_output, request_line, submit, watch, write_lines
from bench.batch.options import Options
from bench.report import Result, percentile, spread
from tests.support.faults.cluster import Cluster, start_cluster
from tests.support.services import start_postgres, temporary_directory
from tests.support.stack import Stack

WORKERS = ("ann", "bob", "cid", "dot")
SLOTS = 64
TOKENS = 4
SEED = 8
PAGE_EVERY_S = 0.25
AIM_EVERY_S = 1.0


def under_fire(options: Options) -> list[Result]:
    """One result for each line, whatever was killed."""
    with (
        start_postgres() as url,
        start_cluster(*WORKERS, rate=options.rate, slots=SLOTS, DATABASE_URL=url) as cluster,
        open_client(cluster.stack, cluster.key) as client,
    ):
        return run(options, cluster, client)


def run(options: Options, cluster: Cluster, client: httpx2.Client) -> list[Result]:
    """Submit, shoot and look, until the job has ended."""
    lines = (
        request_line(number, model="paced", content=f"Hello {number}", tokens=TOKENS)
        for number in range(options.lines)
    )
    with temporary_directory("bench-") as directory:
        batch_id = submit(client, write_lines(directory / "lines.jsonl", lines))
    started = time.monotonic()
    with looking_at(cluster.stack, batch_id) as page_ms:
        kills = shoot(options, cluster, client, batch_id)
    output = read_output(client, batch_id)
    wanted = {f"request-{number}" for number in range(options.lines)}
    ids = [line["custom_id"] for line in output]
    figures: dict[str, float] = {
        "lost": len(wanted - set(ids)),
        "double": len(ids) - len(set(ids)),
        "kills": kills,
        "seconds": round(time.monotonic() - started),
    }
    return [
        Result(
            name=f"{options.lines} lines, {len(WORKERS)} workers, SIGKILL every {options.kill_every_s:g} s",
            unit="",
            bounds={"lost": 0, "double": 0},
            figures=figures,
        ),
        Result(
            name="the job's page meanwhile",
            unit="ms",
            bounds={"p95": 200},
            figures={"p95": round(percentile(page_ms, 95), 1)} | spread(page_ms),
            samples=page_ms,
        ),
    ]


def shoot(options: Options, cluster: Cluster, client: httpx2.Client, batch_id: str) -> int:
    """Kill a worker at random every so often and start it again; returns how many kills that were."""
    chance = random.Random(SEED)
    kills, due = 0, time.monotonic() + options.kill_every_s
    for job in watch(client, batch_id, until=("finalizing", *ENDED), every_s=AIM_EVERY_S):
        if job["status"] == "in_progress" and time.monotonic() > due:
            name = chance.choice(WORKERS)
            cluster.workers[name].signal(signal.SIGKILL)
            cluster.workers[name].process.wait()
            cluster.launch(name)
            kills, due = kills + 1, time.monotonic() + options.kill_every_s
    return kills


@contextmanager
def looking_at(stack: Stack, batch_id: str) -> Iterator[list[float]]:
    """Milliseconds of each load of the job's page, by somebody logged in."""
    taken: list[float] = []
    over = threading.Event()
    job_id = batch_id.removeprefix("batch_")
    path = f"/batches/{job_id[:8]}-{job_id[8:12]}-{job_id[12:16]}-{job_id[16:20]}-{job_id[20:]}/"

    def look(client: httpx2.Client) -> None:
        while not over.wait(PAGE_EVERY_S):
            started = time.perf_counter()
            client.get(path).raise_for_status()
            taken.append((time.perf_counter() - started) * 1000)

    with httpx2.Client(base_url=stack.url, timeout=60) as client:
        log_in(client, stack)
        thread = threading.Thread(target=look, args=(client,), daemon=True)
        thread.start()
        yield taken
        over.set()
        thread.join(60)


def log_in(client: httpx2.Client, stack: Stack) -> None:
    """As the administrator's browser does."""
    found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', client.get("/accounts/login/").text)
    token = found[1] if found else ""
    form = {"username": stack.username, "password": stack.password, "csrfmiddlewaretoken": token}
    client.post("/accounts/login/", data=form, headers={"Referer": stack.url})
