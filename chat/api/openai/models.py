"""`models`."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router

from chat.api.auth import LOGGED_IN, user_of
from chat.api.openai.documents import ModelOut, ModelsOut, answers
from chat.selectors.limits import limits_of
from chat.selectors.workers import ModelListing, list_models
from chat.services.errors import UnknownModel

router = Router(tags=["models"], auth=LOGGED_IN)


@router.get("models", summary="Models", response=answers(ModelsOut))
def get_models(request: HttpRequest) -> Any:
    """What the caller can ask for."""
    return {"object": "list", "data": [_fields(model) for model in _usable(request)]}


@router.get("models/{path:model}", summary="A model", response=answers(ModelOut))
def get_model(request: HttpRequest, model: str) -> Any:
    """One of them."""
    for known in _usable(request):
        if known.slug == model:
            return _fields(known)
    raise UnknownModel("The model '%(model)s' does not exist.", field="model", values={"model": model[:100]})


def _usable(request: HttpRequest) -> list[ModelListing]:
    limits = limits_of(user_of(request))
    return [model for model in list_models() if limits.allows(model.slug)]


def _fields(model: ModelListing) -> dict[str, Any]:
    return {"id": model.slug, "object": "model", "created": model.created, "owned_by": "parley"}
