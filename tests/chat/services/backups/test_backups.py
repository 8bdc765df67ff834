"""What was backed up comes back, to the letter."""

from __future__ import annotations

import json
from pathlib import Path
from threading import Thread
from typing import Any
from zipfile import ZipFile

import pyrage
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection, connections

from chat.models import ChatMessage, StoredFile, User
from chat.services.backups import BackupError, restore_backup, write_backup
from chat.services.backups.archive import MANIFEST
from chat.services.backups.snapshot import snapshot
from tests.chat.services.backups.conftest import Elsewhere
from tests.support.factories import make_message, make_session, make_user


def contents(path: Path) -> dict[str, Any]:
    """Every table's lines and every file's bytes."""
    with ZipFile(path) as archive:
        manifest = json.loads(archive.read(MANIFEST))
        names = [name for name in archive.namelist() if name != MANIFEST]
        found: dict[str, Any] = {name: sorted(archive.read(name).splitlines()) for name in names}
    return found | {"columns": {table["name"]: table["columns"] for table in manifest["tables"]}}


def rewrite(path: Path, name: str, data: bytes) -> None:
    with ZipFile(path) as archive:
        members = {each: archive.read(each) for each in archive.namelist()}
    with ZipFile(path, "w") as archive:
        for each, content in (members | {name: data}).items():
            archive.writestr(each, content)


USE_IT = """
from chat.models import AuditEntry, GenerationChunk
from chat.search_index import repair_index
from chat.services.audit import record
from django.db import connection
entry = AuditEntry.objects.get()
assert entry.hash == entry.compute_hash()
assert record(actor=None, action="after").number == entry.number + 1
assert not repair_index(connection)
chunk = GenerationChunk.objects.get()
chunk.pk, chunk.seq = None, 1
chunk.save(force_insert=True)
print("usable")
"""


@pytest.mark.services  # for its time: it runs on both databases, but not in the fast round
@pytest.mark.timeout(600)  # up to five processes, and all migrations twice
def test_it_comes_back_to_the_letter_in_either_database(
    full: StoredFile, places: list[Elsewhere], tmp_path: Path
) -> None:
    """Under SQLite into another file; under PostgreSQL from there to SQLite, and back to PostgreSQL."""
    identity = pyrage.x25519.Identity.generate()
    first, again = tmp_path / "first.zip", tmp_path / "again.zip"
    manifest = write_backup(path=first)
    filled = {table.name for table in manifest.tables if table.rows}
    assert {"chat.user", "chat.generationchunk", "chat.auditentry", "chat.messagereaction"} <= filled
    sealed = tmp_path / "sealed"
    write_backup(path=sealed, recipients=[str(identity.to_public())])
    for place in places:
        assert "and 2 files" in place.manage("restore", sealed, BACKUP_IDENTITY=str(identity))
        restored = place.data_dir / "files" / str(full.content.name)
        assert restored.read_bytes() == b"\0binary" * 9999
        place.manage("backup", again)
        assert contents(again) == contents(first)
        sealed = again
    assert "usable" in places[-1].manage("shell", "-c", USE_IT)


def test_nobody_else_may_read_the_file(transactional_db: None, files_dir: Path, tmp_path: Path) -> None:
    plain, sealed = tmp_path / "plain", tmp_path / "sealed"
    write_backup(path=plain)
    write_backup(path=sealed, recipients=[str(pyrage.x25519.Identity.generate().to_public())])
    assert sealed.read_bytes().startswith(b"age-encryption.org/v1")
    assert [path.stat().st_mode & 0o077 for path in (plain, sealed)] == [0, 0]


@pytest.mark.parametrize(
    ("identity", "said"),
    [
        ("", "set BACKUP_IDENTITY"),
        ("nonsense", "no age secret key"),
        (str(pyrage.x25519.Identity.generate()), "does not open this backup"),
    ],
    ids=["none", "nonsense", "another"],
)
def test_without_its_key_nobody_reads_it(
    transactional_db: None, files_dir: Path, tmp_path: Path, identity: str, said: str
) -> None:
    path = tmp_path / "b.age"
    write_backup(path=path, recipients=[str(pyrage.x25519.Identity.generate().to_public())])
    with pytest.raises(BackupError, match=said):
        restore_backup(path=path, identity=identity)


