"""One benchmark for real: HAProxys of its own, no container."""

import json
import subprocess
from pathlib import Path

import pytest

from experiments.bench import change
from tests.host.testbed import PYTHON, run

pytestmark = pytest.mark.usefixtures("nothing_left")


def test_a_quick_benchmark_leaves_its_samples_and_nothing_else(tmp_path: Path) -> None:
    command = (PYTHON, "-m", "experiments", "bench", "--quick", "--only", "change", "--results", str(tmp_path))
    try:
        done = run(*command, seconds=150)
    except subprocess.TimeoutExpired:  # it was killed
        change.clean()
        raise
    assert done.returncode == 0, done.stdout + done.stderr
    (file,) = tmp_path.glob("bench-*/bench.json")
    record = json.loads(file.read_text())
    assert (record["status"], record["quick"]) == ("complete", True)
    series = [each for each in record["benchmarks"][0]["series"] if each["what"].startswith("change of one server")]
    assert {each["way"] for each in series} == {"reload, 1", "runtime, 1", "reload, 50", "runtime, 50"}
    assert all(each["median"] > 0 for each in series)
    assert "all samples lie in" in done.stdout
