"""Every route, for every kind of caller, on somebody else's objects.

`ROUTES` says what each may do; a route that is not in it fails the test that walks the APIs.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from ninja import NinjaAPI

from chat.api.openai.urls import api as openai_api
from chat.api.urls import ai_api, api
from tests.support.api import Caller
from tests.support.house import House, fill

READ = {"anonymous": 401, "other": 404, "staff": 404, "viewer": 200, "member": 200, "owner": 200}
WRITE = READ | {"viewer": 403}
OWN = WRITE | {"member": 403}
CREATE = {role: 201 if status == 200 else status for role, status in WRITE.items()}
READ_MADE = {role: 201 if status == 200 else status for role, status in READ.items()}
CREATE_OWN = {role: 201 if status == 200 else status for role, status in OWN.items()}
ANYBODY = {"anonymous": 401} | dict.fromkeys(("other", "staff", "viewer", "member", "owner"), 200)
PUBLIC = ANYBODY | {"anonymous": 200}
MADE = {role: 201 if status == 200 else status for role, status in ANYBODY.items()}
STAFF = {"anonymous": 401} | {role: 200 if role == "staff" else 403 for role in READ if role != "anonymous"}
NOBODY = dict.fromkeys(READ, 401)
NO_FILE = ANYBODY | {role: 422 for role in ANYBODY if role != "anonymous"}
SENT = dict.fromkeys(READ, 404) | {"anonymous": 401}
NO_FORM = ANYBODY | {role: 400 for role in ANYBODY if role != "anonymous"}
FILE = dict.fromkeys(READ, 404) | {"anonymous": 401, "owner": 200}
BATCH = FILE  # being staff is not enough: it takes a permission
NOT_BY_KEY = {"anonymous": 401} | {role: 403 for role in READ if role != "anonymous"}
ADMINISTRATORS = NOT_BY_KEY | {}
# The message is the owner's: a member may neither edit nor delete it; staff edit as services do, in sessions
# they take part in.
OWNERS_MESSAGE = OWN

NEW_FILE = {"schema_version": 1, "session": {}, "messages": []}
ASK = {"model": "paced", "messages": [{"role": "user", "content": "Hi"}]}

ROUTES: dict[str, tuple[dict[str, int], Any]] = {
    "GET /api/v1/chat/health": (PUBLIC, None),
    "GET /api/v1/chat/health/live": (PUBLIC, None),
    "GET /api/v1/chat/health/ready": (PUBLIC, None),
    "POST /api/v1/auth/token": (NOBODY, {"username": "nobody", "password": "x"}),
    "POST /api/v1/auth/token/refresh": (NOBODY, {"refresh": "x"}),
    "POST /api/v1/auth/token/revoke": (NOBODY, {"refresh": "x"}),
    "GET /api/v1/auth/keys": (NOT_BY_KEY, None),
    "POST /api/v1/auth/keys": (NOT_BY_KEY, {}),
    "DELETE /api/v1/auth/keys/{key_id}": (NOT_BY_KEY, None),
    "POST /api/v1/chat/tickets": (MADE, {}),
    "GET /api/v1/chat/sessions": (ANYBODY, None),
    "GET /api/v1/chat/options": (ANYBODY, None),
    "GET /api/v1/chat/models": (ANYBODY, None),
    "GET /api/v1/chat/presets": (ANYBODY, None),
    "POST /api/v1/chat/presets": (MADE, {"name": "x"}),
    "PUT /api/v1/chat/presets/{preset_id}": (FILE, {"name": "x"}),
    "DELETE /api/v1/chat/presets/{preset_id}": (FILE, None),
    "POST /api/v1/chat/sessions": (MADE, {}),
    "POST /api/v1/chat/sessions/import": (MADE, NEW_FILE),
    "GET /api/v1/chat/sessions/{session_id}": (READ, None),
    "PUT /api/v1/chat/sessions/{session_id}": (OWN, {"title": "x"}),
    "DELETE /api/v1/chat/sessions/{session_id}": (OWN, None),
    "POST /api/v1/chat/deletions/{deletion_id}/undo": (FILE, {}),
    "GET /api/v1/chat/sessions/{session_id}/messages": (READ, None),
    "POST /api/v1/chat/sessions/{session_id}/messages": (CREATE, {"content": "x", "respond": False}),
    "DELETE /api/v1/chat/sessions/{session_id}/messages": (OWN, None),
    "PUT /api/v1/chat/messages/{message_id}": (OWNERS_MESSAGE, {"content": "x"}),
    "DELETE /api/v1/chat/messages/{message_id}": (OWNERS_MESSAGE, None),
    "PUT /api/v1/chat/messages/{message_id}/reactions/{emoji}": (READ, {}),
    "DELETE /api/v1/chat/messages/{message_id}/reactions/{emoji}": (READ, None),
    "POST /api/v1/chat/messages/{message_id}/report": (READ_MADE, {"kind": "spam"}),
    "GET /api/v1/chat/notices": (ANYBODY, None),
    "POST /api/v1/chat/notices/{notice_id}/read": (FILE, {}),
    "POST /api/v1/chat/notices/{notice_id}/appeal": (FILE | {"owner": 201}, {"words": "x"}),
    "POST /api/v1/chat/sessions/{session_id}/process-llm": (WRITE, {"prompt": "x", "stream": True}),
    "POST /api/v1/chat/live": (WRITE, {"message": "x", "conversationId": "{session_id}"}),
    "POST /api/ai/live": (WRITE, {"message": "x", "conversationId": "{session_id}"}),
    "GET /api/v1/chat/generations/{generation_id}": (READ, None),
    "GET /api/v1/chat/generations/{generation_id}/stream": (READ, None),
    "POST /api/v1/chat/generations/{generation_id}/cancel": (WRITE, {}),
    "GET /api/v1/chat/sessions/{session_id}/participants": (READ, None),
    "POST /api/v1/chat/sessions/{session_id}/participants": (CREATE_OWN, {"username": "guest"}),
    "DELETE /api/v1/chat/sessions/{session_id}/participants/{user_id}": (OWN, None),
    "POST /api/v1/chat/sessions/{session_id}/invitations": (CREATE_OWN, {}),
    "POST /api/v1/chat/invitations/{token}/accept": (ANYBODY, {}),
    "GET /api/v1/chat/sessions/{session_id}/export": (READ, None),
    "POST /api/v1/chat/sessions/{session_id}/upload": (NO_FILE, None),
    "GET /api/v1/chat/attachments/{attachment_id}": (READ, None),
    "GET /api/v1/chat/attachments/{attachment_id}/content": (READ, None),
    "DELETE /api/v1/chat/attachments/{attachment_id}": (SENT, None),
    "GET /api/v1/chat/sessions/{session_id}/performance": (READ, None),
    "GET /api/v1/chat/search?q=x&session_id={session_id}": (READ, None),
    "GET /api/v1/chat/stats": (ANYBODY, None),
    "GET /api/v1/chat/providers": (ANYBODY, None),
    "POST /api/v1/chat/providers": (ADMINISTRATORS, {"slug": "p", "base_url": "http://p"}),
    "PUT /api/v1/chat/providers/{slug}": (ADMINISTRATORS, {}),
    "DELETE /api/v1/chat/providers/{slug}": (ADMINISTRATORS, None),
    "GET /api/v1/chat/workers": (STAFF, None),
    "GET /api/v1/chat/performance": (ANYBODY, None),
    "GET /v1/models": (ANYBODY, None),
    "GET /v1/models/{model}": (ANYBODY, None),
    "GET /v1/files": (ANYBODY, None),
    "POST /v1/files": (NO_FORM, None),
    "GET /v1/files/{file_id}": (FILE, None),
    "GET /v1/files/{file_id}/content": (FILE, None),
    "DELETE /v1/files/{file_id}": (FILE, None),
    "GET /v1/chat/completions/{completion_id}?stream=true": (FILE, None),
    "GET /v1/completions/{completion_id}": (SENT, None),
    "GET /v1/batches": (ANYBODY, None),
    "POST /v1/batches": (SENT, {"input_file_id": f"file-{'0' * 32}", "endpoint": "/v1/completions"}),
    "GET /v1/batches/{batch_id}": (BATCH, None),
    "PATCH /v1/batches/{batch_id}": (BATCH, {"is_paused": True}),
    "POST /v1/batches/{batch_id}/cancel": (BATCH, {}),
    "POST /v1/batches/{batch_id}/retry": (BATCH | {"owner": 409}, {}),
    "POST /v1/embeddings": (SENT, {"model": "unheard-of", "input": "x"}),
    "POST /v1/responses": (ANYBODY, {"model": "paced", "input": "x", "stream": True}),
    "GET /v1/responses/{response_id}": (FILE, None),
    "GET /v1/responses/{response_id}/input_items": (FILE, None),
    "DELETE /v1/responses/{response_id}": (FILE, None),
    "POST /v1/responses/{response_id}/cancel": (FILE | {"owner": 400}, {}),
    "POST /v1/chat/completions": (ANYBODY, ASK | {"stream": True}),
    "POST /v1/completions": (ANYBODY, {"model": "paced", "prompt": "x", "stream": True}),
}


def call(house: House, role: str, route: str, body: Any) -> Any:
    method, _, path = route.partition(" ")
    if isinstance(body, dict):
        body = {
            name: fill(value, house.names) if value == "{session_id}" else value
            for name, value in body.items()
        }
    url = fill(path, house.names)
    if role == "anonymous":
        data = json.dumps(body) if body is not None else ""
        return Client().generic(method, url, data, content_type="application/json")
    return house.callers[role].call(method, url, body)


@pytest.mark.parametrize("role", list(READ))
def test_who_may(house: House, role: str) -> None:
    for route, (expected, body) in ROUTES.items():
        with transaction.atomic():
            response = call(house, role, route, body)
            transaction.set_rollback(True)
        assert response.status_code == expected[role], (route, getattr(response, "content", b""))
        if expected[role] in (401, 403, 404):
            assert str(house.session.owner.username) not in response.content.decode(), route


def operations(served: NinjaAPI, prefix: str) -> set[str]:
    schema = served.get_openapi_schema(path_prefix=prefix)
    return {f"{method.upper()} {path}" for path, methods in schema["paths"].items() for method in methods}


def test_every_route_is_walked() -> None:
    served = operations(api, "/api/v1/") | operations(ai_api, "/api/ai/") | operations(openai_api, "/v1/")
    assert served == {route.partition("?")[0] for route in ROUTES}


def test_a_suspended_person_is_nobody(house: House) -> None:
    owner = house.callers["owner"]
    owner.user.is_active = False
    owner.user.save()
    for route, (expected, body) in ROUTES.items():
        if expected["anonymous"] == 401:
            assert call(house, "owner", route, body).status_code == 401, route


SCOPED = {
    "chat:read": lambda method, path: method == "GET" and path.startswith("/api/v1/chat"),
    "chat:write": lambda method, path: path.startswith(("/api/v1/chat", "/api/ai")),
    "openai": lambda method, path: path.startswith("/v1/"),
}


@pytest.mark.parametrize("scope", SCOPED)
def test_a_key_opens_the_routes_of_its_scope_and_no_other(house: House, scope: str) -> None:
    house.callers["scoped"] = Caller(house.session.owner, scopes=[scope])
    for route, (expected, body) in ROUTES.items():
        if expected in (PUBLIC, NOBODY, STAFF) or expected is ADMINISTRATORS:
            continue
        method, _, path = route.partition(" ")
        with transaction.atomic():
            status = call(house, "scoped", route, body).status_code
            transaction.set_rollback(True)
        assert (status != 403) == SCOPED[scope](method, path), route
