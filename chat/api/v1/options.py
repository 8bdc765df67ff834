"""What may be chosen for a turn or a session."""

from __future__ import annotations

from typing import Any, Literal

from django.http import HttpRequest
from ninja import Router, Schema

from chat.api.auth import LOGGED_IN
from chat.api.parsing import Name
from chat.services.option_limits import list_option_limits

router = Router(tags=["sessions"], auth=LOGGED_IN)


class OptionOut(Schema):
    """One option. Without a default nothing is set, or the model decides."""

    name: str
    kind: Literal["number", "integer", "choice"]
    default: float | str | None
    minimum: float | None
    maximum: float | None
    choices: list[str]


class OptionList(Schema):
    """The options of `settings` that people choose by hand."""

    options: list[OptionOut]


@router.get("options", response=OptionList, summary="Options and their limits")
def get_options(request: HttpRequest, model: Name = "") -> Any:
    """With their defaults; those that count tokens end at the window of `model`."""
    return {"options": list_option_limits(model=model)}
