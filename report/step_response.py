"""How the fleet answers a step of the load: all repeats on one time axis, which begins at the step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from experiments.loading import Run
from report import series, style, words
from report.series import Floats

BEFORE_S, AFTER_UP_S = 1.0, 4.0  # of the step up
GRID_S = 0.02
Arms = Mapping[str, Sequence[Run]]
BAND: dict[str, Any] = {"facecolor": style.SKY, "alpha": 0.45, "linewidth": 0}
LOOK, NEEDED = style.LINES["in service"], style.LINES["needed"]


@dataclass(frozen=True)
class Response:
    """One repeat; times are seconds since the controller's start."""

    run: Run
    up_s: float
    down_s: float

    def in_service(self, times_s: Floats) -> Floats:
        ticks = self.run.ticks[["t_s", "in_service"]].dropna().to_numpy(dtype=np.float64)
        return series.value_at(times_s, ticks[:, 0], ticks[:, 1])

    def needed(self, times_s: Floats) -> Floats:
        steps = self.run.demand.to_numpy(dtype=np.float64)
        return series.value_at(times_s, steps[:, 0], steps[:, 1])

    @property
    def most_needed(self) -> float:
        return float(self.run.demand["instances"].max())

    @property
    def most(self) -> float:
        return float(self.run.ticks["in_service"].max())

    @property
    def reached_s(self) -> float | None:
        """How long after the step as many instances were in service as it needed; None where they never were."""
        times_s = np.arange(self.up_s, self.down_s, GRID_S)
        enough = np.flatnonzero(self.in_service(times_s) >= self.most_needed)
        return float(times_s[enough[0]] - self.up_s) if len(enough) else None

    @property
    def end_s(self) -> float:
        """The last request was due."""
        return float(self.run.requests["due_s"].max())


def response_of(run: Run) -> Response | None:
    """None where the load is no step up and down again, or the run does not tell the demand."""
    load = run.open_load
    if load is None or load.shape != "step" or run.demand.empty or run.requests.empty:
        return None
    steps = load.spec.model_dump()
    up_s = float(run.requests["due_s"].min()) - next(load.due_times()) + steps["before_s"]
    return None if steps["high_s"] is None else Response(run, up_s, up_s + steps["high_s"])


def responses_of(arms: Arms) -> list[Response]:
    """Of the first arm that is on such a load."""
    for runs in arms.values():
        found = [response for run in runs if (response := response_of(run)) is not None]
        if found:
            return found
    return []


def step_figure(arms: Arms) -> Figure | None:
    """The instances in service around the step up and after the step down: the median and all repeats between the least
    and the most."""
    found = responses_of(arms)
    if not found:
        return None
    after_s = min(each.end_s - each.down_s for each in found)
    with style.look():
        figure, ((up, down),) = style.page_figure(52.0, columns=2, sharey=True)
        draw_response(up, found, [each.up_s for each in found], np.arange(-BEFORE_S, AFTER_UP_S, GRID_S))
        draw_response(down, found, [each.down_s for each in found], np.arange(-BEFORE_S, after_s, GRID_S))
        style.panel_title(up, "a", "After the step up")
        style.panel_title(down, "b", "After the step down")
        up.set_ylabel("instances")
        up.set_ylim(bottom=0)
        up.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
        up.legend(handles=handles(len(found)), loc="lower right", borderaxespad=0.8)
        style.margins(figure, left=10, top=4.9)
        figure.subplots_adjust(wspace=0.08)
    return figure


def draw_response(axes: Axes, found: Sequence[Response], steps_s: Sequence[float], times_s: Floats) -> None:
    counts = np.array([each.in_service(times_s + step_s) for each, step_s in zip(found, steps_s, strict=True)])
    needed = np.array([each.needed(times_s + step_s) for each, step_s in zip(found, steps_s, strict=True)])
    axes.fill_between(times_s, counts.min(axis=0), counts.max(axis=0), step="post", **BAND)
    axes.step(times_s, np.median(counts, axis=0), where="post", **LOOK)
    axes.step(times_s, np.median(needed, axis=0), where="post", **NEEDED)
    axes.axvline(0.0, color=style.GREY, linewidth=0.6)
    axes.set_xlim(float(times_s[0]), float(times_s[-1]))
    axes.set_xlabel("time since the step (s)")


def handles(repeats: int) -> list[Any]:
    band = [Patch(label="all repeats", **BAND)] if repeats > 1 else []
    return [Line2D([], [], label=f"in service{', median' if repeats > 1 else ''}", **LOOK), *band,
            Line2D([], [], label="needed", **NEEDED)]  # fmt: skip


def step_finding(arms: Arms) -> str:
    """How soon there were enough, how many too many, and how many were left in the end."""
    found = responses_of(arms)
    if not found:
        return ""
    needed, most = (median(values) for values in zip(*((each.most_needed, each.most) for each in found), strict=True))
    after_s = median(each.end_s - each.down_s for each in found)
    left = median(float(each.in_service(np.array([each.end_s]))[0]) for each in found)
    more = f", {100 * (most / needed - 1):.0f} % more" if most > needed else ""
    return (
        f"{soon_words(needed, found)}; the fleet grows to {words.number(most)}{more}. After the step down "
        f"{words.number(left)} are left when the load ends {after_s:.0f} s later."
    )


def soon_words(needed: float, found: Sequence[Response]) -> str:
    """How long it took until the step's demand was met."""
    reached_s = [each.reached_s for each in found if each.reached_s is not None]
    instances = f"The {words.plural(needed, 'instance')} that the step needs"
    if not reached_s:
        return f"{instances} are never in service"
    some = f" in {len(reached_s)} of {words.plural(len(found), 'repeat')}" if len(reached_s) < len(found) else ""
    spread = f" ({min(reached_s):.2f} to {max(reached_s):.2f} s)" if len(reached_s) > 1 else ""
    return f"{instances} are in service {median(reached_s):.2f} s after it{some}{spread}"
