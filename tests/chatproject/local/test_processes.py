"""Orphans are adopted and ended; children hear of their parent's death."""

from __future__ import annotations

import subprocess
import sys

import psutil
import pytest

from tests.support.waiting import wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what only Linux offers")

ORPHAN = """
import subprocess, sys, time
from chatproject.local import processes
processes.adopt_orphans()
script = "import subprocess as s; print(s.Popen(['sleep', '60'], stdout=s.DEVNULL).pid)"
middle = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
pid = middle.communicate()[0].strip()
processes.reap_orphans(except_pid=middle.pid)
processes.end_descendants(timeout=5)
print(pid)
"""
PARENT = """
import subprocess
from chatproject.local.processes import end_with_parent
child = subprocess.Popen(["sleep", "60"], preexec_fn=end_with_parent)
print(child.pid, flush=True)
child.wait()
"""


def test_an_orphan_is_adopted_and_ended() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ORPHAN], capture_output=True, text=True, timeout=60, check=True
    )
    assert not psutil.pid_exists(int(done.stdout))


def test_a_child_ends_with_its_killed_parent() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_until(
        lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, what="the child's end"
    )
