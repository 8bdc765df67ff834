"""Model files from the Hugging Face Hub: resumed where they stopped, and checked against their hash.

The library's own `hf_hub_download` resumes only within one call; a partial file kept beside the target,
named by the hash it shall have, also survives Ctrl-C and restarts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import httpx2
from django.conf import settings
from huggingface_hub import HfApi, constants, get_hf_file_metadata, hf_hub_url
from huggingface_hub.errors import HFValidationError
from huggingface_hub.file_download import HfFileMetadata, http_get
from huggingface_hub.utils._headers import build_hf_headers

from chat.services.errors import ServiceError
from inference.gguf import file_digest

PREFIX = "hf:"
SHA256 = re.compile(r"[0-9a-f]{64}")
# Of several files in a repository: the usual compromise between size and quality first.
PREFERRED = ("q4_k_m", "q8_0", "f16")


class DownloadError(ServiceError):
    """The file could not be fetched, or is not what the Hub says it is."""

    code = "download_failed"


@dataclass(frozen=True)
class HubFile:
    """A file of a repository on the Hub."""

    repository: str
    name: str

    @property
    def source(self) -> str:
        """How the catalogue names it."""
        return f"{PREFIX}{self.repository}:{self.name}"

    @property
    def path(self) -> Path:
        """Where it is kept on this machine."""
        directory: Path = settings.MODEL_DIR
        return directory / self.repository / self.name


def find_file(source: str) -> HubFile:
    """The file that `hf:REPO[:FILE]` means; without FILE the Hub is asked which there are."""
    repository, _, name = source.removeprefix(PREFIX).partition(":")
    if (
        not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", repository)
        or ".." in Path(name).parts
        or name.startswith("/")
    ):
        raise DownloadError(f"{source} is not of the form hf:OWNER/NAME[:FILE].")
    return HubFile(repository, name or _choose(repository))


def download(file: HubFile) -> Path:
    """Fetch `file` unless it is there already; shows progress, resumes, verifies; returns its path."""
    if file.path.exists():
        return file.path
    try:
        return _fetch(file)
    except (httpx2.HTTPError, HFValidationError, OSError, ValueError) as error:
        raise DownloadError(f"{file.source} cannot be downloaded: {_reason(error)}") from error


def _choose(repository: str) -> str:
    try:
        names = HfApi(endpoint=constants.ENDPOINT).list_repo_files(repository)
    except (httpx2.HTTPError, HFValidationError, OSError, ValueError) as error:
        raise DownloadError(f"{PREFIX}{repository} cannot be listed: {_reason(error)}") from error
    models = sorted(name for name in names if name.lower().endswith(".gguf"))
    if not models:
        raise DownloadError(f"{PREFIX}{repository} has no GGUF file.")
    for wanted in PREFERRED:
        for name in models:
            if wanted in name.lower():
                return name
    if len(models) > 1:
        raise DownloadError(f"{PREFIX}{repository} has several files, name one: {', '.join(models)}")
    return models[0]


def _fetch(file: HubFile) -> Path:
    url = hf_hub_url(file.repository, file.name)
    metadata = get_hf_file_metadata(url)
    file.path.parent.mkdir(parents=True, exist_ok=True)
    partial = file.path.with_name(f"{file.path.name}.{_hash(metadata)[:16]}.incomplete")
    with partial.open("ab") as target:
        http_get(
            url,
            target,
            resume_size=target.tell(),
            headers=build_hf_headers(),
            expected_size=metadata.size,
            displayed_filename=file.name,
        )
    _verify(partial, file, metadata)
    return partial.rename(file.path)


def _hash(metadata: HfFileMetadata) -> str:
    """What the Hub calls this version: for large files the SHA-256 of the content."""
    return re.sub(r"\W", "", metadata.etag or "")


def _verify(path: Path, file: HubFile, metadata: HfFileMetadata) -> None:
    expected = _hash(metadata)
    if SHA256.fullmatch(expected) and file_digest(path) != expected:
        path.unlink()
        raise DownloadError(f"{file.source} arrived damaged (its SHA-256 is not the Hub's): try again.")


def _reason(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
