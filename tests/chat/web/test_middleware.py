"""A page's request goes through the middlewares without leaving its thread."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref import sync
from django.test import AsyncClient
from django.urls import reverse


@pytest.mark.django_db(transaction=True)
async def test_the_thread_is_changed_for_the_view_and_hardly_else(monkeypatch: pytest.MonkeyPatch) -> None:
    changes: list[Any] = []
    call = sync.SyncToAsync.__call__

    async def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        changes.append(self.func)
        return await call(self, *args, **kwargs)

    monkeypatch.setattr(sync.SyncToAsync, "__call__", counted)
    response = await AsyncClient().get(reverse("login"))
    assert response.status_code == 200
    assert len(changes) <= 8, changes
