"""Locust with our files, as a process, in another folder than the repository's."""

import csv
import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parents[2] / "loadgen"
LONGEST_S = 60

Row = dict[str, str]
Process = subprocess.Popen[str]


class Done(NamedTuple):
    """A run that has ended."""

    returncode: int
    stdout: str
    stderr: str


def free_port() -> int:
    """A port of the loopback interface that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def command(name: str, *options: str) -> list[str]:
    """Of Locust with loadgen/<name>.py; without a web interface unless the options ask for one."""
    web = [] if "--web-port" in options else ["--headless"]
    return [sys.executable, "-m", "locust", "-f", str(FOLDER / f"{name}.py"), *web, "--only-summary", *options]


@contextmanager
def start(folder: Path, name: str, *options: str, **environment: str) -> Iterator[Process]:
    """Locust in a process group of its own, none of which is left at the end; a master has a free port."""
    port = str(free_port())
    ports = {"LOCUST_MASTER_BIND_PORT": port, "LOCUST_MASTER_NODE_PORT": port}
    with subprocess.Popen(
        command(name, *options), cwd=folder, env={**os.environ, **ports, **environment}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def locust(folder: Path, name: str, *options: str, **environment: str) -> Done:
    """A run of Locust to its end."""
    with start(folder, name, *options, **environment) as process:
        stdout, stderr = process.communicate(timeout=LONGEST_S)
    return Done(process.returncode, stdout, stderr)


def rows_of(path: Path) -> list[Row]:
    """The rows of a CSV file."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def due_s(rows: list[Row]) -> list[float]:
    """When requests were due, in their order."""
    return sorted(float(row["due_s"]) for row in rows)


def outcomes(rows: list[Row]) -> Counter[str]:
    """How many requests have each outcome."""
    return Counter(row["outcome"] for row in rows)


def complaints(stderr: str) -> list[str]:
    """What was said beside information."""
    return [line for line in stderr.splitlines() if "/INFO/" not in line]
