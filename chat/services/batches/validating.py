"""Reading a file of requests into lines: in pieces, in bounded memory, all of it or nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any
from uuid import UUID

import msgspec
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from chat.models import BatchJob, BatchLine, BatchStatus, RuleScope
from chat.models.failures import stored_reason
from chat.selectors.limits import limits_of
from chat.selectors.workers import is_known_model
from chat.services.access import require_writer
from chat.services.batches.budgets import exceeded
from chat.services.batches.clerking import Tenure
from chat.services.batches.hints import tell_workers
from chat.services.batches.lines import LineAsk, LineRefused, ReadBody
from chat.services.batches.notices import leave_notices
from chat.services.errors import ContentBlocked, ServiceError
from chat.services.limits import refuse_model
from chat.services.moderation.inspecting import compiled_rules, screen_body
from chat.services.text import is_storable
from inference.types.errors import Reason

logger = logging.getLogger(__name__)

MAX_LINE_BYTES = 4 << 20
MAX_ERRORS = 200
"""Reading ends after so many."""

PIECE_LINES, PIECE_BYTES = 250, 1 << 20
"""Rows of one transaction: short ones, so that nobody waits for the database long."""

MAX_ID_CHARS = 512
MANY_LINES = 1000
NOT_JSON = "This line is not a valid JSON object."


@dataclass
class Report:
    """What reading a file has come to."""

    errors: list[dict[str, Any]] = field(default_factory=list)
    lines: int = 0
    tokens: int = 0

    def refuse(self, refused: LineRefused, number: int | None) -> None:
        """Note what is wrong with a line."""
        self.errors.append(
            {
                "code": refused.code,
                "message": refused.message,
                "reason": stored_reason(refused.reason),
                "param": refused.param or None,
                "line": number,
            }
        )


class LineReader:
    """Checks one line after the other; remembers which `custom_id`s and which model it has seen."""

    def __init__(self, job: BatchJob, read_body: ReadBody) -> None:
        self.model = ""
        self._job = job
        self._read_body = read_body
        self._limits = limits_of(job.user)
        self._rules = compiled_rules(user_id=job.user_id, scope=RuleScope.INPUT)
        self._seen: set[str] = set()
        self._sessions: dict[str, UUID | None] = {}

    def read(self, raw: bytes, number: int) -> tuple[BatchLine, int]:
        """The line's row and about how many tokens its prompt has. Raises `LineRefused`."""
        line = _decode(raw)
        custom_id = self._custom_id(line.get("custom_id"))
        if line.get("method", "POST") != "POST":
            raise LineRefused("invalid_method", "'method' must be POST.", param="method")
        if line.get("url") != self._job.endpoint:
            why = Reason(
                "'url' must be the batch's endpoint, %(endpoint)s.", {"endpoint": self._job.endpoint}
            )
            raise LineRefused("mismatched_url", why, param="url")
        body = line.get("body")
        if not isinstance(body, dict):
            raise LineRefused("missing_required_parameter", "'body' must be an object.", param="body")
        ask = self._ask(body)
        row = BatchLine(
            job=self._job,
            number=number,
            custom_id=custom_id,
            prefix=ask.prefix,
            body=msgspec.json.encode(self._screened(body)).decode(),
            session_id=self._session(line.get("session_id")),
        )
        return row, ask.prompt_tokens

    def _custom_id(self, given: object) -> str:
        if not isinstance(given, str) or not given:
            raise LineRefused("missing_required_parameter", "'custom_id' must be a text.", param="custom_id")
        if len(given) > MAX_ID_CHARS or not is_storable(given):
            why = Reason(
                "'custom_id' has at most %(most)s characters, U+0000 not among them.", {"most": MAX_ID_CHARS}
            )
            raise LineRefused("invalid_custom_id", why, param="custom_id")
        if given in self._seen:
            message = "Another line before this one has the same 'custom_id'."
            raise LineRefused("duplicate_custom_id", message, param="custom_id")
        self._seen.add(given)
        return given

    def _ask(self, body: dict[str, Any]) -> LineAsk:
        try:
            ask = self._read_body(self._job.endpoint, body)
        except ServiceError as error:
            param = f"body.{error.field.removeprefix('options.')}" if error.field else ""
            raise _refused(error, param) from error
        if not self.model and not is_known_model(ask.model):
            why = Reason("There is no model named '%(model)s'.", {"model": ask.model[:100]})
            raise LineRefused("model_not_found", why, param="body.model")
        if not self.model and not self._limits.allows(ask.model):
            raise _refused(refuse_model(ask.model), "body.model")
        self.model = self.model or ask.model
        if ask.model != self.model:
            why = Reason(
                "All lines of a batch must name the same model, here '%(model)s'.", {"model": self.model}
            )
            raise LineRefused("mismatched_model", why, param="body.model")
        return ask

    def _screened(self, body: dict[str, Any]) -> dict[str, Any]:
        try:
            return screen_body(body, rules=self._rules, user_id=self._job.user_id)
        except ContentBlocked as error:
            raise _refused(error, f"body.{error.field}") from error

    def _session(self, given: object) -> UUID | None:
        if given is None:
            return None
        key = str(given)
        if key not in self._sessions:
            self._sessions[key] = self._find_session(key)
        if self._sessions[key] is None:
            message = "There is no such session, or you may not write in it."
            raise LineRefused("invalid_session", message, param="session_id")
        return self._sessions[key]

    def _find_session(self, given: str) -> UUID | None:
        try:
            session_id = UUID(given)
            require_writer(user=self._job.user, session_id=session_id)
        except (ValueError, ServiceError):
            return None
        return session_id


