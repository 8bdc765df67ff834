"""What one start of Parley on this machine consists of."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """`embedded_redis`: a private Redis is started too. `backend` is what the workers compute with."""

    data_dir: Path
    host: str
    port: int
    workers: int = 1
    server: str = "uvicorn"
    backend: str = "llama"
    embedded_redis: bool = True

    @property
    def run_dir(self) -> Path:
        """Sockets, process ids and generated configuration."""
        return self.data_dir / "run"

    @property
    def needs_model(self) -> bool:
        """Its own workers load the default model."""
        return self.backend == "llama" and self.workers > 0

    @property
    def url(self) -> str:
        """Where people find it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def worker_names(self) -> list[str]:
        """Unique among workers that share a database."""
        return [f"{platform.node()}-{self.port}-{number}" for number in range(1, self.workers + 1)]
