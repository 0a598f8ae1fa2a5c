"""Whether counts are what they were and memory is flat."""

from collections.abc import Mapping, Sequence

import numpy as np

from experiments.chaos.verdict import Point

MEMORY, THREADS = "_rss_kib", "_threads"
NOT_COUNTED = (MEMORY, THREADS, "haproxy_worker_fds", "t_s")  # its connections to idle instances come and go
MOST_GROWTH = 0.05  # of memory, between one time of rest and the other, or over the hours looked at
SLACK_KIB = 4096  # an allocator's whims
WARM_UP_SHARE = 1 / 6  # of a soak: pools, caches and the allocator come to their size
MOST_THREADS = 40  # the controller's pools fill up as they are used, up to fewer than that
MOST_FDS = 64  # of HAProxy's worker at rest

Sample = Mapping[str, float]


def same_counts(before: Sample, after: Sample) -> Point:
    """Everything that is counted is there as often as it was."""
    names = sorted(name for name in before.keys() | after.keys() if not name.endswith(NOT_COUNTED))
    others = [name for name in names if before.get(name) != after.get(name)]
    changes = ", ".join(f"{name} {before.get(name)} → {after.get(name)}" for name in others)
    return Point("counts", not others, f"{len(names)} counts: {changes or 'all are what they were'}")


def bounded(after: Sample) -> Point:
    """Pools of threads and of connections have their bounds."""
    found = {name: value for name, value in after.items() if name.endswith(THREADS)}
    fds = after.get("haproxy_worker_fds", 0)
    threads = ", ".join(f"{name.removesuffix(THREADS)} {value:.0f}" for name, value in found.items())
    held = max(found.values(), default=0) <= MOST_THREADS and fds <= MOST_FDS
    return Point("pools", held, f"threads: {threads}; HAProxy's worker has {fds:.0f} descriptors")


def same_memory(before: Sample, after: Sample) -> Point:
    """Memory is about what it was."""
    names = sorted(name for name in before.keys() & after.keys() if name.endswith(MEMORY))
    grown = {name: after[name] - before[name] for name in names}
    held = all(_is_flat(grown[name], before[name]) for name in names)
    said = ", ".join(f"{_role(name)} {before[name] / 1024:.1f} → {after[name] / 1024:.1f} MiB" for name in names)
    return Point("memory", held, said)


def flat_memory(samples: Sequence[Sample]) -> Point:
    """Memory does not rise over the samples, the warm-up left out: the slope of a straight line through them."""
    duration_s = samples[-1]["t_s"] - samples[0]["t_s"]
    late = [each for each in samples if each["t_s"] >= samples[0]["t_s"] + WARM_UP_SHARE * duration_s]
    names = sorted({name for each in late for name in each if name.endswith(MEMORY)})
    slopes = {name: _slope_per_s([(each["t_s"], each[name]) for each in late if name in each]) for name in names}
    means = {name: float(np.mean([each[name] for each in late if name in each])) for name in names}
    held = all(_is_flat(slope * duration_s, means[name]) for name, slope in slopes.items())
    said = ", ".join(
        f"{_role(name)} {means[name] / 1024:.1f} MiB {slope * 3600 / 1024:+.2f} MiB/h" for name, slope in slopes.items()
    )
    return Point("memory", held, said)


def _slope_per_s(points: Sequence[tuple[float, float]]) -> float:
    times_s, values = [t_s for t_s, _ in points], [value for _, value in points]
    return float(np.polyfit(times_s, values, 1)[0]) if len(points) > 1 else 0.0


def _is_flat(growth_kib: float, level_kib: float) -> bool:
    return growth_kib <= max(SLACK_KIB, MOST_GROWTH * level_kib)


def _role(name: str) -> str:
    return name.removesuffix(MEMORY).replace("_", " ").replace("haproxy", "HAProxy")
