"""What the controller itself costs while it has nothing to do but look."""

import os
import time
from pathlib import Path

from experiments.bench.model import Context, Series
from experiments.testbed import Policy, controller

SIZES, TICK_S, WINDOW_S, WINDOWS = (1, 10, 50, 100, 200), 0.25, 3.0, 4
QUICK_SIZES, QUICK_WINDOW_S = (5,), 1.0


def policy(boot: str, instances: int) -> Policy:
    """So many instances from the start, whatever comes."""
    still = {"when": {"metric": "offered_rps", "above": 1e9}, "then": {"add": 1}}
    return {
        "instances": {"min": instances, "max": instances}, "tick_s": TICK_S, "boot": boot, "apply": "runtime",
        "service": {"rate_limit": 1000}, "policy": {"rules": [still]},
    }  # fmt: skip


def run(context: Context) -> list[Series]:
    sizes, window_s = (QUICK_SIZES, QUICK_WINDOW_S) if context.quick else (SIZES, WINDOW_S)
    found = [_measure(context, size, window_s) for size in sizes]
    return [series for pair in zip(*found, strict=True) for series in pair]


def _measure(context: Context, instances: int, window_s: float) -> tuple[Series, Series]:
    """The controller's share of a core, and its median tick: all of it but what goes on in the background."""
    context.say(f"{instances} idle instances, {1 / TICK_S:g} ticks a second, over {WINDOWS * window_s:g} s")
    with controller(context.folder / f"cost-{instances}", policy("zygote", instances)) as testbed:
        testbed.await_fleet(instances)
        time.sleep(1.0)
        shares = [_percent_of_a_core(testbed.process.pid, window_s) for _ in range(WINDOWS)]
    tick_ms = testbed.events()[-1]["tick_ms_p50"]
    way = f"{instances} idle instances"
    return (
        Series(way, f"processor use of the controller at {1 / TICK_S:g} ticks/s", "% of a core", tuple(shares)),
        Series(way, "a tick", "ms", (tick_ms,)),
    )


def _percent_of_a_core(pid: int, window_s: float) -> float:
    before_s, started = cpu_s(pid), time.monotonic()
    time.sleep(window_s)
    return 100 * (cpu_s(pid) - before_s) / (time.monotonic() - started)


def cpu_s(pid: int) -> float:
    """The CPU time of a process so far, all its threads together, ended ones included."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
