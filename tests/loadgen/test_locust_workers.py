"""Locust with more than one process, and with its web interface, against a tiny server on the loopback interface."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from loadgen.arrivals import due_times
from loadgen.mix import RequestMix
from loadgen.shapes import ramp
from tests.loadgen.locusts import FOLDER, LONGEST_S, Row, due_s, free_port, locust, outcomes, rows_of, start
from tests.loadgen.servers import tiny_server

RAMP = ("--low", "5", "--peak", "60", "--duration", "2")
COUNT = 65


def until(claim: Callable[[], Any], longest_s: float = 30) -> None:
    """Wait until the claim is true."""
    deadline_s = time.monotonic() + longest_s
    while not claim():
        assert time.monotonic() < deadline_s
        time.sleep(0.1)


def parts(folder: Path, count: int) -> list[list[Row]]:
    """The rows of each worker."""
    assert sorted(folder.glob("r*.csv")) == [folder / f"r.worker-{index}.csv" for index in range(count)]
    return [rows_of(folder / f"r.worker-{index}.csv") for index in range(count)]


def schedule_is_whole(workers: list[list[Row]]) -> None:
    """Each arrival of RAMP was due once, and the workers took turns."""
    rows = [row for part in workers for row in part]
    wanted_s = list(due_times(ramp(5, 60, 2), "even", 1))
    origin_s = due_s(rows)[0] - wanted_s[0]
    for index, part in enumerate(workers):
        offsets_s = [t_s - origin_s for t_s in due_s(part)]
        assert offsets_s == pytest.approx(wanted_s[index :: len(workers)], abs=1e-5)


def test_processes_share_one_schedule_and_one_mix_and_the_master_sums_up(tmp_path: Path) -> None:
    options = (*RAMP, "--integral-share", "0.5", "--processes", "3", "--requests-csv", "r.csv")
    with tiny_server() as server:
        done = locust(tmp_path, "ramp", "--host", server.url, *options)
    assert done.returncode == 0, done.stderr
    workers = parts(tmp_path, 3)
    schedule_is_whole(workers)
    rows = sorted((row for part in workers for row in part), key=lambda row: float(row["due_s"]))
    mix = RequestMix(1, 0.5)
    assert [row["kind"] == "integral" for row in rows] == [mix.draw().kind == "integral" for _ in rows]
    assert server.statuses.total() == COUNT
    assert server.statuses[404] == 0
    assert outcomes(rows) == {"served": COUNT}
    assert done.stdout.count("offered 65 (32.5/s)   served 65 (100.00 %)") == 1
    assert "Traceback" not in done.stderr


def test_a_master_and_workers_of_their_own(tmp_path: Path) -> None:
    """The workers need none of the options."""
    port = str(free_port())
    with tiny_server() as server:
        options = ("--master", "--expect-workers", "2", "--master-bind-port", port, "--requests-csv", "r.csv")
        with (
            start(tmp_path, "ramp", "--host", server.url, *RAMP, *options) as master,
            start(tmp_path, "ramp", "--worker", "--master-port", port) as one,
            start(tmp_path, "ramp", "--worker", "--master-port", port) as other,
        ):
            stdout, stderr = master.communicate(timeout=60)
            assert [process.wait(20) for process in (one, other)] == [0, 0]
    assert master.returncode == 0, stderr
    schedule_is_whole(parts(tmp_path, 2))
    assert server.statuses.total() == COUNT
    assert "served 65 (100.00 %)" in stdout


def test_closed_loop_users_are_shared_too(tmp_path: Path) -> None:
    once = ("--think", "10", "--duration", "4")
    options = ("--users", "5", *once, "--processes", "2", "--requests-csv", "r.csv")
    with tiny_server() as server:
        done = locust(tmp_path, "closed", "--host", server.url, *options)
    assert done.returncode == 0, done.stderr
    three, two = parts(tmp_path, 2)
    assert (len(three), len(two), server.statuses.total()) == (3, 2, 5)


def test_workers_that_serve_nothing_are_code_1_of_the_master(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    done = locust(tmp_path, "constant", "--host", url, "--duration", "1", "--processes", "2")
    assert done.returncode == 1
    assert "nothing was served" in done.stdout
    assert "failures: connection refused 20" in done.stdout


@pytest.mark.parametrize(
    ("number", "kill"),
    [(signal.SIGINT, os.killpg), (signal.SIGINT, os.kill), (signal.SIGTERM, os.kill)],
    ids=["Ctrl-C", "SIGINT to the master", "SIGTERM to the master"],
)
def test_an_interrupt_ends_all_processes_and_the_master_sums_up_what_was_done(
    tmp_path: Path, number: int, kill: Callable[[int, int], None]
) -> None:
    with (
        tiny_server() as server,
        start(tmp_path, "constant", "--host", server.url, "--duration", "60", "--processes", "2", "--requests-csv",
              "r.csv") as master,
    ):  # fmt: skip
        until(lambda: server.statuses.total() > 20)
        kill(master.pid, number)
        stdout, stderr = master.communicate(timeout=30)  # the workers have the same pipes
    rows = [row for part in parts(tmp_path, 2) for row in part]
    assert stdout.count("interrupted after") == 1, stderr
    found = re.search(r"offered (\d+) ", stdout)
    assert found
    assert int(found[1]) == len(rows) >= server.statuses.total()
    assert "told nothing" not in stdout


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_worker_that_dies_makes_the_run_incomplete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOADGEN_REQUEST_TIMEOUT", "0.5")
    with (
        tiny_server() as server,
        start(tmp_path, "constant", "--host", server.url, "--duration", "3", "--processes", "2") as master,
    ):
        until(lambda: server.statuses.total() > 5)
        os.kill(children_of(master.pid)[0], signal.SIGKILL)
        stdout, _ = master.communicate(timeout=60)
    assert master.returncode == 1
    assert "workers that told nothing of their part: 1" in stdout
    assert "interrupted after" in stdout


ELSEWHERE = """
import sys
from pathlib import Path
from locust.main import main
from loadgen import posts
posts.BOOT_ID = Path("/proc/version")
sys.argv[0] = "locust"
main()
"""


def test_a_worker_on_another_machine_is_refused(tmp_path: Path) -> None:
    port = str(free_port())
    options = ("--master", "--expect-workers", "1", "--master-bind-port", port)
    with start(tmp_path, "ramp", *options) as master:
        file = ["-f", str(FOLDER / "ramp.py"), "--worker", "--master-port", port]
        worker = subprocess.run(
            [sys.executable, "-c", ELSEWHERE, *file], cwd=FOLDER.parent, capture_output=True, timeout=60, check=False
        )
        _, stderr = master.communicate(timeout=30)
    assert (master.returncode, worker.returncode) == (1, 0)
    assert "is on another machine than the master, where its clock is not known" in stderr


def test_a_worker_that_cannot_write_its_part_ends_the_run(tmp_path: Path) -> None:
    port = str(free_port())
    (tmp_path / "out").mkdir()
    (tmp_path / "elsewhere").mkdir()
    options = ("--master", "--expect-workers", "2", "--master-bind-port", port, "--requests-csv", "out/r.csv")
    with (
        tiny_server() as server,
        start(tmp_path, "constant", "--host", server.url, "--duration", "50", *options) as master,
        start(tmp_path, "constant", "--worker", "--master-port", port),
        start(tmp_path / "elsewhere", "constant", "--worker", "--master-port", port),
    ):
        stdout, stderr = master.communicate(timeout=LONGEST_S)
    assert master.returncode == 1
    assert re.search(r"worker \S+: out/r\.worker-\d\.csv: No such file or directory", stderr)
    assert "interrupted after" in stdout


def swarm(url: str, **fields: object) -> None:
    """Press the web interface's button."""
    answer = requests.post(f"{url}/swarm", data={"user_count": 1, "spawn_rate": 1, **fields}, timeout=10)
    assert answer.json()["success"], answer.text


