from __future__ import annotations

import pytest

from chat.services.errors import InvalidContent, InvalidRequest
from chat.services.text import is_storable, require_content, require_storable


def test_storable() -> None:
    assert is_storable("Grüße 😀\n\t\x7f")
    assert not is_storable("\0")
    assert not is_storable("\udfff")


@pytest.mark.parametrize(
    ("text", "word"), [("", "empty"), (" \n", "empty"), ("x" * 11, "too long"), ("\0", "U+0")]
)
def test_content(text: str, word: str) -> None:
    with pytest.raises(InvalidContent, match=word.replace("+", r"\+")) as caught:
        require_content(text, limit=10)
    assert caught.value.field == "content"
    require_content("x" * 10, limit=10)


def test_the_family_member_is_the_caller_s_choice() -> None:
    require_storable(None, field="x")
    with pytest.raises(InvalidRequest, match=r"^x contains"):
        require_storable("\0", field="x", error=InvalidRequest)
