"""Every write to a generation: claimed under a lease, advanced by fenced flushes, ended exactly once."""

from chat.services.generations.cancelling import request_cancel, settle_abandoned
from chat.services.generations.claiming import (
    MAX_FAULTS,
    ClaimedGeneration,
    Head,
    claim_generation,
    claim_generations,
    may_be_claimable,
    waiting_heads,
)
from chat.services.generations.falling_back import fall_back
from chat.services.generations.flushing import Flushed, Progress, flush_progress
from chat.services.generations.freezing import freeze_prompt
from chat.services.generations.leases import LEASE, tick_control
from chat.services.generations.logprobs import logprob_views
from chat.services.generations.releasing import (
    move_generations,
    pass_on,
    release_generations,
    release_orphans,
)
from chat.services.generations.settling import Outcome, OutcomeError, purge_expired_chunks
from chat.services.generations.streams import claim_streams, take_stream

__all__ = [
    "LEASE",
    "MAX_FAULTS",
    "ClaimedGeneration",
    "Flushed",
    "Head",
    "Outcome",
    "OutcomeError",
    "Progress",
    "claim_generation",
    "claim_generations",
    "claim_streams",
    "fall_back",
    "flush_progress",
    "freeze_prompt",
    "logprob_views",
    "may_be_claimable",
    "move_generations",
    "pass_on",
    "purge_expired_chunks",
    "release_generations",
    "release_orphans",
    "request_cancel",
    "settle_abandoned",
    "take_stream",
    "tick_control",
    "waiting_heads",
]
