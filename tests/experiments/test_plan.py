"""Which runs an experiment consists of, and which of them are there already."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.deciding import PolicyError, settings_of
from experiments.plan import keys_of, planned
from experiments.scenario import ScenarioError, load_scenario, merged, names, parse
from loadgen.load import parse_load

BASE = {"title": "T", "hypothesis": "H", "load": {"shape": "ramp", "low_rps": 5, "peak_rps": 50, "duration_s": 20}}


@pytest.mark.parametrize("quick", [False, True])
def test_every_arm_of_every_shipped_scenario_can_be_run(quick: bool) -> None:
    for name in names():
        runs = planned(name, quick)
        assert len({run.key for run in runs}) == len({run.slug for run in runs}) == len(runs)
        for run in runs:
            settings_of(run.scenario, run.scenario.policy)
            assert "{" not in run.facts["hypothesis"]


def test_the_quick_set_takes_less_than_ten_minutes_of_load_and_the_standard_one_less_than_an_hour() -> None:
    for quick, longest_s in ((True, 520), (False, 3350)):
        runs = [run.scenario for name in names() for run in planned(name, quick) if not run.scenario.simulated]
        assert sum(each.load.duration_s + each.settle_s + 4 for each in runs) < longest_s


def test_expectations_name_arms_that_exist() -> None:
    for name in names():
        scenario = load_scenario(name, {})
        for each in scenario.expect:
            assert {each.arm, each.times} - {None} <= set(scenario.variants())


def test_repeats_have_one_seed_after_the_other_and_arms_take_turns() -> None:
    runs = planned("oscillation", repeat=2, seed=7)
    assert [(run.facts["arm"], run.facts["repeat"], run.scenario.load.seed) for run in runs] == [
        ("one threshold", 1, 7), ("hysteresis", 1, 7), ("one threshold", 2, 8), ("hysteresis", 2, 8),
    ]  # fmt: skip
    assert [run.label for run in runs][-1] == "oscillation hysteresis 2/2"


def test_one_arm_can_be_chosen_and_an_unknown_one_is_told() -> None:
    assert [run.facts["arm"] for run in planned("spawn", arm="zygote")] == ["zygote"]
    with pytest.raises(ScenarioError, match="spawn: 'zygot' is no arm; known are plain, exec, zygote, standby"):
        planned("spawn", arm="zygot")


def test_loads_and_arms_are_combined() -> None:
    document = {**BASE, "arms": {"a": {}, "b": {"time_scale": 3}}, "loads": {"x": {"peak_rps": 9}, "y": {}}}
    variants = parse(document, "x.yaml").variants()
    assert list(variants) == ["a/x", "a/y", "b/x", "b/y"]
    assert [each.time_scale for each in variants.values()] == [None, None, 3, 3]
    highest_rps = [each.load.model_dump()["peak_rps"] for each in variants.values()]
    assert highest_rps == [9, 50, 9, 50]


def test_an_arm_that_cannot_be_is_named() -> None:
    with pytest.raises(ScenarioError, match=r"^arms\.b: load\.peak_rps: -1"):
        parse({**BASE, "arms": {"b": {"load": {"peak_rps": -1}}}}, "x.yaml").variants()


def test_changes_are_merged_but_policies_and_other_shapes_replace() -> None:
    base = {"load": {"shape": "ramp", "peak_rps": 5}, "settings": {"policy": {"rules": []}, "instances": {"min": 1}}}
    changes = {
        "load": {"shape": "constant", "rate_rps": 2},
        "settings": {"policy": {"static": 1}, "instances": {"max": 3}},
    }
    assert merged(base, changes) == {
        "load": {"shape": "constant", "rate_rps": 2},
        "settings": {"policy": {"static": 1}, "instances": {"min": 1, "max": 3}},
    }
    assert merged(base, {"load": {"peak_rps": 9}})["load"] == {"shape": "ramp", "peak_rps": 9}


def test_an_expectation_has_one_bound() -> None:
    with pytest.raises(ScenarioError, match="needs exactly one of at_most, at_least"):
        parse({**BASE, "expect": [{"figure": "offered"}]}, "x.yaml")


def test_faults_are_not_simulated() -> None:
    faults = [{"at_s": 1, "kind": "kill-instance"}]
    with pytest.raises(ScenarioError, match="faults are not simulated"):
        parse({**BASE, "faults": faults, "simulated": True}, "x.yaml")


def test_only_complete_runs_count(tmp_path: Path) -> None:
    for name, told in (
        ("1", {"status": "complete", "key": "a"}), ("2", {"status": "failed", "key": "a"}),
        ("3", {"status": "complete"}), ("4", {"status": "complete", "key": "a"}),
    ):  # fmt: skip
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text(json.dumps(told))
    (tmp_path / "5").mkdir()
    assert {key: sorted(runs) for key, runs in keys_of(tmp_path.iterdir()).items()} == {"a": ["1", "4"]}


def test_a_run_depends_on_what_its_policy_says_and_not_on_words(monkeypatch: pytest.MonkeyPatch) -> None:
    (run,) = planned("ramp")
    told = run.scenario.model_copy(update={"title": "Other", "repeat": 9, "expect": ()})
    assert replace(run, scenario=told).key == run.key
    other = run.scenario.model_copy(update={"time_scale": 3.0})
    assert replace(run, scenario=other).key != run.key
    monkeypatch.setattr("experiments.plan.settings_of", lambda *_: run.scenario)
    assert run.key != planned("ramp", seed=2)[0].key


def test_another_policy_file_is_not_overruled_by_the_scenario_s_own() -> None:
    scenario = load_scenario("budget", {}).with_policy("experiments/policies/tracking.yaml")
    settings = settings_of(scenario, scenario.policy)
    assert settings.policy == {"target": {"rate_per_instance": 9, "tolerance": 0.02, "drain_queue_s": 0.5}}
    assert settings.instances.max == 10


def test_a_policy_that_no_reader_of_the_run_could_go_on_with_is_refused_before_it(tmp_path: Path) -> None:
    file = tmp_path / "never.yaml"
    file.write_text("policy: {rules: [{when: {metric: offered_rps, above: 1.0e+18}, then: {add: 1}}]}")
    scenario = load_scenario("ramp", {}).with_policy(str(file))
    with pytest.raises(PolicyError, match=r"never.yaml: policy: rules: \[0\]: when: above: a number that is too large"):
        settings_of(scenario, scenario.policy)


def test_a_trace_s_contents_are_part_of_a_run_s_key(tmp_path: Path) -> None:
    trace = tmp_path / "trace.csv"
    scenario = load_scenario("ramp", {})

    def key(lines: str) -> str:
        trace.write_text(lines)
        part = {"shape": "trace", "file": str(trace), "peak_rps": 20}
        load = parse_load({"shape": "sum", "of": [part, {"shape": "constant", "duration_s": 9}]})
        return replace(planned("ramp")[0], scenario=scenario.model_copy(update={"load": load})).key

    assert key("0,10\n10,20\n20,30\n") == key("0,10\n10,20\n20,30\n") != key("0,10\n10,20\n20,40\n")
