"""A controller on ports of its own, so that it never meets one that serves someone, and loads for it."""

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from experiments.bench.journal import Event
from experiments.journal import read_journal
from experiments.processes import PYTHON, RunError, end, locust_command, process, tail
from experiments.summary import read_requests
from loadgen.ledger import Record
from loadgen.load import Load

ENTRY, STATS = "127.0.0.1:18082", "127.0.0.1:19992"
READY_S = 120.0
POLL_S = 0.25  # it reads the journal anew each time, on the cores that are measured

Policy = dict[str, Any]


@dataclass
class Testbed:
    """A running controller and its journal."""

    process: subprocess.Popen[bytes]
    journal: Path
    log: Path

    def events(self) -> list[Event]:
        return read_journal(self.journal) if self.journal.exists() else []

    def ticks(self) -> list[Event]:
        return [event for event in self.events() if event["event"] == "tick"]

    def await_fleet(self, in_service: int, standby: int = 0) -> None:
        """Wait until so many instances serve and so many stand by. Raises RunError."""

        def is_there() -> bool:
            ticks = self.ticks()
            return bool(ticks) and ticks[-1]["in_service"] >= in_service and ticks[-1]["standby"] >= standby

        self.await_(is_there, f"{in_service} instances in service, {standby} on standby")

    def await_(self, claim: Callable[[], bool], what: str, longest_s: float = READY_S) -> None:
        """Wait until the claim is true. Raises RunError when the controller ends before, or it takes too long."""
        deadline = time.monotonic() + longest_s
        while not claim():
            if self.process.poll() is not None:
                raise RunError(f"the controller ended: {tail(self.log)}")
            if time.monotonic() > deadline:
                raise RunError(f"not within {longest_s:g} s: {what}")
            time.sleep(POLL_S)

    def stop(self) -> float:
        """Stop the controller; the seconds until it had removed everything. Raises RunError where it could not."""
        started = time.monotonic()
        end(self.process)
        if self.process.returncode != 0:
            raise RunError(f"the controller ended with {self.process.returncode}: {tail(self.log)}")
        return time.monotonic() - started


@contextlib.contextmanager
def controller(folder: Path, policy: Policy) -> Iterator[Testbed]:
    """A controller with this policy, whose files go into a new folder; stopped at the end in any case."""
    folder.mkdir()
    (folder / "policy.yaml").write_text(yaml.safe_dump(policy))
    command = [PYTHON, "-m", "controller", "--policy", str(folder / "policy.yaml"), "--entry", ENTRY, "--stats", STATS,
               "--journal", str(folder / "journal.jsonl"), "--objects", str(folder.parent / "objects")]  # fmt: skip
    log = folder / "controller.log"
    with process(command, log) as started:
        testbed = Testbed(started, folder / "journal.jsonl", log)
        testbed.await_(lambda: bool(testbed.ticks()), "the controller's first tick")
        yield testbed
        testbed.stop()


def offer(load: Load, testbed: Testbed, csv: Path) -> list[Record]:
    """Run Locust with this load, and wait for its end; what became of each request. Raises RunError."""
    log = csv.with_suffix(".log")
    with process(locust_command(load, csv.with_suffix(".yaml"), ENTRY, csv), log) as locust:
        testbed.await_(lambda: locust.poll() is not None, "the end of the load", load.duration_s * 1.5 + 60)
    if locust.returncode != 0:
        raise RunError(f"Locust ended with {locust.returncode}: {tail(log)}")
    return read_requests(csv, 0.0)
