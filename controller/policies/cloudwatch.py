"""CloudWatch metric alarms: datapoints of a metric, and the state that they put an alarm in.

Source: Amazon CloudWatch User Guide, "Using Amazon CloudWatch alarms" (awsdocs/amazon-cloudwatch-user-guide,
doc_source/AlarmThatSendsEmail.md), and the API reference of PutMetricAlarm.

- The samples of each period become one datapoint by the statistic; a period without samples is a missing datapoint.
- With N = `evaluation_periods` and M = `datapoints_to_alarm`, the alarm is in ALARM when at least M of the newest N
  datapoints breach the threshold, in OK otherwise.
- Older datapoints of the evaluation range stand in for missing ones. Only when all of the range are fewer than N does
  `treat_missing_data` count: the rest is taken as breaching or notBreaching, leaves the state as it is (ignore), or
  leads to INSUFFICIENT_DATA (missing) where neither state is shown by the datapoints that exist.
- Without enough datapoints, but with none that does not breach, the alarm goes off once its oldest breaching one is M
  periods old ("premature alarm state").
- An action of Auto Scaling is invoked again at every period for which the alarm stays in ALARM.

Reconstructed: the evaluation range is N + 2 datapoints, the one size that the guide tells (5 for N = 3). Periods begin
with the first observation and do not overlap; CloudWatch moves those longer than a minute on by the minute.
"""

import math
import operator
import re
from collections import deque
from collections.abc import Callable, Sequence
from enum import StrEnum
from statistics import fmean
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from controller.policies.base import MetricName, Strict
from controller.window import percentile

Comparison = Literal[
    "GreaterThanThreshold", "GreaterThanOrEqualToThreshold", "LessThanThreshold", "LessThanOrEqualToThreshold"
]
COMPARISONS: dict[str, tuple[str, Callable[[float, float], bool]]] = {
    "GreaterThanThreshold": (">", operator.gt),
    "GreaterThanOrEqualToThreshold": (">=", operator.ge),
    "LessThanThreshold": ("<", operator.lt),
    "LessThanOrEqualToThreshold": ("<=", operator.le),
}
MissingData = Literal["missing", "ignore", "breaching", "notBreaching"]
HOUR_S, DAY_S = 3600, 86_400


def _known_statistic(name: str) -> str:
    if name in ("Average", "Minimum", "Maximum") or re.fullmatch(r"p(\d\d?(\.\d{1,10})?|100)", name):
        return name
    raise ValueError(f"must be {STATISTICS}")


STATISTICS = "Average, Minimum, Maximum, or a percentile such as p95"
Statistic = Annotated[str, AfterValidator(_known_statistic), WithJsonSchema({"type": "string", "format": STATISTICS})]


def summarise(samples: Sequence[float], statistic: str) -> float | None:
    """One datapoint of a period's samples, None without any."""
    if not samples:
        return None
    if statistic.startswith("p"):
        return percentile(sorted(samples), max(float(statistic[1:]) / 100, 1e-12))
    return {"Average": fmean, "Minimum": min, "Maximum": max}[statistic](samples)  # type: ignore[operator, no-any-return]


class State(StrEnum):
    """What an alarm tells."""

    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


