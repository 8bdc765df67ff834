"""What running lines have to tell: checkpoints, and each line's end exactly once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F, Q, prefetch_related_objects
from django.utils import timezone

from chat.models import EMBEDDINGS, BatchJob, BatchLine, BatchStatus, LineStatus, RuleScope, suspended
from chat.models.failures import stored_reason
from chat.services.batches.answering import deliver_answer
from chat.services.generations.leases import database_time
from chat.services.moderation.inspecting import compiled_rules, screen_choices
from inference.types.errors import Reason

RESULT_FIELDS = (
    *("status", "choices", "prompt_tokens", "cached_tokens", "completion_tokens"),
    *("error_code", "error_message", "error_reason", "error_param", "lease_until", "finished_at"),
)


@dataclass(frozen=True, kw_only=True)
class LineError:
    """Why a line failed: a stable code and a sentence."""

    code: str
    message: str
    reason: Reason | None = None
    param: str = ""


@dataclass(frozen=True, kw_only=True)
class LineProgress:
    """How far an attempt has come; `choices` is None when nothing is new since the last checkpoint."""

    line_id: int
    attempt: int
    model_digest: str = ""
    choices: list[dict[str, Any]] | None = None


@dataclass(frozen=True, kw_only=True)
class LineResult:
    """How a line ended: with its choices, or with an error."""

    line_id: int
    attempt: int
    choices: list[dict[str, Any]] = field(default_factory=list)
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    error: LineError | None = None


def checkpoint_lines(*, updates: Sequence[LineProgress], lease: Any) -> dict[int, bool]:
    """Write checkpoints and extend leases; returns whether each line's job rests: it is paused, or its
    owner suspended.

    A line that is missing from the result is somebody else's, or ended: nothing of it was written.
    """
    with transaction.atomic():
        held = _lock_held(updates)
        told = [update for update in updates if update.line_id in held and update.choices is not None]
        for update in told:
            held[update.line_id].choices = update.choices
            held[update.line_id].model_digest = update.model_digest
        _write([held[update.line_id] for update in told], ("choices", "model_digest"))
        BatchLine.objects.filter(id__in=held).update(lease_until=database_time(lease))
    jobs = BatchJob.objects.filter(id__in={line.job_id for line in held.values()})
    paused = set(jobs.filter(Q(is_paused=True) | suspended("user__")).values_list("id", flat=True))
    return {line_id: line.job_id in paused for line_id, line in held.items()}


def settle_lines(*, results: Sequence[LineResult]) -> set[int]:
    """End lines; returns the ids of those that were still the caller's. A job's last line finalises it."""
    if not results:
        return set()
    with transaction.atomic():
        held = _lock_held(results)
        kept = [result for result in results if result.line_id in held]
        prefetch_related_objects(list(held.values()), "job")
        for result in kept:
            _fill(held[result.line_id], result)
        _screen([line for line in held.values() if line.choices and line.job.endpoint != EMBEDDINGS])
        _write(list(held.values()), RESULT_FIELDS)
        for line in held.values():
            deliver_answer(line)  # before the jobs are locked: who submits locks sessions first, too
        _count(held.values())
    return set(held)


def _lock_held(told: Iterable[LineProgress | LineResult]) -> dict[int, BatchLine]:
    """The rows whose attempt is still the caller's, locked in the order of their ids. That is the fence.

    Only what no result overwrites is read.
    """
    attempts = {each.line_id: each.attempt for each in told}
    rows = (
        BatchLine.objects.select_for_update()
        .filter(id__in=attempts, status=LineStatus.RUNNING)
        .order_by("id")
        .only("attempt", "job_id", "session_id", "custom_id", "number")
    )
    return {row.id: row for row in rows if row.attempt == attempts[row.id]}


def _write(lines: Sequence[BatchLine], names: Sequence[str]) -> None:
    """One statement for all lines: Django takes longer to put one together than a database to follow it."""
    fields = [field for field in BatchLine._meta.concrete_fields if field.name in names]
    assigned = ", ".join(f"{field.column} = %s" for field in fields)
    rows = [
        [*(field.get_db_prep_save(getattr(line, field.attname), connection) for field in fields), line.id]
        for line in lines
    ]
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(f"UPDATE {BatchLine._meta.db_table} SET {assigned} WHERE id = %s", rows)  # noqa: S608


def _fill(line: BatchLine, result: LineResult) -> None:
    line.status = LineStatus.FAILED if result.error else LineStatus.SUCCEEDED
    line.choices = result.choices
    line.prompt_tokens = result.prompt_tokens
    line.cached_tokens = min(result.cached_tokens, result.prompt_tokens)
    line.completion_tokens = result.completion_tokens
    line.error_code = result.error.code if result.error else ""
    line.error_message = result.error.message if result.error else ""
    line.error_reason = stored_reason(result.error.reason) if result.error else None
    line.error_param = result.error.param if result.error else ""
    line.lease_until = None
    line.finished_at = timezone.now()


def _screen(lines: Sequence[BatchLine]) -> None:
    people = {line.job.user_id for line in lines}
    rules = {id_: compiled_rules(user_id=id_, scope=RuleScope.OUTPUT) for id_ in people}
    for line in lines:
        line.choices = screen_choices(line.choices, rules=rules[line.job.user_id])


def _count(lines: Iterable[BatchLine]) -> None:
    """Add what ended to its jobs, in the order of their ids."""
    by_job: dict[UUID, list[BatchLine]] = {}
    for line in lines:
        by_job.setdefault(line.job_id, []).append(line)
    for job_id, ended in sorted(by_job.items()):
        failed = sum(line.status == LineStatus.FAILED for line in ended)
        BatchJob.objects.filter(id=job_id).update(
            completed=F("completed") + len(ended) - failed,
            failed=F("failed") + failed,
            **{
                name: F(name) + sum(getattr(line, name) for line in ended)
                for name in ("prompt_tokens", "cached_tokens", "completion_tokens")
            },
        )
        done = BatchJob.objects.filter(
            id=job_id, status=BatchStatus.IN_PROGRESS, total__lte=F("completed") + F("failed")
        )
        if ended[0].job.purpose:  # rests until it gets another line
            done.update(status=BatchStatus.COMPLETED)
        else:
            done.update(status=BatchStatus.FINALIZING, finalizing_at=timezone.now())
