"""What moderators have told me, and my appeals."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from chat.models import Appeal, Notice, User
from tests.support.factories import make_notice

pytestmark = pytest.mark.django_db


@pytest.fixture
def notice(ada: User) -> Notice:
    return make_notice(ada)


def test_an_appeal_is_sent_once(browser: Client, notice: Notice) -> None:
    url = reverse("appeal", args=[notice.id])
    assert browser.post(url, {"words": "It was a joke."})["Location"] == "/notices/"
    assert "You have appealed" in browser.get("/notices/").content.decode()
    assert Appeal.objects.get().words == "It was a joke."
    assert browser.post(reverse("appeal", args=[uuid4()]), {"words": "x"}).status_code == 404


def test_a_refused_one_stays_in_its_field(browser: Client, ada: User, notice: Notice) -> None:
    other = make_notice(ada)
    Notice.objects.filter(id=notice.id).update(created_at=timezone.now() - timedelta(days=181))
    answer = browser.post(reverse("appeal", args=[notice.id]), {"words": "A long story."})
    assert answer.status_code == 400
    shown = answer.content.decode()
    assert "The time to appeal, 180 days, is over." in shown
    assert shown.count("A long story.</textarea>") == shown.count("<details open>") == 1
    empty = browser.post(reverse("appeal", args=[other.id]), {"words": " "}).content.decode()
    assert "Say why the decision is wrong." in empty
    assert not Appeal.objects.exists()
