"""Headers of the APIs that pages of other origins may send and read."""

from __future__ import annotations

ACCEPTED = (
    "accept",
    "authorization",
    "content-type",
    "idempotency-key",
    "last-event-id",
    "x-request-id",
    # what OpenAI's JavaScript client sends by itself
    *("openai-beta", "openai-organization", "openai-project", "x-stainless-arch", "x-stainless-lang"),
    *("x-stainless-custom-poll-interval", "x-stainless-helper-method", "x-stainless-os"),
    *("x-stainless-package-version", "x-stainless-poll-helper", "x-stainless-retry-count"),
    *("x-stainless-runtime", "x-stainless-runtime-version", "x-stainless-timeout"),
)
EXPOSED = (
    *("X-Request-Id", "X-Session-Id", "X-Message-Id", "X-Generation-Id", "Retry-After"),
    "X-Should-Retry",
    *("RateLimit", "RateLimit-Policy", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"),
)
