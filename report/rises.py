"""Rises of the load by slope and boot time, as experiments/sweep.py simulated them, and real runs among them."""

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field

from experiments.journal import UNREADABLE
from experiments.loading import SWEEP_PREFIX, read_info, read_table
from experiments.records import LARGEST_AMOUNT, Amount, BrokenRun, Count, Record, checked, read_mapping
from experiments.sweep import FACTS, FILE
from report import environment, single, words

COLUMNS = ("boot_s", "slope_rps2", "too_few_s", "not_served")
LEAST_SIDE, MOST_SIDE = 2, 40  # boot times, and slopes that are finite
MOST_TOO_FEW_S = 1.0  # what the finding calls good
APART = ("boot", "apply")  # keys of a policy file that the place in the figure tells, or that change little


class _Told(Record):
    """What is read of sweep.json."""

    policy_file: str
    policy: dict[str, Any]
    low_rps: Amount
    high_rps: Amount
    hold_s: Amount
    boots_at_once: Count
    repeats: Count
    parameters: dict[str, str] = Field(default_factory=dict)


class _Summary(Record):
    """What is read of the summary of a real run."""

    valid: bool
    offered: Count
    served: Count
    tau_u_percent: Amount
    clone_ms_p50: Amount
    address_ms_p50: Amount
    application_ms_p50: Amount

    @property
    def boot_s(self) -> float:
        return (self.clone_ms_p50 + self.address_ms_p50 + self.application_ms_p50) / 1000


class _Shape(Record):
    """What is read of the load of a real run."""

    low_rps: Amount
    peak_rps: Amount | None = None
    high_rps: Amount = 0.0
    duration_s: float = Field(gt=0, le=LARGEST_AMOUNT)

    @property
    def rates_rps(self) -> tuple[float, float]:
        return self.low_rps, self.high_rps if self.peak_rps is None else self.peak_rps


@dataclass(frozen=True)
class RealRise:
    """What one real run on such a rise had."""

    boot_s: float
    slope_rps2: float
    too_few_s: float
    not_served: int


@dataclass(frozen=True)
class Rises:
    """`cells` has COLUMNS, a row a slope and boot time with the means of the repeats; a slope that is inf is a step."""

    info: dict[str, Any]
    cells: pd.DataFrame
    real: tuple[RealRise, ...]

    def table(self, column: str) -> pd.DataFrame:
        """One quantity, a row a boot time and a column a slope, both rising."""
        return self.cells.pivot_table(index="boot_s", columns="slope_rps2", values=column)


def newest_rises(results: Path) -> tuple[Rises | None, list[str]]:
    """The newest sweep with the most repeats, and a note for each that is broken."""
    found: list[Rises] = []
    notes: list[str] = []
    for file in sorted(results.glob(f"{SWEEP_PREFIX}*/{FACTS}"), reverse=True):
        try:
            found.append(load_rises(file.parent, results))
        except BrokenRun as problem:
            notes.append(problem.note)
    return max(found, key=lambda rises: rises.info["repeats"], default=None), notes


def load_rises(folder: Path, results: Path) -> Rises:
    """The sweep in `folder` and the real runs of `results` that belong to it. Raises BrokenRun."""
    info = read_mapping(folder / FACTS)
    told = checked(_Told, info, folder / FACTS)
    return Rises(info, cells_of(folder / FILE), tuple(real_rises(results, (told.low_rps, told.high_rps), told.policy)))


def cells_of(file: Path) -> pd.DataFrame:
    """The means of the repeats, a row a cell of a whole grid. Raises BrokenRun."""
    frame = read_table(file, usecols=lambda name: name in COLUMNS, dtype="float64")
    missing = [name for name in COLUMNS if name not in frame]
    if missing:
        raise BrokenRun(file, f"lacks the column {missing[0]}")
    finite = frame.drop(columns="slope_rps2").abs().le(LARGEST_AMOUNT).to_numpy().all()
    if frame.empty or not finite or not (frame["boot_s"] > 0).all() or not (frame["slope_rps2"] > 0).all():
        raise BrokenRun(file, "is cut off or malformed")
    cells = frame.groupby(["boot_s", "slope_rps2"], as_index=False).mean()
    boots_s, slopes = cells["boot_s"].unique(), cells["slope_rps2"].unique()
    sides = len(boots_s), int(np.isfinite(slopes).sum())
    whole = len(cells) == len(boots_s) * len(slopes)
    if not whole or not LEAST_SIDE <= min(sides) <= max(sides) <= MOST_SIDE or (cells < 0).to_numpy().any():
        raise BrokenRun(file, "holds no grid of boot times and slopes that can be shown")
    return cells


def real_rises(results: Path, rates: tuple[float, float], policy: Mapping[str, Any]) -> Iterator[RealRise]:
    """The valid real runs whose load rises between the same rates under the same policy."""
    for file in sorted(results.glob("*/run.json")):
        # A run that cannot be read is told of where it is shown; an older one may lack some of the figures.
        with contextlib.suppress(BrokenRun, *UNREADABLE):
            info = read_info(file.parent)
            shape = environment.section(info, "shape")
            if (info["kind"], info["status"]) == ("real", "complete") and shape.get("kind") in ("ramp", "step"):
                rise = real_rise(file.parent, shape, rates, policy)
                if rise is not None:
                    yield rise


