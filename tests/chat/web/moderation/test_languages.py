"""The moderators' pages and the admin speak the reader's language."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse
from django.utils.translation import override

from chat.admin.names import NAMES
from chat.models import CaseSource, Decision, Notice, User
from chat.services.moderation.cases import Verdict, decide_case
from tests.support.factories import make_case, make_generation, make_user

pytestmark = pytest.mark.django_db
GERMAN = {"Accept-Language": "de"}
PAGES = {
    "queue": "Es gibt nichts zu entscheiden.",
    "appeals": "Niemand wartet auf einen zweiten Moderator.",
    "people": "Personen einladen",
    "live": "Entstehende Antworten",
    "rules": "Noch gibt es keine Regeln.",
    "analytics": "Was besser sein könnte",
}


@pytest.fixture(autouse=True)
def _no_language_is_left_behind() -> Iterator[None]:
    with override("en"):
        yield


@pytest.mark.parametrize("route", PAGES)
def test_a_page_in_german(administrating: Client, route: str) -> None:
    page = administrating.get(reverse(route), headers=GERMAN).content.decode()
    assert PAGES[route] in page
    assert '<html lang="de"' in page


def test_periods_are_called_by_their_names(administrating: Client) -> None:
    page = administrating.get(reverse("analytics"), headers=GERMAN).content.decode()
    assert all(f">{name}</a>" in page for name in ("Tag", "Woche", "Monat"))


def test_our_words_come_before_those_of_the_admin(administrating: Client) -> None:
    page = administrating.get(reverse("case", args=[make_case().id]), headers=GERMAN).content.decode()
    assert ">Verlauf</h2>" in page


def test_what_a_case_says_of_itself(administrating: Client) -> None:
    case = make_case(summary="hate or discrimination")
    page = administrating.get(reverse("case", args=[case.id]), headers=GERMAN).content.decode()
    assert "<h1>Hass oder Diskriminierung</h1>" in page
    assert "Was gesagt wurde" in page


def test_what_the_guard_model_found(administrating: Client) -> None:
    case = make_case(source=CaseSource.CLASSIFIER, summary="guard: 91 of 100", score=0.914)
    for url in (reverse("queue"), reverse("case", args=[case.id])):
        page = administrating.get(url, headers=GERMAN).content.decode()
        assert "Wächtermodell: 91 von 100" in page
        assert "of 100" not in page


def test_the_admin(administrating: Client) -> None:
    make_generation()
    page = administrating.get("/admin/chat/generation/", headers=GERMAN).content.decode()
    assert "Antwort" in page
    assert "angelegt" in page.lower()


def test_every_name_that_the_admin_shows_is_translatable() -> None:
    shown = {model for model in admin.site._registry if model._meta.app_label == "chat"}
    for model, site in admin.site._registry.items():
        if model not in shown:
            continue
        assert {str(model._meta.verbose_name), str(model._meta.verbose_name_plural)} <= NAMES, model
        listed = {field for field in site.list_display if isinstance(field, str)}
        own = [field for field in model._meta.local_fields if field.name in listed]
        with override("de"):
            assert [field.name for field in own if str(field.verbose_name) in NAMES - SAME] == [], model


SAME = frozenset({"name", "hash", "worker"})
"""Spelled alike in both languages."""


def test_people_are_told_in_their_own_language(moderator: User) -> None:
    case = make_case()
    User.objects.filter(cases=case).update(language="de")
    decide_case(actor=moderator, case_id=case.id, version=1, verdict=Verdict(decision=Decision.HIDE))
    assert Notice.objects.get().title == "Eine Ihrer Nachrichten wurde verborgen"


def test_what_is_refused(administrating: Client) -> None:
    ann = make_user(username="ann")
    url = reverse("suspend_person", args=[ann.id])
    for _ in range(2):
        answer = administrating.post(url, {"reason": "Spam", "days": "7"}, headers=GERMAN, follow=True)
    assert "ann ist schon gesperrt" in answer.content.decode()
