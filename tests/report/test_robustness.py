"""The section on faults and leaks."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from report.__main__ import main
from report.robustness import newest_trials, robustness_data
from tests.report.synthetic import write_run

POINTS = [{"name": "requests", "held": True, "said": "5 of 1,000 requests were not served"}]
BY_KIND = [{"kind": "kill-worker", "times": 3, "right_s_p50": 0.2, "right_s_max": 0.4, "not_served": 7}]
FAULTS = [{"t_s": 10.0 * number, "kind": "kill-worker", "target": "HAProxy's worker"} for number in range(1, 10)]


def write_trial(results: Path, run_id: str, **verdict: Any) -> None:
    write_run(results, run_id, scenario="chaos", faults=FAULTS)
    told = {"seed": 7, "quick": False, "held": True, "points": POINTS, "by_kind": BY_KIND, **verdict}
    (results / run_id / "chaos.json").write_text(json.dumps(told))


def write_leaks(results: Path) -> None:
    folder = results / "leaks-20261121-060000"
    folder.mkdir(parents=True)
    (folder / "leaks.json").write_text(json.dumps({"stopped": 1000, "reloads": 1091, "points": POINTS}))


def saved(names: list[str]) -> Callable[[str, Figure], str]:
    def save(name: str, _: Figure) -> str:
        names.append(name)
        return f"{name}.svg"

    return save


def test_the_newest_whole_trials_are_shown(tmp_path: Path) -> None:
    write_trial(tmp_path, "20261121-040000-chaos", seed=6)
    write_trial(tmp_path, "20261121-050000-chaos")
    write_trial(tmp_path, "20261121-055959-chaos", quick=True)
    write_leaks(tmp_path)
    trials, notes = newest_trials(tmp_path)
    assert ([trial.folder.name for trial in trials], notes) == (["20261121-050000-chaos", "leaks-20261121-060000"], [])
    data = robustness_data(trials, saved([]))
    assert data is not None
    chaos, leaks = data["trials"]
    assert chaos["points"] == [["requests", "kept", "5 of 1,000 requests were not served"]]
    assert chaos["kinds"] == [["HAProxy’s worker is killed", "3", "0.20 s", "0.40 s", "7"]]
    assert chaos["about"].endswith("9 faults drawn from the seed 7.")
    assert leaks["about"] == (
        "1,000 instances started and stopped, HAProxy reloaded 1,091 times, as fast as it goes."
    )


def test_a_soak_shows_its_memory(tmp_path: Path) -> None:
    write_trial(tmp_path, "20261121-040000-soak")
    rows = [f"{t_s},{40000 + t_s},{7000}\n" for t_s in range(0, 3600, 10)]
    (tmp_path / "20261121-040000-soak" / "resources.csv").write_text(
        "".join(["t_s,controller_rss_kib,haproxy_worker_rss_kib\n", *rows])
    )
    names: list[str] = []
    data = robustness_data(newest_trials(tmp_path)[0], saved(names))
    assert data is not None
    assert (data["trials"][0]["figure"], names) == ("soak-memory.svg", ["soak-memory"])


def test_a_broken_verdict_is_noted(tmp_path: Path) -> None:
    write_trial(tmp_path, "20261121-040000-chaos")
    (tmp_path / "20261121-040000-chaos" / "chaos.json").write_text('{"seed": 7')
    trials, (note,) = newest_trials(tmp_path)
    assert trials == []
    assert note.startswith("20261121-040000-chaos/chaos.json: is cut off or malformed")


def test_the_promises_are_told_with_their_bounds_and_how_many_were_kept(tmp_path: Path) -> None:
    late = {"name": "fleet", "held": False, "said": "after 1 of 2 faults the fleet was right within 2 s"}
    busy = {"name": "load", "held": False, "said": "lag p99 is above 50 ms"}
    write_trial(tmp_path, "20261121-040000-chaos", points=[*POINTS, late, busy])
    write_trial(tmp_path, "20261121-050000-soak", points=[*POINTS, busy])
    write_leaks(tmp_path)
    data = robustness_data(newest_trials(tmp_path)[0], saved([]))
    assert data is not None
    assert data["kept"] == (
        "3 of 6 promises kept, over all trials shown. Not kept: fleet and load (chaos); load (soak)."
    )
    for bound in ("at most 0.5 % of the requests", "within 2 s of each", "more than 5 % or 4 MiB", "40 threads"):
        assert bound in data["promised"]


def test_only_what_the_trials_are_about_is_promised(tmp_path: Path) -> None:
    write_leaks(tmp_path)
    data = robustness_data(newest_trials(tmp_path)[0], saved([]))
    assert data is not None
    assert data["kept"] == "1 of 1 promise kept, over all trials shown."
    assert data["promised"].startswith("What is counted")
    assert "Whatever breaks" not in data["promised"]


def test_without_trials_there_is_no_section() -> None:
    assert robustness_data([], saved([])) is None


def test_a_report_of_a_chaos_run_and_a_leak_test_is_typeset(tmp_path: Path) -> None:
    write_trial(tmp_path / "results", "20261121-040000-chaos")
    write_leaks(tmp_path / "results")
    output = tmp_path / "report.pdf"
    assert main(["--results", str(tmp_path / "results"), "--output", str(output)]) == 0
    assert output.read_bytes().startswith(b"%PDF")
