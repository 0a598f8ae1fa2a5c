import json
from collections.abc import Mapping
from pathlib import Path

from experiments.loading import load_run
from report.simulated import in_sample_words, is_within, summary, twin_rows, twins_of, worst_cost
from report.study import studies_of
from tests.report.synthetic import copy_run, write_experiment
from tests.report.test_report import build, needs_pdftotext, text_of

MADE_UP = {"all": "made up"}


def write_comparison(
    folder: Path, simulated_s: float, within: bool = True, parameters: Mapping[str, str] = MADE_UP
) -> None:
    """What experiments.simulator.compare leaves in a run's folder."""
    rows = [
        {"name": "instance seconds", "real": 1000.0, "simulated": simulated_s, "within": within},
        {"name": "not served share", "real": 0.01, "simulated": 0.02, "within": True},
        {"name": "latency ms p95", "real": 5.0, "simulated": None, "within": None},
        {"name": "mean difference of the instances in service", "real": 0.0, "simulated": 0.25, "within": None},
    ]
    told = {"seed": 1, "parameters": dict(parameters), "rows": rows, "in_service": [[0.0, 1], [40.0, 5], [120.0, 1]]}
    (folder / "simulated.json").write_text(json.dumps(told))


def test_the_first_compared_repeat_of_each_arm_counts(tmp_path: Path, source: Path) -> None:
    folders = write_experiment(tmp_path, source, "x", {"a": [{}, {}], "b": [{}]})
    write_comparison(folders[1], 1100.0)
    write_comparison(folders[2], 950.0, within=False)
    (folders[0] / "simulated.json").write_text("{")
    twins, (note,) = twins_of(studies_of(tmp_path), [], tmp_path)
    assert note.startswith(f"{folders[0].name}/simulated.json: is cut off")
    assert [(twin.name, twin.run.run_id) for twin in twins] == [
        ("x, a", folders[1].name), ("x, b", folders[2].name)
    ]  # fmt: skip
    assert [is_within(twin) for twin in twins] == [True, False]
    assert worst_cost(twins) == "10.0 %"
    assert twin_rows(twins)[0] == [
        "x, a", "1,000", "1,100", "+10.0 %", "1.00 %", "2.00 %", "5.0", "–", "0.25", "yes"
    ]  # fmt: skip
    assert worst_cost([]) is None


def test_a_single_run_that_was_compared_is_not_read_again(tmp_path: Path, source: Path) -> None:
    run = load_run(copy_run(tmp_path, source, source.name, {}, {}))
    write_comparison(tmp_path / source.name, 1000.0)
    (tmp_path / source.name / "run.json").unlink()
    (twin,), notes = twins_of([], [run], tmp_path)
    assert (twin.run is run, notes) == (True, [])


def test_a_run_that_the_model_was_made_from_is_marked_and_what_has_another_source_told(
    tmp_path: Path, source: Path
) -> None:
    folders = write_experiment(tmp_path, source, "x", {"a": [{}], "b": [{}]})
    told = {"runs": "two quiet runs (20261120-010101-x, 20261120-020202-y)", "cores": "in the runs"}
    write_comparison(folders[0], 1100.0, parameters={**told, "instances.exec.clone": "9 boots in the runs"})
    own = f"29 boots by exec in the run {folders[1].name}"
    parts = {f"instances.exec.{part}": own for part in ("clone", "address")}
    write_comparison(folders[1], 1000.0, parameters={**told, **parts})
    twins, _ = twins_of(studies_of(tmp_path), [], tmp_path)
    assert [row[0] for row in twin_rows(twins)] == ["x, a", "x, b *"]
    assert summary(twins) == (
        "Of 2 runs (1 in-sample) 2 lie within the table’s bounds; instance-seconds differ by at most 10.0 %. The "
        f"model’s figures come from two quiet runs. Some have a source of their own: {own}."
    )
    assert in_sample_words(twins).startswith("* marks a run")
    assert in_sample_words(twins[:1]) == ""


def test_a_way_of_booting_that_the_model_names_no_source_of_is_told(tmp_path: Path, source: Path) -> None:
    (folder,) = write_experiment(tmp_path, source, "x", {"": [{}]})
    write_comparison(folder, 1000.0, parameters={"runs": "some runs", "instances.zygote.clone": "9 boots in the runs"})
    twins, _ = twins_of(studies_of(tmp_path), [], tmp_path)
    assert summary(twins).endswith("from some runs. For boots by exec it names no source.")


@needs_pdftotext
def test_the_report_compares_the_simulator_with_reality_where_a_run_was_compared(tmp_path: Path, source: Path) -> None:
    results = tmp_path / "results"
    folders = write_experiment(results, source, "x", {"": [{}]})
    assert "No run was compared with its simulation." in text_of(build(results))
    write_comparison(folders[0], 1100.0)
    text = text_of(build(results))
    assert "Simulator against reality" in text
    assert "The model’s figures come from made up." in text
    assert "Of 1 run 1 lies within the table’s bounds" in text
    assert "1 real run simulated again: 1 came out within the bounds set" in text
    assert "x 1,000 1,100 +10.0 %" in text
    write_comparison(folders[0], 1100.0, parameters={"runs": folders[0].name})
    text = text_of(build(results))
    assert "nothing else of them, but for those marked in the table. Of 1 run (1 in-sample) 1 lies" in text
    assert "x* 1,000 1,100 +10.0 %" in text.replace(" *", "*")
    assert "its comparison is in-sample" in text
