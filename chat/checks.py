"""What Django checks before it migrates a database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.checks import Error
from django.db import connections
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

HALF_WAY = (
    "The database stands half-way between migrations {first} and {last} of {app}, which are one here: "
    "migrate it with the version that it is from, then with this one (docs/operations.md, Upgrades)."
)


def check_squashed_migrations(*, databases: Sequence[str] | None, **kwargs: Any) -> list[Error]:
    """A squash is applied whole or not at all, because its steps are no longer here."""
    replacements = MigrationLoader(None).replacements
    errors = []
    for alias in databases or ():
        applied = MigrationRecorder(connections[alias]).applied_migrations()
        for (app, _), squash in replacements.items():
            if 0 < sum(step in applied for step in squash.replaces) < len(squash.replaces):
                (_, first), (_, last) = squash.replaces[0], squash.replaces[-1]
                errors.append(Error(HALF_WAY.format(app=app, first=first[:4], last=last[:4]), id="chat.E001"))
    return errors
