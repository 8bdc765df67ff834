"""Which models a worker would load, and why not the others."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from inference.types.errors import InferenceError, Reason
from workers.config import Offer, WorkerConfig, in_gigabytes


class Offers:
    """Models come and go while a worker runs. Not thread-safe: `EnginePool` holds its lock meanwhile."""

    def __init__(self, config: WorkerConfig, clock: Callable[[], float]) -> None:
        self._config = config
        self._clock = clock
        self._offers = {config.first.slug: config.first}
        self._withdrawn: dict[str, tuple[float, str | Reason]] = {}

    def __getitem__(self, slug: str) -> Offer:
        return self._offers[slug]

    @property
    def standing(self) -> list[str]:
        """The models that are loaded or would be."""
        return [slug for slug in self._offers if self._why_not(slug) is None]

    @property
    def refused(self) -> dict[str, str | Reason]:
        """Why the others would not."""
        reasons = {slug: self._why_not(slug) for slug in self._offers}
        return {slug: reason for slug, reason in reasons.items() if reason}

    def require(self, slug: str) -> None:
        """Raises `InferenceError` for a model that would not be loaded."""
        unknown = Reason("This worker does not offer %(model)s.", {"model": slug})
        reason = self._why_not(slug) if slug in self._offers else unknown
        if reason:
            why = Reason("The model cannot be loaded: %(reason)s", {"reason": reason})
            raise InferenceError("model_unavailable", why, retryable=True)

    def withdraw(self, slug: str, why: str | Reason, rest_s: float) -> None:
        """Not to be loaded for so long."""
        self._withdrawn[slug] = (self._clock() + rest_s, why)

    def restore(self, slug: str) -> None:
        """It has been loaded after all."""
        self._withdrawn.pop(slug, None)

    def renew(self, others: Iterable[Offer], *, loaded: Collection[str]) -> None:
        """What there is now beside the first; what is `loaded` stays on offer."""
        kept = {slug: offer for slug, offer in self._offers.items() if slug in loaded}
        first = self._config.first
        self._offers = {first.slug: first} | {offer.slug: offer for offer in others} | kept

    def _why_not(self, slug: str) -> str | Reason | None:
        offer = self._offers[slug]
        if offer.need_bytes > self._config.budget:
            return Reason(
                "%(model)s needs about %(need)s of memory; %(worker)s may use %(budget)s.",
                {
                    "model": slug,
                    "need": in_gigabytes(offer.need_bytes),
                    "worker": self._config.name,
                    "budget": in_gigabytes(self._config.budget),
                },
            )
        until, message = self._withdrawn.get(slug, (0.0, ""))
        return message if self._clock() < until else None
