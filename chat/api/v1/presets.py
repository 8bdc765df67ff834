"""What a chat may begin with: models and presets."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Schema, Status
from pydantic import Field

from chat.api.auth import LOGGED_IN, user_of
from chat.api.parsing import example
from chat.api.v1.schemas import Done, Strict
from chat.models import Preset, User
from chat.selectors.presets import model_choices, presets_of
from chat.services.presets import change_preset, create_preset, delete_preset

router = Router(tags=["presets"], auth=LOGGED_IN)


class ModelOut(Schema):
    """A model. `status`: up, degraded (calls have failed lately) or down (nobody answers now). `latency_ms`:
    what a provider takes to its first token, lately; null for models of our own.
    """

    slug: str
    provider: str
    status: Literal["up", "degraded", "down"]
    latency_ms: float | None
    is_default: bool


class Models(Schema):
    """What one may choose."""

    models: list[ModelOut]


class PresetFields(Strict):
    """What a chat begins with."""

    llm_model: Annotated[str, Field(max_length=100)] = ""
    system_prompt: Annotated[str, Field(max_length=60_000)] = ""
    settings: dict[str, Any] = {}
    is_shared: bool = False


class PresetIn(PresetFields):
    """A new preset."""

    model_config = example(name="Brief", system_prompt="Answer in one sentence.")

    name: Annotated[str, Field(max_length=60)]


class PresetChanges(PresetFields):
    """Only what is given changes."""

    model_config = example(system_prompt="Answer in two sentences.")

    name: Annotated[str, Field(max_length=60)] = ""


class PresetOut(Schema):
    """A preset. `is_mine`: one may change it."""

    id: UUID
    name: str
    llm_model: str
    system_prompt: str
    settings: dict[str, Any]
    is_shared: bool
    is_mine: bool

    @staticmethod
    def of(row: Preset, user: User) -> PresetOut:
        """From its row, for a reader."""
        values = {name: getattr(row, name) for name in PresetOut.model_fields if name != "is_mine"}
        return PresetOut(is_mine=row.owner_id == user.id, **values)


class Presets(Schema):
    """One's own, and the shared ones. `may_share`: whether the caller may share."""

    presets: list[PresetOut]
    may_share: bool


@router.get("models", response=Models, summary="Models to choose from")
def get_models(request: HttpRequest) -> Any:
    """Those the caller may use, with who answers and how that is going."""
    return {"models": [asdict(choice) for choice in model_choices(user_of(request))]}


@router.get("presets", response=Presets, summary="Presets")
def get_presets(request: HttpRequest) -> Any:
    """The caller's own and the shared ones."""
    user = user_of(request)
    rows = [PresetOut.of(row, user) for row in presets_of(user)]
    return Presets(presets=rows, may_share=user.is_superuser)


@router.post("presets", response={201: PresetOut}, summary="Keep a preset")
def post_preset(request: HttpRequest, body: PresetIn) -> Any:
    """A name for a model, a system prompt and settings. Administrators may share it."""
    user = user_of(request)
    return Status(201, PresetOut.of(create_preset(user=user, **body.dict(exclude_unset=True)), user))


@router.put("presets/{uuid:preset_id}", response=PresetOut, summary="Change a preset")
def put_preset(request: HttpRequest, preset_id: UUID, body: PresetChanges) -> Any:
    """One's own."""
    user = user_of(request)
    changed = change_preset(user=user, preset_id=preset_id, **body.dict(exclude_unset=True))
    return PresetOut.of(changed, user)


@router.delete("presets/{uuid:preset_id}", response=Done, summary="Forget a preset")
def remove_preset(request: HttpRequest, preset_id: UUID) -> Any:
    """One's own. Chats that began with it stay as they are."""
    delete_preset(user=user_of(request), preset_id=preset_id)
    return Done(message="The preset has been deleted.")
