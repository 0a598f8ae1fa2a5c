"""Runs of Locust with the locustfile, against a tiny server on the loopback interface."""

import csv
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.loadgen.servers import tiny_server

RAMP = Path(__file__).parents[2] / "loadgen" / "ramp.py"


def locust(folder: Path, *options: str, file: Path = RAMP, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Locust with the locustfile and `options`, in another folder than the repository's."""
    command = [sys.executable, "-m", "locust", "-f", str(file), "--headless", "--only-summary", *options]
    variables = {**os.environ, **environment}
    return subprocess.run(
        command, cwd=folder, env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip


def rows_of(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_run_sends_the_whole_ramp_and_ends_by_itself(tmp_path: Path) -> None:
    with tiny_server() as server:
        done = locust(
            tmp_path, "--host", server.url, "--peak", "40", "--duration", "6", "--requests-csv", "r.csv"
        )  # fmt: skip
    rows = rows_of(tmp_path / "r.csv")
    assert done.returncode == 0, done.stderr
    assert len(rows) == 135
    assert Counter(row["outcome"] for row in rows) == {"served": 135}
    assert server.statuses.total() == 135
    assert server.statuses[404] == 0
    assert all(float(row["due_s"]) <= float(row["sent_s"]) <= float(row["done_s"]) for row in rows)
    assert "served 135 (100.00 %)   rejected (429) 0   failed 0   dropped 0" in done.stdout
    assert "latency from the due time, ms: p50" in done.stdout


def test_rejected_requests_are_counted_apart_and_are_no_error_of_the_run(tmp_path: Path) -> None:
    with tiny_server(rejects=True) as server:
        done = locust(
            tmp_path, "--host", server.url, "--peak", "40", "--duration", "4", "--requests-csv", "r.csv",
            LOADGEN_ARRIVALS="even", LOADGEN_INTEGRAL_SHARE="0.5",
        )  # fmt: skip
    rows = rows_of(tmp_path / "r.csv")
    assert done.returncode == 0, done.stderr
    assert Counter(row["status"] for row in rows if row["outcome"] == "rejected") == {"429": 30}
    assert Counter(row["outcome"] for row in rows) == {"served": 60, "rejected": 30}
    assert server.statuses[404] == 0
    assert "rejected (429) 30   failed 0" in done.stdout
    assert "Traceback" not in done.stderr


def test_a_server_that_is_not_there_is_code_1_and_a_hint(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    done = locust(
        tmp_path, "--host", f"http://127.0.0.1:{port}", "--duration", "1", "--arrivals", "poisson", "--peak", "20"
    )  # fmt: skip
    assert done.returncode == 1
    assert "failures: connection refused" in done.stdout
    assert "nothing was served" in done.stdout
    assert "is the controller running" in done.stdout


def test_arrivals_beyond_the_bound_are_dropped_and_a_silent_server_times_out(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        done = locust(
            tmp_path, "--host", f"http://127.0.0.1:{silent.getsockname()[1]}", "--low", "10", "--peak", "10",
            "--duration", "1", "--max-in-flight", "2", "--request-timeout", "3", "--requests-csv", "r.csv",
        )  # fmt: skip
    rows = rows_of(tmp_path / "r.csv")
    assert done.returncode == 1
    assert Counter((row["outcome"], row["error"]) for row in rows) == {("failed", "timeout"): 2, ("dropped", ""): 8}
    assert "OFF SCHEDULE" in done.stdout
    assert "8 dropped" in done.stdout


def test_an_interrupt_ends_the_run_with_the_summary_of_what_was_done(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    command = [sys.executable, "-m", "locust", "-f", str(RAMP), "--headless", "--only-summary", "--duration", "60"]
    with (
        tiny_server() as server,
        subprocess.Popen(
            [*command, "--host", server.url, "--requests-csv", str(path)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as process,
    ):  # fmt: skip
        deadline_s = time.monotonic() + 20
        while time.monotonic() < deadline_s and not (path.exists() and path.read_text().count("\n") > 3):
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=20)
    assert process.returncode == 0, stderr
    assert "interrupted after" in stdout
    assert stdout.count("offered") == 1
    assert len(rows_of(path)) > 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--low", "much"], "error: --low 'much' is not legal: a number from 0 to 10000 requests/s is"),
        (["--low", "9", "--peak", "8"], "error: --low 9 is not legal: at most --peak, which is 8, is"),
        (["--requests-csv", "no/such/folder/r.csv"], "cannot be written: No such file or directory"),
    ],
)
def test_a_bad_option_is_one_clear_line_and_code_2(tmp_path: Path, options: list[str], message: str) -> None:
    done = locust(tmp_path, *options)
    lines = [line for line in done.stderr.splitlines() if "/INFO/" not in line]
    assert done.returncode == 2
    assert len(lines) == 1
    assert message in lines[0]


def test_a_bad_environment_variable_is_refused_like_the_option(tmp_path: Path) -> None:
    done = locust(tmp_path, LOADGEN_SEED="-1")
    assert done.returncode == 2
    assert "--seed '-1' is not legal: an integer from 0 to 4294967295 is" in done.stderr
