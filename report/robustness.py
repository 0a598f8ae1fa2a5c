"""What was promised under faults and over time, and whether it was kept: the newest chaos run, soak and leak test."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from pydantic import Field

from experiments.loading import LEAKS_PREFIX, read_info, read_table
from experiments.records import LARGEST_AMOUNT, Amount, BrokenRun, Count, Record, checked, read_mapping
from report import environment, promises, style, words
from report.promises import Point

KINDS = {
    "kill-instance": "an instance is killed", "kill-application": "its application is killed",
    "pause-instance": "an instance hangs", "drop-packets": "packets to an instance are dropped",
    "kill-zygote": "the zygote is killed", "kill-worker": "HAProxy’s worker is killed",
    "kill-balancer": "HAProxy is killed", "kill-controller": "the controller is killed",
    "pause-controller": "the controller hangs", "fill-disk": "the disk is full", "clock-jump": "the clock jumps",
}  # fmt: skip
MEMORY, RESOURCES = "_rss_kib", "resources.csv"
FIGURE_MM = 52.0


class Kind(Record):
    """What came of all faults of a kind."""

    kind: str
    times: Count | None = None
    right_s_p50: Amount | None = None
    right_s_max: Amount | None = None
    not_served: Count | None = None


class Verdict(Record):
    """What is read of chaos.json and leaks.json, each of which has a part of it."""

    quick: bool = False
    points: list[Point]
    seed: int | None = None
    by_kind: list[Kind] = Field(default_factory=list)
    stopped: Count | None = None
    reloads: Count | None = None


@dataclass(frozen=True)
class Trial:
    """One of them: its folder, what it is called, run.json or what tells the same, its verdict, how many faults were
    planned, and of a soak, where it is known, the memory over time."""

    folder: Path
    title: str
    info: dict[str, Any]
    verdict: Verdict
    faults: int = 0
    memory: pd.DataFrame | None = None


def newest_trials(results: Path) -> tuple[list[Trial], list[str]]:
    """The newest chaos run, soak and leak test that came to their end, and a note for each file that is broken. A short
    form only shows that it works, it has no place in a report."""
    trials, notes = [], list[str]()
    for title, pattern, read in (
        ("Chaos", "*-chaos/chaos.json", _run), ("Soak", "*-soak/chaos.json", _run),
        ("Leaks", f"{LEAKS_PREFIX}*/leaks.json", _leaks),
    ):  # fmt: skip
        for file in sorted(results.glob(pattern), reverse=True):
            try:
                found = read(title, file)
            except BrokenRun as problem:
                notes.append(problem.note)
                continue
            if found is not None:
                trials.append(_with_memory(found, notes) if title == "Soak" else found)
                break
    return trials, notes


def _run(title: str, file: Path) -> Trial | None:
    info, verdict = read_info(file.parent), checked(Verdict, read_mapping(file), file)
    whole = info.get("status") == "complete" and not verdict.quick
    return Trial(file.parent, title, info, verdict, len(info.get("faults") or [])) if whole else None


def _leaks(title: str, file: Path) -> Trial:
    told = read_mapping(file)
    return Trial(file.parent, title, told, checked(Verdict, told, file))


def _with_memory(trial: Trial, notes: list[str]) -> Trial:
    """With the memory over time where it was recorded; adds a note where it was not recorded well."""
    file = trial.folder / RESOURCES
    try:
        return replace(trial, memory=_memory(file)) if file.exists() else trial
    except BrokenRun as problem:
        notes.append(problem.note)
        return trial


def _memory(file: Path) -> pd.DataFrame:
    """The resident memory of each process in KiB, where it was there, at the times t_s. Raises BrokenRun."""
    table = read_table(file, usecols=lambda name: name == "t_s" or name.endswith(MEMORY), dtype="float64")
    samples = table.dropna(axis="columns", how="all")
    if "t_s" not in samples or len(samples.columns) < 2:
        raise BrokenRun(file, f"lacks t_s or a column *{MEMORY}")
    known = samples.abs().le(LARGEST_AMOUNT)
    if not known["t_s"].all() or not (known | samples.isna()).to_numpy().all():
        raise BrokenRun(file, "is cut off or malformed")
    return samples


def robustness_data(trials: Sequence[Trial], save: Callable[[str, Figure], str]) -> dict[str, Any] | None:
    """What the page shows; None where there is nothing."""
    if not trials:
        return None
    return {
        "promised": promises.promised([trial.title for trial in trials]),
        "kept": promises.kept({trial.title: trial.verdict.points for trial in trials}),
        "trials": [_trial_data(trial, save) for trial in trials],
    }


def _trial_data(trial: Trial, save: Callable[[str, Figure], str]) -> dict[str, Any]:
    figure = memory_figure(trial.memory) if trial.memory is not None else None
    return {
        "title": trial.title, "id": trial.folder.name, "about": _about(trial),
        "machine": environment.machine_line(trial.info),
        "points": [[point.name, "kept" if point.held else "not kept", point.said] for point in trial.verdict.points],
        "kinds": [_kind_row(kind) for kind in trial.verdict.by_kind],
        "figure": save("soak-memory", figure) if figure is not None else None,
    }  # fmt: skip


def _about(trial: Trial) -> str:
    if trial.title == "Leaks":
        stopped, reloads = words.number(trial.verdict.stopped), words.number(trial.verdict.reloads)
        return f"{stopped} instances started and stopped, HAProxy reloaded {reloads} times, as fast as it goes."
    shape = environment.section(trial.info, "shape")
    seed = "–" if trial.verdict.seed is None else trial.verdict.seed
    load = words.shape_words(shape)
    return f"{load[:1].upper()}{load[1:]}; {words.plural(trial.faults, 'fault')} drawn from the seed {seed}."


def _kind_row(kind: Kind) -> list[str]:
    return [
        KINDS.get(kind.kind, kind.kind), words.number(kind.times), words.number(kind.right_s_p50, 2, " s"),
        words.number(kind.right_s_max, 2, " s"), words.number(kind.not_served),
    ]  # fmt: skip


def memory_figure(samples: pd.DataFrame) -> Figure:
    """Resident memory of each process over the time of a soak."""
    names = [name for name in samples if str(name).endswith(MEMORY)]
    looks = zip(names, ("-", "--", "-.", ":"), strict=False)
    with style.look():
        figure, (axes,) = style.page_figure(FIGURE_MM)
        for name, line in looks:
            label = str(name).removesuffix(MEMORY).replace("_", " ").replace("haproxy", "HAProxy")
            axes[0].plot(samples["t_s"] / 60, samples[name] / 1024, line, linewidth=1.0, color="black", label=label)
        axes[0].set_ylim(0, 1.35 * float(samples[names].max().max()) / 1024)
        axes[0].set_xlabel("time (min)")
        axes[0].set_ylabel("memory (MiB)")
        axes[0].legend(loc="upper left", ncols=len(names))
        style.margins(figure, left=12.5, top=3.0, right=2.5, bottom=10.2)
    return figure
