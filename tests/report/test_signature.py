from dataclasses import replace
from pathlib import Path

import matplotlib.figure
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.text import Annotation

from experiments.loading import Run, load_run
from report import labels, signature, style


def with_outcomes(run: Run, outcome: str) -> Run:
    return replace(run, requests=run.requests.assign(outcome=outcome))


def test_a_panel_that_would_be_empty_is_left_out(source: Path) -> None:
    run = load_run(source)
    served, rejected = with_outcomes(run, "served"), with_outcomes(run, "rejected")
    assert signature.shown_panels([served]) == ["load", "fleet", "latency"]
    assert signature.shown_panels([rejected]) == ["load", "fleet", "losses"]
    assert signature.shown_panels([served, rejected]) == ["load", "fleet", "losses", "latency"]


def test_runs_side_by_side_have_their_names_and_one_scale(source: Path) -> None:
    run = load_run(source)
    figure = signature.signature_figure([run, with_outcomes(run, "served")], ["slow arm", "fast arm"])
    svg = style.to_svg(figure, standalone=False)
    assert "slow arm" in svg
    assert "fast arm" in svg
    axes = figure.axes
    assert len(axes) == 8
    assert all(left.get_ylim() == right.get_ylim() for left, right in zip(axes[::2], axes[1::2], strict=True))


def test_a_run_without_a_demand_has_no_needed_staircase(source: Path) -> None:
    run = load_run(source)
    without = replace(run, demand=run.demand.iloc[:0])
    told, untold = (style.to_svg(signature.signature_figure([each]), standalone=False) for each in (run, without))
    assert ">needed<" in told
    assert ">under-provisioned<" in told
    assert ">needed<" not in untold
    assert ">under-provisioned<" not in untold


def test_a_time_scale_is_told_at_the_axis(source: Path) -> None:
    run = load_run(source)
    scaled = replace(run, info={**run.info, "time_scale": 20})
    assert "passes 20 times faster" in style.to_svg(signature.signature_figure([run, scaled]), standalone=False)
    assert "times faster" not in style.to_svg(signature.signature_figure([run]), standalone=False)


def test_labels_that_are_close_go_to_different_rows() -> None:
    assert signature.spread([0.0, 1.0, 2.0, 10.0, 20.0], apart_s=3.0) == [0, 1, 2, 0, 0]


points = st.lists(
    st.tuples(st.floats(0.1, 0.9), st.floats(0.1, 0.9)).map(lambda each: (round(each[0], 2), round(each[1], 2))),
    min_size=1, max_size=8, unique=True,
)  # fmt: skip


@settings(deadline=None)
@given(points)
def test_names_beside_points_hide_neither_points_nor_each_other(found: list[tuple[float, float]]) -> None:
    axes = matplotlib.figure.Figure(figsize=(7, 4)).subplots()
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    labels.label_points(axes, [f"policy-{number}" for number in range(len(found))], found)
    texts = [each for each in axes.texts if isinstance(each, Annotation) and each.get_text()]
    boxes = [text.get_window_extent() for text in texts]
    assert len(boxes) == len(found)
    assert not any(one.overlaps(other) for number, one in enumerate(boxes) for other in boxes[:number])
    for point in axes.transData.transform(found):
        assert not any(box.contains(*point) for box in boxes)
