"""The container files agree with the code and keep their promises; no engine is needed to see that."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from chatproject.local.programs import APPLICATION, UVICORN_OPTIONS
from tests.support.stack import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
IMAGE_USERS = {"parley": "10001", "proxy": "10002"}


def test_the_web_container_serves_with_the_options_of_up() -> None:
    command = " ".join(re.findall(r'"([^"]+)"', DOCKERFILE.split("CMD [")[2].split("]")[0]))
    assert APPLICATION in command
    assert UVICORN_OPTIONS in command


def test_every_file_the_image_copies_is_sent_to_the_engine() -> None:
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for name in ("chat", "chatproject", "deploy", "inference", "manage.py", "requirements.txt", "workers"):
        assert name in allowed
        assert (ROOT / name).exists()


@pytest.mark.parametrize("name", SERVICES)
def test_no_service_runs_as_root_or_gains_privileges(name: str) -> None:
    service = SERVICES[name]
    target = service.get("build", {}).get("target")
    if target:
        stage = DOCKERFILE.split(f" AS {target}\n")[1].split("\nFROM ")[0]
        assert f"USER {IMAGE_USERS[target]}\n" in stage
    else:
        assert service["user"] not in ("root", "0")
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"prepare", "web", "proxy"}))
def test_every_long_running_service_has_a_health_check(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"]


@pytest.mark.parametrize("target", IMAGE_USERS)
def test_our_images_bring_their_own(target: str) -> None:
    assert "HEALTHCHECK" in DOCKERFILE.split(f" AS {target}\n")[1].split("\nFROM ")[0]


def test_only_the_proxy_is_reachable_from_outside() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["proxy"]
    assert COMPOSE["networks"]["inside"]["internal"] is True
    inside_only = [name for name, service in SERVICES.items() if service["networks"] == ["inside"]]
    assert sorted(inside_only) == ["postgres", "redis"]


def test_the_schema_is_ready_before_anybody_uses_it() -> None:
    for name in ("web", "worker"):
        assert SERVICES[name]["depends_on"]["prepare"]["condition"] == "service_completed_successfully"


def test_every_secret_comes_from_the_environment_file() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    offered = re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    used = set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", text))
    assert used == set(offered)
    for secret in ("SECRET_KEY", "POSTGRES_PASSWORD", "REDIS_PASSWORD", "DJANGO_SUPERUSER_PASSWORD"):
        assert f"${{{secret}:?" in text


def test_the_proxy_insists_on_tls() -> None:
    caddyfile = (ROOT / "deploy" / "Caddyfile").read_text()
    assert re.search(r"Strict-Transport-Security \"max-age=\d{8}", caddyfile)
    assert "reverse_proxy {$UPSTREAM:web:8000}" in caddyfile
    assert SERVICES["web"]["environment"]["BEHIND_TLS"] == "true"
