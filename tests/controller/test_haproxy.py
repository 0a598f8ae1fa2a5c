"""How HAProxy is commanded, with its sockets played by a function."""

import grp
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from controller import haproxy, haproxy_sockets
from controller.actions import Member
from controller.haproxy import HAProxy
from controller.haproxy_sockets import BalancerError, Found, within
from controller.rundir import prepare_run_dir
from tests.controller.build import LocalSite, data, local_site

ONE = [Member("web-1", 1)]
TWO = [Member("web-1", 1), Member("web-2", 2)]
Answer = Callable[[str], str]


class Played(HAProxy):
    """An HAProxy that is not there: what it is asked goes to `answer`; starts and reloads are counted."""

    def __init__(self, site: LocalSite, answer: Answer, monkeypatch: pytest.MonkeyPatch, slots: int = 0) -> None:
        super().__init__(site, slots)
        self.done: list[str] = []
        self.refusal: Exception | None = None
        self.asked: list[str] = []

        def ask(path: Path, command: str, _: float = 1.0) -> str:
            self.asked.append(f"{path.stem} {command}")
            return answer(f"{path.stem} {command}")

        for module in (haproxy, haproxy_sockets):
            monkeypatch.setattr(module, "ask", ask)
        monkeypatch.setattr(haproxy, "listens", lambda _: True)
        monkeypatch.setattr("time.sleep", lambda _: None)

    def _start(self) -> None:
        self.done.append("start")

    def _reload(self) -> None:
        if self.refusal:
            raise self.refusal
        self.done.append("reload")


@pytest.fixture
def site(tmp_path: Path) -> LocalSite:
    return local_site(tmp_path)


def alive(question: str) -> str:
    """A worker without old ones."""
    if question == "master show proc":
        return data("processes.txt")
    return data("statistics.txt") if question.startswith("haproxy show") else ""


def with_old_worker(question: str) -> str:
    """A fresh worker, and an old one that still has requests in flight."""
    if question == "master show proc":
        return data("processes_old.txt")
    if question.startswith("master @!16024 show"):
        return data("statistics_old_worker.txt")
    return data("statistics_reloaded.txt") if question.startswith(("haproxy show", "master @!16077 show")) else ""


def silent(question: str) -> str:
    raise ConnectionRefusedError(question)


