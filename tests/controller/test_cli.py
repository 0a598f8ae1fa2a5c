"""The command line: options, exit codes, and one line for each mistake."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import pytest

from controller import app
from controller.cli import main, parser
from tests.controller.build import ROOT

OPTIONS = [action for action in parser()._actions if action.option_strings]
SYSTEM_PYTHON = Path("/usr/bin/python3")


def command(*arguments: str, python: Path | str = sys.executable) -> subprocess.CompletedProcess[str]:
    """`python -m controller` from the repository's root, as nobody where the tests run as root."""
    nobody = 65534 if os.geteuid() == 0 and readable_by_all() else None
    return subprocess.run(
        [python, "-m", "controller", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False,
        user=nobody, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def readable_by_all() -> bool:
    return all(folder.stat().st_mode & 0o001 for folder in (ROOT, *ROOT.parents))


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    path = tmp_path / "broken.yaml"
    path.write_text("policy: {target: {rate_per_instance: -8}}\n")
    return path


def test_valid_policy_is_printed_and_exits_0() -> None:
    done = command("--policy", "rules.yaml", "--check")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("rules.yaml: the policy is valid\n")


def test_missing_policy_file_exits_2_with_one_line() -> None:
    done = command("--policy", "none.yaml", "--check")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "controller: none.yaml: No such file or directory\n"


def test_system_s_python_goes_on_in_the_virtual_environment() -> None:
    if not SYSTEM_PYTHON.exists() or not (ROOT / ".venv").exists():
        pytest.skip("needs the system's python and the virtual environment")
    done = command("--help", python=SYSTEM_PYTHON)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: python -m controller ")


def test_broken_policy_exits_2_with_file_place_value_and_what_is_legal(
    broken: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--policy", str(broken), "--check"]) == 2
    assert capsys.readouterr() == (
        "",
        f"controller: {broken}: policy.target.rate_per_instance: -8: input should be greater than or equal to 0.001\n",
    )


def test_broken_policy_is_refused_without_check_too(broken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--policy", str(broken)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("arguments", [[], ["--dry-run"]])
def test_running_without_root_exits_1_with_one_line(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr(app.Controller, "run", lambda _: pytest.fail("it started"))
    monkeypatch.setattr("controller.dryrun.dry_run", lambda *_: pytest.fail("it started"))
    assert main(["--policy", str(ROOT / "rules.yaml"), *arguments]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("controller: needs root")


def test_policy_in_force_tells_defaults_and_rules(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "p.yaml").write_text(
        "policy: {target: {rate_per_instance: 8}}\nservice: {rate_limit: 0}\nlimits: {step_down: 2}\n"
    )
    assert main(["--policy", str(tmp_path / "p.yaml"), "--check"]) == 0
    text = capsys.readouterr().out
    for words in (
        "1 to 20 in service, 0 on standby", "no rate limit", "every 0.5 s, applied by reload", "policy target:",
        "at most 8 requests/s", "limits: step_down 2",
    ):  # fmt: skip
        assert words in text


@pytest.mark.parametrize("option", OPTIONS, ids=lambda action: action.option_strings[-1])
def test_every_option_is_explained_in_the_help(option: argparse.Action, capsys: pytest.CaptureFixture[str]) -> None:
    names, text = option.option_strings, option.help
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert text
    assert names[-1] in shown
    assert str(text).split("%", 1)[0].strip() in shown


def test_help_tells_the_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "Exit status: 0 " in capsys.readouterr().out


BAD_OPTIONS = [
    ([], "--policy"),
    (["--policy"], "--policy"),
    (["--polisy", "x"], "--policy"),
    (["--entry", "8080"], "'8080' is not IP:PORT"),
    (["--entry", "localhost:8080"], "'localhost:8080' is not IP:PORT"),
    (["--entry", "127.0.0.1:0"], "port must be from 1 to 65535"),
    (["--stats", "127.0.0.1:65536"], "port must be from 1 to 65535"),
    (["--stats", "127.0.0.1:http"], "port must be from 1 to 65535"),
    (["--subnet", "10.87.65.1/24"], "is not a subnet such as"),
    (["--subnet", "8.8.8.0/24"], "must be a private subnet"),
    (["--subnet", "127.0.0.0/24"], "must be a private subnet"),
    (["--subnet", "10.0.0.0/30"], "must be a private subnet from /16 to /29"),
    (["--objects", "objects"], "must be an absolute path"),
    (["--objects", "/my objects"], "must be an absolute path without blanks"),
]


@pytest.mark.parametrize(("arguments", "words"), BAD_OPTIONS, ids=[" ".join(option) for option, _ in BAD_OPTIONS])
def test_bad_option_exits_2_and_is_named(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--check"])
    assert ended.value.code == 2
    assert words in capsys.readouterr().err


MISSED = {
    "entry and statistics in one place": ["--entry", "127.0.0.1:8080", "--stats", "127.0.0.1:8080"],
    "subnet of nobody": ["--subnet", "240.1.0.0/24"],
    "fewer addresses than instances": ["--subnet", "10.9.9.0/29"],
}


@pytest.mark.parametrize("arguments", MISSED.values(), ids=MISSED.keys())
def test_options_that_cannot_work_are_refused(arguments: list[str]) -> None:
    try:
        status = main(["--policy", str(ROOT / "rules.yaml"), "--check", *arguments])
    except SystemExit as ended:
        status = int(ended.code or 0)
    assert status == 2


@pytest.mark.parametrize("option", ["--explain", "--shadow=rules.yaml", "--journal=/nonexistent/journal"])
def test_dry_run_goes_alone(option: str) -> None:
    done = command("--policy", "rules.yaml", "--dry-run", option)
    assert (done.returncode, done.stderr) == (
        2, "controller: --dry-run goes without --shadow, --explain and --journal\n",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("option", "complaint"),
    [
        ("--metric=requests=rps", "'requests=rps': must be THEIRS=OURS, with OURS one of rate_per_instance"),
        ("--time-scale=0", "'0': must be a number from 0.01 to 1000"),
        ("--time-scale=fast", "'fast': must be a number from 0.01 to 1000"),
    ],
)
def test_wrong_option_of_the_policies_names_what_is_legal(option: str, complaint: str) -> None:
    done = command("--policy", "rules.yaml", "--check", option)
    assert done.returncode == 2
    assert complaint in done.stderr


def test_check_tells_the_shadows_and_the_time_too() -> None:
    done = command(
        "--policy", "rules.yaml", "--check", "--time-scale", "10", "--shadow", "experiments/policies/lossless.yaml"
    )
    assert done.stdout.count("the policy is valid") == 2
    assert done.stdout.count("time passes 10 times faster") == 2


def test_metric_that_no_file_has_exits_2_with_one_line() -> None:
    done = command("--policy", "rules.yaml", "--check", "--metric", "jobs=queue_requests")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "controller: --metric jobs=queue_requests: no policy file has a metric 'jobs'; there is none to name\n"
    )


def test_check_keeps_to_lines_that_fit_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    example = ROOT / "tests/controller/foreign/examples/aws_application_step.json"
    assert main(["--policy", str(example), "--check"]) == 0
    lines = capsys.readouterr().out.splitlines()[1:]
    assert max(map(len, lines)) <= 120
    assert any(line.startswith("    ") for line in lines)
