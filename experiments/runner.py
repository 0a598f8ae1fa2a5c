"""Runs a scenario on the real testbed: controller up, load, controller down, evidence in one folder.

results/<run-id>/
  run.json        what was run: scenario, load, machine, versions, status
  load.yaml       the load, for `locust -f loadgen/given.py --load`
  policy.yaml     the policy in force, with all defaults
  given-*         the file that the policy was read from, and the traces of the load
  journal.jsonl   the controller's journal: one line a tick and one an event
  requests.csv    every request: due, sent and done on the journal's time axis, outcome, cause
  samples.csv     the journal's ticks as a table
  oracle.csv      the cheapest fleet that would have served everything, see experiments.oracle
  demand.csv      the fewest instances that the load needed, see experiments.metrics.demand
  summary.json    the key figures
  controller.log, locust.log
"""

import contextlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal

import yaml

from controller.config import PolicyFile
from controller.lock import controller_pid
from controller.site import Site
from experiments import summary
from experiments.deciding import arguments_of, settings_of, shadows_of
from experiments.faults.disk import small_disk
from experiments.faults.fleet import Watch
from experiments.faults.kinds import Scene
from experiments.faults.making import Faults
from experiments.journal import read_journal
from experiments.machine import ROOT, machine, versions
from experiments.metrics.capacity import capacity_of, mix_of
from experiments.processes import PYTHON, RunError, locust_command, process, say, tail
from experiments.scenario import Scenario
from experiments.supervisor import Supervised
from loadgen.ledger import Record

READY_S = 120.0  # an emulated machine needs most of it
PROGRESS_S = 5.0
DISK_MIB = 64  # of the objects' own disk, where it is to be filled


@dataclass
class Evidence:
    """The folder of one run: what was run, and what came of it. `facts` are further fields of run.json; `slug` ends the
    run's name, the scenario's name where none is given."""

    scenario_name: str
    scenario: Scenario
    results: Path
    kind: Literal["real", "simulated"] = "real"
    facts: Mapping[str, Any] = field(default_factory=dict)
    slug: str = ""
    settings: PolicyFile | None = None  # in force, where they are not what the scenario says
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        self.run_id = f"{self.started:%Y%m%d-%H%M%S}-{self.slug or self.scenario_name}"
        self.folder = self.results / self.run_id
        self.faults: list[dict[str, Any]] = []

    @property
    def policy(self) -> Path:
        return self.folder / "policy.yaml"

    @property
    def journal(self) -> Path:
        return self.folder / "journal.jsonl"

    @contextlib.contextmanager
    def recorded(self) -> Iterator[None]:
        """Make the folder; at the end run.json tells how the run went. Raises RunError."""
        try:
            self.folder.mkdir(parents=True)
        except OSError as error:
            raise RunError(f"--results {self.results}: {error.strerror}") from error
        self._keep_given()
        status = "failed"
        try:
            self._write_run("running")
            yield
            status = "complete"
        except KeyboardInterrupt:
            status = "interrupted"
            raise
        finally:
            self._write_run(status)

    def _keep_given(self) -> None:
        """The policy in force, with all defaults, whatever format it was given in; and the files as they were given."""
        settings = self.settings or settings_of(self.scenario, self.scenario.policy)
        for given in (ROOT / self.scenario.policy, *self.scenario.load.files):
            shutil.copyfile(given, self.folder / f"given-{given.name}")
        notes = "".join(f"# {note}\n" for note in settings.notes)
        self.policy.write_text(notes + yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False))

    def collect(self, records: Sequence[Record]) -> dict[str, Any]:
        """Write what follows from the journal and these requests; returns the key figures."""
        return self.keep(partial(summary.Account, records=records), self.scenario.load.duration_s)

    def keep(self, account_of: Callable[..., summary.Account], duration_s: float) -> dict[str, Any]:
        """Write what follows from the account that is made of the journal's `events` and a `capacity`, for a load of
        this duration; returns the key figures."""
        events = read_journal(self.journal)
        capacity = capacity_of(summary.policy_of(events), self.results, mix_of(self.scenario.load))
        self.facts = {**self.facts, "capacity": capacity and capacity.told}
        account = account_of(events=events, capacity=capacity)
        account.write(self.folder)
        figures = account.figures(duration_s)
        write_json(self.folder / "summary.json", figures)
        return figures

    def _write_run(self, status: str) -> None:
        scenario = self.scenario
        load = scenario.load.model_dump(mode="json")
        write_json(self.folder / "run.json", {
            "run_id": self.run_id, "scenario": self.scenario_name, "title": scenario.title,
            "hypothesis": scenario.claim(), "kind": self.kind, "status": status,
            "started": self.started.isoformat(timespec="seconds"), "duration_s": scenario.load.duration_s,
            "settle_s": scenario.settle_s,
            "shape": {"kind": load.pop("shape", scenario.load.shape), **load},
            "policy_file": scenario.policy, "shadow_files": scenario.shadows,
            "time_scale": settings_of(scenario, scenario.policy).time_scale,
            "faults": self.faults, "machine": machine(), "versions": versions(), **self.facts,
        })  # fmt: skip


