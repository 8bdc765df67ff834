"""What the engine says of its tokens' probabilities, as readers and the database take it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from chat.realtime.protocol.views import TokenAlternative, TokenLogprob
from inference.types.events import Candidate, TokenLogprobs


def logprob_views(tokens: Iterable[TokenLogprobs]) -> list[TokenLogprob]:
    """One entry for each token that has a text: the one that ends a reply has none."""
    return [
        TokenLogprob(
            token=_text(each.chosen),
            bytes=list(each.chosen.piece),
            logprob=each.chosen.logprob,
            top=[
                TokenAlternative(token=_text(other), bytes=list(other.piece), logprob=other.logprob)
                for other in each.top
            ],
        )
        for each in tokens
        if each.chosen.piece
    ]


def mean_probability(chunks: Iterable[list[dict[str, Any]] | None]) -> float | None:
    """The mean probability of the tokens in these chunks' `logprobs`; None where none were asked for."""
    probabilities = [math.exp(token["logprob"]) for logprobs in chunks for token in logprobs or ()]
    return sum(probabilities) / len(probabilities) if probabilities else None


def _text(candidate: Candidate) -> str:
    return candidate.piece.decode(errors="replace").replace("\0", "\ufffd")  # PostgreSQL takes no U+0000
