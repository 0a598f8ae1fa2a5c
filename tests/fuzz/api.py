"""Fuzzing of the application over HTTP: `python -m tests.fuzz.api --seconds 600`, CPU time of both sides.

A real instance gets requests that schemathesis makes of the OpenAPI description, legal and not, and edited hostile ones
byte by byte, in pieces. It is a finding when an answer is not what the description says, or a 5xx; when a connection is
neither answered nor closed; when another client waits; when the instance ends, or a file appears outside of the
objects. Findings are printed, requests of bytes are kept in build/fuzz/api/findings. Exit status: 0 for none, else 1.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import random
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok

from tests.fuzz.edits import Editor
from tests.webapp.attacks import ONE_REQUEST, REFUSED, TARGETS, Outcome, get, outcome
from tests.webapp.description import check, schema
from tests.webapp.instance import Instance, running_instance, with_bounds

FINDINGS = Path(__file__).parents[2] / "build" / "fuzz" / "api" / "findings"
HASTY = with_bounds(PATIENCE_S=0.2, LEAST_BYTES_PER_S=1_000_000)  # what is never completed ends soon
ANSWER_S = 10.0
QUIET_S = 0.05
CONNECTIONS = 200
EXAMPLES = 30  # of an operation in a round
SHOWN = 10
REQUESTS = 2000  # of a round
GENERATE = settings(
    max_examples=EXAMPLES, deadline=None, database=None, phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
SEEDS = [*REFUSED.values(), *ONE_REQUEST.values(), *(get(target) for target in TARGETS)]
SEEDS = [data for data in SEEDS if len(data) < 20_000]
EDITOR = Editor(SEEDS)


def edited(data: bytes, chance: random.Random) -> bytes:
    """The same with a few words, lines or bytes changed, and sometimes with a long run of something."""
    data = EDITOR.edited(data, chance)
    if chance.random() < 0.3:
        begin = chance.randrange(len(data) + 1)
        bad = chance.choice((chance.randbytes(2), data[begin : begin + 20] * 300, b"\r", b"\n", b"\0"))
        data = data[:begin] + bad + data[begin + chance.randrange(3) :]
    return data


def send(instance: Instance, data: bytes, chance: random.Random) -> Outcome:
    """The outcome of these bytes, sent in one piece or in several."""
    cuts = sorted(chance.randrange(len(data) + 1) for _ in range(chance.choice((0, 0, 1, 5))))
    with socket.create_connection(("127.0.0.1", instance.port), ANSWER_S) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError):
            for begin, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
                connection.sendall(data[begin:end])
                time.sleep(0.001)
        return outcome(connection, ANSWER_S, QUIET_S)


def fault(data: bytes, seen: Outcome) -> str:
    """What is wrong with this outcome, if anything."""
    if bad := [status for status in seen.statuses if status >= 500 and status != 501]:
        return f"answered {bad[0]}"
    if not seen.statuses and not seen.closed and data.strip():
        return "neither answered nor closed"
    return ""


class Fuzzer:
    """What is sent to one instance, and what was found."""

    def __init__(self, instance: Instance, directory: Path) -> None:
        self.instance = instance
        self.directory = directory
        self.findings: list[str] = []
        self.requests = 0

    def bytes_round(self, chance: random.Random) -> None:
        """Send edited requests, several at a time; then another client must be served, and nothing lie outside."""
        jobs = [(edited(chance.choice(SEEDS), chance), random.Random(chance.random())) for _ in range(REQUESTS)]
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            outcomes = pool.map(lambda job: send(self.instance, *job), jobs)
            for (data, _), seen in zip(jobs, outcomes, strict=True):
                if what := fault(data, seen):
                    self.keep(what, data)
        self.requests += REQUESTS
        if self.instance.request("PUT", "/objs/other", b"x").status not in (201, 204):
            self.findings.append("another client is not served")
        outside = {path.parent for path in self.directory.parent.rglob("*") if path.is_file()} - {
            self.directory / "objects", self.directory / ".incoming"}  # fmt: skip
        self.findings += [f"a file appeared in {path}" for path in outside]

    def description_round(self, chance: random.Random) -> None:
        """Send what the description makes, legal and not, for every operation."""
        for operation in [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]:
            for mode in schemathesis.GenerationMode:
                try:
                    self._send_cases(operation.as_strategy(generation_mode=mode), chance.randrange(2**32))
                except Unsatisfiable:
                    pass  # nothing in it can be wrong
                except FailureGroup as error:
                    self.findings.append(f"{operation.label}: {error}")

    def _send_cases(self, strategy: Any, number: int) -> None:
        @seed(number)
        @settings(GENERATE)
        @given(strategy)
        def run(case: schemathesis.Case[Any]) -> None:
            self.requests += 1
            check(case, f"http://127.0.0.1:{self.instance.port}")

        run()

    def keep(self, what: str, data: bytes) -> None:
        """Remember a request that went wrong."""
        FINDINGS.mkdir(parents=True, exist_ok=True)
        file = FINDINGS / hashlib.sha256(data).hexdigest()[:16]
        file.write_bytes(data)
        self.findings.append(f"{what}: {data[:200]!r}, all of it in {file}")

    def cpu_s(self) -> float:
        """The CPU time of both sides so far."""
        fields = Path(f"/proc/{self.instance.process.pid}/stat").read_text().rpartition(")")[2].split()
        return time.process_time() + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def fuzz(cpu_s: float, chance: random.Random) -> Fuzzer:
    """Both ways in turn until so much CPU time is used, or something is found."""
    with tempfile.TemporaryDirectory() as parent:
        directory = Path(parent, "shared")
        directory.mkdir()
        with running_instance(directory, HASTY, MAX_OBJECT_BYTES="100000") as instance:
            fuzzer = Fuzzer(instance, directory)
            while not fuzzer.findings and instance.process.poll() is None and fuzzer.cpu_s() < cpu_s:
                for _ in range(5):
                    fuzzer.bytes_round(chance)
                fuzzer.description_round(chance)
            if (status := instance.process.poll()) is not None:
                fuzzer.findings.append(f"the instance ended with status {status}")
    return fuzzer


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.api", description="Fuzz the application over HTTP.")
    parser.add_argument("--seconds", type=float, default=600, help="CPU time of both sides (default %(default)g)")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("api: terminated"))  # the instance ends, too
    fuzzer = fuzz(parser.parse_args(arguments).seconds, random.Random())
    for finding in fuzzer.findings[:SHOWN]:
        print(f"api: {finding}")
    print(f"api: {fuzzer.requests} requests, {len(fuzzer.findings) or 'no'} findings")
    return 1 if fuzzer.findings else 0


if __name__ == "__main__":
    sys.exit(main())
