"""Rises of the load by slope and boot time, as experiments/sweep.py simulated them, and real runs among them."""

import contextlib
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from experiments.loading import SWEEP_PREFIX, BrokenRun, read_mapping, read_text
from experiments.sweep import FACTS, FILE
from report import environment, single, words

COLUMNS = ("boot_s", "slope_rps2", "too_few_s", "not_served")
BOOT_PARTS_MS = ("clone_ms_p50", "address_ms_p50", "application_ms_p50")
MOST_TOO_FEW_S = 1.0  # what the finding calls good
APART = ("boot", "apply")  # keys of a policy file that the place in the figure tells, or that change little


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
    info, file = read_mapping(folder / FACTS), folder / FILE
    try:
        frame = pd.read_csv(io.StringIO(read_text(file)), usecols=list(COLUMNS), dtype="float64")
        cells = frame.groupby(["boot_s", "slope_rps2"], as_index=False).mean()
        told = info["low_rps"], info["high_rps"], info["repeats"] + 0
        policy = dict(info["policy"])
    except (ValueError, KeyError, TypeError) as error:
        raise BrokenRun(file, f"is not what a sweep writes ({error!r})") from None
    if len(cells) < 1 or frame.isna().to_numpy().any():
        raise BrokenRun(file, "is cut off or malformed")
    return Rises(info, cells, tuple(real_rises(results, told[:2], policy)))


def real_rises(results: Path, rates: tuple[float, float], policy: Mapping[str, Any]) -> Iterator[RealRise]:
    """The valid real runs whose load rises between the same rates under the same policy."""
    for file in sorted(results.glob("*/run.json")):
        # A run that cannot be read is told of where it is shown; an older one may lack some of the figures.
        with contextlib.suppress(BrokenRun, KeyError, TypeError):
            info = read_mapping(file)
            shape = environment.section(info, "shape")
            slope_rps2 = slope_of(shape)
            if (info["kind"], info["status"]) == ("real", "complete") and slope_rps2 and rates_of(shape) == rates:
                own, found = read_mapping(file.with_name("policy.yaml")), read_mapping(file.with_name("summary.json"))
                if is_same(own, policy) and found["valid"]:
                    yield real_rise(slope_rps2, shape["duration_s"], found)


def real_rise(slope_rps2: float, duration_s: float, found: Mapping[str, Any]) -> RealRise:
    boot_s = sum(found[part] for part in BOOT_PARTS_MS) / 1000
    return RealRise(boot_s, slope_rps2, found["tau_u_percent"] / 100 * duration_s, found["offered"] - found["served"])


def slope_of(shape: Mapping[str, Any]) -> float | None:
    """How steeply a ramp or a step rises, in requests/s a second; None for other shapes."""
    if shape.get("kind") == "step":
        return math.inf
    if shape.get("kind") != "ramp":
        return None
    return 2 * float(shape["peak_rps"] - shape["low_rps"]) / float(shape["duration_s"])


def rates_of(shape: Mapping[str, Any]) -> tuple[float, float]:
    return shape["low_rps"], shape.get("peak_rps", shape.get("high_rps", 0.0))


def is_same(own: Mapping[str, Any], policy: Mapping[str, Any]) -> bool:
    """Do two policy files say the same, in what both tell and where it matters here?"""
    return all(own[key] == policy[key] for key in own.keys() & policy.keys() - set(APART))


def rises_data(rises: Rises) -> dict[str, str]:
    """What the page tells about them."""
    told = rises.info
    known = words.plural(len(rises.real), "real run")
    source = single.model_source(told.get("parameters", {}))
    return {
        "setup": f"{words.plain(told['policy_file'])} on a load that rises from {words.plain(told['low_rps'])} to "
        f"{words.plain(told['high_rps'])} requests/s and stays there for {words.plain(told['hold_s'])} s; of the new "
        f"instances {words.plain(told['boots_at_once'])} boot at a time, as on this machine. "
        f"{words.plural(told['repeats'], 'simulation')} a cell"
        f"{', of which it shows the means' if told['repeats'] > 1 else ''}",
        "model": f"; the rest of the model comes from {source}" if source else "",
        "real": f"Circles are {known} with such a rise under the same policy, at the boot time that was measured, with "
        "the same colours." if rises.real else "",
        "finding": finding(rises.table("too_few_s")),
    }  # fmt: skip


def finding(too_few_s: pd.DataFrame) -> str:
    """The steepest rise that each boot time keeps up with."""
    kept: dict[float | None, list[float]] = {}
    for boot_s, row in too_few_s.iterrows():
        kept.setdefault(steepest(row), []).append(float(str(boot_s)))
    parts = [f"with boots of {boots_words(boots)} {slope_words(slope, too_few_s)}" for slope, boots in kept.items()]
    return f"The fleet is too small for at most {MOST_TOO_FEW_S:g} s {words.listed(parts)}."


def steepest(row: "pd.Series[float]") -> float | None:
    """The last slope before the first one at which too few instances were there for too long."""
    good = list(row <= MOST_TOO_FEW_S)
    count = good.index(False) if False in good else len(good)
    return float(row.index[count - 1]) if count else None


def boots_words(boots_s: Sequence[float]) -> str:
    return f"{f'{min(boots_s):g} to ' if len(boots_s) > 1 else ''}{max(boots_s):g} s"


def slope_words(slope: float | None, table: pd.DataFrame) -> str:
    if slope is None:
        return "on no rise that was simulated"
    if math.isinf(slope):
        return "even on the step"
    steeper = " but not on the step" if slope == max(filter(math.isfinite, map(float, table.columns))) else ""
    return f"on rises of up to {slope:g} requests/s a second{steeper}"