def is_up(url: str) -> bool:
    try:
        return requests.get(f"{url}/stats/requests", timeout=5).ok
    except requests.ConnectionError:
        return False


def state(url: str) -> str:
    return str(requests.get(f"{url}/stats/requests", timeout=5).json()["state"])


@pytest.mark.parametrize("processes", [(), ("--processes", "2")], ids=["one process", "two workers"])
def test_with_the_web_interface_each_press_of_start_is_a_run(tmp_path: Path, processes: tuple[str, ...]) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    web = ("--web-port", str(port))
    with tiny_server() as server, start(tmp_path, "ramp", "--host", server.url, *web, *processes) as process:
        until(lambda: is_up(url))
        if processes:
            until(lambda: requests.get(f"{url}/stats/requests", timeout=5).json()["workers"][1:])
        for count in (65, 130):
            before = server.statuses.total()
            swarm(url, low="5", peak="60", duration=str(count / 32.5), arrivals="even")
            until(lambda: state(url) != "stopped")
            until(lambda: state(url) == "stopped")
            assert server.statuses.total() - before == count
        swarm(url, low="much")
        until(lambda: "'much' is not legal" in requests.get(f"{url}/logs", timeout=5).text)
        until(lambda: state(url) == "stopped")
        process.terminate()
        stdout, stderr = process.communicate(timeout=30)
    assert f"Starting web interface at {url}" in stderr  # on loopback alone, unless told otherwise
    assert "served 130 (100.00 %)" in stdout
    assert "served 65 (100.00 %)" in stdout
    assert "--low 'much' is not legal: a number from 0 to 1000 requests/s is" in stderr
