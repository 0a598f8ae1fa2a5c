from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from experiments.evidence import Repeat
from report.study import from_the_middle, studies_of
from tests.report.synthetic import write_experiment

repeats = st.lists(
    st.tuples(st.integers(0, 5), st.booleans()).map(
        lambda told: Repeat(f"run-{told}", 1, told[1], {"not_served_share": told[0] / 5})
    ),
    max_size=7,
)


@given(repeats)
def test_the_middle_repeat_comes_first_and_those_that_are_not_valid_last(found: list[Repeat]) -> None:
    ordered = from_the_middle(found)
    assert sorted(map(id, ordered)) == sorted(map(id, found))
    validity = [repeat.valid for repeat in ordered]
    assert validity == sorted(validity, reverse=True)
    losses = sorted(repeat.figures["not_served_share"] for repeat in found if repeat.valid)
    if losses:
        assert ordered[0].figures["not_served_share"] == losses[(len(losses) - 1) // 2]


def test_real_runs_count_before_simulated_ones_of_the_same_arm(tmp_path: Path, source: Path) -> None:
    write_experiment(tmp_path, source, "x", {"a": [{}], "b": [{}]}, kind="simulated")
    for folder in list(tmp_path.iterdir()):
        folder.rename(folder.with_name("20261120-" + folder.name[9:]))
    write_experiment(tmp_path, source, "x", {"a": [{}]}, arms=["a", "b"])
    (study,) = studies_of(tmp_path)
    assert [arm.name for arm in study.arms] == ["a", "b"]
    assert study.simulated == {"b"}
    assert study.middle["a"].run_id == "20261121-031500-x-a-1"


def test_a_repeat_that_cannot_be_read_gives_its_place_to_the_next(tmp_path: Path, source: Path) -> None:
    lost = [{"not_served_share": share} for share in (0.1, 0.2, 0.3)]
    folders = write_experiment(tmp_path, source, "x", {"": lost})
    (study,) = studies_of(tmp_path)
    assert study.middle[""].run_id == folders[1].name
    (folders[1] / "requests.csv").unlink()
    (again,) = studies_of(tmp_path)
    assert again.middle[""].run_id == folders[0].name
    for folder in folders:
        (folder / "requests.csv").unlink(missing_ok=True)
    (none,) = studies_of(tmp_path)
    assert none.middle == {}


def test_experiments_come_in_their_order(tmp_path: Path, source: Path) -> None:
    for name, order in (("a", 2), ("b", 1), ("c", 3)):
        write_experiment(tmp_path, source, name, {"": [{}]}, order=order)
    assert [study.name for study in studies_of(tmp_path)] == ["b", "a", "c"]
    assert studies_of(tmp_path / "none") == []
