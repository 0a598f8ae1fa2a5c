"""One decision for many instances: until all serve, what each of them holds in memory, and until all are gone."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import lxc

from controller.site import Site
from controller.usage import cpu_file
from experiments.bench.journal import all_in_service_s, growths
from experiments.bench.load import EvenLoad
from experiments.bench.model import Context, Series
from experiments.testbed import ENTRY, Policy, Testbed, controller

TRIGGER_RPS = 20
ROUNDS = (("exec", 50), ("zygote", 50), ("exec", 50), ("zygote", 50), ("zygote", 200))
QUICK_ROUNDS = (("exec", 5), ("zygote", 5))
NEEDED_MIB = {"exec": 45, "zygote": 15}  # an instance, generously
SPARE_MIB = 1024


def policy(boot: str, instances: int) -> Policy:
    """From nothing to so many at the first requests."""
    when: dict[str, Any] = {"metric": "offered_rps", "above": 1}
    return {
        "instances": {"min": 0, "max": instances}, "tick_s": 0.25, "boot": boot, "apply": "runtime",
        "service": {"rate_limit": 1000},
        "policy": {"rules": [{"when": when, "then": {"add": instances}, "cooldown_s": 3600}]},
    }  # fmt: skip


def run(context: Context) -> list[Series]:
    found: dict[tuple[str, str], list[float]] = {}
    units = {"decision → all in service": "s", "memory of an idle instance (PSS)": "MiB", "removing all": "s"}
    for number, (boot, instances) in enumerate(QUICK_ROUNDS if context.quick else ROUNDS, start=1):
        if not _possible(context, boot, instances):
            continue
        context.say(f"{instances} instances by {boot}")
        with controller(context.folder / f"scale-{number}", policy(boot, instances)) as testbed:
            values = _measure(testbed, instances)
        for what, samples in zip(units, values, strict=True):
            found.setdefault((f"{boot}, {instances}", what), []).extend(samples)
    return [Series(way, what, units[what], tuple(values)) for (way, what), values in found.items()]


def _possible(context: Context, boot: str, instances: int) -> bool:
    """Does this machine have the memory?"""
    if available_mib() < instances * NEEDED_MIB[boot] + SPARE_MIB:
        context.note(f"{instances} instances by {boot}: left out, {available_mib():,.0f} MiB of memory are too few")
        return False
    return True


def _measure(testbed: Testbed, instances: int) -> tuple[list[float], list[float], list[float]]:
    """Seconds until all serve, the memory of each in MiB, seconds until all are gone."""
    with EvenLoad(ENTRY, TRIGGER_RPS):
        testbed.await_(lambda: bool(growths(testbed.events())), "the decision")
    testbed.await_(lambda: all_in_service_s(testbed.events(), instances) is not None, f"{instances} in service")
    took_s = all_in_service_s(testbed.events(), instances)
    assert took_s is not None
    memory_mib = [pss_mib(pids) for pids in instance_processes().values()]
    return [took_s], memory_mib, [testbed.stop()]


def available_mib() -> float:
    return int(re.findall(r"MemAvailable:\s+(\d+)", Path("/proc/meminfo").read_text())[0]) / 1024


def instance_processes() -> dict[str, list[int]]:
    """The processes of each instance's container."""
    site = Site()
    names = [name for name in lxc.list_containers(active=True, defined=False) if site.slot(name) is not None]
    return {
        name: list(map(int, (cpu_file(pid).parent / "cgroup.procs").read_text().split()))
        for name in names
        if (pid := lxc.Container(name).init_pid) > 0
    }


def pss_mib(pids: Iterable[int]) -> float:
    """The memory of these processes, what they share with others counted in part."""
    texts = (Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids)
    return sum(int(re.findall(r"^Pss:\s+(\d+)", text, re.MULTILINE)[0]) for text in texts) / 1024
