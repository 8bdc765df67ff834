from __future__ import annotations

from typing import Any

import pytest
import redis
from django.db import OperationalError
from django.test import Client

from chat.api.v1 import health
from chat.models import WorkerStatus
from chat.services.workers import heartbeat

pytestmark = pytest.mark.django_db
PATH = "/api/v1/chat/health"


def fails(error: Exception) -> Any:
    def fail() -> None:
        raise error

    return fail


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "count_connections", lambda: 3)


@pytest.mark.usefixtures("connections")
def test_healthy_without_a_login() -> None:
    heartbeat(name="w", status=WorkerStatus.READY)
    response = Client().get(PATH)
    body = response.json()
    assert response.status_code == 200
    assert body.pop("timestamp").endswith("Z")
    assert body == {
        "service": "chat",
        "status": "healthy",
        "active_connections": 3,
        "checks": {"database": "ok", "redis": "ok", "workers": "ok"},
    }


@pytest.mark.usefixtures("connections")
def test_without_a_worker_it_is_degraded() -> None:
    response = Client().get(PATH)
    assert response.status_code == 200
    assert (response.json()["status"], response.json()["checks"]["workers"]) == ("degraded", "none")


@pytest.mark.usefixtures("connections")
def test_a_worker_that_cannot_load_its_model_is_told_of() -> None:
    heartbeat(name="w", status=WorkerStatus.FAILING)
    assert Client().get(PATH).json()["checks"]["workers"] == "failing"
    heartbeat(name="v", status=WorkerStatus.READY)
    assert Client().get(PATH).json()["checks"]["workers"] == "ok"


def test_without_redis_it_is_degraded(monkeypatch: pytest.MonkeyPatch) -> None:
    heartbeat(name="w", status=WorkerStatus.READY)
    monkeypatch.setattr(health, "count_connections", fails(redis.ConnectionError("away")))
    response = Client().get(PATH)
    assert response.status_code == 200
    assert (response.json()["status"], response.json()["checks"]["redis"]) == ("degraded", "failed")
    assert response.json()["active_connections"] is None


@pytest.mark.usefixtures("connections")
def test_without_the_database_it_is_unhealthy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "describe_pool", fails(OperationalError("away")))
    response = Client().get(PATH)
    assert response.status_code == 503
    checks = response.json()["checks"]
    assert (response.json()["status"], checks["database"], checks["workers"]) == (
        "unhealthy",
        "failed",
        "none",
    )


@pytest.mark.services
def test_redis_is_really_asked() -> None:
    body = Client().get(PATH).json()
    assert body["checks"]["redis"] == "ok"
    assert body["active_connections"] >= 0


@pytest.mark.parametrize(("path", "status"), [("live", "alive"), ("ready", "ready")])
def test_for_load_balancers(path: str, status: str) -> None:
    response = Client().get(f"{PATH}/{path}")
    assert (response.status_code, response.json()) == (200, {"status": status})


def test_without_the_database_a_process_lives_but_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "describe_pool", fails(OperationalError("away")))
    assert Client().get(f"{PATH}/live").status_code == 200
    response = Client().get(f"{PATH}/ready")
    assert (response.status_code, response.json()) == (503, {"status": "no database"})


def test_a_process_that_stops_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "is_stopping", lambda: True)
    response = Client().get(f"{PATH}/ready")
    assert (response.status_code, response.json()) == (503, {"status": "stopping"})
