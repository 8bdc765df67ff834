"""The disk under SQLite is full: replies wait, new messages are refused in clear words, nothing is lost."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.acceptance.faults.conftest import ask_all, prove
from tests.support.faults.cluster import Cluster, start_cluster
from tests.support.faults.reader import open_readers
from tests.support.services import temporary_directory

pytestmark = pytest.mark.stack

SIZE_MB = 48


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of its own, where we may mount one."""
    with temporary_directory("parley-disk-") as directory:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "tmpfs", str(directory)]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("mounting a small file system needs root: run this test as root, or in a container")
        yield directory
        subprocess.run(["umount", "-l", str(directory)], check=True)


@pytest.fixture
def cluster(small_disk: Path) -> Iterator[Cluster]:
    with start_cluster("ann", DATA_DIR=str(small_disk)) as cluster:
        yield cluster


async def test_replies_wait_for_room_and_go_on(cluster: Cluster, small_disk: Path) -> None:
    sessions = cluster.sessions(3, spare=0)
    headers = {"Authorization": f"Bearer {cluster.key}"}
    base = f"{cluster.stack.url}/api/v1/chat"
    ballast = small_disk / "ballast"
    async with open_readers(cluster.stack, sessions, cluster.key, seed=4) as opened:
        *reading, asking = opened
        turns = await ask_all(reading, max_tokens=600)
        with ballast.open("wb", buffering=0) as file:
            try:
                while file.write(b"\0" * (1 << 16)):
                    pass
            except OSError:
                pass
        async with httpx2.AsyncClient(base_url=base, headers=headers, timeout=60) as client:
            said = [turn.last_seq for turn in turns]
            refused = await client.post(
                f"sessions/{asking.session_id}/messages", json={"content": "x" * 20_000}
            )
            assert refused.status_code == 503
            assert "disk is full" in refused.json()["details"]["message"]
            health = (await client.get("health")).json()
            assert (health["status"], health["checks"]["database"]) == ("degraded", "disk full")
        ballast.unlink()
        for reader, turn, seq in zip(reading, turns, said, strict=True):
            await reader.until(lambda turn=turn, seq=seq: turn.last_seq > seq + 3, what="new text")  # type: ignore[misc]
        await ask_all([asking], max_tokens=20, chunks=1)
        await prove(cluster, opened)
