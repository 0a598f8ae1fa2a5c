"""The table of expectations."""

from pathlib import Path
from typing import Any

import yaml

from report import verdicts
from report.study import studies_of
from tests.report.synthetic import POLICY, write_experiment

RECOVERY: dict[str, Any] = {"figure": "recovery_s", "at_most": 2.0}


def told(results: Path) -> dict[str, Any]:
    return verdicts.verdicts_data(studies_of(results))


def test_an_experiment_names_its_policy_its_repeats_and_explains_its_figures(tmp_path: Path, source: Path) -> None:
    write_experiment(tmp_path, source, "x", {"": [{"recovery_s": 0.0}, {"recovery_s": 3.0}]}, expect=[RECOVERY])
    found = told(tmp_path)
    (study,) = found["studies"]
    assert study["how"] == "rules, n = 2"
    assert study["rows"] == [
        {
            "measured": "recovery time 1.5 s (0 and 3, n = 2)",
            "expected": "at most 2 s",
            "verdict": "held",
            "unsure": True,
        }
    ]
    assert found["glossary"].startswith("Recovery time: the longest spell of seconds in which less than 99 %")


def test_the_default_policy_is_called_so_only_where_it_decided(tmp_path: Path, source: Path) -> None:
    folders = write_experiment(tmp_path, source, "x", {"": [{}]}, expect=[RECOVERY], kind="simulated")
    given = folders[0] / "given-rules.yaml"
    given.write_text(yaml.safe_dump({**POLICY, "tick_s": 9}))
    assert told(tmp_path)["studies"][0]["how"] == "default rules, n = 1, simulated"
    given.write_text(yaml.safe_dump({**POLICY, "policy": {"rules": []}}))
    assert told(tmp_path)["studies"][0]["how"] == "rules, n = 1, simulated"


def test_many_policies_are_not_listed_and_what_expects_nothing_is_left_out(tmp_path: Path, source: Path) -> None:
    write_experiment(tmp_path, source, "none", {"": [{}]})
    folders = write_experiment(tmp_path, source, "many", {name: [{}] for name in "abcd"}, expect=[RECOVERY])
    for folder in folders:
        (folder / "policy.yaml").write_text(yaml.safe_dump({**POLICY, "policy": {folder.name[-3]: {}}}))
    (study,) = told(tmp_path)["studies"]
    assert study["label"] == "experiment-many"
    assert study["how"] == "n = 1"