class AlarmConfig(Strict):
    """An alarm as PutMetricAlarm takes it; M is N where `datapoints_to_alarm` is left out."""

    metric: MetricName
    """What is looked at."""
    statistic: Statistic = "Average"
    """How the samples of a period become a datapoint."""
    period_s: float = Field(gt=0, le=DAY_S)
    """Length of a period."""
    evaluation_periods: int = Field(ge=1, le=DAY_S)
    """[datapoints] N: the newest that are looked at."""
    datapoints_to_alarm: int | None = Field(default=None, ge=1)
    """[datapoints] M: how many of them must breach; none: all."""
    comparison: Comparison
    """Of a datapoint with the threshold."""
    threshold: float
    """[the metric's] What is breached."""
    treat_missing_data: MissingData = "missing"
    """What counts for periods without samples."""

    @model_validator(mode="after")
    def _possible(self) -> "AlarmConfig":
        if self.needed > self.evaluation_periods:
            raise ValueError(f"datapoints_to_alarm {self.needed} is above evaluation_periods {self.evaluation_periods}")
        longest_s = DAY_S if self.period_s < HOUR_S else 7 * DAY_S
        if self.period_s * self.evaluation_periods > longest_s:
            raise ValueError(f"period_s times evaluation_periods is above {longest_s} s")
        return self

    @property
    def needed(self) -> int:
        """M: how many datapoints must breach."""
        return self.datapoints_to_alarm or self.evaluation_periods

    @property
    def upward(self) -> bool:
        """Does it go off when the metric is high?"""
        return self.comparison.startswith("Greater")

    def breaches(self, value: float) -> bool:
        return COMPARISONS[self.comparison][1](value, self.threshold)

    def __str__(self) -> str:
        sign = COMPARISONS[self.comparison][0]
        return (f"{self.statistic} of {self.metric} {sign} {self.threshold:g} in {self.needed} of "
                f"{self.evaluation_periods} periods of {self.period_s:g} s")  # fmt: skip


def evaluate(datapoints: Sequence[float | None], config: AlarmConfig, before: State) -> State:
    """The state that an evaluation range leads to, oldest datapoint first, None where one is missing."""
    real = [value for value in datapoints if value is not None]
    breaching = sum(map(config.breaches, real[-config.evaluation_periods :]))
    if config.treat_missing_data == "breaching":
        breaching += max(0, config.evaluation_periods - len(real))
    if breaching >= config.needed:
        return State.ALARM
    if config.treat_missing_data in ("breaching", "notBreaching") or not all(map(config.breaches, real)):
        return State.OK
    if config.treat_missing_data == "ignore":
        return before
    age = len(datapoints) - next((at for at, value in enumerate(datapoints) if value is not None), len(datapoints))
    return State.ALARM if age >= config.needed else State.INSUFFICIENT_DATA


class Alarm:
    """One alarm: takes samples as they come, and is evaluated at the end of each period."""

    def __init__(self, config: AlarmConfig) -> None:
        self.config = config
        self.state = State.INSUFFICIENT_DATA
        self._samples: list[float] = []
        self._datapoints: deque[float | None] = deque(maxlen=config.evaluation_periods + 2)
        self._start_s: float | None = None

    def add(self, now_s: float, value: float | None) -> bool:
        """Take a sample (None: not known). Has a period ended, so that the state is a new one?"""
        ended = self._end_periods(now_s)
        if value is not None:
            self._samples.append(value)
        if ended:
            self.state = evaluate(self._datapoints, self.config, self.state)
        return ended

    def _end_periods(self, now_s: float) -> bool:
        if self._start_s is None:
            self._start_s = now_s
        ended = math.floor((now_s - self._start_s) / self.config.period_s + 1e-9)
        if ended < 1:
            return False
        self._datapoints.append(summarise(self._samples, self.config.statistic))
        self._datapoints.extend([None] * min(ended - 1, self.config.evaluation_periods + 2))
        self._samples = []
        self._start_s += ended * self.config.period_s
        return True

    @property
    def evaluated(self) -> list[float]:
        """The datapoints that decided, oldest first; missing ones left out."""
        return [value for value in self._datapoints if value is not None][-self.config.evaluation_periods :]

    @property
    def current(self) -> bool:
        """Is the newest datapoint there? Else the alarm tells of the past."""
        return bool(self._datapoints) and self._datapoints[-1] is not None

    def left_s(self, now_s: float) -> float:
        """Seconds until the period ends."""
        return 0.0 if self._start_s is None else max(0.0, self._start_s + self.config.period_s - now_s)

    def words(self, now_s: float) -> str:
        """What it sees, for a person."""
        newest = f"{self.evaluated[-1]:.3g}" if self.evaluated else "unknown"
        sign, threshold = COMPARISONS[self.config.comparison][0], self.config.threshold
        return (f"{self.config.metric} {newest}, alarm {sign} {threshold:g} is {self.state}, "
                f"next evaluation in {self.left_s(now_s):.1f} s")  # fmt: skip
