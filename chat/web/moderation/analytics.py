"""Pages of figures: everybody's for those who may see them, and what could be better."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from chat.models import ChatSession, Decision
from chat.selectors.performance import recommend
from chat.selectors.usage import Amounts, Usage, percentile, read_usage
from chat.web.charts import Chart, bar_chart, line_chart
from chat.web.moderation.access import console

VIEW = "chat.view_analytics"
PERIODS = {
    "day": (timedelta(days=1), 24, "H:i"),
    "week": (timedelta(days=7), 28, "D H:i"),
    "month": (timedelta(days=30), 30, "d M"),
}


@require_safe
@console(VIEW)
def analytics(request: HttpRequest) -> HttpResponse:
    """Charts of a day, a week or a month, and recommendations for the whole deployment."""
    chosen = request.GET.get("period", "")
    period = chosen if chosen in PERIODS else "day"
    span, slots, form = PERIODS[period]
    usage = read_usage(period=span, slots=slots)
    labels = [date_format(begin, form) for begin, __ in usage.slots]
    context = {
        "period": period,
        "periods": list(PERIODS),
        "usage": usage,
        "charts": draw(usage, labels),
        "rows": list(zip(labels, (_figures(amounts) for __, amounts in usage.slots), strict=True)),
        "models": [(model, _figures(amounts)) for model, amounts in usage.models],
        "total": _figures(usage.total),
        "recommendations": recommend(),
        "decisions": [(Decision(row["decision"]).label, row["count"]) for row in usage.decisions],
    }
    return render(request, "chat/moderation/analytics.html", context)


@require_safe
@console(VIEW)
def session_report(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """What could be better in one session: figures only, nothing that was said."""
    session = get_object_or_404(ChatSession.objects.only("id"), id=session_id)
    found = recommend(session_id=session.id)
    return render(
        request, "chat/moderation/session_report.html", {"session": session, "recommendations": found}
    )


def draw(usage: Usage, labels: list[str]) -> list[Chart]:
    """The charts of a period."""

    def over(measure: Callable[[Amounts], float | None]) -> list[float | None]:
        return [measure(amounts) for __, amounts in usage.slots]

    def count(name: str) -> list[float]:
        return [getattr(amounts, name) for __, amounts in usage.slots]

    def seconds(name: str, share: float) -> list[float | None]:
        found = over(lambda amounts: percentile(getattr(amounts, name), share))
        return [value / 1000 if value is not None else None for value in found]

    def times(title: str, name: str) -> Chart:
        shares = {_("median"): 0.5, _("95th percentile"): 0.95}
        return line_chart(title, "s", labels, {each: seconds(name, share) for each, share in shares.items()})

    outcomes = {
        _("succeeded"): count("succeeded"),
        _("cancelled"): count("cancelled"),
        _("failed"): count("failed"),
    }
    reused = over(lambda amounts: _percent(amounts.cache_reuse))
    tokens = {_("written"): count("completion_tokens"), _("read"): count("prompt_tokens")}
    return [
        bar_chart(_("Replies"), "", labels, outcomes),
        bar_chart(_("Tokens"), "", labels, tokens),
        times(_("Time to the first token"), "ttft"),
        times(_("Whole reply"), "response"),
        times(_("Wait in the queue"), "queue"),
        line_chart(_("Prompt tokens reused"), "%", labels, {_("reused"): reused}),
    ]


def _percent(share: float | None) -> float | None:
    return share * 100 if share is not None else None


def _figures(amounts: Amounts) -> dict[str, object]:
    """A row of a table: seconds and percent where they are known."""
    times = {
        f"{name}_{round(share * 100)}": value / 1000 if value is not None else None
        for name in ("queue", "ttft", "response")
        for share in (0.5, 0.95)
        for value in [percentile(getattr(amounts, name), share)]
    }
    return vars(amounts) | times | {"succeeded": amounts.succeeded, "reuse": _percent(amounts.cache_reuse)}
