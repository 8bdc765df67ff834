"""What every test may ask for: real services, a running stack, a database on disk."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db.backends.base.operations import BaseDatabaseOperations
from django.db.backends.postgresql.operations import DatabaseOperations as PostgresOperations
from django.utils.translation import deactivate

from chat.audit_guard import drop_guard
from chatproject import translations
from chatproject.local.redis import why_unreachable
from tests.support import services
from tests.support.services import temporary_directory
from tests.support.stack import Stack, start_stack

DATABASE_FIXTURES = {"db", "transactional_db", "django_db_reset_sequences", "django_db_serialized_rollback"}
HOW = "start them with `python -m tests.run -- {}`, or set REDIS_URL"


def pytest_configure(config: pytest.Config) -> None:
    """What differs from production: plain static file names, because nothing was collected; a fast hasher;
    and between two tests the audit log may be emptied, after which `post_migrate` guards it again.
    """
    config.addinivalue_line("markers", "database: touches the database (set automatically)")
    services.ask_no_proxy()
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = settings.STORAGES | {"staticfiles": plain}
    settings.STATIC_ROOT.mkdir(exist_ok=True)  # whitenoise warns about a missing one
    flush = BaseDatabaseOperations.execute_sql_flush

    def flush_unguarded(self: BaseDatabaseOperations, sql_list: Iterable[str]) -> None:
        drop_guard(self.connection)
        flush(self, sql_list)

    BaseDatabaseOperations.execute_sql_flush = flush_unguarded  # type: ignore[method-assign]
    PostgresOperations.sql_flush = delete_rows  # type: ignore[method-assign]
    translations.compile_all()
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def delete_rows(self: BaseDatabaseOperations, style: object, tables: Sequence[str], **_: object) -> list[str]:
    """A TRUNCATE makes new files for every table and index, which takes longer than most tests.

    Foreign keys are looked at when the transaction ends, so that any order will do.
    """
    return [";".join(f"DELETE FROM {self.quote_name(table)}" for table in tables)] if tables else []


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what touches the database, whichever way it asks for it, and what starts a stack."""
    for item in items:
        names = set(getattr(item, "fixturenames", ()))
        if item.get_closest_marker("django_db") or names & DATABASE_FIXTURES:
            item.add_marker(pytest.mark.database)
        if any(name.endswith("stack") for name in names):
            item.add_marker(pytest.mark.stack)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> Iterator[None]:
    """SQLite on disk, as in production: in memory, threads would share one connection's locks."""
    with temporary_directory("parley-db-") as directory:
        if settings.IS_SQLITE:
            settings.DATABASES["default"].setdefault("TEST", {})["NAME"] = str(directory / "test.sqlite3")
        yield


@pytest.fixture(scope="session")
def redis_url() -> str:
    """The URL of a Redis that answers; the settings use the same one."""
    url: str = settings.REDIS_URL
    reason = why_unreachable(url)
    if reason:
        pytest.fail(
            f"needs services, and no Redis answers at {url} ({reason}): {HOW.format('ARGS')}", pytrace=False
        )
    return url


@pytest.fixture(scope="session")
def postgres_url() -> str:
    """The URL of a PostgreSQL server's database."""
    url = os.environ.get("DATABASE_URL", "")
    if not url.startswith("postgres"):
        pytest.fail("needs PostgreSQL: run `make test`, or set DATABASE_URL=postgresql://…", pytrace=False)
    return url


@pytest.fixture(autouse=True)
def no_language_stays() -> Iterator[None]:
    """A request leaves its language active in its thread, which here is the next test's too."""
    yield
    deactivate()


@pytest.fixture(autouse=True)
def _services_answer(request: pytest.FixtureRequest) -> None:
    """A test marked `services` fails with one clear line when they are not there."""
    if request.node.get_closest_marker("services"):
        request.getfixturevalue("redis_url")


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Parley as `make run` starts it: llama.cpp with the demo model, on the configured database."""
    with start_stack(DATABASE_URL=os.environ.get("DATABASE_URL", "")) as running:
        yield running


@pytest.fixture(scope="session")
def paced_stack() -> Iterator[Stack]:
    """The same on the paced backend: 50 tokens per second and stream, each known in advance."""
    with start_stack(
        *("--backend", "paced"),
        PACED_RATE="50",
        SIGNUP_MODE="approval",
        DATABASE_URL=os.environ.get("DATABASE_URL", ""),
    ) as running:
        yield running


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """A failed test that used a stack shows the end of the stack's output."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if report.failed:
        for name, value in getattr(item, "funcargs", {}).items():
            if isinstance(value, Stack):
                report.sections.append((f"output of {name}", value.tail()))


@pytest.fixture
def files_dir(tmp_path: Path, settings: Any) -> Path:
    """An empty directory of files, with its place for uploads."""
    (tmp_path / "incoming").mkdir()
    settings.MEDIA_ROOT, settings.FILE_UPLOAD_TEMP_DIR = tmp_path, tmp_path / "incoming"
    return tmp_path
