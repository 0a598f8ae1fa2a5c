"""The live controller: puts the parts together, runs the loop on a real clock, and tidies up."""

import contextlib
import logging
import math
import os
import queue
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from controller import network, shield
from controller.adoption import adopt
from controller.config import PolicyFile
from controller.containers import Containers
from controller.explain import explain
from controller.haproxy import HAProxy
from controller.haproxy_sockets import Found
from controller.hostworld import HostWorld
from controller.journal import FileJournal, NoJournal
from controller.judge import Judge
from controller.live import Host
from controller.lock import only_one
from controller.loop import TELL_S, Loop
from controller.ports import ControllerError, FirstAnswer, Trouble
from controller.preflight import check
from controller.remains import end_commands, remove_cgroups, remove_files
from controller.removal import lxc_path
from controller.requestlog import RequestLog
from controller.rundir import prepare_run_dir, remove_run_dir
from controller.sensor import HostSensor
from controller.site import Site
from controller.usage import CpuUsage
from controller.watch import Watch, answer_s
from controller.window import percentile

log = logging.getLogger("controller")

TICKS_KEPT = 1000  # whose durations the journal's last line tells
INSTANCE_UID = 65534  # nobody, as in rootfs/instance.conf


class Controller:
    """One controller of one site, from start to clean stop."""

    def __init__(
        self,
        site: Site,
        settings: PolicyFile,
        journal: FileJournal | NoJournal,
        shadows: Sequence[Judge] = (),
        explain_ticks: bool = False,
    ) -> None:
        self._site = site
        self._settings = settings
        self._explain_ticks = explain_ticks
        self._journal = journal
        self._started_s = time.monotonic()
        self._prepared = self._stopping = False
        closing = threading.Event()
        self._requests = RequestLog(site.run_dir / "log.sock", self._now, self._saw_first_answer)
        bounds = settings.instances
        slots = site.slots_for(bounds.max + bounds.standby)
        self._balancer = HAProxy(site, slots if settings.apply == "runtime" else 0, settings.waiting, self._sample)
        self._containers = Containers(site, _environment(settings), closing, settings.boot, settings.service.cpu_cores)
        self._host = Host(self._containers, self._balancer, self._requests.await_first_answer, closing)
        self._cpu = CpuUsage()
        window_s = settings.rate_window_s
        self._sensor = HostSensor(self._balancer, self._requests, self._now, self._cpu_percent, window_s)
        self._fleet = settings.make_fleet(site.service, slots)
        judge = settings.make_judge(settings.policy_name)
        self._loop = Loop(self._fleet, judge, self._sensor, self._host, journal, shadows)
        world = HostWorld(site, self._fleet, self._containers.applications, self._balancer, self._requests)
        service = settings.service
        patience_s = answer_s(service.rate_limit, service.overload == "queue")
        self._watch = Watch(world, self._host.events.put, self._now, patience_s)
        self._keeper = shield.Keeper(site, lambda words: self._host.events.put(Trouble(words)))
        self._told_s = -math.inf
        self._ticks_ms: deque[float] = deque(maxlen=TICKS_KEPT)

    def run(self) -> None:
        """Run until SIGINT or SIGTERM, then drain and remove everything. Raises ControllerError where it cannot."""
        with only_one(self._site), self._signals():
            check(self._site, lxc_path() / self._site.template, ports_ours=bool(self._balancer.masters()))
            end_commands(self._site)
            if strangers := self._containers.started_otherwise():
                raise ControllerError(
                    f"{', '.join(strangers)} run with other settings: stop them by make clean-host first"
                )
            prepare_objects_dir(self._site)
            found = self._balancer.find()
            try:
                self._prepare(found)
                self._watch.start()
                self._run_ticks()
            finally:
                if found.ready and not self._prepared:
                    self._let_go()
                else:
                    self._tidy_up()

    def _prepare(self, found: Found) -> None:
        prepare_run_dir(self._site)
        self._containers.prepare()
        network.create(self._site)
        gaps = self._isolate()
        self._requests.open()
        self._journal.write(
            0, "start", monotonic_s=self._started_s, time=datetime.now(UTC).isoformat(timespec="milliseconds"),
            policy=self._settings.model_dump(mode="json"), notes=self._settings.notes,
            isolation_gaps=gaps,
        )  # fmt: skip
        remove_files(self._site.run_dir / "instances", self._containers.present())
        remove_cgroups(self._site)
        adopt(self._containers, found, self._fleet, self._host, self._journal, self._now())
        if self._fleet.instances:
            self._sensor.take_over()
        if not self._balancer.running():
            self._balancer.apply(self._fleet.members())
        self._prepared = True

    def _isolate(self) -> list[str]:
        """Shut instances in as far as this host allows it; what it does not allow, in words."""
        gaps = []
        if why := shield.put_up(self._site):
            gaps.append(f"instances can reach each other, and what listens on {self._site.gateway}: {why}")
        else:
            self._keeper.start()
        if why := self._containers.map_ids():
            gaps.append(f"instances have no mapped ids: {why}")
        for gap in gaps:
            log.warning(gap)
        return gaps

    def _run_ticks(self) -> None:
        """Tick on an absolute schedule; between ticks events are handled as soon as they come."""
        log.info("clients enter at http://%s/, statistics at http://%s/stats", self._site.entry, self._site.stats)
        due_s = self._now()
        while not self._stopping:
            self._guarded(self._tick)
            due_s = max(due_s + self._settings.tick_s, self._now())
            self._handle_events_until(due_s)

    def _tick(self) -> None:
        started_s, wanted = self._now(), self._fleet.wanted
        sentence = self._loop.tick(started_s)
        if self._explain_ticks and self._loop.latest:
            observation, verdict = self._loop.latest
            log.info(
                self._loop.time_mark + explain(observation, self._settings.policy_name, verdict.wanted, verdict.limited)
            )
        elif self._fleet.wanted != wanted or started_s >= self._told_s + TELL_S:
            log.info(sentence)
            self._told_s = started_s
        self._ticks_ms.append(1000 * (self._now() - started_s))

    def _handle_events_until(self, due_s: float) -> None:
        """Handle what comes until then, and what has come already when it is too late for waiting."""
        events = self._host.events
        while not self._stopping and (self._now() < due_s or not events.empty()):
            wake_s = self._loop.wake_s
            until_s = due_s if wake_s is None else min(due_s, wake_s)
            try:
                event = events.get(timeout=max(0.0, until_s - self._now()))
            except queue.Empty:
                if until_s < due_s:
                    self._guarded(partial(self._loop.wake, self._now()))
                continue
            if event is not None:
                self._guarded(partial(self._loop.handle, event, self._now()))

    def _guarded(self, step: Callable[[], None]) -> None:
        """An error in one step is told and does not end the controller: the fleet goes on serving."""
        try:
            step()
        except Exception as error:
            log.exception("a step of the loop failed, the next one is tried")
            self._journal.write(self._now(), "error", message=f"{type(error).__name__}: {error}")

    def _let_go(self) -> None:
        """Where the start failed, what an earlier controller left goes on serving, for the next one."""
        log.error("the start failed; what serves goes on serving")
        for step in (self._keeper.close, self._host.close, self._containers.close, self._requests.close):
            trouble_of(step)
        self._journal.close()

    def _tidy_up(self) -> None:
        """Requests in flight are finished first, then everything that the controller made is removed."""
        log.info("stopping: finishing what is in flight, then removing %d instances", len(self._fleet.instances))
        steps: tuple[Callable[[], object], ...] = (
            self._watch.close,
            self._keeper.close,
            self._host.close,
            self._containers.close,
            self._balancer.stop,
            partial(remove_instances, self._containers),
            self._requests.close,
            partial(network.remove, self._site),
            partial(shield.remove, self._site),
            partial(remove_run_dir, self._site),
        )
        troubles = [trouble for step in steps if (trouble := trouble_of(step))]
        ticks_ms = sorted(self._ticks_ms)
        took = {f"tick_ms_p{rank}": percentile(ticks_ms, rank / 100) for rank in (50, 99)}
        self._journal.write(self._now(), "stop", troubles=troubles, **took)
        self._journal.close()
        if troubles:
            raise ControllerError(f"not everything could be removed, try make clean-host: {'; '.join(troubles)}")
        log.info("stopped; nothing was left behind")

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """SIGINT, SIGTERM and SIGHUP (a closed terminal) end the loop at its next step; a second one does not cut the
        tidying short."""

        def stop(*_: object) -> None:
            self._stopping = True
            self._host.events.put(None)

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # as nohup wants it
                signal.signal(number, stop)
        yield

    def _now(self) -> float:
        return time.monotonic() - self._started_s

    def _sample(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._sensor.sample()

    def _cpu_percent(self) -> dict[str, float]:
        return self._cpu.percent(self._containers.pids(), self._now())

    def _saw_first_answer(self, name: str, at_s: float) -> None:
        self._host.events.put(FirstAnswer(name, at_s))


def trouble_of(step: Callable[[], object]) -> str:
    """Do one step of the tidying; what went wrong, in words, so that the other steps are done all the same."""
    try:
        step()
    except (ControllerError, OSError, RuntimeError) as error:  # the last one is the LXC binding's
        return str(error)
    return ""


def _environment(settings: PolicyFile) -> dict[str, str]:
    """What the web application of each instance is told."""
    imports = "all" if settings.boot == "plain" else "needed"
    service = settings.service
    return {"RATE_LIMIT_RPS": str(service.rate_limit), "OVERLOAD": service.overload, "IMPORTS": imports}


def prepare_objects_dir(site: Site) -> None:
    """Make the object directory for the instances' user. Raises ControllerError for one that this user cannot write."""
    try:
        if not site.objects_dir.exists():  # it is made all at once: whoever comes next finds it right, or not at all
            new = site.objects_dir.with_name(f"{site.objects_dir.name}.new")
            new.mkdir(parents=True, exist_ok=True)
            os.chown(new, INSTANCE_UID, INSTANCE_UID)
            new.rename(site.objects_dir)
        facts = site.objects_dir.stat()
    except OSError as error:
        raise ControllerError(f"--objects {site.objects_dir}: {error.strerror}") from error
    if not site.objects_dir.is_dir():
        raise ControllerError(f"--objects {site.objects_dir}: is not a directory")
    if not ((facts.st_uid == INSTANCE_UID and facts.st_mode & 0o300 == 0o300) or facts.st_mode & 0o003 == 0o003):
        raise ControllerError(f"--objects {site.objects_dir}: uid {INSTANCE_UID}, which instances run as, cannot write")


def remove_instances(containers: Containers) -> list[str]:
    """Stop and remove every instance, several at once; their names. Raises ControllerError for those that stay."""
    names = list(containers.present())
    with ThreadPoolExecutor(4) as pool:
        troubles = list(pool.map(lambda name: trouble_of(partial(containers.stop, name)), names))
    if any(troubles):
        raise ControllerError("; ".join(filter(None, troubles)))
    return names


def open_journal(path: Path | None) -> FileJournal | NoJournal:
    if path is None:
        return NoJournal()
    try:
        return FileJournal(path)
    except OSError as error:
        raise ControllerError(f"--journal {path}: {error.strerror}") from error
