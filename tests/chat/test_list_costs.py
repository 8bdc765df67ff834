"""Every list of the console and the admin: its queries do not grow with what is in it, and are few."""

from __future__ import annotations

import re

import pytest
from allauth.account.models import EmailAddress
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from chat.admin.base import MOST_COUNTED, BoundedPaginator
from chat.models import Decision, User
from chat.services.accounts import create_api_key, create_user
from chat.services.audit import record
from chat.services.moderation.appeals import appeal_decision
from chat.services.moderation.cases import Verdict, decide_case
from tests.support.factories import make_case, make_generation

pytestmark = pytest.mark.django_db
MOST_QUERIES = 15
PAGES = ("queue", "people", "appeals", "live", "analytics")
API = ("performance", "stats", "providers")
LARGE = (
    "user",
    "chatsession",
    "chatmessage",
    "generation",
    "apikey",
    "auditentry",
    "emailaddress",
    "usersession",
)


@pytest.fixture
def root(db: None) -> User:
    """An administrator."""
    return create_user(username="root", password="secret", role="administrator")


@pytest.fixture
def client(root: User) -> Client:
    """Their browser."""
    client = Client()
    client.force_login(root)
    return client


def addresses() -> list[str]:
    lists = [f"/admin/{model._meta.app_label}/{model._meta.model_name}/" for model in admin.site._registry]
    pages = [reverse(name) for name in PAGES]
    return [*pages, f"{pages[0]}?status=decided", *(f"/api/v1/chat/{name}" for name in API), *lists]


def add_some(root: User) -> None:
    """More of everything."""
    generation = make_generation(worker="w")
    create_api_key(user=generation.user)
    EmailAddress.objects.create(user=generation.user, email=f"{generation.user.username}@example.org")
    case = make_case()
    decide_case(actor=root, case_id=case.id, version=1, verdict=Verdict(decision=Decision.HIDE))
    assert case.subject is not None
    appeal_decision(user=case.subject, notice_id=case.subject.notices.get().id, words="Why?")
    make_case()
    record(actor=root, action="test")


def costs(client: Client) -> dict[str, int]:
    found = {}
    for address in addresses():
        with CaptureQueriesContext(connection) as queries:
            assert client.get(address).status_code == 200, address
        found[address] = len(queries)
    return found


def test_each_list_costs_few_queries_however_long_it_is(client: Client, root: User) -> None:
    add_some(root)
    costs(client)  # what is looked up once in a process
    few = costs(client)
    for _ in range(5):
        add_some(root)
    assert costs(client) == few
    assert {address: count for address, count in few.items() if count > MOST_QUERIES} == {}


def test_large_tables_are_neither_counted_whole_nor_read_for_their_values(client: Client, root: User) -> None:
    add_some(root)
    shown = {model._meta.model_name: each for model, each in admin.site._registry.items()}
    for name in LARGE:
        assert shown[name].paginator is BoundedPaginator, name
        assert not shown[name].show_full_result_count, name
        with CaptureQueriesContext(connection) as queries:
            client.get(reverse(f"admin:{shown[name].opts.app_label}_{name}_changelist"))
        asked = [query["sql"] for query in queries if shown[name].opts.db_table in query["sql"]]
        for sql in asked:
            assert "DISTINCT" not in sql, sql
            if re.search(r"COUNT\(\*\)", sql):
                assert f"LIMIT {MOST_COUNTED}" in sql, sql
