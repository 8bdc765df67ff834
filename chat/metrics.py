"""What one web process counts about itself. The rest of `/metrics` comes from the database."""

from __future__ import annotations

import time
from http import HTTPMethod

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_requests = Counter(
    "parley_http_requests", "HTTP requests answered", ["method", "route", "status"], registry=REGISTRY
)
_request_seconds = Histogram(
    "parley_http_request_seconds",
    "Time to an HTTP response; of a stream, to its headers",
    ["method", "route"],
    buckets=_SECONDS,
    registry=REGISTRY,
)
_commands = Counter(
    "parley_socket_commands", "Commands received over chat sockets", ["command"], registry=REGISTRY
)
open_sockets = Gauge("parley_sockets", "Chat sockets that are open", registry=REGISTRY)


def count_command(command: object) -> None:
    """Count a command of a chat socket, by its type."""
    _commands.labels(type(command).__name__).inc()


def observe_request(request: HttpRequest, response: HttpResponseBase, *, began: float) -> None:
    """Count a request that began at `began` by `time.perf_counter()`. A route is a pattern, never a path."""
    method = request.method if request.method in HTTPMethod.__members__ else "other"
    route = request.resolver_match.route if request.resolver_match else "none"
    _requests.labels(method, route, response.status_code).inc()
    _request_seconds.labels(method, route).observe(time.perf_counter() - began)
