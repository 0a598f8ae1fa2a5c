"""What was promised under faults and over time, and whether it was kept: the newest chaos run, soak and leak test."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from experiments.loading import LEAKS_PREFIX, BrokenRun, read_mapping
from report import environment, promises, style, words

KINDS = {
    "kill-instance": "an instance is killed", "kill-application": "its application is killed",
    "pause-instance": "an instance hangs", "drop-packets": "packets to an instance are dropped",
    "kill-zygote": "the zygote is killed", "kill-worker": "HAProxy’s worker is killed",
    "kill-balancer": "HAProxy is killed", "kill-controller": "the controller is killed",
    "pause-controller": "the controller hangs", "fill-disk": "the disk is full", "clock-jump": "the clock jumps",
}  # fmt: skip
MEMORY = "_rss_kib"
FIGURE_MM = 52.0


@dataclass(frozen=True)
class Trial:
    """One of them: its folder, what it is called, run.json or what tells the same, and its verdict."""

    folder: Path
    title: str
    info: dict[str, Any]
    verdict: dict[str, Any]


def newest_trials(results: Path) -> tuple[list[Trial], list[str]]:
    """The newest chaos run, soak and leak test that came to their end, and a note for each newer one that is broken. A
    short form only shows that it works, it has no place in a report."""
    trials, notes = [], []
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
                trials.append(found)
                break
    return trials, notes


def _run(title: str, file: Path) -> Trial | None:
    info, verdict = read_mapping(file.with_name("run.json")), read_mapping(file)
    whole = info.get("status") == "complete" and not verdict.get("quick")
    return Trial(file.parent, title, info, verdict) if whole else None


def _leaks(title: str, file: Path) -> Trial:
    verdict = read_mapping(file)
    return Trial(file.parent, title, verdict, verdict)


def robustness_data(trials: Sequence[Trial], save: Callable[[str, Figure], str]) -> dict[str, Any] | None:
    """What the page shows; None where there is nothing."""
    if not trials:
        return None
    return {
        "promised": promises.promised([trial.title for trial in trials]),
        "kept": promises.kept({trial.title: trial.verdict.get("points", []) for trial in trials}),
        "trials": [_trial_data(trial, save) for trial in trials],
    }


def _trial_data(trial: Trial, save: Callable[[str, Figure], str]) -> dict[str, Any]:
    figure = memory_figure(trial.folder / "resources.csv") if trial.title == "Soak" else None
    return {
        "title": trial.title, "id": trial.folder.name, "about": _about(trial),
        "machine": environment.machine_line(trial.info),
        "points": [[str(point["name"]), "kept" if point["held"] else "not kept",
                    str(point["said"])] for point in trial.verdict.get("points", [])],
        "kinds": [_kind_row(row) for row in trial.verdict.get("by_kind", [])],
        "figure": save("soak-memory", figure) if figure is not None else None,
    }  # fmt: skip


def _about(trial: Trial) -> str:
    if trial.title == "Leaks":
        stopped, reloads = (words.number(trial.verdict.get(name)) for name in ("stopped", "reloads"))
        return f"{stopped} instances started and stopped, HAProxy reloaded {reloads} times, as fast as it goes."
    shape = environment.section(trial.info, "shape")
    seed, faults = words.plain(trial.verdict.get("seed", "–")), len(trial.info.get("faults") or [])
    load = words.shape_words(shape)
    return f"{load[:1].upper()}{load[1:]}; {words.plural(faults, 'fault')} drawn from the seed {seed}."


def _kind_row(row: dict[str, Any]) -> list[str]:
    return [
        KINDS.get(str(row.get("kind")), str(row.get("kind"))), words.number(row.get("times")),
        words.number(row.get("right_s_p50"), 2, " s"), words.number(row.get("right_s_max"), 2, " s"),
        words.number(row.get("not_served")),
    ]  # fmt: skip


def memory_figure(file: Path) -> Figure | None:
    """Resident memory of each process over the time of a soak; None where it was not recorded."""
    if not file.exists():
        return None
    samples = pd.read_csv(file)
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
