"""A thousand starts and stops, and hundreds of reloads: is everything there as often as it was?

results/leaks-<time>/ holds the policy, the controller's journal and log, and
  resources.csv   what was used, a row a sample; the first and the last are those that are compared
  leaks.json      how much was done, and the verdict
"""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from controller.site import Site
from experiments.chaos.verdict import Point, told
from experiments.journal import Tail
from experiments.leftovers import left_behind
from experiments.loading import LEAKS_PREFIX
from experiments.machine import machine, versions
from experiments.processes import hand_over, say
from experiments.resources import Sample, sample, sample_at_rest
from experiments.runner import check_host, write_json
from experiments.soak import verdict
from experiments.testbed import Policy, Testbed, controller

LOW, HIGH = 1, 5
A_TIME = HIGH - LOW  # so many start and stop each time
LEAST_WARM_UP, WARM_UP_SHARE = 2, 0.1  # times: pools, caches and the allocator come to their size
REST_S = 6.0
LOOK_TIMES = 10
SETTLED_S = 2.0  # within a rest
ONE_S = 10.0  # for an instance to come and go; more is too long


def run_leaks(cycles: int, results: Path) -> bool:
    """So many starts and stops at least; whether nothing leaked. Raises RunError."""
    check_host()
    folder = results / f"{LEAKS_PREFIX}{datetime.now(UTC):%Y%m%d-%H%M%S}"
    folder.mkdir(parents=True)
    times = -(-cycles // A_TIME)
    warm_up = max(LEAST_WARM_UP, round(times * WARM_UP_SHARE))
    with controller(folder / "run", policy(warm_up, times)) as testbed:
        samples, done = worn(testbed, warm_up * A_TIME, times * A_TIME)
    points = [
        verdict.same_counts(samples[0], samples[-1]), verdict.same_memory(samples[0], samples[-1]),
        verdict.bounded(samples[-1]), _left(left_behind()),
    ]  # fmt: skip
    pd.DataFrame(samples).to_csv(folder / "resources.csv", index=False)
    write_json(folder / "leaks.json", {**done, "points": told(points), "machine": machine(), "versions": versions()})
    hand_over(folder)
    say("\n".join([words(done), *(point.line for point in points), f"everything lies in {folder}"]))
    return all(point.held for point in points)


def policy(warm_up: int, times: int) -> Policy:
    """Up and down, by reload."""
    flapping = {"low": LOW, "high": HIGH, "warm_up": warm_up, "times": warm_up + times, "rest_s": REST_S}
    return {
        "instances": {"min": LOW, "max": HIGH}, "tick_s": 0.05, "boot": "zygote", "apply": "reload",
        "policy": {"python": {"class": "experiments.policies.flapping.Flapping", "options": flapping}},
    }  # fmt: skip


def worn(testbed: Testbed, warm_up: int, cycles: int) -> tuple[list[Sample], dict[str, Any]]:
    """What was used at the rest after the warm-up, meanwhile, and at the end; and what was done between. Raises
    RunError."""
    tail = Tail(testbed.journal)
    await_gone(tail, testbed, warm_up)
    time.sleep(SETTLED_S)
    started, before, samples = time.monotonic(), tail.counts.copy(), [{"t_s": 0.0, **sample_at_rest(Site())}]
    while (gone := tail.counts["GONE"] - before["GONE"]) < cycles:
        await_gone(tail, testbed, warm_up + min(cycles, gone + LOOK_TIMES * A_TIME))
        samples.append({"t_s": round(time.monotonic() - started, 1), **sample(Site())})
        say(f"{samples[-1]['t_s']:4.0f} s  {tail.counts['GONE'] - before['GONE']} instances started and stopped")
    time.sleep(SETTLED_S)
    samples.append({"t_s": round(time.monotonic() - started, 1), **sample_at_rest(Site())})
    return samples, {
        "stopped": tail.counts["GONE"] - before["GONE"], "reloads": tail.counts["reload"] - before["reload"],
        "errors": tail.counts["error"] - before["error"], "took_s": samples[-1]["t_s"],
    }  # fmt: skip


def await_gone(tail: Tail, testbed: Testbed, number: int) -> None:
    """Wait until so many instances have come and gone. Raises RunError."""

    def are_gone() -> bool:
        tail.follow()
        return tail.counts["GONE"] >= number

    testbed.await_(are_gone, f"{number} instances come and gone", ONE_S * (1 + number - tail.counts["GONE"]))


def words(done: dict[str, Any]) -> str:
    return (
        f"{done['stopped']:,} instances started and stopped, {done['reloads']:,} reloads in {done['took_s']:.0f} s, "
        f"{done['errors']} errors"
    )


def _left(left: Sequence[str]) -> Point:
    return Point("leftovers", not left, ", ".join(left) or "nothing was left behind")
