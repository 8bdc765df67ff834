"""Web processes die and restart; readers come back by themselves and miss nothing."""

from __future__ import annotations

import signal

import psutil
import pytest

from tests.acceptance.faults.conftest import Readers, ask_all
from tests.support.faults.cluster import Cluster

pytestmark = pytest.mark.stack

RESTARTING = 1012
BACK_WITHIN_S = 5.0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_readers_come_back_and_resume_by_seq(
    cluster: Cluster, readers: Readers, number: signal.Signals
) -> None:
    async with readers(8) as opened:
        turns = await ask_all(opened, max_tokens=400)
        web = cluster.web()
        web.send_signal(number)
        for reader in opened:
            await reader.until(lambda reader=reader: len(reader.back_at) > 1, what="a reconnection")  # type: ignore[misc]
        came_back = sorted(reader.back_at[1] for reader in opened)
        assert came_back[-1] - came_back[0] < BACK_WITHIN_S
        if number == signal.SIGTERM:
            assert {reader.close_codes[0] for reader in opened} == {RESTARTING}
        assert not psutil.pid_exists(web.pid) or cluster.web().pid != web.pid
        assert any(turn.end is None for turn in turns), "replies were to be running across the restart"
