"""llama-server, built from the llama.cpp sources that the pinned llama-cpp-python brings: equal kernels."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path

from bench.engine.cache import cache_directory

PACKAGE = "llama-cpp-python"
OFF = ("BUILD_TESTS", "BUILD_EXAMPLES", "BUILD_APP", "BUILD_UI", "USE_PREBUILT_UI", "OPENSSL")


def find_llama_server() -> Path:
    """The binary, built if need be: some ten minutes on two cores."""
    directory = cache_directory() / f"llama-server-{version(PACKAGE)}"
    binary = directory / "build/bin/llama-server"
    if not binary.is_file():
        print(f"building llama-server in {directory} …", flush=True)
        _build(_find_sources(directory), directory / "build")
    return binary


def _find_sources(directory: Path) -> Path:
    pinned = version(PACKAGE)
    sources = directory / f"{PACKAGE.replace('-', '_')}-{pinned}/vendor/llama.cpp"
    if not sources.is_dir():
        wanted = ["--no-deps", "--no-binary", PACKAGE, f"{PACKAGE}=={pinned}", "--dest", str(directory)]
        subprocess.run([sys.executable, "-m", "pip", "download", *wanted], check=True)
        archive = next(directory.glob("*.tar.gz"))
        with tarfile.open(archive) as contents:
            contents.extractall(directory, filter="data")
        archive.unlink()
    return sources


def _build(sources: Path, target: Path) -> None:
    options = [f"-DLLAMA_{name}=OFF" for name in OFF]
    cmake = _find_cmake()
    subprocess.run(
        [cmake, "-S", sources, "-B", target, "-DCMAKE_BUILD_TYPE=Release", *options],
        check=True,
    )
    jobs = f"-j{os.cpu_count()}"
    subprocess.run([cmake, "--build", target, "--target", "llama-server", jobs], check=True)


def _find_cmake() -> str:
    """The one on the PATH, else the one that pip knows."""
    if found := shutil.which("cmake"):
        return found
    wheel = cache_directory() / "cmake"
    if not wheel.is_dir():
        subprocess.run([sys.executable, "-m", "pip", "install", "--target", wheel, "cmake"], check=True)
    return str(wheel / "cmake/data/bin/cmake")
