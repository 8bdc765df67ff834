"""What a start does before any program runs: schema, static files, the first administrator, the model."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, connection
from django.db.migrations.executor import MigrationExecutor

from chat.checks import check_squashed_migrations
from chat.models import LanguageModel, User
from chat.sealed import Unreadable
from chat.services.accounts import create_user
from chat.services.catalogue import add_model, find_by_source
from chat.services.content_keys import require_readable
from chat.services.errors import ServiceError
from chatproject import env
from chatproject.local.checks import CannotStart

DEMO_MODEL = Path("inference") / "demo_model" / "parley-demo.gguf"


def prepare(*, say: Callable[[str], None], with_model: bool) -> None:
    """Everything, in order; `say` gets the lines the operator should see. Raises `CannotStart`.

    Without `with_model` there need be no model, unless MODEL names one.
    """
    migrate()
    require_content_keys()
    # First what may be refused: the administrator's password is shown only once.
    if with_model or settings.MODEL:
        say(f"Model: {ensure_default_model(settings.MODEL).slug}")
    collect_static()
    username = env.text("DJANGO_SUPERUSER_USERNAME") or "admin"
    made_up = ensure_administrator(username=username, password=env.text("DJANGO_SUPERUSER_PASSWORD"))
    if made_up:
        say(f"Administrator: {username}, password: {made_up} (shown this once)")


def migrate() -> bool:
    """Bring the schema up to date; says whether there was anything to do."""
    if errors := check_squashed_migrations(databases=[DEFAULT_DB_ALIAS]):
        raise CannotStart(errors[0].msg)
    executor = MigrationExecutor(connection)
    if not executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return False
    call_command("migrate", interactive=False, verbosity=0)
    return True


def require_content_keys() -> None:
    """Can what is sealed be read? Better asked once than answered by every page."""
    try:
        require_readable()
    except Unreadable as error:
        raise CannotStart(str(error)) from None


def collect_static() -> bool:
    """Collect static files where their sources have changed; says whether it did."""
    stamp = settings.STATIC_ROOT / ".stamp"
    wanted = _static_digest()
    if stamp.exists() and stamp.read_text() == wanted:
        return False
    call_command("collectstatic", interactive=False, verbosity=0, clear=True)
    stamp.write_text(wanted)
    return True


def _static_digest() -> str:
    """Sizes and times are enough: builds and upgrades write new files."""
    total = hashlib.sha256()
    for finder in get_finders():
        for name, storage in finder.list([]):
            status = Path(storage.path(name)).stat()
            total.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
    return total.hexdigest()


def ensure_administrator(*, username: str, password: str) -> str:
    """Create the first administrator where there is none; returns the password if it was made up here."""
    if User.objects.filter(is_superuser=True).exists():
        return ""
    made_up = "" if password else secrets.token_urlsafe(12)
    try:
        create_user(username=username, password=password or made_up, role="administrator")
    except ServiceError as error:
        raise CannotStart(f"DJANGO_SUPERUSER_USERNAME: {error.message}") from error
    return made_up


def ensure_default_model(source: str) -> LanguageModel:
    """Make `source` the default, checked again only when it changed.

    Without one the default stays what it is, and where there is none the demo model becomes it.
    """
    chosen = None if source else _chosen_default()
    if chosen is not None and chosen.is_remote:
        return chosen
    if not source:
        source = str(_demo_model()) if chosen is None else chosen.source
    known = find_by_source(source)
    if known is not None and known.is_default and known.is_active:
        return known
    try:
        return add_model(source=source, make_default=True)
    except ServiceError as error:
        if chosen is None:
            raise CannotStart(f"MODEL is not usable: {error.message}") from error
        raise CannotStart(
            f"The default model {chosen.slug} is not usable: {error.message} "
            "Set MODEL, or choose another one with `manage.py model default SLUG`."
        ) from error


def _chosen_default() -> LanguageModel | None:
    """The default, unless it is the demo model: that may have moved or changed with the release."""
    default = LanguageModel.objects.filter(is_default=True, is_active=True).first()
    return None if default is None or Path(default.source).name == DEMO_MODEL.name else default


def _demo_model() -> Path:
    path: Path = settings.BASE_DIR / DEMO_MODEL
    if not path.exists():
        raise CannotStart(f"MODEL is not set and {DEMO_MODEL} is missing: set it to a GGUF file or hf:REPO.")
    return path
