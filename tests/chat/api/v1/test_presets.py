"""What a chat may begin with."""

from __future__ import annotations

import pytest

from chat.models import Preset, User
from chat.services.presets import MOST_PRESETS
from tests.support.api import Caller, offer_model
from tests.support.factories import make_user

pytestmark = pytest.mark.django_db

BRIEF = {"name": "Brief", "llm_model": "paced", "system_prompt": "Be brief.", "settings": {"top_k": 1}}


@pytest.fixture
def ada() -> Caller:
    offer_model("paced")
    return Caller()


@pytest.fixture
def root() -> Caller:
    return Caller(make_user(is_superuser=True, is_staff=True))


def names(caller: Caller) -> list[tuple[str, bool]]:
    return [(each["name"], each["is_mine"]) for each in caller.get("presets").json()["presets"]]


def test_a_preset_is_kept_changed_and_forgotten(ada: Caller) -> None:
    made = ada.post("presets", BRIEF)
    assert made.status_code == 201
    assert made.json() == BRIEF | {"id": made.json()["id"], "is_shared": False, "is_mine": True}
    path = f"presets/{made.json()['id']}"
    changed = ada.put(path, {"system_prompt": "Be briefer."}).json()
    assert changed == made.json() | {"system_prompt": "Be briefer."}
    assert ada.get("presets").json() == {"presets": [changed], "may_share": False}
    assert ada.delete(path).status_code == 200
    assert names(ada) == []


def test_others_see_only_what_an_administrator_shares(ada: Caller, root: Caller) -> None:
    ada.post("presets", BRIEF)
    shared = root.post("presets", {"name": "House", "is_shared": True}).json()
    assert root.get("presets").json()["may_share"]
    assert names(ada) == [("Brief", True), ("House", False)]
    assert names(root) == [("House", True)]
    assert ada.delete(f"presets/{shared['id']}").status_code == 404
    assert ada.post("presets", {"name": "Mine", "is_shared": True}).status_code == 403
    assert ada.put(f"presets/{Preset.objects.get(name='Brief').id}", {"is_shared": True}).status_code == 403


def test_who_is_no_administrator_any_more_changes_nothing_shared(ada: Caller, root: Caller) -> None:
    path = f"presets/{root.post('presets', {'name': 'House', 'is_shared': True}).json()['id']}"
    User.objects.filter(id=root.user.id).update(is_superuser=False)
    assert root.put(path, {"system_prompt": "Obey."}).status_code == 403
    assert root.put(path, {"is_shared": False, "system_prompt": "Mine."}).status_code == 200
    assert names(ada) == []


@pytest.mark.parametrize(
    ("fields", "status", "field"),
    [
        ({"name": " "}, 422, "name"),
        ({"name": "a\0"}, 422, "name"),
        ({"name": "x" * 61}, 422, "name"),
        ({"name": "x", "llm_model": "gone"}, 422, "llm_model"),
        ({"name": "x", "settings": {"top_k": -1}}, 422, "settings.top_k"),
        ({"name": "Brief"}, 409, "name"),
    ],
)
def test_nonsense_is_refused(ada: Caller, fields: dict[str, object], status: int, field: str) -> None:
    ada.post("presets", BRIEF)
    response = ada.post("presets", fields)
    assert (response.status_code, response.json()["details"]["field"]) == (status, field)


def test_there_is_an_end_of_presets(ada: Caller) -> None:
    Preset.objects.bulk_create(Preset(owner=ada.user, name=str(n)) for n in range(MOST_PRESETS))
    assert ada.post("presets", BRIEF).status_code == 409
