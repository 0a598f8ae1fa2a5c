"""The live controller's own part: its schedule, its lock and its tidying. No root, no containers, no HAProxy."""

import fcntl
import logging
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from controller import app
from controller.app import Controller, open_journal, prepare_objects_dir
from controller.clean import clean
from controller.config import PolicyFile
from controller.containers import Containers
from controller.haproxy import HAProxy
from controller.haproxy_sockets import Found
from controller.journal import NoJournal
from controller.lock import controller_pid, only_one
from controller.loop import Loop
from controller.ports import Booted, ControllerError, Event
from controller.rundir import remove_run_dir
from tests.controller.build import LocalSite, local_site


class Script:
    """In place of the loop: raises what it is told at a tick, remembers events, and ends after some ticks."""

    wake_s: float | None = None

    def __init__(self, controller: Controller, *ticks: Exception | None) -> None:
        self.controller, self.ticks = controller, list(ticks)
        self.handled: list[Event] = []
        self.woken = False

    def tick(self, _: float) -> str:
        trouble = self.ticks.pop(0)
        self.controller._stopping = not self.ticks
        if trouble:
            raise trouble
        return "hold 1"

    def handle(self, event: Event, _: float) -> None:
        self.handled.append(event)

    def wake(self, now_s: float) -> None:
        assert self.wake_s is not None and now_s >= self.wake_s
        self.wake_s = None
        self.woken = True


class Leftovers:
    """In place of containers and HAProxy: one instance that cannot be removed."""

    def present(self) -> dict[str, int]:
        return {"web-1": 1}

    def close(self) -> None:
        pass

    def stop(self, *_: Any, **__: Any) -> None:
        raise ControllerError("tidebed-web-1 could not be removed within 20 s")


class Nothing(Leftovers):
    """In place of containers that are not there."""

    def present(self) -> dict[str, int]:
        return {}

    def started_otherwise(self) -> list[str]:
        return []

    def prepare(self) -> None:
        pass


def raises(error: Exception) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise error

    return fail


@pytest.fixture
def site(tmp_path: Path) -> LocalSite:
    return local_site(tmp_path)


@pytest.fixture
def controller(site: LocalSite) -> Iterator[Controller]:
    settings = PolicyFile.model_validate({"tick_s": 0.05, "policy": {"target": {"rate_per_instance": 8}}})
    made = Controller(site, settings, NoJournal())
    yield made
    made._host.close()


def scripted(controller: Controller, *ticks: Exception | None) -> Script:
    script = Script(controller, *ticks)
    controller._loop = cast(Loop, script)
    return script


def test_events_are_handled_between_ticks(controller: Controller) -> None:
    script = scripted(controller)
    controller._host.events.put(Booted("web-1"))
    controller._handle_events_until(controller._now() + 0.01)
    assert script.handled == [Booted("web-1")]


def test_loop_is_woken_between_ticks_when_it_asks_for_it(controller: Controller) -> None:
    script = scripted(controller)
    script.wake_s = controller._now() + 0.01
    controller._handle_events_until(controller._now() + 0.05)
    assert script.woken


def test_signal_ends_the_wait_for_events_at_once(controller: Controller) -> None:
    def stop() -> None:
        controller._stopping = True
        controller._host.events.put(None)

    timer = threading.Timer(0.05, stop)
    timer.start()
    began_s = controller._now()
    controller._handle_events_until(began_s + 60)
    timer.join()
    assert controller._now() - began_s < 30


def test_lock_is_held_by_one_controller_at_a_time(site: LocalSite) -> None:
    with only_one(site):
        assert controller_pid(site) == os.getpid()
        with pytest.raises(ControllerError, match=rf"runs on this host \(pid {os.getpid()}\)"), only_one(site):
            pass
    assert controller_pid(site) is None
    assert not site.lock_file.exists()


def test_lock_does_not_outlive_a_controller_that_failed(site: LocalSite) -> None:
    with pytest.raises(ControllerError, match="no template"), only_one(site):
        raise ControllerError("no template")
    assert not site.lock_file.exists()


def test_lock_file_that_a_killed_controller_left_is_taken_over(site: LocalSite) -> None:
    site.lock_file.write_text("99999999")
    assert controller_pid(site) is None
    with only_one(site):
        assert site.lock_file.read_text() == str(os.getpid())