def _refused(error: ServiceError, param: str) -> LineRefused:
    return LineRefused(error.code, error.reason or str(error), param=param)


def validate_batch(*, job: BatchJob, tenure: Tenure, read_body: ReadBody) -> None:
    """Read a job's file; then it is in progress, or failed with what was wrong. Raises `JobLost`."""
    BatchLine.objects.filter(job=job).delete()  # an earlier clerk's, who was lost
    tenure.update(total=0)
    reader, report = LineReader(job, read_body), Report()
    if job.input_file is None:
        report.refuse(LineRefused("file_not_found", "The input file was deleted."), None)
    else:
        with job.input_file.content.open("rb") as file:
            _read(file, reader, report, tenure)
    for code, why in exceeded(job=job, lines=report.lines, tokens=report.tokens):
        report.refuse(LineRefused(code, why), None)
    if report.lines >= MANY_LINES:
        _count_rows()
    _conclude(job, reader.model, report, tenure)


def fail_batch(*, job: BatchJob, tenure: Tenure, code: str, message: str) -> None:
    """End a job that cannot be validated. Raises `JobLost`."""
    report = Report()
    report.refuse(LineRefused(code, message), None)
    _conclude(job, "", report, tenure)


def _read(file: IO[bytes], reader: LineReader, report: Report, tenure: Tenure) -> None:
    piece: list[BatchLine] = []
    size = 0
    for number, raw in _lines(file):
        tenure.renew()
        try:
            if report.lines >= settings.MAX_BATCH_LINES:
                why = Reason("A batch has at most %(most)s lines.", {"most": settings.MAX_BATCH_LINES})
                report.refuse(LineRefused("too_many_lines", why), number)
                break
            row, tokens = reader.read(raw, number)
        except LineRefused as refused:
            report.refuse(refused, number)
            if len(report.errors) >= MAX_ERRORS:
                break
            continue
        report.lines += 1
        report.tokens += tokens
        if report.errors:  # it fails anyhow: only look for more of them
            continue
        piece.append(row)
        size += len(raw)
        if len(piece) >= PIECE_LINES or size >= PIECE_BYTES:
            _write(piece, report, tenure)
            piece, size = [], 0
    if piece and not report.errors:
        _write(piece, report, tenure)
    if not report.lines and not report.errors:
        report.refuse(LineRefused("empty_file", "The input file has no lines."), None)


def _lines(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Numbered lines that are not blank. A line too long comes cut off, and the rest of it not at all."""
    number = 0
    while raw := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        rest = raw
        while len(rest) > MAX_LINE_BYTES and not rest.endswith(b"\n"):
            rest = file.readline(MAX_LINE_BYTES + 1)
        if number == 1:
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        if raw.strip():
            yield number, raw


def _decode(raw: bytes) -> dict[str, Any]:
    if len(raw) > MAX_LINE_BYTES:
        raise LineRefused(
            "line_too_large", Reason("A line has at most %(most)s bytes.", {"most": MAX_LINE_BYTES})
        )
    try:
        line = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise LineRefused("invalid_json_line", NOT_JSON) from error
    if not isinstance(line, dict):
        raise LineRefused("invalid_json_line", NOT_JSON)
    return line


def _write(piece: list[BatchLine], report: Report, tenure: Tenure) -> None:
    with transaction.atomic():
        tenure.update(total=report.lines, estimated_tokens=report.tokens)
        BatchLine.objects.bulk_create(piece)


def _count_rows() -> None:
    """PostgreSQL looks after about a minute by itself. Until then it takes each job to have a few lines, and
    would sort all that have ended whenever somebody asks for the last ones.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"ANALYZE (SKIP_LOCKED) {BatchLine._meta.db_table}")


def _conclude(job: BatchJob, model: str, report: Report, tenure: Tenure) -> None:
    now = timezone.now()
    with transaction.atomic():
        if report.errors:
            tenure.update(
                status=BatchStatus.FAILED, failed_at=now, errors=report.errors, total=0, clerk_until=None
            )
            BatchLine.objects.filter(job=job).delete()
            leave_notices(job_id=job.id)
        else:
            tenure.update(
                status=BatchStatus.IN_PROGRESS,
                in_progress_at=now,
                model=model,
                estimated_tokens=report.tokens,
                clerk_until=None,
            )
            job.model = model
            tell_workers(job)
    logger.info("batch %s has %d lines and %d errors", job.id, report.lines, len(report.errors))
