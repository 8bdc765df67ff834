"""Providers as the remote engine sees them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

Continuation = Literal["none", "assistant", "continue_final_message", "prefix"]
"""How a provider is asked to go on after a text: not at all; by a last message of the assistant's; by vLLM's
`continue_final_message` on top; or by `prefix: true` in that message (DeepSeek, Mistral)."""


@dataclass(frozen=True, kw_only=True)
class Route:
    """One model of one provider. `accepts` maps our options beyond OpenAI's to the provider's names for them.

    A name that is empty is never sent. Times are in seconds: until the connection stands, until the first
    token, and between two.
    """

    id: str
    provider: str
    model: str
    base_url: str
    api_key: str = field(default="", repr=False)
    continuation: Continuation = "none"
    accepts: Mapping[str, str] = field(default_factory=dict)
    connect_timeout_s: float = 5.0
    first_token_timeout_s: float = 60.0
    idle_timeout_s: float = 30.0

    @property
    def continues(self) -> bool:
        """Whether it can go on after what another attempt has said."""
        return self.continuation != "none"


class Directory(Protocol):
    """What is known about providers, shared by all workers. Methods may block: they run in threads."""

    def routes(self, model: str, provider: str) -> Sequence[Route]:
        """The enabled providers of a model, first choice first; only `provider` where one is named."""

    def take_stream(self, route: Route, request_id: str) -> bool:
        """Whether the provider has a stream left for the request, which it holds from now on."""

    def admit(self, route: Route) -> float:
        """Zero: call it, perhaps as the one probe after failures. Else it rests for so many seconds."""

    def note_first_token(self, route: Route, latency_ms: float) -> None:
        """It answers."""

    def note_success(self, route: Route) -> None:
        """It answered to the end, or until we hung up."""

    def note_failure(self, route: Route, *, message: str, rest_s: float | None) -> None:
        """It failed. With `rest_s` it is left alone for so long, else when it has failed a few times."""

    def note_refusal(self, route: Route) -> None:
        """It works, but did not take this request."""
