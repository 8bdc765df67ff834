"""What is done by the clock: by whoever gets Celery's task, once, and in a process of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from chat.models import Chore
from tests.support.waiting import wait_until
from workers import chores as module
from workers import tasks
from workers.chores import Chores, schedule
from workers.clerk import ClerkWatch

pytestmark = pytest.mark.django_db

PROGRAM = """
import pathlib, sys, time
name, flag = sys.argv[1:]
place = pathlib.Path(__file__).parent
with (place / f"{name}{flag}").open("a") as file:
    file.write("begun ")
while not (place / "gate").exists():
    time.sleep(0.01)
sys.exit(int((place / "gate").read_text()))
"""


@pytest.fixture
def house(tmp_path: Path, settings: Any) -> Path:
    """A `manage.py` that notes what it was started for and ends as the file `gate` says."""
    (tmp_path / "manage.py").write_text(PROGRAM)
    settings.BASE_DIR = tmp_path
    settings.BACKUP_EVERY_HOURS = 24
    return tmp_path


@pytest.fixture
def chores(house: Path) -> Iterator[Chores]:
    chores = Chores()
    yield chores
    chores.close(10)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tasks that are sent."""
    sent: list[str] = []
    monkeypatch.setattr(module, "enqueue_chore", sent.append)
    return sent


def make_due(*names: str) -> None:
    long_ago = timezone.now() - timedelta(days=9)
    for name in names:
        Chore.objects.update_or_create(name=name, defaults={"begun_at": long_ago})


def look_again(chores: Chores) -> None:
    chores._looked_at = -module.LOOK_S
    chores.look()


def test_backups_are_made_where_they_are_asked_for(settings: Any) -> None:
    assert set(schedule()) == {"count_usage", "retention"}
    settings.BACKUP_EVERY_HOURS = 6
    assert schedule()["backup"] == timedelta(hours=6)


def test_what_is_due_is_sent_and_sent_again_until_somebody_begins(chores: Chores, sent: list[str]) -> None:
    chores.look()
    assert sent == [], "all of it is new"
    make_due("backup")
    chores.look()
    assert sent == [], "it has just looked"
    for count in (1, 2):
        look_again(chores)
        assert sent == ["backup"] * count
    chores.begin("backup")
    look_again(chores)
    assert sent == ["backup"] * 2


def test_one_of_two_who_are_told_begins_and_nobody_while_it_runs(
    house: Path, chores: Chores, sent: list[str]
) -> None:
    make_due("backup")
    for each in (chores, Chores(), chores):
        each.begin("backup")
    make_due("backup")
    chores.begin("backup")
    chores.begin("unheard-of")
    begun = house / "backup--scheduled"
    wait_until(lambda: begun.exists() and begun.read_text() == "begun ", what="its process")
    (house / "gate").write_text("0")
    wait_until(lambda: not _running(chores), what="its end")
    chores.begin("backup")
    wait_until(lambda: begun.read_text() == "begun begun ", what="the next one")


def test_a_failure_is_told_and_it_is_tried_when_it_is_due_again(
    house: Path, chores: Chores, sent: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    (house / "gate").write_text("3")
    make_due("retention")
    chores.begin("retention")
    wait_until(lambda: not _running(chores), what="its end")
    assert "retention failed with exit status 3" in caplog.text


def test_who_leaves_ends_what_runs(house: Path, chores: Chores) -> None:
    make_due("backup")
    chores.begin("backup")
    process = chores._running["backup"]
    chores.close(10)
    assert process.returncode is not None
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


def test_celery_tells_the_clerk(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clerk = ClerkWatch()
    monkeypatch.setattr(tasks, "_clerks", [clerk])
    monkeypatch.setattr(tasks, "reconnect", lambda: None)
    make_due("backup")
    tasks.begin_chore.apply(("backup",))
    assert list(clerk._chores._running) == ["backup"]
    clerk.close(10)


def _running(chores: Chores) -> list[str]:
    chores.look()
    return list(chores._running)
