"""What the controller itself costs while it has nothing to do but look."""

import os
import time
from pathlib import Path

from experiments.bench.model import Context, Series
from experiments.bench.testbed import Policy, controller, is_accepted

INSTANCES, TICK_S, WINDOW_S, WINDOWS = 50, 0.25, 5.0, 4
QUICK_INSTANCES, QUICK_WINDOW_S = 5, 1.0


def policy(boot: str, instances: int) -> Policy:
    """So many instances from the start, whatever comes."""
    still = {"when": {"metric": "offered_rps", "above": 1e9}, "then": {"add": 1}}
    return {
        "instances": {"min": instances, "max": instances}, "tick_s": TICK_S, "boot": boot, "apply": "runtime",
        "service": {"rate_limit": 1000}, "policy": {"rules": [still]},
    }  # fmt: skip


def run(context: Context) -> list[Series]:
    instances, window_s = (QUICK_INSTANCES, QUICK_WINDOW_S) if context.quick else (INSTANCES, WINDOW_S)
    boot = "zygote" if is_accepted(policy("zygote", instances)) else "exec"
    context.say(f"{instances} idle instances, {1 / TICK_S:g} ticks a second, over {WINDOWS * window_s:g} s")
    with controller(context, "cost", policy(boot, instances)) as testbed:
        testbed.await_fleet(instances)
        time.sleep(1.0)
        shares = [_percent_of_a_core(testbed.process.pid, window_s) for _ in range(WINDOWS)]
    return [Series(f"{instances} idle instances", "processor use of the controller", "%", tuple(shares))]


def _percent_of_a_core(pid: int, window_s: float) -> float:
    before_s, started = cpu_s(pid), time.monotonic()
    time.sleep(window_s)
    return 100 * (cpu_s(pid) - before_s) / (time.monotonic() - started)


def cpu_s(pid: int) -> float:
    """The CPU time of a process so far, all its threads together, ended ones included."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
