"""`/metrics`, and that the dashboard and the alerts speak of what is there."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import msgspec
import pytest
import yaml
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families as parse

from chat.models import BatchJob, Generation, GenerationStatus, WorkerNode, WorkerStatus
from chat.selectors.telemetry import read_telemetry
from chat.services.workers import heartbeat
from chat.web import exposition
from chatproject import urls  # noqa: F401  loading every page takes longer than PostgreSQL lets a transaction idle
from inference.types.engines import STEP_MS_BOUNDS, Gauges, Totals
from tests.support.factories import make_generation, make_user
from tests.support.stack import ROOT

pytestmark = pytest.mark.django_db
GAUGES = Gauges(slots_busy=1, steps=6, step_counts=(1, 2, 3, *[0] * (len(STEP_MS_BOUNDS) - 2)))
TOTALS = Totals(
    started=4, first_tokens=4, ttft_ms=2500, completion_tokens=70, outcomes={"stop": 3, "error": 1}
)
FIGURES = msgspec.to_builtins(GAUGES) | msgspec.to_builtins(TOTALS)


def scrape(**extra: Any) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    response = Client().get("/metrics", **extra)
    assert response.status_code == 200, response.content
    families = parse(response.content.decode())
    return {(s.name, frozenset(s.labels.items())): s.value for f in families for s in f.samples}


def key(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


def beat(**fields: Any) -> None:
    heartbeat(name="w", status=WorkerStatus.READY, loaded_models=["m", "idle"], slots=4, busy=2, **fields)


def test_it_tells_of_queues_workers_engines_and_batches() -> None:
    beat(device="gpu", figures={"m": FIGURES})
    for model in ("m", "m", "unheard-of"):
        make_generation(model=model)
    Generation.objects.filter(model="m").update(waiting_since=timezone.now() - timedelta(seconds=90))
    ended = make_generation(model="m")
    Generation.objects.filter(id=ended.id).update(status=GenerationStatus.FAILED, finished_at=timezone.now())
    BatchJob.objects.create(user=make_user(), endpoint="/v1/completions", total=10, completed=3, failed=1)
    seen = scrape()
    assert seen[key("parley_queue_depth", model="m", device="gpu")] == 2
    assert seen[key("parley_queue_oldest_seconds", model="m", device="gpu")] >= 90
    assert seen[key("parley_queue_depth", model="unheard-of", device="none")] == 1
    assert seen[key("parley_queue_depth", model="idle", device="gpu")] == 0
    assert seen[key("parley_queue_oldest_seconds", model="idle", device="gpu")] == 0
    assert seen[key("parley_replies_running", model="idle")] == 0
    assert seen[key("parley_batch_jobs", status="in_progress")] == 0
    assert seen[key("parley_moderation_cases", status="open")] == 0
    assert seen[key("parley_replies_last_minute", model="m", status="failed")] == 1
    assert seen[key("parley_worker_up", worker="w", device="gpu")] == 1
    assert seen[key("parley_worker_busy", worker="w", device="gpu")] == 2
    engine = {"worker": "w", "model": "m"}
    assert seen[key("parley_engine_completion_tokens_total", **engine)] == 70
    assert seen[key("parley_engine_ttft_seconds_total", **engine)] == 2.5
    assert seen[key("parley_engine_replies_total", outcome="stop", **engine)] == 3
    assert seen[key("parley_engine_step_seconds_bucket", le="0.01", **engine)] == 3
    assert seen[key("parley_engine_step_seconds_bucket", le="+Inf", **engine)] == 6
    assert seen[key("parley_batch_jobs", status="validating")] == 1
    assert seen[key("parley_batch_lines", state="waiting")] == 6
    assert seen[key("parley_database_up")] == 1


def test_a_worker_that_is_silent_is_down_and_a_forgotten_one_is_not_told() -> None:
    beat()
    node = read_telemetry().workers[0]
    assert node.is_up
    WorkerNode.objects.update(heartbeat_at=timezone.now() - timedelta(seconds=40))
    assert scrape()[key("parley_worker_up", worker="w", device="cpu")] == 0
    WorkerNode.objects.update(heartbeat_at=timezone.now() - timedelta(hours=2))
    assert key("parley_worker_up", worker="w", device="cpu") not in scrape()


def test_a_scrape_costs_the_same_however_much_there_is(django_assert_num_queries: Any) -> None:
    beat(figures={"m": FIGURES})
    for _ in range(3):
        make_generation()
    with django_assert_num_queries(8):
        scrape()


def test_without_the_database_it_still_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise OperationalError("away")

    scrape()  # a request is counted when it has been answered: one that comes first in its process finds none
    monkeypatch.setattr(exposition, "read_telemetry", fail)
    seen = scrape()
    assert seen[key("parley_database_up")] == 0
    assert any(name == "parley_http_requests_total" for name, _ in seen)


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("10.1.2.3", {}, 403),
        ("127.0.0.1", {"X-Forwarded-For": "10.1.2.3"}, 403),
        ("10.1.2.3", {"Authorization": "Bearer right"}, 200),
        ("127.0.0.1", {"Authorization": "Bearer wrong"}, 403),
        ("10.1.2.3", {"Authorization": "Bearer "}, 403),
        ("", {}, 403),
    ],
)
def test_who_may_read(address: str, headers: dict[str, str], status: int, settings: Any) -> None:
    settings.METRICS_TOKEN = "right"
    assert Client().get("/metrics", headers=headers, REMOTE_ADDR=address).status_code == status


def test_an_empty_token_lets_nobody_in(settings: Any) -> None:
    settings.METRICS_TOKEN, settings.METRICS_ALLOW = "", ["10.0.0.0/8"]
    assert Client().get("/metrics", headers={"Authorization": "Bearer "}).status_code == 403
    assert Client().get("/metrics", REMOTE_ADDR="10.1.2.3").status_code == 200


def test_dashboard_and_alerts_name_metrics_that_exist() -> None:
    beat(figures={"m": FIGURES})
    make_generation(model="m")
    BatchJob.objects.create(user=make_user(), endpoint="/v1/completions")
    Client().get("/metrics")
    there = {f"{family.name}" for family in parse(Client().get("/metrics").content.decode())}
    dashboard = json.loads((ROOT / "deploy/grafana/parley.json").read_text())
    rules = yaml.safe_load((ROOT / "deploy/prometheus-alerts.yml").read_text())["groups"][0]["rules"]
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    queries += [rule["expr"] for rule in rules]
    named = {name for query in queries for name in re.findall(r"\b(?:parley|process)_\w+", query)}
    missing = {name for name in named if re.sub(r"_(total|bucket|count|sum)$", "", name) not in there}
    assert named
    assert missing == set()
