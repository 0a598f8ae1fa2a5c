"""How many instances a load needs, from moment to moment."""

from collections.abc import Iterable
from dataclasses import replace

from experiments.metrics.capacity import WINDOW_S, Capacity
from experiments.oracle import Steps, demand, ordered_ahead, over


def lasting_demand(due_s: Iterable[float], capacity: Capacity, span_s: tuple[float, float]) -> Steps:
    """The fewest instances that meet the objective for the requests that are due at these times, over `span_s` (from,
    to): as many as the requests of the window before need (experiments.oracle.demand), and for a window longer.

    Without that the count of one window's arrivals has the demand flap: 10.5 requests a second, evenly spaced, are now
    10 in a window, now 11. So demand never comes before its requests, and stays up to two windows after them.
    """
    return lasting(demand(due_s, capacity), span_s)


def lasting(needed: Steps, span_s: tuple[float, float]) -> Steps:
    """The same where the instances that are needed at least are known."""
    if not needed.times_s:
        return over(needed, span_s)
    ahead = ordered_ahead(needed, WINDOW_S)  # the most from now until a window later: the same, moved, is of the past
    held = replace(ahead, times_s=tuple(t_s + WINDOW_S for t_s in ahead.times_s), end_s=ahead.end_s + WINDOW_S)
    return over(held, span_s)
