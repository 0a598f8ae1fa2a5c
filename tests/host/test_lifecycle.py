"""Start, stop, crash and adoption on real containers."""

import signal
import socket
import subprocess
import threading
from pathlib import Path

import pytest
import requests

from controller.loop import TELL_S
from tests.host import wounds
from tests.host.story import now_s, since
from tests.host.testbed import (
    PYTHON,
    ROOT,
    STATS,
    URL,
    Testbed,
    answers,
    clean_host,
    left_behind,
    policy,
    run,
    running,
    until,
)  # fmt: skip

pytestmark = pytest.mark.usefixtures("nothing_left")


class Client:
    """Asks for something steadily on one keep-alive connection after another; remembers everything but success."""

    def __init__(self) -> None:
        self.sent = 0
        self.bad: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> "Client":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _ask(self) -> None:
        session = requests.Session()
        while not self._stop.wait(0.01):
            self.sent += 1
            try:
                status = session.get(f"{URL}/integral/0/1?n_max=10", timeout=5).status_code
            except requests.RequestException as error:
                self.bad.append(repr(error))
            else:
                self.bad += [str(status)] if status != 200 else []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_the_controller_and_leaves_nothing(number: signal.Signals, tmp_path: Path) -> None:
    with running(tmp_path, policy(minimum=2), instances=2) as testbed:
        assert requests.put(f"{URL}/objs/kept-{number}", data=b"x", timeout=5).status_code == 201
        assert left_behind() != []
        assert testbed.stop(number) == 0
    assert testbed.events()[-1]["event"] == "stop"
    assert len(list((tmp_path.parent / "objects").rglob(f"kept-{number}"))) == 1


def test_signal_during_boot_leaves_nothing(tmp_path: Path) -> None:
    testbed = Testbed(tmp_path, policy(minimum=4)).start()
    until(lambda: Path("/var/lib/lxc/tidebed-web-1").exists(), what="the first clone begins")
    assert testbed.stop() == 0


def test_killed_controller_is_replaced_without_a_failed_request(tmp_path: Path) -> None:
    with Client() as client:
        first = Testbed(tmp_path / "first", policy(minimum=3)).start().await_service(3)
        client.bad.clear()  # what was asked before the service was up
        first.kill()
        begun = client.sent
        until(lambda: client.sent > begun + 50, what="HAProxy goes on serving")
        with running(tmp_path / "second", policy(minimum=3), instances=3) as second:
            sent = client.sent
            until(lambda: client.sent > sent + 50)
            assert not [event for event in second.events("instance") if event["phase"] == "BOOTING"]
            assert client.bad == []


def test_clone_that_a_killed_controller_left_half_done_is_adopted_or_removed(tmp_path: Path) -> None:
    first = Testbed(tmp_path / "first", policy(minimum=4)).start()
    until(lambda: Path("/var/lib/lxc/tidebed-web-2").exists(), what="the clones begin")
    first.kill()
    with running(tmp_path / "second", policy(minimum=2), instances=2) as second:
        until(lambda: second.events("tick")[-1]["booting"] == 0)
        assert len(list(Path("/var/lib/lxc").glob("tidebed-web-*"))) <= 4


def test_container_whose_monitor_hangs_does_not_keep_the_next_controller(tmp_path: Path) -> None:
    first = Testbed(tmp_path / "first", policy(minimum=2)).start().await_service(2)
    first.kill()
    wounds.kill_under_lxc_that_hangs("web-1")
    with running(tmp_path / "second", policy(minimum=2), instances=2) as second:
        until(lambda: not Path("/var/lib/lxc/tidebed-web-1").exists())
        assert second.in_service() == 2


def test_instance_that_chatters_does_not_fill_memory(tmp_path: Path) -> None:
    with running(tmp_path, policy()):
        (config,) = Path("/run/tidebed/instances").glob("*.conf")
        assert "lxc.console.size = auto\n" in config.read_text()
        console = Path(f"/proc/{wounds.first_pid('web-1')}/fd/1")
        for _ in range(40):
            console.write_bytes(b"chatter " * 1000 + b"\n")
        until(lambda: config.with_suffix(".console").stat().st_size > 0)
        assert config.with_suffix(".console").stat().st_size <= 128 * 1024


def test_second_controller_is_refused(tmp_path: Path) -> None:
    with running(tmp_path / "first", policy()):
        second = Testbed(tmp_path / "second", policy()).start()
        assert second.process.wait(20) == 1
        assert "another controller runs" in second.log.read_text()
        until(lambda: answers(URL + "/healthz"))


def test_clean_host_removes_everything_of_a_running_testbed_and_can_run_twice(tmp_path: Path) -> None:
    with running(tmp_path, policy(minimum=2), instances=2) as testbed:
        clean_host()
        assert testbed.process.wait(10) == 0
    assert left_behind() == []
    clean_host()


