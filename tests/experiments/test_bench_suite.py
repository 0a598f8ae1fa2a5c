"""The suite's choice of benchmarks, its record, and its command line; with benchmarks that measure nothing."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from experiments import cli
from experiments.bench import docker, suite
from experiments.bench.model import Benchmark, Context, Series
from experiments.processes import RunError


def measured(context: Context) -> list[Series]:
    context.note("quick" if context.quick else "thorough")
    return [Series("a", "time", "ms", (1.0, 2.0, 4.0))]


def broken(_: Context) -> list[Series]:
    raise RunError("the controller ended: no template")


def interrupted(_: Context) -> list[Series]:
    raise KeyboardInterrupt


@pytest.fixture(autouse=True)
def nothing_real(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite, "_check_host", lambda: None)
    monkeypatch.setattr(suite, "_clean", lambda: None)
    monkeypatch.setattr(suite, "BENCHMARKS", tuple(
        Benchmark(run.__name__, f"title of {run.__name__}", run) for run in (measured, broken, interrupted)
    ))  # fmt: skip


def record_in(results: Path) -> dict[str, Any]:
    (file,) = results.glob("bench-*/bench.json")
    record: dict[str, Any] = json.loads(file.read_text())
    return record


def bench(results: Path, *options: str) -> int:
    return cli.main(["bench", "--results", str(results), *options])


def test_the_record_holds_samples_medians_and_what_it_was_measured_on(tmp_path: Path) -> None:
    assert bench(tmp_path, "--only", "measured", "--quick") == 0
    record = record_in(tmp_path)
    assert (record["status"], record["quick"]) == ("complete", True)
    assert len(record["load_average"]) == 3
    assert record["machine"]["cores"] == os.cpu_count()
    assert "commit" in record["versions"]
    (entry,) = record["benchmarks"]
    assert entry["notes"] == ["quick"]
    assert entry["series"][0]["samples"] == [1.0, 2.0, 4.0]
    assert entry["series"][0]["median"] == 2.0


def test_a_benchmark_that_fails_does_not_end_the_suite_but_is_an_error(tmp_path: Path) -> None:
    assert bench(tmp_path, "--only", "broken,measured") == 1
    record = record_in(tmp_path)
    assert record["status"] == "failed"
    assert [entry["name"] for entry in record["benchmarks"]] == ["measured", "broken"]
    assert record["benchmarks"][1]["error"] == "the controller ended: no template"


def test_an_interrupt_cleans_up_and_keeps_what_was_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cleaned: list[bool] = []
    monkeypatch.setattr(suite, "_clean", lambda: cleaned.append(True))
    assert bench(tmp_path, "--only", "measured,interrupted") == 130
    assert cleaned == [True]
    assert record_in(tmp_path)["status"] == "interrupted"
    assert len(record_in(tmp_path)["benchmarks"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_a_name_that_is_none_is_one_line_and_exit_two(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench(tmp_path, "--only", "measured,nothing") == 2
    assert capsys.readouterr().err == (
        "experiments: 'nothing' is no benchmark; known are measured, broken, interrupted\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_the_list_measures_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench(tmp_path, "--list") == 0
    assert capsys.readouterr().out.splitlines()[0] == "measured: title of measured"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("script", [None, "exit 1"])
def test_without_a_docker_engine_docker_is_left_out_and_that_is_said(
    script: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if script:
        (tmp_path / "docker").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    told: list[str] = []
    assert docker.run(Context(tmp_path, quick=True, say=told.append)) == []
    assert told == ["no Docker engine on this machine: docker run is left out"]


def test_the_suite_keeps_away_from_a_host_where_a_controller_runs_or_left_something(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(suite, "check_root", lambda: None)
    monkeypatch.setattr(suite, "Site", lambda: Elsewhere(tmp_path / "run"))
    monkeypatch.setattr(suite, "controller_pid", lambda _: 77)
    with pytest.raises(RunError, match=r"a controller runs on this host \(pid 77\)"):
        suite.run([], quick=True, results=tmp_path / "results")
    monkeypatch.setattr(suite, "controller_pid", lambda _: None)
    (tmp_path / "run").mkdir()
    with pytest.raises(RunError, match="make clean-host"):
        suite.run([], quick=True, results=tmp_path / "results")
    assert not (tmp_path / "results").exists()


@dataclass
class Elsewhere:
    """A site with another run directory."""

    run_dir: Path
