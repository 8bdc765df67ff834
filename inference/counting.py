"""How many tokens a text has, where nobody counts them."""

from __future__ import annotations

import math

BYTES_PER_TOKEN = 3
"""Of text in general; a little more than models need, so that a bound is kept rather than overrun."""


def guess_tokens(*texts: str) -> int:
    """About how many tokens the texts have."""
    return math.ceil(sum(len(text.encode("utf-8", "surrogatepass")) for text in texts) / BYTES_PER_TOKEN)
