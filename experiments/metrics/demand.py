"""How many instances a load needs, from moment to moment."""

from dataclasses import replace

from experiments.metrics.capacity import WINDOW_S
from experiments.oracle import Steps, ordered_ahead, over


def lasting(needed: Steps, span_s: tuple[float, float]) -> Steps:
    """The fewest instances that meet the objective, over `span_s` (from, to): as many as the requests of the window
    before need (experiments.oracle.demand), and for a window longer.

    Without that the count of one window's arrivals has the demand flap: 10.5 requests a second, evenly spaced, are now
    10 in a window, now 11. So demand never comes before its requests, and stays up to two windows after them.
    """
    if not needed.times_s:
        return over(needed, span_s)
    ahead = ordered_ahead(needed, WINDOW_S)  # the most from now until a window later: the same, moved, is of the past
    held = replace(ahead, times_s=tuple(t_s + WINDOW_S for t_s in ahead.times_s), end_s=ahead.end_s + WINDOW_S)
    return over(held, span_s)
