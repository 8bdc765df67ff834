"""Content that the database keeps sealed."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from chat.models import AuditEntry, ChatMessage, ChatSession, Generation, GenerationChunk, Role
from chat.sealed import OVERHEAD, RESERVED, VERSION, Unreadable, sealed_columns, stored_size, writing_plain
from chat.selectors.generations import deltas_after
from chat.selectors.messages import count_characters
from chat.selectors.sessions import list_sessions
from chat.selectors.shelf import list_shelf
from chat.services import content_keys
from chat.services.backups import BackupError, write_backup
from chat.services.content_keys import has_plain_words, require_readable, rotate_keys, unseal_everything
from chat.services.errors import InvalidRequest
from chat.services.generations import Progress, claim_generation, flush_progress
from chat.services.moderation.hiding import hide_message
from chat.services.sessions import delete_session
from chat.services.undoing import undo_deletion
from chatproject.local.checks import CannotStart
from chatproject.local.prepare import require_content_keys
from tests.support.factories import make_case, make_generation, make_message, make_session, make_user

pytestmark = pytest.mark.django_db
FIRST, SECOND = bytes(range(32)), bytes(range(1, 33))
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)
WORDS = "nobody else may read this"


@pytest.fixture(autouse=True)
def _nothing_rings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chat.services.ratelimit._blind_until", float("inf"))


@pytest.fixture
def keys(settings: Any) -> Any:
    """One key; returns the settings."""
    settings.CONTENT_KEYS = [FIRST]
    return settings


def everything_stored() -> str:
    """All rows of all tables of ours, as they are, the search index's too."""
    tables = [model._meta.db_table for model in apps.get_app_config("chat").get_models()]
    if connection.vendor == "sqlite":
        tables.append("chat_message_search")
    found: list[str] = []
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"SELECT * FROM {table}")
            rows = [[bytes(v) if isinstance(v, memoryview) else v for v in row] for row in cursor.fetchall()]
            found += map(str, rows)
    return "\n".join(found)


def say_everywhere() -> Generation:
    """The words in every column that is sealed."""
    session = make_session(title=WORDS, system_prompt=WORDS, summary=WORDS)
    row = make_generation(session, content=WORDS, options={"system_prompt": WORDS}, prompt_messages=[WORDS])
    GenerationChunk.objects.create(
        generation=row, seq=0, attempt=1, text=WORDS, token_ids=bytes(8), logprobs=[WORDS]
    )
    make_message(session, WORDS, role=Role.ASSISTANT, tool_calls=[{"name": WORDS}])
    make_case(summary="spam", evidence=WORDS)
    return row


def test_the_database_has_none_of_the_words_and_every_reader_has(keys: Any) -> None:
    row = say_everywhere()
    assert WORDS not in everything_stored()
    chunk = row.chunks.get()
    assert (chunk.text, bytes(chunk.token_ids), chunk.logprobs) == (WORDS, bytes(8), [WORDS])
    session = ChatSession.objects.get(id=row.session_id)
    assert {session.title, session.system_prompt, session.summary} == {WORDS}
    assert ChatMessage.objects.filter(tool_calls=[]).count() == 3
    found = Generation.objects.get(id=row.id)
    assert found.options["system_prompt"] == WORDS


def test_what_can_be_undone_is_kept_sealed(keys: Any) -> None:
    session = make_session(title=WORDS)
    make_message(session, WORDS)
    deletion = delete_session(user=session.owner, session_id=session.id)
    assert deletion is not None
    with connection.cursor() as cursor:
        cursor.execute("SELECT copy FROM chat_deletion")
        assert bytes(cursor.fetchone()[0]).startswith(VERSION)
    undo_deletion(user=session.owner, deletion_id=deletion.id)
    assert ChatMessage.objects.get(session=session.id).content == WORDS


def test_each_text_is_sealed_in_its_own_way(keys: Any) -> None:
    session = make_session()
    for _ in range(2):
        make_message(session, WORDS)
    with connection.cursor() as cursor:
        cursor.execute("SELECT content FROM chat_chatmessage")
        first, second = [content for (content,) in cursor.fetchall()]
    assert first != second
    assert first.startswith("sealed:1:")


class TestAnyText(TestCase):
    @given(text=TEXTS, is_sealed=st.booleans())
    def test_comes_back(self, text: str, is_sealed: bool) -> None:
        for said in (text, RESERVED + text, f"sealed:1:{text}", f"sealed:0:{text}"):
            with self.settings(CONTENT_KEYS=[FIRST] if is_sealed else []):
                id_ = make_message(make_session(), said).id
                assert ChatMessage.objects.get(id=id_).content == said


def test_tokens_are_counted_as_before(keys: Any) -> None:
    row = make_generation()
    claim_generation(worker="w", models=["paced"])
    said = Progress(
        generation_id=row.id, message_id=row.message_id, attempt=1, seq=0, text="Hi", token_ids=range(7)
    )
    flush_progress(worker="w", updates=[said])
    with connection.cursor() as cursor:
        cursor.execute("SELECT length(token_ids) FROM chat_generationchunk")
        assert cursor.fetchone()[0] == 28 + OVERHEAD
    (delta,) = deltas_after(generation_id=row.id, message_id=row.message_id, after_seq=-1)
    assert (delta.tokens, delta.text) == (7, "Hi")


