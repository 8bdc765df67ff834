"""Every write to a batch job and its lines: submitted, validated, claimed, settled, finalised."""

from chat.services.batches.background import BackgroundResult, submit_background
from chat.services.batches.claiming import (
    LINE_LEASE,
    ClaimedLine,
    claim_lines,
    move_lines,
    release_expired_lines,
    release_lines,
    release_orphan_lines,
)
from chat.services.batches.clerking import JobLost, Tenure, take_job
from chat.services.batches.finalising import finalise_batch
from chat.services.batches.lines import LineAsk, LineRefused, ReadBody, WriteAnswer
from chat.services.batches.notices import deliver_notices
from chat.services.batches.settling import (
    LineError,
    LineProgress,
    LineResult,
    checkpoint_lines,
    settle_lines,
)
from chat.services.batches.submitting import (
    ENDPOINTS,
    cancel_batch,
    create_batch,
    delete_batch,
    purge_batches,
    retry_failed,
    steer_batch,
)
from chat.services.batches.validating import fail_batch, validate_batch

__all__ = [
    "ENDPOINTS",
    "LINE_LEASE",
    "BackgroundResult",
    "ClaimedLine",
    "JobLost",
    "LineAsk",
    "LineError",
    "LineProgress",
    "LineRefused",
    "LineResult",
    "ReadBody",
    "Tenure",
    "WriteAnswer",
    "cancel_batch",
    "checkpoint_lines",
    "claim_lines",
    "create_batch",
    "delete_batch",
    "deliver_notices",
    "fail_batch",
    "finalise_batch",
    "move_lines",
    "purge_batches",
    "release_expired_lines",
    "release_lines",
    "release_orphan_lines",
    "retry_failed",
    "settle_lines",
    "steer_batch",
    "submit_background",
    "take_job",
    "validate_batch",
]
