"""The report's sections: what the page needs for each, with its figures written."""

from collections.abc import Mapping, Sequence
from typing import Any

from experiments.loading import Run
from experiments.simulator.compare import MOST_INSTANCE_SECONDS, MOST_NOT_SERVED
from report import (
    comparison,
    comparison_figures,
    environment,
    experiment,
    headline,
    loads,
    prices,
    rises,
    shadows,
    simulated,
    single,
    style,
    words,
)
from report.arm_figures import EXTRAS
from report.bench import Bench, bench_data
from report.bench_figure import bench_figure
from report.capacity import Capacity, by_rate_limit, capacity_data, capacity_figure
from report.loads import Offered
from report.plates import Plates
from report.rises import Rises
from report.rises_figure import rises_figure
from report.signature import signature_figure
from report.simulated import Twin
from report.startup_figure import startup_caption, startup_figure
from report.study import Study

MOST_COLUMNS = 4  # arms side by side in a signature figure
EXPERIMENT_MM, COLUMNS_MM = 84.0, 96.0  # heights of signature figures
# Room for a single run's figures on their page, for the second one's caption, and for the figure of a run without
# decisions, which shares the page with the tables.
FIGURES_PAGE_MM, CAPTION_MM, SHARED_PAGE_MM = 228.0, 20.0, 100.0


def experiment_section(study: Study, plates: Plates) -> dict[str, Any]:
    """An experiment's words and tables, its signature figure and the figure that only it has."""
    extra = EXTRAS.get(study.name)
    shown = dict(list(study.middle.items())[:MOST_COLUMNS])
    arms = arms_of(study, extra.all_repeats) if extra is not None and study.middle else {}
    drawn = extra.draw(arms) if extra is not None and arms else None
    return {
        **experiment.experiment_data(study),
        "signature": plates.save(f"{study.name}-signature", signature(shown)) if shown else None,
        "signature_caption": experiment.signature_caption(study, shown),
        "extra": plates.save(f"{study.name}-extra", drawn) if drawn is not None else None,
        "extra_caption": f"{extra.caption} {extra.finding(arms)}".strip() if extra is not None and arms else "",
    }


def signature(shown: Mapping[str, Run]) -> Any:
    if len(shown) == 1:
        run = next(iter(shown.values()))
        return signature_figure([run], listed=single.listed(run, experiment.MOST_DECISIONS), height_mm=EXPERIMENT_MM)
    return signature_figure(list(shown.values()), names=list(shown), height_mm=COLUMNS_MM)


def arms_of(study: Study, all_repeats: bool) -> dict[str, list[Run]]:
    if all_repeats:
        return {arm.name: list(study.loaded(arm.name)) for arm in study.arms}
    return {name: [run] for name, run in study.middle.items()}


def comparison_section(study: Study, plates: Plates) -> dict[str, Any]:
    """The comparison's words and tables, the plane of cost and losses, and the latencies' tails."""
    planes = comparison.planes(study)
    by_load = {
        load: {policy: study.middle[arm.name] for policy, arm in arms.items() if arm.name in study.middle}
        for load, arms in comparison.by_load(study).items()
    }
    best = {plane.load: plane.best for plane in planes}
    middle = {load: runs for load, runs in by_load.items() if runs and load in best}
    return {
        **comparison.comparison_data(study),
        **headline.headline_data(study),
        "plane": plates.save("plane", comparison_figures.plane_figure(planes)) if planes else None,
        "prices": prices_plate(study, plates),
        "ccdf": plates.save("ccdf", comparison_figures.ccdf_figure(middle, best)) if middle else None,
    }


def prices_plate(study: Study, plates: Plates) -> dict[str, str] | None:
    """What follows from a price of lost requests; None where no run tells the costs."""
    found = prices.prices_of(study)
    if found is None:
        return None
    return {
        "figure": plates.save("prices", prices.prices_figure(found)),
        "least": words.rough(found.least),
        "most": words.rough(found.shown[-1]),
        "most_times": words.rough(prices.MOST_TIMES),
        "finding": prices.finding(found),
        "repeats": experiment.repeats_words(study),
    }


def loads_section(found: Sequence[Offered], plates: Plates) -> dict[str, str] | None:
    """The loads' gallery; None where there is no open load."""
    if not found:
        return None
    return {"figure": plates.save("loads", loads.loads_figure(found)), "finding": loads.finding(found)}


