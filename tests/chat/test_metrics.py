"""What a web process counts about itself."""

from __future__ import annotations

import pytest
from django.test import Client

from chat.metrics import REGISTRY, count_command
from chat.realtime.protocol.commands import Ping
from chatproject import urls  # noqa: F401  loading every page takes longer than PostgreSQL lets a transaction idle

pytestmark = pytest.mark.django_db


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_requests_are_counted_by_pattern_and_never_by_path() -> None:
    labels = {"method": "GET", "route": "chat/<uuid:session_id>/"}
    before = value("parley_http_requests_total", status="302", **labels)
    Client().get("/chat/8d6f3a0e-0000-4000-8000-000000000001/")
    assert value("parley_http_requests_total", status="302", **labels) == before + 1
    assert value("parley_http_request_seconds_count", **labels) == before + 1


def test_what_has_no_route_or_an_invented_method_makes_no_labels_of_its_own() -> None:
    Client().generic("BREW", "/no/such/path")
    assert value("parley_http_requests_total", method="other", route="none", status="404") >= 1


def test_commands_are_counted_by_type() -> None:
    before = value("parley_socket_commands_total", command="Ping")
    count_command(Ping())
    assert value("parley_socket_commands_total", command="Ping") == before + 1
