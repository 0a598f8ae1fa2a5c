"""Runs of Locust with our files, against a tiny server on the loopback interface."""

import signal
import socket
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from loadgen.load import OpenLoad, parse_load, read_load
from tests.loadgen.locusts import complaints, due_s, locust, outcomes, rows_of, start
from tests.loadgen.servers import tiny_server


def test_a_run_sends_the_whole_ramp_and_ends_by_itself(tmp_path: Path) -> None:
    with tiny_server() as server:
        done = locust(
            tmp_path, "ramp", "--host", server.url, "--peak", "40", "--duration", "6", "--requests-csv", "r.csv"
        )  # fmt: skip
    rows = rows_of(tmp_path / "r.csv")
    assert done.returncode == 0, done.stderr
    assert len(rows) == 135
    assert outcomes(rows) == {"served": 135}
    assert server.statuses.total() == 135
    assert server.statuses[404] == 0
    assert all(float(row["due_s"]) <= float(row["sent_s"]) <= float(row["done_s"]) for row in rows)
    assert "served 135 (100.00 %)   rejected (429) 0   failed 0   dropped 0" in done.stdout
    assert "latency from the due time, ms: p50" in done.stdout


def test_rejected_requests_are_counted_apart_and_are_no_error_of_the_run(tmp_path: Path) -> None:
    with tiny_server(rejects=True) as server:
        done = locust(
            tmp_path, "ramp", "--host", server.url, "--peak", "40", "--duration", "4", "--requests-csv", "r.csv",
            LOADGEN_ARRIVALS="even", LOADGEN_INTEGRAL_SHARE="0.5",
        )  # fmt: skip
    rows = rows_of(tmp_path / "r.csv")
    assert done.returncode == 0, done.stderr
    assert Counter(row["status"] for row in rows if row["outcome"] == "rejected") == {"429": 30}
    assert outcomes(rows) == {"served": 60, "rejected": 30}
    assert server.statuses[404] == 0
    assert "rejected (429) 30   failed 0" in done.stdout
    assert "Traceback" not in done.stderr


