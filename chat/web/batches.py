"""The batch pages: submit files, watch jobs, read and download what comes of them."""

from __future__ import annotations

import codecs
import csv
from collections.abc import AsyncIterator, Callable, Sequence
from functools import wraps
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from chat.models import BatchJob, StoredFile
from chat.realtime.database import in_database
from chat.selectors.batches import (
    count_errors,
    find_batch,
    latest_results,
    lines_behind,
    list_batches,
    may_manage,
    measure_progress,
)
from chat.selectors.files import Page, find_file, read_content
from chat.services.batches import cancel_batch, delete_batch, retry_failed, steer_batch
from chat.services.batches.tables import Mapping, look_at_table, make_requests
from chat.services.batches.uploads import is_table, submit_file
from chat.services.errors import ServiceError
from chat.services.files import store_file
from chat.services.webhooks import webhook_secret
from chat.web.batch_forms import EndForm, SteeringForm, TableForm, UploadForm
from chat.web.forms import NewSessionForm
from chat.web.sidebar import page_user, read_shelf

JOBS = 50
COLUMNS = ("custom_id", "status", "text", "finish_reason", "prompt_tokens", "completion_tokens", "error")
FILES = {"jsonl": "output_file", "errors": "error_file"}
FORMULA = ("=", "+", "-", "@", "\t", "\r")
Act = Callable[..., BatchJob | None]


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def batches(request: HttpRequest) -> HttpResponse:
    """The user's jobs; a POST uploads a file of requests or a table."""
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            return _take(request, form.cleaned_data)
        except ServiceError as error:
            form.add_error(None, error.message)
    user = page_user(request)
    page = list_batches(user=user, limit=JOBS, after=_after(request), everybodys="all" in request.GET)
    context = {
        "upload": form,
        "jobs": page.rows,
        "more": _more(request, page),
        "secret": webhook_secret(user.id),
        "manages": may_manage(user),
    }
    return _page(request, "chat/batches.html", context, status=400 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def table(request: HttpRequest, file_id: UUID) -> HttpResponse:
    """How an uploaded table becomes prompts; a POST makes the job."""
    file = find_file(user=page_user(request), file_id=file_id)
    if file is None:
        raise Http404("There is no such file.")
    try:
        columns, rows = look_at_table(file)
    except ServiceError as error:
        messages.error(request, error.message)
        return redirect("batches")
    form = TableForm(
        request.POST or None, initial=request.GET.dict(), columns=columns, rows=rows, user=page_user(request)
    )
    if form.is_valid():
        try:
            return redirect("batch", _submit_table(request, file, form.cleaned_data).id)
        except ServiceError as error:
            form.add_error(None, error.message)
    samples = [[row[column] for column in columns] for row in rows]
    secret = webhook_secret(page_user(request).id)
    context = {"table": form, "file": file, "columns": columns, "rows": samples, "secret": secret}
    return _page(request, "chat/batch_table.html", context, status=400 if form.errors else 200)


@require_safe
@never_cache
@login_required
def batch(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """A job, live."""
    job = _find(request, job_id)
    steering = SteeringForm(initial={"priority": job.priority, "max_running": job.max_running})
    return _page(request, "chat/batch.html", _state(request, job) | {"steering": steering})


@require_safe
@never_cache
@login_required
def batch_progress(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """The part of the page that changes."""
    job = _find(request, job_id)
    response = render(request, "chat/batch_progress.html", _state(request, job))
    if not job.is_unfinished:
        response["X-Poll"] = "done"
    return response


@require_safe
async def download(request: HttpRequest, job_id: UUID, kind: str) -> HttpResponseBase:
    """`jsonl` and `errors` are OpenAI's files, `csv` the lines that have ended by now."""
    user = await request.auser()
    if not user.is_authenticated:
        return redirect("login")
    job = await in_database(find_batch)(user=user, job_id=job_id)
    if job is None or job.user_id != user.id:
        raise Http404("There is no such batch.")
    file = getattr(job, FILES.get(kind, ""), None)
    if kind not in (*FILES, "csv") or (kind in FILES and file is None):
        raise Http404("There is no such file.")
    content = read_content(file) if isinstance(file, StoredFile) else _csv(job)
    name = f"batch-{job.id}-{kind}.{'csv' if kind == 'csv' else 'jsonl'}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    kind_of = "text/csv; charset=utf-8" if kind == "csv" else "application/jsonl"
    return StreamingHttpResponse(content, content_type=kind_of, headers=headers)


def acting(act: Act, *, leave: bool = False) -> Callable[..., HttpResponse]:
    """A view that does something with a job and shows the page again."""

    @require_POST
    @login_required
    @wraps(act)
    def view(request: HttpRequest, job_id: UUID) -> HttpResponse:
        try:
            act(user=page_user(request), job_id=job_id, **_changes(request))
        except ServiceError as error:
            messages.error(request, error.message)
            return redirect("batch", job_id)
        return redirect("batches") if leave else redirect("batch", job_id)

    return view


cancel, retry, steer = acting(cancel_batch), acting(retry_failed), acting(steer_batch)
delete = acting(delete_batch, leave=True)


def _after(request: HttpRequest) -> UUID | None:
    """The job that the list goes on behind."""
    try:
        return UUID(request.GET["after"])
    except (KeyError, ValueError):
        return None


def _more(request: HttpRequest, page: Page[BatchJob]) -> str:
    if not page.has_more:
        return ""
    query = request.GET.copy()
    query["after"] = str(page.rows[-1].id)
    return f"?{query.urlencode()}"


def _take(request: HttpRequest, given: dict[str, Any]) -> HttpResponse:
    user, upload = page_user(request), given.pop("file")
    file = store_file(user=user, purpose="batch", file=upload, filename=upload.name)
    if is_table(file):
        chosen = {name: value for name, value in given.items() if value}
        return redirect(reverse("batch_table", args=[file.id], query=chosen))
    return redirect("batch", submit_file(user=user, file=file, **given).id)


def _submit_table(request: HttpRequest, file: StoredFile, given: dict[str, Any]) -> BatchJob:
    user, end = page_user(request), {name: given.pop(name) for name in EndForm.base_fields}
    requests = make_requests(user=user, file=file, mapping=Mapping(**given))
    return submit_file(user=user, file=requests, **end)


def _changes(request: HttpRequest) -> dict[str, Any]:
    """What a form of the page changes: pausing, or priority and cap."""
    if "is_paused" in request.POST:
        return {"is_paused": request.POST["is_paused"] == "1"}
    form = SteeringForm(request.POST) if "priority" in request.POST else None
    return form.cleaned_data if form is not None and form.is_valid() else {}


def _state(request: HttpRequest, job: BatchJob) -> dict[str, Any]:
    """What is said is for the owner; who steers it sees the figures."""
    is_owner = job.user_id == page_user(request).id
    return {
        "job": job,
        "is_owner": is_owner,
        "progress": measure_progress(job),
        "kinds": count_errors(job),
        "results": latest_results(job) if is_owner else [],
    }


async def _csv(job: BatchJob) -> AsyncIterator[bytes]:
    """The ended lines as a table, in pieces."""
    yield codecs.BOM_UTF8 + _row(COLUMNS)  # without the mark spreadsheets take it for Windows-1252
    last = 0
    while lines := await in_database(lines_behind)(job, last):
        last = lines[-1].id
        ended = [line for line in lines if line.finished_at is not None]
        yield b"".join(
            _row(
                [
                    *(line.custom_id, line.status, "\n".join(choice["text"] for choice in line.choices)),
                    line.choices[0].get("finish_reason", "") if line.choices else "",
                    *(line.prompt_tokens, line.completion_tokens, line.error_message),
                ]
            )
            for line in ended
        )


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        return text


def _row(cells: Sequence[str | int]) -> bytes:
    written: str = csv.writer(_Echo()).writerow(map(_harmless, cells))
    return written.encode()


def _harmless(cell: str | int) -> str | int:
    """A text that a spreadsheet would take for a formula gets an apostrophe in front, as OWASP advises."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell


def _find(request: HttpRequest, job_id: UUID) -> BatchJob:
    job = find_batch(user=page_user(request), job_id=job_id)
    if job is None:
        raise Http404("There is no such batch.")
    return job


def _page(request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    return render(
        request,
        template,
        context | {"form": NewSessionForm(user=page_user(request))} | read_shelf(request),
        status=status,
    )
