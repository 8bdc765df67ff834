"""What makes an app of the pages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.test import Client


def test_the_manifest_names_icons_that_exist(client: Client) -> None:
    answer = client.get("/manifest.webmanifest")
    app = json.loads(answer.content)
    assert answer.headers["Content-Type"] == "application/manifest+json"
    assert (app["start_url"], app["scope"], app["display"]) == ("/", "/", "standalone")
    for icon in app["icons"]:
        assert finders.find(icon["src"].removeprefix("/static/"))
    assert (
        "Sprachmodellen"
        in client.get("/manifest.webmanifest", headers={"Accept-Language": "de"}).content.decode()
    )


def test_there_is_an_icon_for_whoever_reads_no_page(client: Client) -> None:
    answer = client.get("/favicon.ico")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/x-icon")
    assert answer.content[:4] == b"\0\0\1\0"
    assert "max-age=86400" in answer.headers["Cache-Control"]


def test_the_worker_is_served_at_the_root(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = tmp_path / "service-worker.js"
    built.write_text("// worker")
    monkeypatch.setattr(finders, "find", lambda name: str(built))
    answer = client.get("/service-worker.js")
    assert (answer.content, answer.headers["Content-Type"]) == (b"// worker", "text/javascript")
    assert answer.headers["Cache-Control"] == "no-cache"
    monkeypatch.setattr(finders, "find", lambda name: None)
    assert client.get("/service-worker.js").status_code == 404


def test_the_offline_page_is_nobodys(client: Client, browser: Client) -> None:
    page = browser.get("/offline/").content.decode()
    assert "No connection" in page
    assert "ada" not in page
    assert "csrfmiddlewaretoken" not in page


def test_logging_out_clears_what_the_browser_kept(browser: Client) -> None:
    answer: Any = browser.post("/accounts/logout/")
    assert answer.headers["Clear-Site-Data"] == '"cache"'
