"""Runs of Locust with the locustfile of the step, against a tiny server on the loopback interface."""

from collections import Counter
from pathlib import Path

import pytest

from tests.loadgen.servers import tiny_server
from tests.loadgen.test_ramp import RAMP, locust, rows_of

STEP = RAMP.with_name("step.py")


def test_a_run_sends_the_whole_step_and_ends_by_itself(tmp_path: Path) -> None:
    with tiny_server() as server:
        options = ("--host", server.url, "--high", "50", "--before", "2", "--duration", "4")
        done = locust(tmp_path, *options, "--requests-csv", "r.csv", file=STEP)
    rows = rows_of(tmp_path / "r.csv")
    assert done.returncode == 0, done.stderr
    assert Counter(row["outcome"] for row in rows) == {"served": 110}
    due_s = sorted(float(row["due_s"]) for row in rows)
    assert due_s[9] - due_s[0] == pytest.approx(1.8, abs=0.01)
    assert due_s[-1] - due_s[10] == pytest.approx(1.98, abs=0.01)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--high", "-1"], "error: --high '-1' is not legal: a number from 0 to 10000 requests/s is"),
        (["--before", "30"], "error: --before 30 is not legal: at most --duration, which is 20, is"),
    ],
)
def test_a_bad_option_is_one_clear_line_and_code_2(tmp_path: Path, options: list[str], message: str) -> None:
    done = locust(tmp_path, *options, file=STEP)
    lines = [line for line in done.stderr.splitlines() if "/INFO/" not in line]
    assert done.returncode == 2
    assert len(lines) == 1
    assert message in lines[0]


def test_an_environment_variable_sets_an_option(tmp_path: Path) -> None:
    done = locust(tmp_path, LOADGEN_HIGH="much", file=STEP)
    assert "error: --high 'much' is not legal" in done.stderr
