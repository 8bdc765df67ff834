"""A Hugging Face Hub of one repository on loopback: listing, metadata, ranges, and faults on request."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REPOSITORY = "someone/some-model"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """`cut_after`: bytes after which the next download ends. `corrupt`: the content is not what is hashed."""

    files: dict[str, bytes]
    url: str = ""
    cut_after: int | None = None
    corrupt: bool = False
    ranges: list[str] = field(default_factory=list)
    sent_bytes: int = 0


@contextlib.contextmanager
def start_hub(files: dict[str, bytes]) -> Iterator[Hub]:
    """Serve `files` as the repository's content; yields the stub, whose `url` is the endpoint."""
    hub = Hub(files)
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._file(with_body=False)

    def do_GET(self) -> None:
        if self.path.startswith(f"/api/models/{REPOSITORY}/tree/main"):
            self._listing()
        else:
            self._file(with_body=True)

    def _listing(self) -> None:
        entries = [
            {"type": "file", "path": name, "size": len(content), "oid": "0" * 40}
            for name, content in self.hub.files.items()
        ]
        body = json.dumps(entries).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _file(self, *, with_body: bool) -> None:
        content = self.hub.files.get(self.path.removeprefix(f"/{REPOSITORY}/resolve/main/"))
        if content is None:
            self._not_found()
            return
        start = self._start()
        self.send_response(206 if start else 200)
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(content) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        if with_body:
            self._send(content[start:])

    def _not_found(self) -> None:
        self.send_response(404)
        code = "EntryNotFound" if REPOSITORY in self.path else "RepoNotFound"
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _start(self) -> int:
        wanted = self.headers.get("Range")
        if not wanted:
            return 0
        self.hub.ranges.append(wanted)
        return int(wanted.removeprefix("bytes=").partition("-")[0])

    def _send(self, content: bytes) -> None:
        cut, self.hub.cut_after = self.hub.cut_after, None
        if self.hub.corrupt:
            content = bytes(byte ^ 1 for byte in content[:1]) + content[1:]
        piece = content if cut is None else content[:cut]
        self.hub.sent_bytes += len(piece)
        self.wfile.write(piece)
        if cut is not None:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  named by http.server
        """Quiet."""
