"""A real controller as a subprocess on this host, and what the project has on the host at a moment."""

import contextlib
import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
import yaml

from experiments.leftovers import left_behind as left_behind
from experiments.resources import processes

ROOT = Path(__file__).resolve().parents[2]
PYTHON = str(ROOT / ".venv" / "bin" / "python")
ENTRY, STATS = "127.0.0.1:18080", "127.0.0.1:19999"
URL = f"http://{ENTRY}"
PREFIX = "tidebed"
STILL = {"rules": [{"when": {"metric": "offered_rps", "above": 1e9}, "then": {"add": 1}}]}  # never does anything

Policy = dict[str, Any]


def policy(minimum: int = 1, maximum: int = 4, rate_limit: int = 1000, **other: Any) -> Policy:
    """A policy document; by default a fleet that stays as it is and limits nobody."""
    return {
        "instances": {"min": minimum, "max": maximum}, "tick_s": 0.2,
        "service": {"rate_limit": rate_limit}, "policy": STILL, **other,
    }  # fmt: skip


def until(claim: Callable[[], object], seconds: float = 30.0, what: str = "") -> None:
    """Wait until the claim is true, at most for so long."""
    deadline = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what or claim}"
        time.sleep(0.02)


@dataclass
class Testbed:
    """A running controller, its journal and its log."""

    __test__ = False  # pytest would take it for a test by its name

    folder: Path
    document: Policy
    options: list[str] = field(default_factory=list)
    program: list[str] = field(default_factory=lambda: ["controller"])  # a module and arguments before the options
    wrapper: list[str] = field(default_factory=list)  # a command that becomes the controller in the end

    def start(self) -> "Testbed":
        self.folder.mkdir(exist_ok=True)
        self.journal = self.folder / "journal.jsonl"
        self.log = self.folder / "controller.log"
        let_pass(self.folder)
        (self.folder / "policy.yaml").write_text(yaml.safe_dump(self.document))
        command = [
            *self.wrapper, PYTHON, "-m", *self.program,
            "--policy", str(self.folder / "policy.yaml"), "--journal", str(self.journal),
            "--entry", ENTRY, "--stats", STATS, "--objects", str(self.folder.parent / "objects"), *self.options,
        ]  # fmt: skip
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        return self

    def await_service(self, instances: int = 1) -> "Testbed":
        """Wait until so many instances are in service, and at least one answers."""
        until(lambda: self.process.poll() is not None or self.in_service() >= instances, 60, "instances in service")
        assert self.process.poll() is None, self.log.read_text()[-500:]
        until(lambda: answers(URL + "/healthz"), what="the entry point answers")
        return self

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def events(self, kind: str = "") -> list[dict[str, Any]]:
        """The journal's events so far, of one kind or all."""
        lines = self.journal.read_text().splitlines() if self.journal.exists() else []
        events = [json.loads(line) for line in lines if line.endswith("}")]
        return [event for event in events if not kind or event["event"] == kind]

    def in_service(self) -> int:
        ticks = self.events("tick")
        return int(ticks[-1]["in_service"]) if ticks else 0


def let_pass(folder: Path) -> None:
    """Let instances pass to a folder of pytest's, as to any object directory: with mapped ids they are other users."""
    for parent in (folder, *folder.parents):
        if not parent.stat().st_mode & 0o001:
            parent.chmod(parent.stat().st_mode | 0o011)


@contextlib.contextmanager
def running(
    folder: Path, document: Policy, *options: str, instances: int = 1, wrapper: Sequence[str] = ()
) -> Iterator[Testbed]:  # fmt: skip
    """A testbed in service; stopped at the end, whatever happens."""
    testbed = Testbed(folder, document, list(options), wrapper=list(wrapper)).start()
    try:
        yield testbed.await_service(instances)
    finally:
        if testbed.process.poll() is None:
            testbed.stop()


def answers(url: str) -> bool:
    with contextlib.suppress(requests.RequestException):
        return requests.get(url, timeout=1).status_code == 200
    return False


def run(*command: str, seconds: float = 120) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False)


def clean_host() -> None:
    assert run(PYTHON, "-m", "controller.clean", "--keep-template").returncode == 0


def command_lines() -> list[tuple[int, list[str]]]:
    """The processes' pids, and their command lines as words."""
    return [(each.pid, list(each.words)) for each in processes()]
