"""What a response says about the caller's limits, as in draft-ietf-httpapi-ratelimit-headers-10.

The three fields of its earlier versions, which most clients still read, describe the tightest limit.
"""

from __future__ import annotations

from chat.services.ratelimit import Quota


def limit_headers(quotas: tuple[Quota, ...]) -> dict[str, str]:
    """Nothing where nothing was counted."""
    if not quotas:
        return {}
    tightest = min(quotas, key=lambda quota: quota.left)
    return {
        "RateLimit-Policy": ", ".join(_policy(quota) for quota in quotas),
        "RateLimit": ", ".join(_state(quota) for quota in quotas),
        "RateLimit-Limit": str(tightest.bucket.burst),
        "RateLimit-Remaining": str(tightest.remaining),
        "RateLimit-Reset": str(tightest.seconds_until_full),
    }


def _policy(quota: Quota) -> str:
    bucket = quota.bucket
    return f'"{bucket.name}";q={bucket.burst};w={max(1, round(bucket.burst / bucket.rate))}'


def _state(quota: Quota) -> str:
    return f'"{quota.bucket.name}";r={quota.remaining};t={quota.seconds_until_full}'
