"""`make conformance`: installs other people's clients, starts Parley, and lets each of them try it."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.support.chat_client import create_api_key
from tests.support.stack import ROOT, Stack, start_stack
from tools import venv
from tools.frontend import node_directory

VENV = ROOT / ".venv-conformance"
HERE = ROOT / "conformance"
EXAMPLES = 20
"""Tries of each operation."""
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


def main() -> None:
    """Exits with 0 only when every client was content.

    OpenAI's Python package is tried twice: LiteLLM holds it back, and our own tests have its newest release.
    """
    path = f"{node_directory()}{os.pathsep}{os.environ['PATH']}"
    uv = str(venv.bin_path() / "uv")
    python = str(VENV / "bin" / "python")
    prepare = {
        "venv": [uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, str(VENV)],
        "packages": [uv, "pip", "sync", "--quiet", "--python", python, "requirements-conformance.txt"],
        "node packages": ["npm", "ci", "--silent", "--no-audit", "--no-fund", "--prefix", str(HERE / "js")],
    }
    for name, command in prepare.items():
        if run(command, env={"PATH": path}):
            sys.exit(f"make conformance could not install its {name}; see above.")
    with start_stack(MAX_QUEUED_PER_USER="100", RATE_LIMIT_PER_SECOND="1000") as stack:
        env = environment(stack) | {"PATH": path}
        clients = {
            "python": [python, "-m", "pytest", "-q", *sys.argv[1:], str(HERE)],
            "python, newest": [
                sys.executable,
                "-m",
                "pytest",
                "-q",
                *sys.argv[1:],
                str(HERE / "test_openai.py"),
            ],
            "javascript": ["node", "--test", str(HERE / "js")],
            "the document of /v1": fuzz(env, "/v1/openapi.json"),
            "the document of /api/v1": fuzz(env, "/api/v1/openapi.json"),
        }
        failed = [name for name, command in clients.items() if run(command, env=env)]
    if failed:
        sys.exit(f"make conformance FAILED: {', '.join(failed)}")
    print("make conformance passed")


def environment(stack: Stack) -> dict[str, str]:
    """Where the clients find the stack. `OPENAI_…` are what they read by themselves."""
    key = create_api_key(stack)
    return {"PARLEY_URL": stack.url, "OPENAI_BASE_URL": f"{stack.url}/v1", "OPENAI_API_KEY": key}


def fuzz(env: dict[str, str], document: str) -> list[str]:
    """schemathesis: nothing breaks, and answers are what the document says.

    A health check may answer 503, and the rest left out would take the fuzzer's own key or password away.
    One thread: with more, Python 3.11 at times fails to parse the fuzzer's own sources.
    """
    return [
        *(str(VENV / "bin" / "schemathesis"), "run", f"{env['PARLEY_URL']}{document}", "--no-color"),
        *("--header", f"Authorization: Bearer {env['OPENAI_API_KEY']}"),
        *("--checks", CHECKS),
        *("--phases", "examples,coverage,fuzzing", "--max-examples", str(EXAMPLES), "--workers", "1"),
        *("--exclude-path-regex", "/(health|auth/)", "--suppress-health-check", "all"),
        *("--generation-database", "none", "--warnings", "off", "--request-timeout", "60"),
    ]


def run(command: list[str], *, env: dict[str, str]) -> int:
    """Run in the foreground; returns the exit status."""
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **env}, check=False).returncode


if __name__ == "__main__":
    main()