def rises_section(found: Rises | None, plates: Plates) -> dict[str, str] | None:
    if found is None:
        return None
    return {**rises.rises_data(found), "figure": plates.save("rises", rises_figure(found))}


def simulator_section(twins: Sequence[Twin], plates: Plates) -> dict[str, Any]:
    return {
        "rows": simulated.twin_rows(twins),
        "figure": plates.save("simulator", simulated.twins_figure(twins)) if twins else None,
        "summary": simulated.summary(twins),
        "in_sample": simulated.in_sample_words(twins),
        "most_cost": f"{100 * MOST_INSTANCE_SECONDS:g} %",
        "most_lost": words.plural(100 * MOST_NOT_SERVED, "percentage point"),
    }


def shadows_section(runs: Sequence[Run], plates: Plates) -> list[dict[str, Any]]:
    return [
        {"run": single.name_of(run), "rows": shadows.shadow_rows(run),
         "figure": plates.save(f"shadows-{number}", shadows.shadows_figure(run))}
        for number, run in enumerate(runs, start=1)
    ]  # fmt: skip


def capacity_section(
    capacities: Sequence[Capacity], studies: Sequence[Study], singles: Sequence[Run], plates: Plates
) -> dict[str, Any]:
    return {
        "measured": [capacity_data(capacity) for capacity in capacities],
        "others": by_rate_limit(studies, singles),
        "figure": plates.save("capacity", capacity_figure(capacities)) if capacities else None,
    }


def bench_section(bench: Bench | None, plates: Plates) -> dict[str, Any] | None:
    if bench is None:
        return None
    figure = bench_figure(bench)
    return {**bench_data(bench), "figure": plates.save("bench", figure) if figure is not None else None}


def run_section(run: Run, runs: Sequence[Run], name: str, plates: Plates) -> dict[str, Any]:
    """A single run's words and tables, and its figures."""
    startup = startup_figure(run)
    used_mm = startup.get_figheight() / style.MM + CAPTION_MM if startup is not None else 0.0
    height_mm = FIGURES_PAGE_MM - used_mm if len(run.decisions) else SHARED_PAGE_MM
    figure = signature_figure([run], listed=single.listed(run), height_mm=height_mm)
    return {
        **single.run_data(run, runs),
        "signature": plates.save(f"{name}-signature", figure),
        "startup": plates.save(f"{name}-startup", startup) if startup is not None else None,
        "startup_caption": startup_caption(run),
    }


def method_facts(studies: Sequence[Study]) -> dict[str, str]:
    """What the method and the threats to it were in these runs, in numbers."""
    arms = [arm for study in studies for arm in study.arms if arm.repeats]
    repeats = [repeat for arm in arms for repeat in arm.repeats]
    real = [repeat for study in studies for arm in study.arms if arm.name not in study.simulated
            for repeat in arm.repeats if repeat.valid]  # fmt: skip
    lags_ms = [repeat.figures["lag_ms_p99"] for repeat in real if "lag_ms_p99" in repeat.figures]
    off = [repeat.figures["schedule_error"] for repeat in real if "schedule_error" in repeat.figures]
    counts = [arm.n_valid for arm in arms]
    simulated_runs = sum(len(arm.repeats) for study in studies for arm in study.arms if arm.name in study.simulated)
    most = words.plural(max(counts), "valid repeat")
    few = f"{min(counts)} to {most}" if min(counts) < max(counts) else most
    return {
        "validity": f"Here {words.number(sum(repeat.valid for repeat in repeats))} of "
        f"{words.plural(len(repeats), 'run')} are valid.",
        "lag": f"Here the largest p99 of its lag in a valid real run was {words.milliseconds(max(lags_ms))}, and what "
        f"was sent in a time bin was at most {words.share(max(off), 1.0)} off the schedule." if lags_ms and off else "",
        "repeats": f"Variants have {few}; intervals of so few are wide, and what does not separate here may "
        "with more.",
        "machine": f"All of it is one machine: {words.listed(machines(studies))}.",
        "simulated": f"{words.number(simulated_runs)} of {words.plural(len(repeats), 'run')} are simulated, on a model "
        "that is compared with real runs above." if simulated_runs else "",
    }  # fmt: skip


def machines(studies: Sequence[Study]) -> list[str]:
    return list(dict.fromkeys(environment.machine_line(info) for study in studies for info in study.infos()))
