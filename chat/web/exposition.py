"""`/metrics`: this process's own counters, and what the database says of everything else."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Iterable, Sequence
from ipaddress import ip_address, ip_network
from itertools import accumulate
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from chat.metrics import REGISTRY
from chat.selectors.telemetry import Telemetry, read_telemetry
from inference.types.engines import STEP_MS_BOUNDS

logger = logging.getLogger(__name__)

Engines = Sequence[tuple[tuple[str, str], dict[str, Any]]]
"""Worker and model of each engine, and its figures."""

FORWARDED = ("X-Forwarded-For", "Forwarded", "X-Real-Ip")
ENGINE = ("worker", "model")
ENGINE_GAUGES = {
    "slots_busy": "Sequences in the engine",
    "queued": "Requests that wait inside the engine",
    "kv_tokens": "Tokens in the KV cache",
    "retained_bytes": "Bytes of prompts retained in host memory",
}
ENGINE_COUNTERS = {
    "started": "Requests that got a slot",
    "steps": "Steps computed",
    "first_tokens": "First tokens written",
    "completion_tokens": "Tokens of finished replies",
    "cache_hits": "Prompts whose prefix was found",
    "cache_misses": "Prompts whose prefix was not found",
    "tokens_saved": "Prompt tokens that needed no computing",
    "tokens_missing": "Prompt tokens that had to be computed",
    "evicted": "Sequences that gave their slot to another",
    "retained_evictions": "Prompts dropped from host memory",
    "contexts_cut": "Conversations that a context policy shortened",
    "contexts_shifted": "Full windows that a reply went on in without the oldest tokens",
    "tokens_dropped": "Tokens that context policies left out",
    "drafted_tokens": "Tokens guessed by prompt lookup",
    "accepted_tokens": "Guessed tokens that were right",
    "embedded_tokens": "Tokens computed for embeddings",
}
ENGINE_SECONDS = {
    "wait_ms": ("wait", "Seconds that requests waited for a slot"),
    "ttft_ms": ("ttft", "Seconds to first tokens"),
}


@require_GET
def metrics(request: HttpRequest) -> HttpResponse:
    """For a caller with METRICS_TOKEN, or at an address of METRICS_ALLOW that no proxy speaks for."""
    if not _may_read(request):
        return HttpResponse(
            "Send METRICS_TOKEN as a bearer token, or ask from an address in METRICS_ALLOW.\n",
            status=403,
            content_type="text/plain",
        )
    deployment = CollectorRegistry()
    deployment.register(DeploymentCollector())
    return HttpResponse(
        generate_latest(REGISTRY) + generate_latest(deployment), content_type=CONTENT_TYPE_LATEST
    )


def _may_read(request: HttpRequest) -> bool:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and settings.METRICS_TOKEN:
        return hmac.compare_digest(token.encode(), settings.METRICS_TOKEN.encode())
    if any(name in request.headers for name in FORWARDED):
        return False
    try:
        address = ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    return any(address in ip_network(network) for network in settings.METRICS_ALLOW)


class DeploymentCollector(Collector):
    """Reads the database once for each scrape; without one it only says so."""

    def describe(self) -> Iterable[Metric]:
        """Nothing in advance: registering must not read."""
        return []

    def collect(self) -> Iterable[Metric]:
        """The families of one reading."""
        up = GaugeMetricFamily("parley_database_up", "Whether the database answers")
        try:
            telemetry = read_telemetry()
        except DatabaseError as error:
            logger.warning("no figures: the database does not answer: %s", error)
            up.add_metric([], 0)
            return [up]
        up.add_metric([], 1)
        return [up, *_queue_families(telemetry), *_worker_families(telemetry), *_engine_families(telemetry)]


def _queue_families(telemetry: Telemetry) -> Iterable[Metric]:
    labels = ("model", "device")
    depth = GaugeMetricFamily("parley_queue_depth", "Replies that wait for a slot", labels=labels)
    oldest = GaugeMetricFamily("parley_queue_oldest_seconds", "Wait of the oldest of them", labels=labels)
    for queue in telemetry.queues:
        depth.add_metric([queue.model, queue.device], queue.depth)
        oldest.add_metric([queue.model, queue.device], queue.oldest_s)
    running = GaugeMetricFamily("parley_replies_running", "Replies being written", labels=["model"])
    for model, count in telemetry.running.items():
        running.add_metric([model], count)
    recent = GaugeMetricFamily(
        "parley_replies_last_minute", "Replies ended in the last minute", labels=["model", "status"]
    )
    for key, count in telemetry.replies.items():
        recent.add_metric(key, count)
    jobs = GaugeMetricFamily("parley_batch_jobs", "Unfinished batch jobs", labels=["status"])
    for status, count in telemetry.batch_jobs.items():
        jobs.add_metric([status], count)
    lines = GaugeMetricFamily("parley_batch_lines", "Unfinished lines of batch jobs", labels=["state"])
    lines.add_metric(["waiting"], telemetry.batch_lines_waiting)
    lines.add_metric(["running"], telemetry.batch_lines_running)
    chores = GaugeMetricFamily(
        "parley_chore_age_seconds", "Since a backup or another chore last went well", labels=["chore"]
    )
    for name, age in telemetry.chores.items():
        chores.add_metric([name], age)
    cases = GaugeMetricFamily("parley_moderation_cases", "Cases that are not decided", labels=["status"])
    for status, count in telemetry.cases.items():
        cases.add_metric([status], count)
    return [depth, oldest, running, recent, jobs, lines, chores, cases]


def _worker_families(telemetry: Telemetry) -> Iterable[Metric]:
    labels = ("worker", "device")
    up = GaugeMetricFamily("parley_worker_up", "Whether a worker is ready and was heard of", labels=labels)
    slots = GaugeMetricFamily("parley_worker_slots", "Replies a worker can write at once", labels=labels)
    busy = GaugeMetricFamily("parley_worker_busy", "Replies a worker writes", labels=labels)
    age = GaugeMetricFamily(
        "parley_worker_heartbeat_age_seconds", "Since a worker was heard of", labels=[*labels, "status"]
    )
    for worker in telemetry.workers:
        names = [worker.name, worker.device]
        up.add_metric(names, worker.is_up)
        slots.add_metric(names, worker.slots)
        busy.add_metric(names, worker.busy)
        age.add_metric([*names, worker.status], worker.heartbeat_age_s)
    return [up, slots, busy, age]


def _engine_families(telemetry: Telemetry) -> Iterable[Metric]:
    engines = [
        ((worker.name, slug), figures)
        for worker in telemetry.workers
        for slug, figures in worker.models.items()
    ]
    for name, help_text in ENGINE_GAUGES.items():
        yield _filled(GaugeMetricFamily(f"parley_engine_{name}", help_text, labels=ENGINE), engines, name, 1)
    for name, help_text in ENGINE_COUNTERS.items():
        yield _filled(
            CounterMetricFamily(f"parley_engine_{name}", help_text, labels=ENGINE), engines, name, 1
        )
    for name, (short, help_text) in ENGINE_SECONDS.items():
        family = CounterMetricFamily(f"parley_engine_{short}_seconds", help_text, labels=ENGINE)
        yield _filled(family, engines, name, 1000)
    yield _steps(engines)
    replies = CounterMetricFamily("parley_engine_replies", "Ended requests", labels=[*ENGINE, "outcome"])
    for labels, figures in engines:
        for outcome, count in figures.get("outcomes", {}).items():
            replies.add_metric([*labels, outcome], count)
    yield replies


def _filled(
    family: GaugeMetricFamily | CounterMetricFamily,
    engines: Engines,
    name: str,
    divisor: float,
) -> Metric:
    for labels, figures in engines:
        family.add_metric(labels, figures.get(name, 0) / divisor)
    return family


def _steps(engines: Engines) -> Metric:
    family = HistogramMetricFamily("parley_engine_step_seconds", "Duration of a step", labels=ENGINE)
    bounds = [*(str(ms / 1000) for ms in STEP_MS_BOUNDS), "+Inf"]
    for labels, figures in engines:
        counts = figures.get("step_counts") or [0] * len(bounds)
        family.add_metric(labels, list(zip(bounds, accumulate(counts), strict=True)), sum_value=None)
    return family
