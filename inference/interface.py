"""What a worker needs of an engine, whether it is a process of its own or somebody else's endpoint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from inference.types.context import KEEP_ALL, ContextPolicy
from inference.types.events import Emit
from inference.types.prompts import PreparedPrompt, PromptMessage
from inference.types.requests import GenerationRequest
from inference.types.tools import ToolUse


class Engine(Protocol):
    """Every submit ends in exactly one `Finished` or `Failed`; after `close` nothing is emitted any more."""

    @property
    def is_alive(self) -> bool:
        """Whether requests can still be answered."""

    @property
    def is_overdue(self) -> bool:
        """Whether it hangs."""

    def prepare(
        self,
        messages: Sequence[PromptMessage],
        template: str = "",
        tools: ToolUse | None = None,
        policy: ContextPolicy = KEEP_ALL,
        *,
        written: str = "",
    ) -> PreparedPrompt:
        """Make a conversation what a request carries. Raises `InferenceError`."""

    def submit(self, request: GenerationRequest, emit: Emit) -> None:
        """Run a request."""

    def cancel(self, request_id: str) -> None:
        """End a request soon."""

    def acknowledge(self, request_id: str, tokens: int) -> None:
        """Tell that `tokens` more of a request's tokens were taken."""

    def can_move(self, request_id: str) -> bool:
        """Whether another worker could go on with a request."""

    def is_parked(self, request_id: str) -> bool:
        """Whether a request waits because the engine has crashed, and another worker may go on with it."""

    def close(self) -> None:
        """Leave; live requests hear nothing more."""