def real_rise(
    folder: Path, shape: Mapping[str, Any], rates: tuple[float, float], policy: Mapping[str, Any]
) -> RealRise | None:
    """None where the run is not valid, or has other rates or another policy. Raises BrokenRun."""
    load, slope_rps2 = checked(_Shape, shape, folder / "run.json"), slope_of(shape)
    if load.rates_rps != rates or slope_rps2 is None or slope_rps2 <= 0:
        return None
    found = checked(_Summary, read_mapping(folder / "summary.json"), folder / "summary.json")
    if not found.valid or not found.boot_s or not is_same(read_mapping(folder / "policy.yaml"), policy):
        return None
    return RealRise(found.boot_s, slope_rps2, found.tau_u_percent / 100 * load.duration_s, found.offered - found.served)


def slope_of(shape: Mapping[str, Any]) -> float | None:
    """How steeply a ramp or a step rises, in requests/s a second; None for other shapes."""
    if shape.get("kind") == "step":
        return math.inf
    if shape.get("kind") != "ramp":
        return None
    return 2 * float(shape["peak_rps"] - shape["low_rps"]) / float(shape["duration_s"])


def is_same(own: Mapping[str, Any], policy: Mapping[str, Any]) -> bool:
    """Do two policy files say the same, in what both tell and where it matters here?"""
    return all(own[key] == policy[key] for key in own.keys() & policy.keys() - set(APART))


def rises_data(rises: Rises) -> dict[str, str]:
    """What the page tells about them."""
    told = rises.info
    source, many = single.model_source(told.get("parameters", {})), told["repeats"] > 1
    known = f"Circles are {words.plural(len(rises.real), 'real run')} with such a rise under the same policy"
    return {
        "setup": f"{words.plain(told['policy_file'])} on a load that rises from {words.plain(told['low_rps'])} to "
        f"{words.plain(told['high_rps'])} requests/s and stays there for {words.plain(told['hold_s'])} s, "
        f"{words.plural(told['repeats'], 'time')} a cell{', which shows the mean' if many else ''}",
        "boots": words.plain(told["boots_at_once"]),
        "model": f"; the rest of the model comes from {source}" if source else "",
        "real": f"{known}, at the boot time that was measured, in the same shades." if rises.real else "",
        "finding": f"{finding(rises.table('too_few_s'))} {real_words(rises)}".strip(),
    }


def real_words(rises: Rises) -> str:
    """What the real runs lost beside the cells that are next to them."""
    table, parts = rises.table("not_served"), []
    slopes, boots_s = (np.asarray(axis, dtype=np.float64) for axis in (table.columns, table.index))
    for slope in sorted({each.slope_rps2 for each in rises.real}):
        group = [each for each in rises.real if each.slope_rps2 == slope]
        column = np.argmin(np.abs(1 / slopes - 1 / slope))
        row = np.argmin(np.abs(np.log(boots_s / group[0].boot_s)))
        where = "on the step" if math.isinf(slope) else f"at {slope:.2g} requests/s a second"
        lost, boots = span([each.not_served for each in group], ",.0f"), span([each.boot_s for each in group], ".2g")
        cell = f"the nearest cell has {table.to_numpy()[row, column]:,.0f}"
        parts.append(f"{where} {lost} with boots of {boots} s ({cell})")
    return f"Real runs lost {words.listed(parts)}." if parts else ""


def span(values: Sequence[float], form: str) -> str:
    """`2` or `2 to 5`."""
    low, high = (format(value, form) for value in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"


def finding(too_few_s: pd.DataFrame) -> str:
    """The steepest rise that each boot time keeps up with."""
    kept: dict[float | None, list[float]] = {}
    for boot_s, row in too_few_s.iterrows():
        kept.setdefault(steepest(row), []).append(float(str(boot_s)))
    parts = [f"with boots of {span(boots, 'g')} s {slope_words(slope, too_few_s)}" for slope, boots in kept.items()]
    return f"The fleet is too small for at most {MOST_TOO_FEW_S:g} s {words.listed(parts)}."


def steepest(row: "pd.Series[float]") -> float | None:
    """The last slope before the first one at which too few instances were there for too long."""
    good = list(row <= MOST_TOO_FEW_S)
    count = good.index(False) if False in good else len(good)
    return float(row.index[count - 1]) if count else None


def slope_words(slope: float | None, table: pd.DataFrame) -> str:
    if slope is None:
        return "on no rise that was simulated"
    if math.isinf(slope):
        return "even on the step"
    steeper = " but not on the step" if slope == max(filter(math.isfinite, map(float, table.columns))) else ""
    return f"on rises of up to {slope:g} requests/s a second{steeper}"
