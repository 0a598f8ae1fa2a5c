"""The second figure of a run: where the time of a scale-up goes, and how long each reload took."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from experiments.loading import Run
from report import series, style, words

MOST_BARS = 16
LABELS = {"first_answer": "first answer"}


def startup_figure(run: Run) -> Figure | None:
    """Stages of every new instance's start (left) and reload durations (right); None if the journal has neither."""
    stages = started_under_load(run)
    reloads = run.reloads.dropna(subset=["took_ms"])
    if stages.empty and reloads.empty:
        return None
    height_mm = max(46.0, 20.0 + 3.0 * (min(len(stages), MOST_BARS) + 1.8))
    with style.look():
        ratios = [ratio for ratio, frame in ((2.0, stages), (1.0, reloads)) if len(frame)]
        figure, (panels,) = style.page_figure(height_mm, columns=len(ratios), width_ratios=ratios)
        if len(stages):
            draw_stages(panels[0], stages)
        if len(reloads):
            draw_reloads(panels[-1], reloads, "b" if len(stages) else "")
        style.margins(figure, left=12.5, top=10.7, right=2.5, bottom=10.2)
        figure.subplots_adjust(wspace=0.2)
    return figure


def started_under_load(run: Run) -> pd.DataFrame:
    """The stages of the instances that entered service under load: before, they wait for its first request."""
    stages = series.scale_up_stages(run.starts, run.first_answers)
    under_load: pd.DataFrame = stages.loc[stages["t_s"] >= run.requests["due_s"].min()]
    return under_load


def startup_caption(run: Run) -> str:
    """What the figure shows, panel by panel; empty if it shows nothing."""
    started, parts = len(started_under_load(run)), []
    if started:
        shown = f"the first {MOST_BARS} of {started} instances" if started > MOST_BARS else "each instance"
        parts.append(
            f"Where the time of a scale-up goes, for {shown} that entered service under load in run "
            f"{words.run_name(run.run_id, run.simulated)}; the thick bar sets the medians of the stages side by side."
        )
    if run.reloads["took_ms"].notna().any():
        parts.append("The duration of each reload of HAProxy; the dashed line is the median.")
    if len(parts) < 2:
        return "".join(parts)
    return " ".join(f"({letter}) {part}" for letter, part in zip("ab", parts, strict=True))


def draw_stages(axes: Axes, stages: pd.DataFrame) -> None:
    """A bar an instance, first at the top, and the medians of each stage as the thicker bar above them."""
    names = [name for name in style.STAGES if stages[name].median() >= 0.5]
    shown = stages.head(MOST_BARS)
    where = np.arange(len(shown), dtype=np.float64) + 1.8
    left, middle = np.zeros(len(shown)), 0.0
    for name in names:
        look = {"edgecolor": "white", "linewidth": 0.3, **style.STAGES[name]}
        width, median = shown[name].to_numpy(dtype=np.float64), float(stages[name].median())
        axes.barh(where, width, left=left, height=0.72, **look)
        axes.barh(0.0, median, left=middle, height=1.25, **look)
        left, middle = left + width, middle + median
    axes.set_yticks([0.0, *where], ["median", *shown["instance"].astype(str)])
    axes.get_yticklabels()[0].set_fontweight("bold")
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    axes.invert_yaxis()
    axes.set_xlim(0, max(float(left.max()), middle) * 1.02)
    axes.set_xlabel("time since the decision (ms)")
    stage_legend(axes, stages, names)


def stage_legend(axes: Axes, stages: pd.DataFrame, names: list[str]) -> None:
    """Title and legend; each entry carries the stage's median over all instances."""
    handles = []
    for name in names:
        look = {"edgecolor": "white", "linewidth": 0.3, **style.STAGES[name]}
        handles.append(Patch(label=f"{LABELS.get(name, name)} {stages[name].median():.0f}", **look))
    axes.set_title("(a)  From the decision to the first answer; medians in ms:", loc="left", pad=14.0)
    spacing: dict[str, Any] = {"handlelength": 0.9, "columnspacing": 0.75, "handletextpad": 0.3, "borderaxespad": 0.35}
    axes.legend(handles=handles, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=len(handles), **spacing)


def draw_reloads(axes: Axes, reloads: pd.DataFrame, letter: str) -> None:
    """Every reload's duration at its time, and the median as a line; failed reloads are crosses."""
    failed = (reloads["ok"] == False).to_numpy(dtype=bool)  # noqa: E712 - an absent `ok` is not a failure
    good, bad, median_ms = reloads[~failed], reloads[failed], float(reloads["took_ms"].median())
    axes.axhline(median_ms, **style.LINES["wanted"])
    axes.plot(good["t_s"], good["took_ms"], "o", ms=3, mec="white", mew=0.4, mfc=style.BLUE)
    axes.plot(bad["t_s"], bad["took_ms"], "x", ms=4, mew=1.0, color=style.VERMILLION)
    axes.set_ylim(0, float(reloads["took_ms"].max()) * 1.15)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 3, 5, 6, 10]))
    axes.set_xlabel("time since the controller's start (s)")
    axes.set_ylabel("duration (ms)")
    note = f", {len(bad)} failed (×)" if len(bad) else ""
    title = f"{words.plural(len(reloads), 'reload')}, median {median_ms:.0f} ms{note}"
    axes.set_title(f"({letter})  {title}" if letter else title, loc="left", pad=14.0)
