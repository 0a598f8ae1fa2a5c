"""Recorded loads: the requests of each interval, or when each request came."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cached_property
from itertools import groupby, pairwise
from pathlib import Path

from loadgen.faults import Fault, shown
from loadgen.shapes.linear import PiecewiseLinear, Point
from loadgen.shapes.shape import Shape

MOST_LINES = 200_000
MOST_REQUESTS = 1e12  # of an interval
LATEST_S = 1e12  # a time; the year 9999 is before it
LEAST_INTERVAL_S = 1e-6
MOST_INTERVALS = 1e9
LONGEST_S = 1e9  # when it is replayed
SPACING_TOLERANCE = 0.1  # of an interval, by which a time may be off
LEAST_GAP_S = 1e-9
FIRST_S = 0.001  # when the first of the requests that were recorded one by one is due
UNITS_S = {"minute": 60.0, "hour": 3600.0}  # what the header calls a time that is a number; else it is seconds
LEGAL = "on each line a time (seconds, or ISO 8601), or time,requests"

Line = tuple[int, float, float | None]  # number in the file, time in s, requests (None: a request at that time)


class TraceError(Fault):
    """A trace cannot be read; the message is one line that names the file and the line."""


class ArrivalTimes(PiecewiseLinear):
    """Its integral rises by one from each recorded arrival to the next, so that evenly spaced arrivals are the recorded
    ones. Its rate at a moment is the inverse of a gap: only means over seconds tell something."""

    @property
    def resolution_s(self) -> float:
        return 1.0

    @cached_property
    def highest_rps(self) -> float:
        """Of the whole seconds it is one in which a request came, or the one after: between two the rate is even."""
        seconds = {math.floor(edge_s) + after for edge_s in self.edges_s for after in (0, 1)}
        return max(self.integral(second + 1) - self.integral(second) for second in seconds)


def read_trace(path: Path, speed: float = 1.0, peak_rps: float | None = None) -> Shape:
    """The load recorded in a CSV file, `speed` times as fast, with `peak_rps` as its highest rate (None: as it comes).

    A line is `time,requests`, for the requests of the interval that begins then, or the time of one request. Times are
    seconds, minutes or hours where the header says so, or ISO 8601 (UTC where they do not tell); only the differences
    count. Intervals are as long as the shortest distance of two lines; those without a line, or with no number, had
    no request. Rates are only multiplied to reach the peak, so that peak and mean keep their ratio. Raises TraceError.
    """
    lines = read_lines(path)
    length_s = (lines[-1][1] - lines[0][1]) / speed
    if length_s > LONGEST_S:
        raise TraceError(f"{path}: lasts {length_s:g} s at this speed; at most {LONGEST_S:g} are legal")
    shape = _counted(path, lines, speed) if lines[0][2] is not None else _one_by_one(path, lines, speed)
    if not shape.highest_rps:
        raise TraceError(f"{path}: there is no request in it")
    return shape if peak_rps is None else shape * (peak_rps / shape.highest_rps)


def read_lines(path: Path) -> list[Line]:
    """The lines with their times, which never fall, and requests. Raises TraceError."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = list(_lines(path, csv.reader(file)))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TraceError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    if len(lines) < 2:
        raise TraceError(f"{path}: has fewer than two lines; legal is {LEGAL}")
    for (_, earlier_s, _), (number, later_s, _) in pairwise(lines):
        if later_s < earlier_s:
            raise TraceError(f"{path}: line {number}: its time is before the one of the line above")
    return lines