def test_a_server_that_is_not_there_is_code_1_and_a_hint(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    done = locust(
        tmp_path, "ramp", "--host", f"http://127.0.0.1:{port}", "--duration", "1", "--arrivals", "poisson",
        "--peak", "20",
    )  # fmt: skip
    assert done.returncode == 1
    assert "failures: connection refused" in done.stdout
    assert "nothing was served" in done.stdout
    assert "is the controller running" in done.stdout


def test_arrivals_beyond_the_bound_are_dropped_and_a_silent_server_times_out(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        done = locust(
            tmp_path, "ramp", "--host", f"http://127.0.0.1:{silent.getsockname()[1]}", "--low", "10", "--peak", "10",
            "--duration", "1", "--max-in-flight", "2", "--request-timeout", "3", "--requests-csv", "r.csv",
        )  # fmt: skip
    rows = rows_of(tmp_path / "r.csv")
    assert done.returncode == 1
    assert Counter((row["outcome"], row["error"]) for row in rows) == {("failed", "timeout"): 2, ("dropped", ""): 8}
    assert "OFF SCHEDULE" in done.stdout
    assert "8 dropped" in done.stdout


def test_an_interrupt_ends_the_run_with_the_summary_of_what_was_done(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    with (
        tiny_server() as server,
        start(tmp_path, "ramp", "--duration", "60", "--host", server.url, "--requests-csv", "r.csv") as process,
    ):
        deadline_s = time.monotonic() + 20
        while time.monotonic() < deadline_s and not (path.exists() and path.read_text().count("\n") > 3):
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=20)
    assert process.returncode == 0, stderr
    assert "interrupted after" in stdout
    assert stdout.count("offered") == 1
    assert len(rows_of(path)) > 2


SHORT: dict[str, dict[str, float]] = {
    "constant": {"rate": 20},
    "ramp": {"peak": 30},
    "step": {"high": 40, "before": 0.5, "high-s": 0.1},
    "spike": {"peak": 60, "before": 0.5, "up": 0.1, "hold": 0.5, "down": 0.2},
    "square": {"high": 30, "period": 1, "high-share": 0.3},
    "triangle": {"peak": 30, "period": 1},
    "sine": {"peak": 30, "period": 1},
    "double_wave": {"peak": 60, "second": 30},
    "onoff": {"high": 30, "on": 0.5, "off": 0.5},
    "noise": {"mean": 30, "spread": 20, "interval": 0.2},
}
FIELDS = {"high-s": "high_s", "high-share": "high_share", "before": "before_s", "up": "up_s", "hold": "hold_s",
          "down": "down_s", "period": "period_s", "on": "on_s", "off": "off_s", "interval": "interval_s"}  # fmt: skip


@pytest.mark.parametrize("shape", SHORT)
def test_each_shape_s_file_sends_the_schedule_of_its_load(tmp_path: Path, shape: str) -> None:
    options = {**SHORT[shape], "duration": 1.2, "seed": 3}
    document = {FIELDS.get(name, f"{name}_rps"): value for name, value in SHORT[shape].items()}
    load = parse_load({"shape": shape, **document, "duration_s": 1.2, "seed": 3})
    assert isinstance(load, OpenLoad)
    flags = [f"--{name}={value}" for name, value in options.items()]
    with tiny_server() as server:
        done = locust(tmp_path, shape, "--host", server.url, "--requests-csv", "r.csv", *flags)
    assert done.returncode == 0, done.stderr
    same_schedule(due_s(rows_of(tmp_path / "r.csv")), list(load.due_times()))
    assert server.statuses.total() == len(list(load.due_times())) > 5


def same_schedule(due_s: list[float], wanted_s: list[float]) -> None:
    """Requests were due at these times, whatever the origin."""
    assert len(due_s) == len(wanted_s)
    gaps_s, wanted_gaps_s = ([later_s - t_s for t_s, later_s in pairwise(times_s)] for times_s in (due_s, wanted_s))
    assert gaps_s == pytest.approx(wanted_gaps_s, abs=1e-5)


def test_a_trace_is_replayed(tmp_path: Path) -> None:
    (tmp_path / "trace.csv").write_text("minute,requests\n0,10\n1,40\n3,20\n")
    with tiny_server() as server:
        options = ("--host", server.url, "--file", "trace.csv", "--speed", "120", "--peak", "40")
        done = locust(tmp_path, "trace", *options, "--requests-csv", "r.csv")
    assert done.returncode == 0, done.stderr
    found_s = due_s(rows_of(tmp_path / "r.csv"))
    origin_s = min(found_s) - 0.1 + 1e-4  # a little later, so that what is due at the end of an interval is in it
    assert len(found_s) == 35
    assert [sum(start <= t_s - origin_s < start + 0.5 for t_s in found_s) for start in (0, 0.5, 1, 1.5)] == [
        5, 20, 0, 10,
    ]  # fmt: skip


def test_a_load_s_document_is_offered_as_it_is(tmp_path: Path) -> None:
    document = "{shape: then, of: [{shape: sine, peak_rps: 30, period_s: 1, duration_s: 1}, {shape: product, of: [0.5,"
    document += " {shape: noise, mean_rps: 40, duration_s: 1}]}], arrivals: poisson, seed: 5, integral_share: 1}"
    (tmp_path / "load.yaml").write_text(document)
    with tiny_server() as server:
        done = locust(tmp_path, "given", "--host", server.url, "--load", "load.yaml", "--requests-csv", "r.csv")
    assert done.returncode == 0, done.stderr
    rows = rows_of(tmp_path / "r.csv")
    load = read_load(tmp_path / "load.yaml")
    assert isinstance(load, OpenLoad)
    same_schedule(due_s(rows), list(load.due_times()))
    assert {row["kind"] for row in rows} == {"integral"}


def test_closed_loop_users_wait_for_each_response(tmp_path: Path) -> None:
    options = ("--users", "3", "--think", "0.2", "--duration", "2", "--requests-csv", "r.csv")
    with tiny_server() as server:
        done = locust(tmp_path, "closed", "--host", server.url, *options)
    rows = rows_of(tmp_path / "r.csv")
    assert done.returncode == 0, done.stderr
    assert outcomes(rows) == {"served": len(rows)}
    assert 3 < len(rows) <= 3 * 10
    assert all(row["due_s"] == row["sent_s"] for row in rows)
    starts = [(float(row["sent_s"]), 1) for row in rows] + [(float(row["done_s"]), -1) for row in rows]
    in_flight = 0
    for _, change in sorted(starts):
        in_flight += change
        assert in_flight <= 3


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("ramp", ["--low", "much"], "error: --low 'much' is not legal: a number from 0 to 1000 requests/s is"),
        ("ramp", ["--low", "9", "--peak", "8"], "error: --low 9 is above --peak 8"),
        ("step", ["--before", "30"], "error: --before 30 is above --duration 20"),
        ("ramp", ["--requests-csv", "no/such/folder/r.csv"], "cannot be written: No such file or directory"),
        ("ramp", ["--host", "ftp://x"], "error: --host 'ftp://x' is not legal: a URL that starts with http:// is"),
        ("trace", [], "error: --file is missing: a path is legal"),
        ("given", ["--load", "none.yaml"], "error: none.yaml: No such file or directory"),
        ("closed", ["--users", "0"], "error: --users '0' is not legal: an integer from 1 to 1000 is"),
        ("ramp", ["--low", "much", "--processes", "2"], "error: --low 'much' is not legal"),
    ],
)
def test_a_bad_option_is_one_clear_line_and_code_2(
    tmp_path: Path, name: str, options: list[str], message: str
) -> None:
    done = locust(tmp_path, name, *options)
    lines = complaints(done.stderr)
    assert done.returncode == 2
    assert len(lines) == 1
    assert message in lines[0]


def test_a_bad_environment_variable_is_refused_like_the_option(tmp_path: Path) -> None:
    done = locust(tmp_path, "ramp", LOADGEN_SEED="-1")
    assert done.returncode == 2
    assert "--seed '-1' is not legal: an integer from 0 to 4294967295 is" in done.stderr