def test_a_conversation_is_about_as_long_as_before(keys: Any) -> None:
    session = make_session()
    for _ in range(3):
        make_message(session, "x" * 100)
    assert 300 <= count_characters(session.id) <= 306


def test_titles_are_found_all_the_same(keys: Any) -> None:
    user = make_user()
    for title in ("Tea in China", "Coffee"):
        make_session(user, title=title)
    assert [row.title for row in list_sessions(user=user, q="CHINA").sessions] == ["Tea in China"]
    assert [entry.session.title for entry in list_shelf(user=user, q="coff").entries] == ["Coffee"]


def test_a_hidden_message_leaves_its_words_in_no_title(keys: Any) -> None:
    session = make_session(title=WORDS)
    hide_message(message_id=make_message(session, WORDS).id)
    session.refresh_from_db()
    assert session.title == ""


def test_keys_are_rotated_taken_away_and_come_later(keys: Any) -> None:
    row = say_everywhere()
    with writing_plain():
        make_message(row.session, "from before")
    keys.CONTENT_KEYS = [SECOND, FIRST]
    call_command("content", "rotate_keys", stdout=StringIO())
    keys.CONTENT_KEYS = [SECOND]
    stored = everything_stored()
    assert WORDS not in stored
    assert "from before" not in stored
    assert row.chunks.get().text == WORDS
    unseal_everything()
    keys.CONTENT_KEYS = []
    assert row.chunks.get().text == WORDS
    assert WORDS in everything_stored()
    assert list(AuditEntry.objects.order_by("number").values_list("action", flat=True)) == [
        "content.sealed",
        "content.unsealed",
    ]
    with pytest.raises(InvalidRequest, match="content new_key"):
        rotate_keys()


def test_few_rows_are_written_at_once(keys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content_keys, "ROWS", 3)
    monkeypatch.setattr(content_keys, "PIECE_ROWS", 2)
    session = make_session()
    with writing_plain():
        for _ in range(7):
            make_message(session, WORDS)
    assert has_plain_words()
    written: list[int] = []
    rewrite = content_keys._rewrite_rows

    def note(model: Any, names: list[str], ids: list[Any]) -> int:
        written.append(len(ids))
        return rewrite(model, names, ids)

    monkeypatch.setattr(content_keys, "_rewrite_rows", note)
    assert rotate_keys() == sum(written) >= 7
    assert max(written) == 2
    assert WORDS not in everything_stored()
    assert not has_plain_words()


def test_a_large_row_is_written_alone() -> None:
    million = content_keys.PIECE_BYTES
    page = [("a", 1), ("b", million), ("c", 3 * million), ("d", 1), ("e", 1)]
    assert list(content_keys._pieces(page)) == [["a"], ["b"], ["c"], ["d", "e"]]


def test_the_size_of_a_row_is_known_before_it_is_read() -> None:
    row = make_generation(options={"system_prompt": "x" * 900}, prompt_ids=bytes(100))
    size = stored_size(Generation._meta.concrete_fields)
    assert 1000 < Generation.objects.annotate(size=size).get(id=row.id).size < 1200


def test_a_missing_key_is_one_clear_sentence(keys: Any) -> None:
    make_message(make_session(), WORDS)
    keys.CONTENT_KEYS = [SECOND]
    with pytest.raises(Unreadable, match="a key that CONTENT_KEYS does not have"):
        require_readable()
    with pytest.raises(CannotStart, match="CONTENT_KEYS"):
        require_content_keys()
    with pytest.raises(CommandError, match="CONTENT_KEYS"):
        call_command("content", "rotate_keys", stdout=StringIO())
    keys.CONTENT_KEYS = []
    with pytest.raises(CannotStart):
        require_content_keys()


def test_what_was_not_rotated_yet_is_missed_and_a_reply_in_the_making_hides_nothing(keys: Any) -> None:
    session = make_session()
    for key, words in ((FIRST, WORDS), (SECOND, WORDS), (SECOND, "")):
        keys.CONTENT_KEYS = [key]
        make_message(session, words)
    for missing in ([SECOND], [FIRST], []):
        keys.CONTENT_KEYS = missing
        with pytest.raises(Unreadable):
            require_readable()
    keys.CONTENT_KEYS = [SECOND, FIRST]
    require_readable()


def test_search_says_plainly_that_it_does_not_work(keys: Any) -> None:
    client = Client()
    client.force_login(make_user())
    answer = client.get("/api/v1/chat/search?q=this")
    assert answer.status_code == 409
    assert "Messages cannot be searched here: this server keeps them encrypted." in answer.content.decode()
    assert "this server keeps them encrypted" in client.get("/search/?words=this").content.decode()


def test_no_backup_in_the_clear(keys: Any, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="BACKUP_RECIPIENTS"):
        write_backup(path=tmp_path / "backup.zip")


def test_new_keys_fit() -> None:
    out = StringIO()
    call_command("content", "new_key", stdout=out)
    assert len(out.getvalue().strip()) == len(urlsafe_b64encode(FIRST))


def test_what_is_sealed_is_told() -> None:
    told = {f"{model.__name__}.{name}" for model, names in sealed_columns().items() for name in names}
    documented = (Path(__file__).parents[2] / "docs" / "decisions").glob("*-sealed-content.md")
    (text,) = [path.read_text() for path in documented]
    assert {name for name in told if f"`{name}`" not in text} == set()
