"""What a run of the load generator came to, from its records."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from loadgen.ledger import Record

BIN_S = 10.0
SCHEDULE_TOLERANCE = 0.01  # largest relative deviation of the requests sent in a bin from those due in it
LAG_LIMIT_S = 0.050  # largest 99th percentile of the lag
REASONS_SHOWN = 5


@dataclass(frozen=True)
class Summary:
    """The numbers of a run; percentiles are None when nothing was served or sent."""

    offered: int
    offered_rps: float
    served: int
    rejected: int
    failed: int
    dropped: int
    failures: tuple[tuple[str, int], ...]  # reason and count, most frequent first
    latency_s: tuple[float, float, float, float] | None  # from the due time: p50, p95, p99, max
    lag_p99_s: float | None  # from the due time to the sending
    worst_bin: float  # largest relative deviation from the schedule in a bin

    @property
    def schedule_faults(self) -> list[str]:
        """Why the load was not the load that was wanted; empty when it was."""
        faults = []
        if self.worst_bin > SCHEDULE_TOLERANCE:
            faults.append(f"a {BIN_S:.0f} s bin is more than {SCHEDULE_TOLERANCE:.0%} off")
        if self.lag_p99_s is not None and self.lag_p99_s > LAG_LIMIT_S:
            faults.append(f"lag p99 is above {LAG_LIMIT_S * 1000:.0f} ms")
        if self.dropped:
            faults.append(f"{self.dropped:,} dropped")
        return faults


def percentile(values: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile of sorted, non-empty `values`: the smallest that `percent` % do not exceed."""
    return values[max(0, math.ceil(len(values) * percent / 100) - 1)]


def worst_bin(records: Sequence[Record]) -> float:
    """The largest relative deviation of the number sent in a bin from the number due in it.

    Bins of BIN_S seconds start at the first due time. One arrival of difference is free, since one that is due at
    the edge of a bin is sent in the next.
    """
    if not records:
        return 0.0
    start_s = min(record.due_s for record in records)
    due = Counter(int((record.due_s - start_s) // BIN_S) for record in records)
    sent = Counter(int((record.sent_s - start_s) // BIN_S) for record in records if record.sent_s is not None)
    return max(max(0, abs(sent[i] - due[i]) - 1) / max(1, due[i]) for i in due.keys() | sent.keys())


def summarise(records: Sequence[Record], duration_s: float) -> Summary:
    """The summary of `records`, offered within `duration_s` seconds (above 0)."""
    outcomes = Counter(record.outcome for record in records)
    latencies_s = sorted(r.done_s - r.due_s for r in records if r.outcome == "served" and r.done_s is not None)
    lags_s = sorted(record.sent_s - record.due_s for record in records if record.sent_s is not None)
    failures = Counter(record.error for record in records if record.outcome == "failed")
    return Summary(
        offered=len(records),
        offered_rps=len(records) / duration_s,
        served=outcomes["served"],
        rejected=outcomes["rejected"],
        failed=outcomes["failed"],
        dropped=outcomes["dropped"],
        failures=tuple(failures.most_common()),
        latency_s=_latency(latencies_s),
        lag_p99_s=percentile(lags_s, 99) if lags_s else None,
        worst_bin=worst_bin(records),
    )


def _latency(latencies_s: Sequence[float]) -> tuple[float, float, float, float] | None:
    if not latencies_s:
        return None
    p50, p95, p99 = (percentile(latencies_s, percent) for percent in (50, 95, 99))
    return p50, p95, p99, latencies_s[-1]


def text_of(summary: Summary) -> str:
    """The summary in a few lines for people."""
    share = f" ({summary.served / summary.offered:.2%})".replace("%", " %") if summary.offered else ""
    lines = [
        f"offered {summary.offered:,} ({summary.offered_rps:.1f}/s)   served {summary.served:,}{share}   "
        f"rejected (429) {summary.rejected:,}   failed {summary.failed:,}   dropped {summary.dropped:,}"
    ]
    if summary.failures:
        reasons = [f"{reason} {count:,}" for reason, count in summary.failures[:REASONS_SHOWN]]
        more = len(summary.failures) - REASONS_SHOWN
        lines.append("failures: " + ", ".join(reasons + ([f"and {more} more kinds"] if more > 0 else [])))
    return "\n".join([*lines, _latency_line(summary), _generator_line(summary)])


def _latency_line(summary: Summary) -> str:
    if summary.latency_s is None:
        return "latency: none, nothing was served"
    names = ("p50", "p95", "p99", "max")
    numbers = (f"{name} {value_s * 1000:,.0f}" for name, value_s in zip(names, summary.latency_s, strict=True))
    return "latency from the due time, ms: " + "  ".join(numbers)


def _generator_line(summary: Summary) -> str:
    if summary.lag_p99_s is None:
        return "generator: OFF SCHEDULE: nothing was sent"
    faults = summary.schedule_faults
    verdict = "OFF SCHEDULE: " + ", ".join(faults) if faults else "on schedule"
    return (
        f"generator: lag p99 {summary.lag_p99_s * 1000:,.0f} ms, "
        f"worst {BIN_S:.0f} s bin {summary.worst_bin * 100:.1f} % off schedule: {verdict}"
    )
