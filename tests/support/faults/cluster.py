"""A deployment whose processes can be broken one by one."""

from __future__ import annotations

import contextlib
import signal
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from chatproject.local.processes import end_with_parent
from tests.support.chat_client import create_api_key, seed_sessions
from tests.support.faults.stored import StackDatabase
from tests.support.stack import ROOT, Stack, command, start_stack
from tests.support.waiting import wait_until

ENGINE = "inference.process.child"
STOP_WITHIN = 30.0
POOL = 100
SLOTS = 16


@dataclass
class Worker:
    """One `manage.py worker` process."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    _was_ready: bool = False

    @property
    def is_ready(self) -> bool:
        """It takes generations, or did; its log grows and is read no longer than needed."""
        self._was_ready = self._was_ready or f"{self.name} is ready" in self.log.read_text(errors="replace")
        return self._was_ready

    @property
    def is_running(self) -> bool:
        """It has not ended."""
        return self.process.poll() is None

    def engine(self) -> psutil.Process:
        """Its engine process."""
        return wait_until(lambda: find_process(self.process.pid, ENGINE), what=f"an engine of {self.name}")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the worker alone."""
        self.process.send_signal(number)


@dataclass
class Cluster:
    """Web and Redis under supervision as in production, and workers that the test starts itself."""

    stack: Stack
    key: str
    slots: int
    arguments: Sequence[str] = ("--backend", "paced")
    workers: dict[str, Worker] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.database = StackDatabase(self.stack)
        self._launched = 0
        self._pools: dict[str, list[str]] = {}

    def sessions(self, count: int, *, model: str = "paced", spare: int = POOL) -> list[str]:
        """Fresh sessions' ids; made in advance, since each `manage.py` takes seconds."""
        pool = self._pools.setdefault(model, [])
        if len(pool) < count:
            pool += seed_sessions(self.stack, max(count, spare), model=model)
        taken, self._pools[model] = pool[:count], pool[count:]
        return taken

    def launch(self, name: str, *, program: Sequence[str] = (), model: str = "", **env: str) -> Worker:
        """Start a worker without waiting for it; `program` takes `manage.py`'s arguments instead of it."""
        options = ["worker", *self.arguments, "--name", name, "--slots", str(self.slots)]
        if model:
            options += ["--model", model]
        self._launched += 1
        path = Path(self.stack.env["DATA_DIR"]) / f"{name}.{self._launched}.log"
        with path.open("ab") as log:
            process = subprocess.Popen(
                [*program, *options] if program else command(*options),
                cwd=ROOT,
                env=self.stack.env | env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=end_with_parent,
            )
        self.workers[name] = Worker(name, process, path)
        return self.workers[name]

    def wait_ready(self, *names: str, within: float = 60) -> None:
        """Wait until workers take generations."""
        for name in names or tuple(self.workers):
            wait_until(lambda name=name: self._is_ready(name), timeout=within, what=f"{name} ready")  # type: ignore[misc]

    def heal(self, *names: str) -> None:
        """Every named worker runs and is ready again."""
        for name in names:
            worker = self.workers.get(name)
            if worker is None or not worker.is_running:
                self.launch(name)
        self.wait_ready(*names)

    def web(self) -> psutil.Process:
        """The web process."""
        return wait_until(lambda: find_process(self.stack.process.pid, "uvicorn"), what="a web process")

    def redis(self) -> psutil.Process:
        """The embedded Redis."""
        return wait_until(
            lambda: find_process(self.stack.process.pid, "redis-server"), what="a Redis process"
        )

    @property
    def redis_url(self) -> str:
        """Where the embedded Redis listens."""
        return f"unix://{self.stack.env['DATA_DIR']}/redis.sock"

    def stop_workers(self, *names: str) -> None:
        """End them, or all, in good order where they can."""
        leaving = [self.workers.pop(name) for name in names or tuple(self.workers)]
        for worker in leaving:
            if worker.is_running:
                worker.signal(signal.SIGCONT)
                worker.signal(signal.SIGTERM)
        for worker in leaving:
            try:
                worker.process.wait(STOP_WITHIN)
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()

    def _is_ready(self, name: str) -> bool:
        worker = self.workers[name]
        if not worker.is_running:
            log = worker.log.read_text(errors="replace")
            raise AssertionError(f"{name} ended with {worker.process.returncode}:\n{log[-4000:]}")
        return worker.is_ready


def find_process(ancestor: int, words: str) -> psutil.Process | None:
    """The descendant that was started with these words."""
    for process in psutil.Process(ancestor).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if words in " ".join(process.cmdline()) and process.status() != psutil.STATUS_ZOMBIE:
                return process
    return None


@contextlib.contextmanager
def start_cluster(
    *names: str, rate: float = 50, slots: int = SLOTS, backend: str = "paced", **env: str
) -> Iterator[Cluster]:
    """A stack with these workers, all ready; on llama.cpp with the demo model."""
    env["PACED_RATE"] = str(rate)
    chosen = ["--backend", "paced"] if backend == "paced" else []
    with start_stack(*chosen, "--workers", "0", wait_for_ready=True, first_start=False, **env) as stack:
        cluster = Cluster(stack, create_api_key(stack), slots=slots, arguments=("--backend", backend))
        try:
            for name in names:
                cluster.launch(name)
            cluster.wait_ready()
            yield cluster
        finally:
            cluster.stop_workers()