def test_lock_that_another_process_looks_at_for_a_moment_is_taken(
    site: LocalSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.lock.PATIENCE_S", 10)
    with site.lock_file.open("a+") as looking:
        fcntl.flock(looking, fcntl.LOCK_EX)
        threading.Timer(0.05, looking.close).start()
        with only_one(site):
            assert controller_pid(site) == os.getpid()


def test_lock_is_for_root_alone(site: LocalSite) -> None:
    site.lock_file.touch(mode=0o644)
    with only_one(site):
        assert site.lock_file.stat().st_mode & 0o777 == 0o600


def test_stranger_that_holds_the_lock_is_not_ended(site: LocalSite) -> None:
    with subprocess.Popen(["sleep", "60"]) as stranger, site.lock_file.open("w+") as lock:
        lock.write(str(stranger.pid))
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ControllerError, match="is locked by a process that is no controller"):
            clean(site, keep_template=True)
        assert stranger.poll() is None
        stranger.kill()


def test_hangup_that_nohup_has_switched_off_stays_so(controller: Controller) -> None:
    before = [(number, signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    try:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        with controller._signals():
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        with controller._signals():
            assert callable(signal.getsignal(signal.SIGHUP))
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def test_lock_that_cannot_be_is_told_in_one_line(site: LocalSite) -> None:
    site.lock_file.mkdir()
    with pytest.raises(ControllerError, match=rf"^{site.lock_file}: Is a directory$"), only_one(site):
        pass


@pytest.mark.parametrize("serving", [True, False])
def test_start_that_fails_leaves_what_serves_and_removes_the_rest(
    controller: Controller, monkeypatch: pytest.MonkeyPatch, serving: bool
) -> None:
    for name in ("check", "end_commands", "prepare_objects_dir", "prepare_run_dir"):
        monkeypatch.setattr(app, name, lambda *_, **__: None)
    monkeypatch.setattr("controller.network.create", raises(ControllerError("no bridge")))
    monkeypatch.setattr("controller.network.remove", lambda _: True)
    monkeypatch.setattr("controller.shield.remove", lambda _: True)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    found, stopped = Found(frozenset({"web-1"} if serving else ())), list[str]()
    monkeypatch.setattr(HAProxy, "masters", lambda _: [])
    monkeypatch.setattr(HAProxy, "find", lambda _: found)
    monkeypatch.setattr(HAProxy, "stop", lambda _: stopped.append("HAProxy"))
    controller._containers = cast(Containers, Nothing())
    with quiet(), pytest.raises(ControllerError, match=r"^no bridge$"):
        controller.run()
    assert stopped == ([] if serving else ["HAProxy"])


def test_run_directory_is_removed_with_all_that_is_in_it(site: LocalSite) -> None:
    (site.run_dir / "instances").mkdir()
    (site.run_dir / "instances" / "web-1.conf").touch()
    (site.run_dir / "link").symlink_to(site.folder)
    assert remove_run_dir(site)
    assert not site.run_dir.exists()
    assert not remove_run_dir(site)


def test_journal_that_cannot_be_opened_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ControllerError, match=r"^--journal .*/none/journal: No such file or directory$"):
        open_journal(tmp_path / "none" / "journal")
    assert isinstance(open_journal(None), NoJournal)


def test_object_directory_is_made_for_the_instances_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "INSTANCE_UID", os.getuid())
    monkeypatch.setattr("os.chown", lambda *_: None)
    site = LocalSite(folder=tmp_path, objects_dir=tmp_path / "deep" / "objects")
    prepare_objects_dir(site)
    prepare_objects_dir(site)
    site.objects_dir.chmod(0o555)
    with pytest.raises(ControllerError, match=rf"^--objects {site.objects_dir}: uid {os.getuid()}, .* cannot write$"):
        prepare_objects_dir(site)


@contextmanager
def quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def test_events_are_handled_even_when_ticks_take_too_long(controller: Controller) -> None:
    script = scripted(controller)
    controller._host.events.put(Booted("web-1"))
    controller._handle_events_until(controller._now())
    assert script.handled == [Booted("web-1")]


def test_error_in_one_tick_does_not_end_the_controller(controller: Controller) -> None:
    script = scripted(controller, None, KeyError("svname"), None)
    with quiet():
        controller._run_ticks()
    assert script.ticks == []


def test_instance_that_cannot_be_removed_does_not_keep_the_rest(
    controller: Controller, site: LocalSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.network.remove", lambda _: True)
    monkeypatch.setattr(HAProxy, "stop", lambda *_: None)
    controller._containers = cast(Containers, Leftovers())
    with quiet(), pytest.raises(ControllerError):
        controller._tidy_up()
    assert not site.run_dir.exists()