def test_clean_host_removes_what_a_killed_controller_left(tmp_path: Path) -> None:
    with running(tmp_path, policy(minimum=2), instances=2) as testbed:
        testbed.kill()
        assert left_behind() != []
        clean_host()
        assert left_behind() == []


def test_dead_instance_is_replaced(tmp_path: Path) -> None:
    with running(tmp_path, policy(minimum=2), instances=2) as testbed:
        assert run("lxc-stop", "-n", "tidebed-web-1", "-k").returncode == 0
        until(lambda: any(e["instance"] == "web-1" and e["phase"] == "FAILED" for e in testbed.events("instance")), 10)
        until(lambda: any(e["instance"] == "web-3" and e["phase"] == "IN_SERVICE" for e in testbed.events("instance")))
        until(lambda: answers(URL + "/healthz"))


def test_taken_port_is_told_in_one_line_before_any_work(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 18080)):
        testbed = Testbed(tmp_path, policy()).start()
        assert testbed.process.wait(20) == 1
    assert testbed.log.read_text().count("\n") == 1
    assert "--entry 127.0.0.1:18080: Address already in use" in testbed.log.read_text()


def test_dry_run_decides_and_touches_nothing(tmp_path: Path) -> None:
    with running(tmp_path, policy()) as testbed:
        before = run("lxc-ls", "-1").stdout
        (tmp_path / "greedy.yaml").write_text(
            "policy: {rules: [{when: {metric: offered_rps, above: -1}, then: {add: 5}}]}\ntick_s: 0.1\n"
        )
        command = [PYTHON, "-m", "controller", "--dry-run", "--policy", str(tmp_path / "greedy.yaml")]
        with (tmp_path / "dry.log").open("w") as log, subprocess.Popen(command, stderr=log) as dry:
            until(lambda: "would grow to 6" in (tmp_path / "dry.log").read_text())
            dry.send_signal(signal.SIGINT)
            assert dry.wait(30) == 0
        assert run("lxc-ls", "-1").stdout == before
        assert testbed.in_service() == 1


def test_statistics_page_shows_the_fleet(tmp_path: Path) -> None:
    with running(tmp_path, policy(minimum=2), instances=2):
        table = requests.get(f"http://{STATS}/stats;csv", timeout=5).text
        assert "web,web-1," in table
        assert "web,web-2," in table


def test_sockets_and_folders_are_roots_alone(tmp_path: Path) -> None:
    with running(tmp_path, policy()):
        assert oct(Path("/run/tidebed").stat().st_mode)[-3:] == "710"
        assert oct(Path("/run/tidebed/admin").stat().st_mode)[-3:] == "700"
        assert all(oct(path.stat().st_mode)[-3:] == "600" for path in Path("/run/tidebed/admin").iterdir())


def test_controller_starts_from_outside_the_environment() -> None:
    done = run("/usr/bin/python3", "-m", "controller", "--policy", str(ROOT / "rules.yaml"), "--check")
    assert done.returncode == 0
    assert "the policy is valid" in done.stdout


def test_log_tells_a_sentence_a_second_and_the_journal_every_tick_s(tmp_path: Path) -> None:
    with running(tmp_path, policy()) as testbed:
        until(lambda: len(testbed.events("tick")) > 12, what="thirteen ticks of 0.2 s")
        until(lambda: "; 1 in service" in testbed.log.read_text())
        told = [line for line in testbed.log.read_text().splitlines() if "hold 1: " in line]
        ticks = testbed.events("tick")
        assert 2 <= len(told) <= (ticks[-1]["t_s"] - ticks[0]["t_s"]) / TELL_S + 2
        assert "1 in service" in told[-1]
        assert all(tick["sentence"].startswith("hold 1: ") for tick in ticks)


def test_instances_with_other_settings_are_not_adopted_but_told(tmp_path: Path) -> None:
    with running(tmp_path / "first", policy()) as first:
        first.kill()
        second = Testbed(tmp_path / "first", policy(rate_limit=7)).start()
        assert second.process.wait(20) == 1
        assert "web-1 run with other settings" in second.log.read_text()
        until(lambda: answers(URL + "/healthz"))
        clean_host()


def test_balancer_that_is_killed_is_started_again_with_the_same_fleet(tmp_path: Path) -> None:
    with running(tmp_path, policy(minimum=2), instances=2) as testbed:
        begun_s = now_s(testbed)
        wounds.kill_master()
        until(lambda: since(testbed, begun_s, "apply", how="start"), what="HAProxy is started again")
        until(lambda: answers(URL + "/healthz"), what="HAProxy is back")
        assert requests.get(f"http://{STATS}/stats;csv", timeout=5).text.count(",UP,") >= 2
