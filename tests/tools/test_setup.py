"""`make setup` where something is missing, and where nothing is left to do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.stack import ROOT
from tools import frontend, stamps


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A clean copy of what set-up itself consists of."""
    for name in ("tools", "Makefile"):
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, tmp_path / name)
    return tmp_path


def tool_path(tmp_path: Path, *programs: str) -> str:
    """A PATH with nothing but `programs`."""
    directory = tmp_path / "bin"
    directory.mkdir()
    for program in programs:
        found = shutil.which(program)
        assert found, f"{program} is needed for this test"
        (directory / program).symlink_to(found)
    return str(directory)


def make_setup(checkout: Path, path: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if name != "CXX"} | {"PATH": path}
    return subprocess.run(
        ["make", "setup", f"PYTHON3={sys.executable}", *arguments],
        executable=shutil.which("make"),
        cwd=checkout,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_missing_compiler_is_one_line_before_anything_is_installed(checkout: Path, tmp_path: Path) -> None:
    done = make_setup(checkout, tool_path(tmp_path, "sh"))
    assert done.returncode != 0
    ours = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert ours == [
        "parley: no C++ compiler found (c++, g++, clang++): "
        "install one (Debian: apt-get install g++) or set CXX."
    ]
    assert not (checkout / ".venv").exists()


def test_an_old_python_is_one_line(checkout: Path) -> None:
    script = (
        "import sys; sys.version_info = (3, 10, 4); sys.argv = ['setup']; "
        "import runpy; runpy.run_module('tools.setup', run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=checkout, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr == (
        "parley: Python 3.11 or newer is needed, this is 3.10: try `make PYTHON3=python3.11 …`.\n"
    )


@pytest.mark.parametrize(
    ("version", "expected"),
    [("v20.18.3", False), ("v20.19.0", True), ("v22.1.0", True), ("v9.11.2", False), ("", False)],
)
def test_which_node_is_new_enough(monkeypatch: pytest.MonkeyPatch, version: str, expected: bool) -> None:
    monkeypatch.setattr(frontend, "output", lambda command: version)
    assert frontend._is_new_enough("node") is expected


def test_a_stamp_knows_names_contents_and_extras(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("a")
    two.write_text("a")
    known = {
        stamps.digest([one]),
        stamps.digest([two]),
        stamps.digest([one], "3.11"),
        stamps.digest([one, two]),
    }
    assert len(known) == 4
    one.write_text("b")
    assert stamps.digest([one]) not in known


def test_work_is_repeated_until_its_stamp_is_written(tmp_path: Path) -> None:
    stamp = tmp_path / "new" / "stamp"
    assert not stamps.is_current(stamp, "x")
    stamps.write(stamp, "x")
    assert stamps.is_current(stamp, "x")
    assert not stamps.is_current(stamp, "y")
