"""The service level objective, second by second: violated for how long, and how soon it held again."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from experiments.oracle import Steps
from loadgen.ledger import Record
from loadgen.sending import Sending

WINDOW_S = 1.0
PATIENCE_S = Sending().request_timeout_s


class SLO(BaseModel):
    """At least `share` of the requests that are due in a window of 1 s are served within `latency_ms` of their due
    time. A window in which nothing is due holds.

    The default latency is one that a new instance can still meet by booting while requests wait (0.1 to 0.3 s here),
    and that a person does not take for a stop; the default share forgives one request of a hundred, so below 100
    requests a second each one counts.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    latency_ms: float = Field(default=500.0, gt=0, le=60_000)
    share: float = Field(default=0.99, gt=0, le=1)

    def is_met_by(self, record: Record) -> bool:
        """Was this request served in time?"""
        in_time = record.done_s is not None and 1000 * (record.done_s - record.due_s) <= self.latency_ms
        return record.outcome == "served" and in_time


@dataclass(frozen=True, slots=True)
class Spell:
    """Consecutive windows in violation; `ended` is false where the requests came to an end before it did."""

    start_s: float
    end_s: float
    ended: bool


def spells(records: Sequence[Record], slo: SLO) -> list[Spell]:
    """The spells of violation in order. Windows follow each other from the first due time on."""
    if not records:
        return []
    due_s = np.array([record.due_s for record in records])
    start_s = float(due_s.min())
    window = ((due_s - start_s) // WINDOW_S).astype(int)
    due = np.bincount(window)
    met = np.bincount(window, weights=[slo.is_met_by(record) for record in records])
    violated = met < slo.share * due - 1e-9
    found, position = [], 0
    for is_violated, group in groupby(violated):
        begin, position = position, position + len(list(group))
        if is_violated:
            ends_s = start_s + position * WINDOW_S
            found.append(Spell(start_s + begin * WINDOW_S, ends_s, ended=position < len(violated)))
    return found


def violation_s(found: Iterable[Spell]) -> float:
    """Seconds in violation."""
    return sum((spell.end_s - spell.start_s for spell in found), 0.0)


def recovery_s(found: Iterable[Spell]) -> float:
    """The longest spell, 0 if there is none; one that does not end counts until the last request's window ends."""
    return max((spell.end_s - spell.start_s for spell in found), default=0.0)


def first_after_zero_ms(records: Sequence[Record], in_service: Steps) -> float | None:
    """The latency, from its due time, of the first request that finds no instance in service; the longest where that
    happens several times. One that was not served counts as the client's patience. None where it never happens."""
    latest: float | None = None
    met = -1  # the step of zero instances that had its first request
    for record in records:
        step = bisect_right(in_service.times_s, record.due_s) - 1
        if step < 0 or in_service.counts[step] or step == met:
            continue
        met = step
        ended_s = record.done_s if record.outcome == "served" else None
        latency_s = PATIENCE_S if ended_s is None else ended_s - record.due_s
        latest = max(latest or 0.0, 1000 * latency_s)
    return latest


def time_to_adapt_s(found: Sequence[Spell], scaled_up_s: Sequence[float]) -> float | None:
    """The mean time from a decision to scale up until the objective holds again (time to adaptation, Aslanpour et
    al., AutoScaleSim, 2021); None without such a decision.

    A decision that meets no violation took 0. It meets the one that is under way, or that begins within a window after
    it. A spell that does not end counts until the last request's window ends.
    """
    if not scaled_up_s:
        return None
    total_s = 0.0
    for t_s in scaled_up_s:
        spell = next((spell for spell in found if spell.end_s > t_s), None)
        if spell is not None and spell.start_s <= t_s + WINDOW_S:
            total_s += spell.end_s - t_s
    return total_s / len(scaled_up_s)
