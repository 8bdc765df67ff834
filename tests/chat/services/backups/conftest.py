"""A database full of everything, and empty ones to restore into."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from django.core.files.base import ContentFile
from django.db import connection
from django.utils import timezone

from chat.models import ChatMessage, Generation, GenerationChunk, MessageReaction, StoredFile
from chat.services.accounts import create_api_key
from chat.services.audit import record
from chat.services.files import keep_file
from tests.support.factories import make_generation, make_message, make_session, make_user
from tests.support.stack import ROOT

LONG_AGO = timezone.now() - timedelta(days=400, microseconds=1)


@dataclass(frozen=True)
class Elsewhere:
    """Another deployment: a database, empty at first, and a data directory."""

    url: str
    data_dir: Path

    def manage(self, *arguments: str | Path, **environment: str) -> str:
        """Run a command there; its output, or an `AssertionError` with its complaint."""
        done = subprocess.run(
            [sys.executable, ROOT / "manage.py", *arguments],
            env=os.environ | {"DATABASE_URL": self.url, "DATA_DIR": str(self.data_dir)} | environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def full(transactional_db: None, files_dir: Path) -> StoredFile:
    """Rows with every kind of column in them, and two files; returns the row of one."""
    user = make_user(username="ada")
    create_api_key(user=user, name="k")
    title = "Ünïcode 💬 \u2028 'quotes' \\"
    session = make_session(user, title=title, tags=["a"], metadata={"n": [1, None]})
    message = make_message(session, 'two\nlines\tand "quotes"')
    ChatMessage.objects.filter(id=message.id).update(created_at=LONG_AGO)
    MessageReaction.objects.create(message=message, user=user, emoji="👍")
    generation = make_generation(session)
    Generation.objects.filter(id=generation.id).update(prompt_ids=bytes(range(256)))
    GenerationChunk.objects.create(generation=generation, seq=0, attempt=1, text="Hi", token_ids=b"\0\xff")
    record(actor=user, action="test.done", subject=session, details={"why": "because"})
    keep_file(user=user, purpose="user_data", file=ContentFile(b""), filename="empty")
    return keep_file(user=user, purpose="user_data", file=ContentFile(b"\0binary" * 9999), filename="big")


@pytest.fixture
def places(transactional_db: None, tmp_path: Path) -> Iterator[list[Elsewhere]]:
    """Empty deployments on SQLite and, where PostgreSQL is under test, on PostgreSQL."""
    on_sqlite = Elsewhere(f"sqlite:///{tmp_path / 'elsewhere.sqlite3'}", tmp_path / "elsewhere")
    if connection.vendor == "sqlite":
        yield [on_sqlite]
        return
    fields = connection.settings_dict
    name = f"{fields['NAME']}_beside"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    at = {key: quote(str(fields[key]), safe="") for key in ("USER", "PASSWORD", "HOST", "PORT")}
    url = "postgresql://{USER}:{PASSWORD}@{HOST}:{PORT}/".format(**at) + name
    yield [on_sqlite, Elsewhere(url, tmp_path / "beside")]
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")