def test_balancer_that_does_not_run_is_started(site: LocalSite, monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played(site, silent, monkeypatch)
    played.apply(ONE)
    assert played.done == ["start"]
    assert "server web-1 " in (site.run_dir / "haproxy.cfg").read_text()


def test_change_is_reloaded_once(site: LocalSite, monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played(site, alive, monkeypatch)
    for members in (ONE, ONE, TWO, TWO):
        played.apply(members)
    assert played.done == ["reload", "reload"]


def quietly(question: str) -> str:
    return "" if " set " in question else alive(question)


def test_with_slots_a_change_is_set_over_the_socket(site: LocalSite, monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played(site, quietly, monkeypatch, slots=3)
    assert [played.apply(members) for members in (ONE, TWO, TWO)] == ["reload", "runtime", "none"]
    played.asked.clear()
    assert played.apply(TWO[1:]) == "runtime"
    assert [asked for asked in played.asked if " set " in asked] == [
        "haproxy set server web/web-1 state maint;shutdown sessions server web/web-1",
        "haproxy set server web/web-1 state maint",
    ]
    text = (site.run_dir / "haproxy.cfg").read_text()
    assert [line.split()[1] for line in text.splitlines() if "server web" in line and "disabled" not in line] == [
        "web-2"
    ]


@pytest.mark.parametrize("drained", [False, True])
def test_server_that_goes_gets_nothing_more_before_the_reload_and_what_it_has_is_ended(
    site: LocalSite, monkeypatch: pytest.MonkeyPatch, drained: bool
) -> None:
    played = Played(site, quietly, monkeypatch)
    played.apply(TWO)
    if drained:
        played.drain("web-1")
    played.asked.clear()
    assert played.apply(TWO[1:]) == "reload"
    ended = [asked for asked in played.asked if "shutdown" in asked]
    assert ended == ["haproxy set server web/web-1 state maint;shutdown sessions server web/web-1"]


def test_after_a_setting_that_was_refused_the_next_change_reloads(
    site: LocalSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    played = Played(site, lambda asked: "No such server." if " set " in asked else alive(asked), monkeypatch, slots=3)
    played.apply(ONE)
    with pytest.raises(BalancerError, match=r"would not set servers: No such server\.$"):
        played.apply(TWO)
    assert played.apply(TWO) == "reload"


def test_refused_change_puts_the_file_back_and_is_tried_again(site: LocalSite, monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played(site, alive, monkeypatch)
    played.apply(ONE)
    before = (site.run_dir / "haproxy.cfg").read_text()
    played.refusal = BalancerError("no")
    with pytest.raises(BalancerError):
        played.apply(TWO)
    assert (site.run_dir / "haproxy.cfg").read_text() == before
    played.refusal = None
    played.apply(TWO)
    assert played.done == ["reload", "reload"]


def test_drain_reaches_the_worker_and_every_old_one(site: LocalSite, monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played(site, with_old_worker, monkeypatch)
    played.drain("web-1")
    command = "set server web/web-1 state maint"
    assert played.asked == [f"haproxy {command}", "master show proc", f"master @!16024 {command}"]


def test_drain_that_haproxy_refuses_says_why(site: LocalSite, monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played(site, lambda _: "No such server.\n\n", monkeypatch)
    with pytest.raises(BalancerError, match=r"would not drain web-9: No such server\.$"):
        played.drain("web-9")


def test_instance_that_drains_stays_disabled_over_a_reload(site: LocalSite, monkeypatch: pytest.MonkeyPatch) -> None:
    """The apply may have been ordered before the drain, and come after it."""
    played = Played(site, quietly, monkeypatch)
    played.drain("web-1")
    played.apply(TWO)
    text = (site.run_dir / "haproxy.cfg").read_text()
    assert [line.endswith("disabled") for line in text.splitlines() if "server web-" in line] == [True, False]


def test_next_instance_of_a_name_that_was_drained_is_not_disabled(
    site: LocalSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    played = Played(site, quietly, monkeypatch)
    played.drain("web-1")
    played.apply([])
    played.apply(ONE)
    assert "disabled" not in (site.run_dir / "haproxy.cfg").read_text()


def test_requests_in_flight_are_summed_over_all_workers(site: LocalSite, monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played(site, with_old_worker, monkeypatch)
    assert [played.in_flight(name) for name in ("web-1", "web-2", "web-3")] == [2, 1, 0]


def test_servers_of_the_running_back_end_are_told(site: LocalSite, monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played(site, with_old_worker, monkeypatch)
    monkeypatch.setattr(played, "masters", lambda: [16021])
    assert played.find() == Found(ready=frozenset({"web-1", "web-2"}), busy=frozenset({"web-1", "web-2"}), wanted=2)


def test_of_a_haproxy_that_is_gone_the_file_tells_how_many_servers_it_was_to_have(
    site: LocalSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    played = Played(site, quietly, monkeypatch, slots=4)
    monkeypatch.setattr(played, "masters", lambda: [])
    assert played.find() == Found()
    played.apply(TWO)
    played.drain("web-1")
    assert played.find() == Found(wanted=1)


def test_leaving_haproxy_finishes_its_requests_and_any_other_is_ended_before_the_next_starts(
    site: LocalSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, done = HAProxy(site), list[object]()
    monkeypatch.setattr(made, "_kill_all", lambda: done.append("killed"))
    monkeypatch.setattr(made, "_end", done.append)
    for somebody in (True, None):
        monkeypatch.setattr(haproxy, "listens", lambda _, somebody=somebody: somebody)
        made._make_way()
    assert done == ["killed", signal.SIGUSR1]


@pytest.mark.parametrize(
    "recorded", ["", "garbage", str(os.getpid()), str(2**22 + 1)], ids=["empty", "garbage", "ours", "beyond all"]
)
def test_recorded_pid_of_another_process_is_nobody_s(site: LocalSite, recorded: str) -> None:
    (site.run_dir / "haproxy.pid").write_text(recorded)
    assert HAProxy(site).master_pid() is None


def test_stopping_what_does_not_run_does_nothing(site: LocalSite) -> None:
    HAProxy(site).stop()


def test_attempts_end_with_the_first_result_and_bear_errors() -> None:
    results = iter([OSError("no"), ValueError("no"), None, 7])

    def attempt() -> int | None:
        result = next(results)
        if isinstance(result, Exception):
            raise result
        return result

    assert within(5.0, attempt, pause_s=0) == 7
    assert within(0.0, lambda: None) is None


def forgetful(answer: Answer, question: str) -> Answer:
    """Gives no answer to a question the first time it is asked."""
    missed: list[str] = []

    def answers(asked: str) -> str:
        if asked == question and not missed:
            missed.append(asked)
            raise TimeoutError("timed out")
        return answer(asked)

    return answers


def test_busy_balancer_is_not_started_anew(site: LocalSite, monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played(site, forgetful(alive, "haproxy show info"), monkeypatch)
    monkeypatch.setattr(played, "masters", lambda: [16021])
    played.apply(ONE)
    assert played.done == ["reload"]


def test_old_worker_that_does_not_answer_is_not_taken_for_idle(
    site: LocalSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    played = Played(site, lambda asked: "" if "@!" in asked else with_old_worker(asked), monkeypatch)
    try:
        in_flight = played.in_flight("web-1")
    except (OSError, ValueError, BalancerError):
        return
    assert in_flight != 0


def test_reload_that_ends_in_an_error_of_the_system_puts_the_file_back(
    site: LocalSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    played = Played(site, alive, monkeypatch)
    played.apply(ONE)
    before = (site.run_dir / "haproxy.cfg").read_text()
    played.refusal = FileNotFoundError("haproxy.log")
    with pytest.raises((OSError, BalancerError)):
        played.apply(TWO)
    assert (site.run_dir / "haproxy.cfg").read_text() == before


def test_haproxy_may_pass_the_run_directory_whatever_the_umask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.chown", lambda *_: None)
    monkeypatch.setattr("grp.getgrnam", lambda _: grp.getgrgid(0))
    before = os.umask(0o077)
    try:
        prepare_run_dir(LocalSite(folder=tmp_path))
    finally:
        os.umask(before)
    assert (tmp_path / "run").stat().st_mode & 0o777 == 0o710


def test_balancer_that_ends_while_servers_are_set_is_started_at_once(
    site: LocalSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    with subprocess.Popen(["sleep", "60"]) as master:

        def ending(question: str) -> str:
            if " set " not in question:
                return alive(question)
            master.kill()
            master.wait()
            raise ConnectionRefusedError(question)

        played = Played(site, ending, monkeypatch, slots=3)
        played.apply(ONE)
        played._known_pid = master.pid
        assert played.apply(TWO) == "start"
    assert played.done == ["reload", "start"]
    assert len([asked for asked in played.asked if " set " in asked]) == 1


def test_balancer_that_ends_while_it_reloads_is_started_at_once(
    site: LocalSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    played = Played(site, alive, monkeypatch)
    with subprocess.Popen(["true"]) as master:
        pass
    played._known_pid, played.refusal = master.pid, BalancerError("HAProxy refused to reload: it has ended")
    assert played.apply(ONE) == "start"
    played._known_pid = os.getpid()
    with pytest.raises(BalancerError, match="refused to reload"):
        played.apply(TWO)


def test_end_of_an_earlier_controller_s_balancer_is_noticed_while_it_reloads(
    site: LocalSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    played = Played(site, alive, monkeypatch)
    monkeypatch.setattr(played, "_is_ours", lambda _: True)
    with subprocess.Popen(["sleep", "60"]) as master:
        (site.run_dir / "haproxy.pid").write_text(str(master.pid))

        def ending() -> None:
            master.kill()
            master.wait()
            raise BalancerError("HAProxy refused to reload: it has ended")

        monkeypatch.setattr(played, "_reload", ending)
        assert played.apply(ONE) == "start"
