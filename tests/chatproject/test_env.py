"""What environment variables become."""

from __future__ import annotations

import pytest

from chatproject import env


def test_a_mail_server_that_says_nothing_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMAIL_URL", "smtp://ann:secret@mail.example.org:25")
    known = env.email("EMAIL_URL")
    assert (known["EMAIL_HOST"], known["EMAIL_TIMEOUT"]) == ("mail.example.org", env.MAIL_TIMEOUT_S)