@dataclass
class Run(Evidence):
    """A run on real containers. `entry` is where the load goes, as IP:PORT."""

    entry: str = "127.0.0.1:8080"

    def execute(self) -> dict[str, Any]:
        """Make the run and return its key figures. Raises RunError, KeyboardInterrupt; both leave a marked folder."""
        self._check()
        with self.recorded():
            self._drive()
            return self._collect()

    @property
    def site(self) -> Site:
        """What is where on this host."""
        return Site(entry=self.entry)

    def _check(self) -> None:
        """What must be so before the run begins, and before a folder is made for it. Raises RunError."""
        check_host()
        settings_of(self.scenario, self.scenario.policy)
        shadows_of(self.scenario)

    def _drive(self) -> None:
        kinds = {fault.kind for fault in self.scenario.faults}
        with contextlib.ExitStack() as stack:
            disk = stack.enter_context(small_disk(self.folder / "disk", DISK_MIB)) if "fill-disk" in kinds else None
            up = stack.enter_context(self._controller(disk, restarted="kill-controller" in kinds))
            self._await_ready(up)
            say(f"{self.run_id}: the controller is up, the load begins ({self.scenario.load.duration_s:g} s)")
            self._offer(up, disk)
            self._settle()
        self._check_end(up)

    def _settle(self) -> None:
        """The load is over: the fleet becomes small again."""
        time.sleep(self.scenario.settle_s)

    def _check_end(self, up: Supervised) -> None:
        if up.returncode != 0:
            raise RunError(f"the controller ended with {up.returncode}: {tail(self.folder / 'controller.log')}")

    def _controller(self, disk: Path | None, restarted: bool) -> Supervised:
        command = [PYTHON, "-m", "controller", "--policy", str(self.policy), "--journal", str(self.journal),
                   "--entry", self.entry, *arguments_of(self.scenario)]  # fmt: skip
        if disk is not None:
            command += ["--objects", str(disk / "objects")]
        return Supervised(command, self.folder / "controller.log", restarted)

    def _offer(self, up: Supervised, disk: Path | None) -> None:
        """The load, with what goes wrong meanwhile."""
        load, log = self.scenario.load, self.folder / "locust.log"
        offer = locust_command(load, self.folder / "load.yaml", self.entry, self.folder / "requests.raw.csv")
        scene = Scene(self.site, up, disk)
        with process(offer, log) as locust, self._faults(scene), self._beside():
            self._watch(locust, up)
        if locust.returncode != 0:
            raise RunError(f"Locust ended with {locust.returncode}: {tail(log)}")

    @contextlib.contextmanager
    def _beside(self) -> Iterator[None]:
        """What else goes on beside the load."""
        yield

    @contextlib.contextmanager
    def _faults(self, scene: Scene) -> Iterator[None]:
        """What the scenario wants to go wrong, from now on."""
        watch = Watch(scene.site, self.journal)
        faults = Faults(self.scenario.faults, scene, watch, self.scenario.load.seed)
        self.faults = faults.done
        faults.start()
        try:
            yield
        finally:
            faults.stop()
        self._check_faults()

    def _check_faults(self) -> None:
        """A run whose faults did not happen tells nothing. Raises RunError."""
        if len(self.faults) < len(self.scenario.faults) or any(each["target"] is None for each in self.faults):
            raise RunError(f"not every fault hit something: {self.faults}")

    def _await_ready(self, controller: Supervised) -> None:
        """Wait until HAProxy serves and the smallest fleet is in service. The journal tells: a request that asks would
        be load, and the policy would follow it."""
        fewest = settings_of(self.scenario, self.scenario.policy).instances.min
        deadline = time.monotonic() + READY_S
        while not is_ready(self.journal, fewest):
            if controller.returncode is not None:
                raise RunError(f"the controller did not start: {tail(self.folder / 'controller.log')}")
            if time.monotonic() > deadline:
                raise RunError(f"not within {READY_S:g} s: {fewest} instances in service")
            time.sleep(0.1)

    def _watch(self, locust: subprocess.Popen[bytes], controller: Supervised) -> None:
        """Wait for the load to end, telling what goes on; bounded, should Locust not come to an end."""
        started = time.monotonic()
        limit_s = self.scenario.load.duration_s * 1.5 + 60
        while locust.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                locust.wait(PROGRESS_S)
            elapsed_s = time.monotonic() - started
            if controller.returncode is not None:
                raise RunError(f"the controller ended during the run: {tail(self.folder / 'controller.log')}")
            if elapsed_s > limit_s:
                raise RunError(f"Locust did not end within {limit_s:.0f} s")
            say(f"{elapsed_s:4.0f} s  {_last_sentence(self.journal)}")

    def _collect(self) -> dict[str, Any]:
        events = read_journal(self.journal)
        origin_s = next((event["monotonic_s"] for event in events if event["event"] == "start"), None)
        if origin_s is None:
            raise RunError(f"{self.journal} tells no start of a controller")
        raw = self.folder / "requests.raw.csv"
        figures = self.collect(summary.read_requests(raw, origin_s))
        raw.unlink()
        return figures


def check_host() -> None:
    """A run needs root, and a host without another controller. Raises RunError."""
    if os.geteuid() != 0:
        raise RunError("needs root for containers: run it with sudo")
    if (pid := controller_pid(Site())) is not None:
        raise RunError(f"another controller runs on this host (pid {pid}); stop it first")


def is_ready(journal: Path, fewest: int) -> bool:
    """Does HAProxy serve a fleet of at least so many?"""
    events = read_journal(journal) if journal.exists() else []
    is_served = any(event["event"] in ("apply", "reload") and event["ok"] for event in events)
    ticks = [event for event in events if event["event"] == "tick"]
    return is_served and bool(ticks) and ticks[-1]["in_service"] >= fewest


def _last_sentence(journal: Path) -> str:
    """What the controller said at its last tick."""
    with journal.open("rb") as file:
        file.seek(max(0, journal.stat().st_size - 8192))
        for line in reversed(file.read().splitlines()):
            with contextlib.suppress(ValueError):
                event = json.loads(line)
                if event["event"] == "tick":
                    return str(event["sentence"])
    return ""


def write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n")
