"""The headline table and what follows from it."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from report import comparison, headline, ranking
from report.abstract import policies
from report.ranking import Ranked
from report.study import Study, studies_of
from tests.report.synthetic import POLICY, write_experiment

LOST = {  # cost over the oracle's and share not served, by policy and load
    "rules": {"ramp": (2.0, 0.01), "step": (3.0, 0.04)},
    "hpa": {"ramp": (1.7, 0.0), "step": (1.8, 0.08)},
    "target": {"ramp": (1.5, 0.0), "step": (1.6, 0.03)},
    "careful": {"ramp": (2.5, 0.0), "step": (2.5, 0.0)},
    "cloud": {"ramp": (0.9, 0.3), "step": (0.7, 0.6)},
    "static": {"ramp": (1.2, 0.0), "step": (1.2, 0.0)},
}
CAUSES = {"too small": 98, "booting": 2}
percents = st.dictionaries(st.sampled_from("abc"), st.floats(0, 100), min_size=3)
costs = st.dictionaries(st.sampled_from("abc"), st.floats(0.5, 5), min_size=3)
policies_found = st.builds(Ranked, st.just("x"), percents, costs, st.booleans(), st.just(1.0))


def edit(file: Path, **changes: Any) -> None:
    told = json.loads(file.read_text())
    file.write_text(json.dumps({**told, **changes}))


def compared(results: Path, source: Path, repeats: int = 1) -> Study:
    """cloud's time passes 20 times faster, and static is a fixed fleet."""
    arms = {
        f"{policy}/{load}": [
            {"cost_ratio": cost, "not_served_share": lost, "latency_ms_p99": 9.0, "not_served_by_cause": CAUSES}
        ] * repeats
        for policy, loads in LOST.items() for load, (cost, lost) in loads.items()
    }  # fmt: skip
    for folder in write_experiment(results, source, "comparison", arms):
        edit(folder / "run.json", duration_s=16.0)
        if "-cloud-" in folder.name:
            edit(folder / "run.json", time_scale=20)
        if "-static-" in folder.name:
            (folder / "policy.yaml").write_text(yaml.safe_dump({**POLICY, "policy": {"static": {"wanted": 8}}}))
    (study,) = studies_of(results)
    return study


def rows_of(study: Study) -> dict[str, list[dict[str, Any]]]:
    return {row["name"]: row["cells"] for group in headline.headline_data(study)["groups"] for row in group["rows"]}


def test_policies_stand_in_groups_by_what_they_did_not_serve_the_cheapest_first(tmp_path: Path, source: Path) -> None:
    told = headline.headline_data(compared(tmp_path, source))
    assert [(group["title"], [row["name"] for row in group["rows"]]) for group in told["groups"]] == [
        ("at most 5 % not served under every load", ["static †", "target", "careful", "rules"]),
        ("at most 10 % not served under every load", ["hpa"]),
        ("more than 10 % not served under some load", ["cloud"]),
    ]
    assert [cell["text"] for cell in told["oracle"]["cells"]] == ["0", "–", "1"] * 2


def test_the_cost_of_who_did_not_serve_is_grey_and_what_it_lost_is_not(tmp_path: Path, source: Path) -> None:
    rows = rows_of(compared(tmp_path, source))
    assert [cell["grey"] for cell in rows["cloud"]] == [False, True, True] * 2
    assert not any(cell["grey"] for name, cells in rows.items() if name != "cloud" for cell in cells)


def test_cost_is_best_only_among_those_that_serve(tmp_path: Path, source: Path) -> None:
    ratio_under_step = {name: cells[5] for name, cells in rows_of(compared(tmp_path, source, repeats=3)).items()}
    assert {name for name, cell in ratio_under_step.items() if cell["best"]} == {"static †"}
    assert ratio_under_step["cloud"]["text"] == "0.70"


def test_a_policy_without_a_valid_run_is_a_group_of_its_own(tmp_path: Path, source: Path) -> None:
    write_experiment(tmp_path, source, "comparison", {"a/ramp": [{"cost_ratio": 1.5}], "b/ramp": [{"valid": False}]})
    (study,) = studies_of(tmp_path)
    groups = headline.headline_data(study)["groups"]
    assert groups[-1]["title"] == "no valid run"
    assert [cell["text"] for cell in groups[-1]["rows"][0]["cells"]] == ["–"] * 3


def test_the_notes_say_what_the_marks_and_the_faster_time_mean(tmp_path: Path, source: Path) -> None:
    told = headline.headline_data(compared(tmp_path, source))
    notes = " ".join(told["headline_notes"])
    assert "One instance serves at most 10 requests/s and refuses the rest (429)." in notes
    assert "† is told the load beforehand" in notes
    assert "more than 10 % was not served" in notes
    assert "cloud: reconstructions of published algorithms" in notes
    assert "20 times faster (a minute is 3 s), but a load still lasts only 5.3 of their minutes" in notes
    assert "simulated" not in notes
    assert "rules: thresholds on metrics; target: a rate per instance is kept." in notes
    assert "(n = 1): small differences may be chance" in told["headline_caption"]
    assert told["headline_loads"][0]["shape"].startswith(
        "from 5 to 100 and back to 5 requests/s, 180 s in all; its peak needs 10"
    )


def test_the_takeaway_names_the_cheapest_the_most_careful_and_who_beats_the_default(
    tmp_path: Path, source: Path
) -> None:
    study = compared(tmp_path, source)
    assert ranking.takeaway(study) == (
        "4 of 6 left at most 5 % unserved under every load: static, target, careful and rules (but static is told "
        "the load beforehand). Of those that have to react, the cheapest was target (1.55 × oracle on average, at "
        "worst 3.00 % not served), the one that left least unserved careful (2.50 × oracle on average, all "
        "served). The default, rules, cost 2.50 × oracle on average, at worst 4.00 % not served; target cost less "
        "and left no more unserved under every load. 1 of the 5 policies that have to react left more than 10 % "
        "unserved under some load, 98 % of it while no new instance was on its way; all of these reckon in "
        "periods of up to minutes, which pass faster here (see the notes to the table)."
    )  # fmt: skip
    assert policies(study).startswith(
        "6 policies met each of 2 loads of 16 s once (n = 1), so small differences may be"
    )


@given(policies_found, policies_found)
def test_no_two_policies_beat_each_other_and_who_beats_costs_less_on_average(one: Ranked, other: Ranked) -> None:
    if one.beats(other):
        assert not other.beats(one)
        assert one.worst_percent <= other.worst_percent
        assert one.mean_cost is not None and other.mean_cost is not None
        assert one.mean_cost <= other.mean_cost
    assert not one.beats(one)


@pytest.mark.parametrize(("share", "told"), [(0.2, "None of them served 95 %"), (0.01, "1 of 1 left at most 5 %")])
def test_a_comparison_of_one_policy_without_an_oracle_has_a_takeaway(
    tmp_path: Path, source: Path, share: float, told: str
) -> None:
    write_experiment(tmp_path, source, "comparison", {"a/ramp": [{"not_served_share": share}]})
    (study,) = studies_of(tmp_path)
    assert ranking.takeaway(study).startswith(told)
    assert "oracle" not in ranking.takeaway(study)
    assert comparison.mean_points(comparison.by_load(study)["ramp"]) == {}
