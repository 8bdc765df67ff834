"""Tables as spreadsheets save them, and the requests that are made of their rows."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.files.base import ContentFile

from chat.models import StoredFile, User
from chat.services.batches.tables import PIECE_BYTES, Mapping, look_at_table, make_requests
from chat.services.errors import InvalidRequest
from chat.services.files import store_file
from tests.support.factories import make_user

ROWS = [{"name": "Ümit", "city": "Gießen"}]


@pytest.fixture
def user() -> User:
    return make_user()


def keep(user: User, content: bytes) -> StoredFile:
    return store_file(user=user, purpose="batch", file=ContentFile(content), filename="t.csv")


def lines_of(file: StoredFile) -> list[str]:
    with file.content.open("rb") as raw:
        return [line.decode() for line in raw]


def map_rows(user: User, content: bytes, template: str = "{city}", **fields: Any) -> list[str]:
    mapping = Mapping(template=template, model="paced", **fields)
    return lines_of(make_requests(user=user, file=keep(user, content), mapping=mapping))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_a_table_is_read_as_spreadsheets_save_it(user: User, encoding: str) -> None:
    table = keep(user, "name;city\r\nÜmit;Gießen\r\n".encode(encoding))
    assert look_at_table(table) == (["name", "city"], ROWS)


def test_a_letter_far_behind_the_first_rows_decides_as_well(user: User) -> None:
    ascii_rows = (b"a," + b"b" * (PIECE_BYTES // 2) + b"\n") * 3
    [*_, last] = map_rows(user, b"name,city\n" + ascii_rows + "x,Köln\n".encode("cp1252"))
    assert json.loads(last)["body"]["messages"][0]["content"] == "Köln"


@pytest.mark.parametrize("content", ["name,city\nÜmit,x\n".encode("utf-16"), b"name,city\n\xff\x81,x\n"])
def test_what_is_no_text_is_refused(user: User, content: bytes) -> None:
    with pytest.raises(InvalidRequest, match="table cannot be read"):
        look_at_table(keep(user, content))


def test_what_a_row_lacks_is_empty_and_what_has_no_column_is_left_out(user: User) -> None:
    columns, rows = look_at_table(keep(user, b"name,,city\nAda\nBob,x,Paris,y\n"))
    assert columns == ["name", "city"]
    assert rows == [{"name": "Ada", "city": ""}, {"name": "Bob", "city": "Paris"}]


def test_requests_have_the_line_numbers_of_their_rows_and_empty_rows_none(user: User) -> None:
    table = b'name,city\nAda,"Lon\ndon"\n,\n\nBob,Paris\n'
    head, ada, *empty, bob = map_rows(user, table)
    assert [head, *empty] == ["\n", "\n", "\n"]
    assert json.loads(ada)["custom_id"] == "row-1"
    assert json.loads(bob)["custom_id"] == "row-4"
    assert json.loads(ada)["body"]["messages"] == [{"role": "user", "content": "Lon\ndon"}]


def test_a_template_names_columns_that_there_are(user: User) -> None:
    with pytest.raises(InvalidRequest, match="no column named 'town'"):
        map_rows(user, b"name,city\nAda,London\n", "{town}")