def test_what_is_written_meanwhile_is_not_in_it(
    transactional_db: None, tmp_path: Path, files_dir: Path
) -> None:
    """A thread writes between two reads: with SQLite too it neither waits nor shows."""
    session = make_session()
    with snapshot():
        before = ChatMessage.objects.count()

        def write() -> None:
            make_message(session)
            connections.close_all()

        thread = Thread(target=write)
        thread.start()
        thread.join(20)
        assert not thread.is_alive()
        assert ChatMessage.objects.count() == before
    assert ChatMessage.objects.count() == before + 1


def test_a_file_that_is_gone_is_told(full: StoredFile, tmp_path: Path, files_dir: Path) -> None:
    (files_dir / str(full.content.name)).unlink()
    manifest = write_backup(path=tmp_path / "b.zip")
    assert manifest.missing_files == [full.content.name]
    assert len(manifest.files) == 1


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("data/chat.user.jsonl", b"[]\n", "checksum of data/chat.user.jsonl"),
        (MANIFEST, b"{}", "no manifest"),
        (MANIFEST, b'{"format": 1}', "no manifest"),
    ],
)
def test_a_damaged_backup_changes_nothing(
    transactional_db: None, files_dir: Path, tmp_path: Path, name: str, data: bytes, said: str
) -> None:
    make_user()
    path = tmp_path / "b.zip"
    write_backup(path=path)
    rewrite(path, name, data)
    with pytest.raises(BackupError, match=said):
        restore_backup(path=path)
    assert User.objects.count() == 1


def test_half_a_backup_is_damaged(transactional_db: None, files_dir: Path, tmp_path: Path) -> None:
    path = tmp_path / "b.zip"
    write_backup(path=path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(BackupError, match="damaged"):
        restore_backup(path=path)


def test_nobody_is_written_over(transactional_db: None, files_dir: Path, tmp_path: Path) -> None:
    make_user(username="here")
    path = tmp_path / "b.zip"
    call_command("backup", path)
    with pytest.raises(CommandError, match="There are accounts in this database"):
        call_command("restore", path)
    assert User.objects.get().username == "here"


def test_another_release_is_not_guessed_at(transactional_db: None, files_dir: Path, tmp_path: Path) -> None:
    path = tmp_path / "b.zip"
    write_backup(path=path)
    with ZipFile(path) as archive:
        manifest = json.loads(archive.read(MANIFEST))
    manifest["migrations"].append(["chat", "9999_the_future"])
    rewrite(path, MANIFEST, json.dumps(manifest).encode())
    with pytest.raises(BackupError, match=r"another release, which knows chat\.9999_the_future"):
        restore_backup(path=path)


def test_a_directory_keeps_the_latest(
    transactional_db: None, files_dir: Path, tmp_path: Path, settings: Any
) -> None:
    settings.BACKUP_DIR, settings.BACKUP_KEEP = tmp_path / "kept", 2
    settings.BACKUP_DIR.mkdir()
    for year in ("2001", "2002"):
        (settings.BACKUP_DIR / f"parley-{year}0101T000000Z.zip").write_bytes(b"old")
    (settings.BACKUP_DIR / "mine.zip").write_bytes(b"not ours")
    call_command("backup")
    names = sorted(path.name for path in settings.BACKUP_DIR.iterdir())
    assert (len(names), names[0], names[1]) == (3, "mine.zip", "parley-20020101T000000Z.zip")


def test_a_recipient_that_is_none_is_refused_before_anything_is_written(
    transactional_db: None, tmp_path: Path
) -> None:
    path = tmp_path / "b.zip"
    with pytest.raises(BackupError, match="no age public key"):
        write_backup(path=path, recipients=["ssh-rsa AAAA"])
    assert list(tmp_path.iterdir()) == []


def test_connection_is_usable_after_a_snapshot(transactional_db: None) -> None:
    with snapshot():
        User.objects.count()
    assert not connection.in_atomic_block
    make_user()