def _lines(path: Path, rows: Iterable[list[str]]) -> Iterator[Line]:
    unit_s, columns = 1.0, 0
    for number, cells in enumerate(rows, start=1):
        if number > MOST_LINES:
            raise TraceError(f"{path}: has more than {MOST_LINES} lines")
        if not "".join(cells).strip():
            continue
        if not columns:
            columns = len(cells)
            if _is_header(cells):
                unit_s = next((unit_s for unit, unit_s in UNITS_S.items() if unit in cells[0].lower()), 1.0)
                continue
        if len(cells) != columns or columns > 2:
            raise TraceError(f"{path}: line {number}: the number of columns is {len(cells)}; legal is {LEGAL}")
        try:
            yield number, _seconds(cells[0], unit_s), _requests(cells[1]) if columns == 2 else None
        except ValueError as error:
            raise TraceError(f"{path}: line {number}: {error}; legal is {LEGAL}") from None


def _is_header(cells: Sequence[str]) -> bool:
    try:
        _seconds(cells[0], 1.0)
    except ValueError:
        return True
    return False


def _seconds(text: str, unit_s: float) -> float:
    try:
        time_s = float(text) * unit_s
    except ValueError:
        try:
            moment = datetime.fromisoformat(text.strip())
        except ValueError:
            raise ValueError(f"{shown(text)} is no time") from None
        time_s = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if not abs(time_s) <= LATEST_S:
        raise ValueError(f"{shown(text)} is no time")
    return time_s


def _requests(text: str) -> float:
    try:
        requests = float(text or 0)
    except ValueError:
        requests = math.nan
    if not 0 <= requests <= MOST_REQUESTS:
        raise ValueError(f"{shown(text)} is no number of requests")
    return requests


def _counted(path: Path, lines: Sequence[Line], speed: float) -> PiecewiseLinear:
    """The requests of each interval, evenly within it."""
    interval_s = min(later_s - start_s for (_, start_s, _), (_, later_s, _) in pairwise(lines))
    if interval_s < LEAST_INTERVAL_S:
        raise TraceError(f"{path}: two lines have the same time; legal are rising times, one a line")
    if lines[-1][1] - lines[0][1] > MOST_INTERVALS * interval_s:
        raise TraceError(f"{path}: two lines are but {interval_s:g} s apart, and all more than {MOST_INTERVALS:g} "
                         "times that")  # fmt: skip
    points: list[Point] = []
    start, start_s = 0, lines[0][1]  # of an interval: which one it is, and its time
    for number, time_s, requests in lines:
        passed = (time_s - start_s) / interval_s
        if abs(passed - round(passed)) > SPACING_TOLERANCE:
            raise TraceError(f"{path}: line {number}: is {time_s - start_s:g} s behind the line above; legal are whole "
                             f"intervals, of {interval_s:g} s")  # fmt: skip
        if round(passed) > 1:
            points += [(start + 1, 0.0), (start + round(passed), 0.0)]
        start, start_s = start + round(passed), time_s
        rate_rps = (requests or 0.0) * speed / interval_s
        points += [(start, rate_rps), (start + 1, rate_rps)]
    return PiecewiseLinear(tuple((place * interval_s / speed, rate_rps) for place, rate_rps in points))


def _one_by_one(path: Path, lines: Sequence[Line], speed: float) -> ArrivalTimes:
    """The first request is due after FIRST_S, the others as long after it as in the file. Those with equal times are
    spread, evenly, over the shortest distance of two that differ."""
    times_s = [time_s - lines[0][1] for _, time_s, _ in lines]
    gaps_s = [later_s - time_s for time_s, later_s in pairwise(times_s) if later_s > time_s]
    if not gaps_s:
        raise TraceError(f"{path}: all requests have the same time")
    due_s = []
    for time_s, equal in groupby(times_s):
        together = len(list(equal))
        due_s += [(time_s + min(gaps_s) * number / together) / speed + FIRST_S for number in range(together)]
    points: list[Point] = []
    for start_s, end_s in pairwise((0.0, *due_s)):
        if end_s - start_s < LEAST_GAP_S:
            raise TraceError(f"{path}: there are requests less than {LEAST_GAP_S:g} s apart at this speed")
        points += [(start_s, 1 / (end_s - start_s)), (end_s, 1 / (end_s - start_s))]
    return ArrivalTimes(tuple(points))
