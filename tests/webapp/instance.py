"""A real instance in a process of its own, and a client that speaks to it byte by byte."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

TIMEOUT_SECONDS = 20


@dataclass(frozen=True)
class Answer:
    """What the server sent, read to its end."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def message(self) -> str:
        """The message of a JSON error."""
        assert self.headers["content-type"] == "application/json"
        return str(json.loads(self.body)["message"])


@dataclass(frozen=True)
class Instance:
    """A running `python -m webapp`."""

    process: subprocess.Popen[str]
    port: int

    def connection(self) -> HTTPConnection:
        """A new HTTP connection."""
        return HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_SECONDS)

    def request(self, method: str, url: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        """One request on a connection of its own."""
        connection = self.connection()
        try:
            connection.request(method, url, body, headers or {})
            return _read(connection.getresponse())
        finally:
            connection.close()

    def send(self, data: bytes) -> Answer:
        """The first answer to these raw bytes."""
        with socket.create_connection(("127.0.0.1", self.port), TIMEOUT_SECONDS) as connection:
            connection.sendall(data)
            response = HTTPResponse(connection)
            response.begin()
            return _read(response)

    def peak_memory_bytes(self) -> int:
        """The largest resident set so far."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        match = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert match
        return int(match[1]) * 1024


def _read(response: HTTPResponse) -> Answer:
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, headers, response.read())


PROGRAM = "from webapp.__main__ import main; raise SystemExit(main())"


def with_bounds(**constants: float) -> str:
    """The program with other constants in `webapp.connection`."""
    return f"import webapp.connection; vars(webapp.connection).update({constants}); {PROGRAM}"


def start(directory: Path, program: str = PROGRAM, **environ: str) -> subprocess.Popen[str]:
    """Start what `python -m webapp` is on a free loopback port."""
    defaults = {"OBJECTS_DIR": str(directory), "HOST": "127.0.0.1", "PORT": "0", "RATE_LIMIT_RPS": "0"}
    return subprocess.Popen(
        [sys.executable, "-c", program], env={**os.environ, **defaults, **environ}, stderr=subprocess.PIPE, text=True
    )


@contextmanager
def running_instance(directory: Path, program: str = PROGRAM, **environ: str) -> Iterator[Instance]:
    """An instance that listens; killed at the end if it still runs."""
    with start(directory, program, **environ) as process:
        try:
            assert process.stderr
            match = re.search(r"listening on \S+:(\d+)", line := process.stderr.readline())
            assert match, line
            yield Instance(process, int(match[1]))
        finally:
            process.kill()
