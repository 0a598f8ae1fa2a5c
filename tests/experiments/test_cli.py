"""The commands that need no containers."""

import json
from pathlib import Path

import pytest

from controller.reading import load
from experiments.cli import main

SHORT = ("--peak", "30", "--duration", "25")


@pytest.fixture(autouse=True)
def own_signals(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command's handlers are not for the process that runs the tests."""
    monkeypatch.setattr("signal.signal", lambda *_: None)


def lines(captured: str) -> list[str]:
    return captured.strip().splitlines()


def test_simulate_needs_no_root_and_leaves_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "ramp", *SHORT, "--seed", "7", "--results", str(tmp_path)]) == 0
    (folder,) = tmp_path.iterdir()
    printed = lines(capsys.readouterr().out)
    assert printed[0] == "simulated"
    assert printed[-1].endswith(str(folder))
    told = json.loads((folder / "run.json").read_text())
    assert (told["shape"]["peak_rps"], told["shape"]["seed"], told["simulation"]["seed"]) == (30, 7, 7)


def test_peak_is_the_high_rate_of_a_step(tmp_path: Path) -> None:
    assert main(["simulate", "step", *SHORT, "--results", str(tmp_path)]) == 0
    (folder,) = tmp_path.iterdir()
    assert json.loads((folder / "run.json").read_text())["shape"]["high_rps"] == 30


def test_a_trace_is_simulated_in_place_of_the_scenario_s_load(tmp_path: Path) -> None:
    counts = [100 + 40 * (minute % 7) for minute in range(60)]
    lines = [f"{minute},{count}\n" for minute, count in enumerate(counts)]
    (tmp_path / "trace.csv").write_text("".join(["minute,requests\n", *lines]))
    given = tmp_path / "load.yaml"
    given.write_text(f"{{shape: trace, file: {tmp_path}/trace.csv, speed: 120, peak_rps: 30}}")
    assert main(["simulate", "ramp", "--load", str(given), "--results", str(tmp_path / "results")]) == 0
    (folder,) = (tmp_path / "results").iterdir()
    told = json.loads((folder / "run.json").read_text())
    assert (told["shape"]["kind"], told["duration_s"]) == ("trace", 30)
    expected = 0.5 * sum(counts) * 30 / max(counts)
    assert json.loads((folder / "summary.json").read_text())["offered"] == pytest.approx(expected, abs=1)
    assert (folder / "given-trace.csv").read_text() == (tmp_path / "trace.csv").read_text()


def test_another_policy_is_simulated(tmp_path: Path) -> None:
    policy = "experiments/policies/lossless.yaml"
    assert main(["simulate", "ramp", *SHORT, "--policy", policy, "--results", str(tmp_path)]) == 0
    (folder,) = tmp_path.iterdir()
    assert json.loads((folder / "summary.json").read_text())["reloads"] == 0


def test_a_recorded_run_is_compared_without_root(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["simulate", "ramp", *SHORT, "--results", str(tmp_path)])
    (folder,) = tmp_path.iterdir()
    capsys.readouterr()
    assert main(["compare", "--run", str(folder)]) == 0
    assert "instance seconds" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "status", "line"),
    [
        (["simulate", "rmap"], 2, "'rmap' is no scenario; known are ramp, step"),
        (["simulate", "step", "--duration", "9"], 2, "step.yaml: load: before_s 10 is above duration_s 9"),
        (["simulate", "ramp", "--policy", "none.yaml"], 2, "--policy none.yaml: there is no such file"),
        (["simulate", "ramp", "--parameters", "none.json"], 2, "--parameters none.json: No such file or directory"),
        (["simulate", "spawn"], 2, "spawn has arms, choose one by --arm: plain, exec, zygote, standby"),
        (["simulate", "spawn", "--arm", "zygot"], 2, "spawn: 'zygot' is no arm; known are plain, exec, zygote"),
        (["simulate", "availability"], 1, "faults are not simulated"),
        (["simulate", "cpu"], 1, "a limit of the instances' CPU is not simulated"),
        (["compare"], 2, "compare needs a scenario, or a recorded run by --run, not both"),
        (["compare", "ramp", "--run", "x"], 2, "compare needs a scenario, or a recorded run by --run, not both"),
        (["compare", "--run", "none"], 1, "none: is no complete run"),
        (["calibrate", "none"], 1, "none: is no complete run"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    arguments: list[str], status: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == status
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"experiments: {line}")
    assert printed.err.count("\n") == 1


def test_foreign_policy_its_time_and_its_shadows_are_kept_with_the_run(tmp_path: Path) -> None:
    examples = Path("tests/controller/foreign/examples")
    options = ["--policy", str(examples / "hpa_php_apache.yaml"), "--time-scale", "10", "--shadow", "rules.yaml"]
    options += ["--shadow", str(examples / "aws_target_cpu.json")]
    assert main(["simulate", "ramp", *SHORT, *options, "--results", str(tmp_path)]) == 0
    (folder,) = tmp_path.iterdir()
    assert (folder / "given-hpa_php_apache.yaml").read_text() == (examples / "hpa_php_apache.yaml").read_text()
    kept = load(folder / "policy.yaml")
    assert (kept.policy_name, kept.time_scale) == ("hpa", 10)
    told = json.loads((folder / "run.json").read_text())
    assert (len(told["shadow_files"]), told["time_scale"]) == (2, 10)
    events = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]
    last = [event for event in events if event["event"] == "tick"][-1]
    assert last["sentence"].startswith("[time x10] ")
    assert set(last["shadows"]) == {"rules", "aws_target_cpu"}


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--shadow", "none.yaml"], "--shadow none.yaml: there is no such file"),
        (["--shadow", "LICENSE"], "LICENSE: "),
        (["--policy", "LICENSE"], "LICENSE: "),
    ],
)
def test_policy_that_cannot_be_used_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], complaint: str
) -> None:
    assert main(["simulate", "ramp", *SHORT, *options, "--results", str(tmp_path)]) != 0
    (line,) = lines(capsys.readouterr().err)
    assert complaint in line
    assert not list(tmp_path.iterdir())
