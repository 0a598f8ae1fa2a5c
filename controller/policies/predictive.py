"""Prediction: as many instances as the highest rate expected within the next seconds needs, and never fewer than now.

Every `sample_s` the mean offered rate joins a history of `history_s`, and Holt and Winters' exponential smoothing
forecasts `horizon_s` ahead, with additive damped trend and, where `season_s` is given and two seasons have been seen,
additive season of m samples:

    level(t)  = α·(y(t) - season(t-m)) + (1-α)·(level(t-1) + φ·trend(t-1))
    trend(t)  = β·(level(t) - level(t-1)) + (1-β)·φ·trend(t-1)
    season(t) = γ·(y(t) - level(t-1) - φ·trend(t-1)) + (1-γ)·season(t-m)
    y(t+h)    = level(t) + (φ + φ² + … + φ^h)·trend(t) + season(t+h-m)

α, β, γ, φ are fitted by least squares every `refit_s`. The larger of the present rate and the forecast's highest value
(at most `ceiling` times the highest rate of the history) then goes through the formula of the policy `target`, which
alone decides until `learn_s` have been seen. The horizon should cover what an instance needs from the order to its
first answer.

Source: R. J. Hyndman, G. Athanasopoulos, Forecasting: Principles and Practice, 3rd edition, sections 8.2 to 8.4; fitted
by statsmodels (statsmodels.tsa.holtwinters), which is loaded only when this policy is. A sample without data repeats
the one before. A fit of the 600 samples that a history may have takes 10 to 30 ms of CPU, and 2 to 10 ms with α, β, γ,
φ known.

Example:

    boot: exec
    policy:
      predictive: {rate_per_instance: 8, horizon_s: 3, season_s: 60}
"""

import math
import warnings
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pydantic import Field, model_validator

from controller.model import Decision, Observation
from controller.policies.base import Period, Strict
from controller.policies.target import Target, TargetConfig

MOST_SAMPLES = 600
FEWEST_SAMPLES = 12  # statsmodels needs 10 to find a trend to begin with
FIT_ROUNDS = 50
ROUNDING = 1e-9


class PredictiveConfig(Strict):
    """Options under `predictive:`; `rate_per_instance` and `tolerance` are those of `target`."""

    rate_per_instance: float = Field(ge=0.001, le=100_000)
    """[requests/s] As for `target`: what each instance is to get at most."""
    tolerance: float = Field(default=0.1, ge=0, lt=1)
    """As for `target`: the share of it that must be left over after instances are removed."""
    horizon_s: float = Field(default=5, gt=0, le=3600)
    """How far ahead the forecast looks."""
    sample_s: float = Field(default=1, ge=0.05, le=3600)
    """After this time the history gets the next rate."""
    history_s: float = Field(default=300, gt=0, le=604_800)
    """What is remembered, at most 600 samples."""
    learn_s: float = Field(default=20, gt=0, le=604_800)
    """So long there is no forecast, at least 12 samples."""
    season_s: float | None = Field(default=None, gt=0, le=302_400)
    """Length of a season in whole samples, twice in the history; none: no season."""
    refit_s: float = Field(default=10, gt=0, le=604_800)
    """After this time α, β, γ and φ are fitted anew."""
    ceiling: float = Field(default=1.5, ge=1, le=100)
    """A forecast counts at most so many times the highest rate of the history."""

    @property
    def season(self) -> int:
        """Samples in a season, 0 for none."""
        return round(self.season_s / self.sample_s) if self.season_s else 0

    @model_validator(mode="after")
    def _samples(self) -> "PredictiveConfig":
        for name in ("history_s", "horizon_s"):
            if getattr(self, name) > MOST_SAMPLES * self.sample_s:
                raise ValueError(f"{name} must be at most {MOST_SAMPLES} times sample_s")
        if not FEWEST_SAMPLES * self.sample_s <= self.learn_s <= self.history_s:
            raise ValueError(f"learn_s must be from {FEWEST_SAMPLES} times sample_s to history_s")
        if self.season_s is not None:
            if self.season < 4 or not math.isclose(self.season * self.sample_s, self.season_s):
                raise ValueError("season_s must be a whole multiple of sample_s, at least 4 times as long")
            if 2 * self.season_s > self.history_s:
                raise ValueError("history_s must hold two seasons")
        return self


class History:
    """Rates at regular times, the newest last: means of what was seen since the sample before."""

    def __init__(self, sample_s: float, length: int) -> None:
        self._sample_s = sample_s
        self.values: deque[float] = deque(maxlen=length)
        self._seen: list[float] = []
        self._due_s: float | None = None

    def add(self, now_s: float, rate: float | None) -> bool:
        """Take a rate in, None for unknown; True when that completed a sample."""
        if rate is not None:
            self._seen.append(rate)
        if self._due_s is None:
            self._due_s = now_s
        if now_s < self._due_s - ROUNDING or not (self._seen or self.values):
            return False
        periods = math.floor((now_s - self._due_s) / self._sample_s + ROUNDING) + 1
        self._due_s += periods * self._sample_s
        newest = math.fsum(self._seen) / len(self._seen) if self._seen else self.values[-1]
        before = self.values[-1] if self.values else newest
        missed = min(periods - 1, self.values.maxlen or 0) if self.values else 0
        self.values.extend([before] * missed + [newest])
        self._seen.clear()
        return True


class HoltWinters:
    """Exponential smoothing by statsmodels; keeps the fitted parameters between fits."""

    def __init__(self, season: int) -> None:
        # Imported late: it takes more than a second, which only this policy should.
        from statsmodels.tsa.holtwinters import ExponentialSmoothing  # type: ignore[import-untyped]

        self._model = ExponentialSmoothing
        self._season = season
        self._parameters: dict[str, float] = {}
        self._seasonal = False

    def highest(self, values: Sequence[float], steps: int, refit: bool) -> float | None:
        """The highest of the next `steps` values, None when there is no forecast."""
        seasonal = self._season > 0 and len(values) >= 2 * self._season
        fit_anew = refit or seasonal != self._seasonal or not self._parameters
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a fit that did not converge is used as far as it came
                forecast = self._forecast(values, steps, seasonal, fit_anew)
        except (ValueError, ArithmeticError):
            self._parameters = {}
            return None
        highest = max(forecast)
        return highest if math.isfinite(highest) else None

    def _forecast(self, values: Sequence[float], steps: int, seasonal: bool, fit_anew: bool) -> list[float]:
        model: Any = self._model(
            list(values), trend="add", damped_trend=True, initialization_method="heuristic",
            seasonal="add" if seasonal else None, seasonal_periods=self._season if seasonal else None,
        )  # fmt: skip
        if fit_anew:
            fitted = model.fit(use_brute=False, minimize_kwargs={"options": {"maxiter": FIT_ROUNDS}})
            names = ["smoothing_level", "smoothing_trend", "damping_trend", *(["smoothing_seasonal"] * seasonal)]
            self._parameters = {name: float(fitted.params[name]) for name in names}
            self._seasonal = seasonal
        else:
            fitted = model.fit(**self._parameters, optimized=False)
        return [float(value) for value in fitted.forecast(steps)]


class Predictive:
    """The policy `predictive`."""

    Config = PredictiveConfig

    def __init__(self, config: PredictiveConfig) -> None:
        self._config = config
        self._target = Target(TargetConfig(rate_per_instance=config.rate_per_instance, tolerance=config.tolerance))
        self._history = History(config.sample_s, math.floor(config.history_s / config.sample_s + ROUNDING))
        self._model = HoltWinters(config.season)
        self._refit = Period(config.refit_s)
        self._expected_rps: float | None = None

    def describe(self) -> list[str]:
        config = self._config
        season = f" with a season of {config.season_s:g} s" if config.season_s else ""
        return [
            *self._target.describe(),
            f"for the present rate and the highest expected within {config.horizon_s:g} s by exponential smoothing"
            f"{season}; for the present rate alone in the first {config.learn_s:g} s",
            f"sampled each {config.sample_s:g} s, {config.history_s:g} s of history, fitted each {config.refit_s:g} s",
        ]

    def decide(self, observation: Observation) -> Decision:
        offered_rps = None if observation.missing else observation.offered_rps
        if self._history.add(observation.t_s, offered_rps):
            self._expected_rps = self._expected(observation.t_s)
        if offered_rps is None:
            return Decision(observation.counts.wanted, "the offered rate is not known")
        now = self._target.decide(observation)
        if self._expected_rps is None:
            return Decision(now.wanted, f"{now.reason}; {self._why_none()}")
        load_rps = max(offered_rps, self._expected_rps)
        made = self._target.decide(replace(observation, offered_rps=load_rps))
        reason = (f"{self._expected_rps:.3g}/s expected within {self._config.horizon_s:g} s, {offered_rps:.3g}/s now: "
                  f"{made.wanted} for {load_rps:.3g}/s at {self._config.rate_per_instance:g}/s each")  # fmt: skip
        return Decision(made.wanted, reason, (f"{now.wanted} by the present rate alone: {now.reason}",))

    def _expected(self, now_s: float) -> float | None:
        """The highest rate within the horizon, None while there is too little to learn from."""
        values = self._history.values
        if len(values) * self._config.sample_s < self._config.learn_s - ROUNDING:
            return None
        steps = math.ceil(self._config.horizon_s / self._config.sample_s - ROUNDING)
        highest = self._model.highest(values, steps, self._refit.due(now_s))
        return None if highest is None else min(max(0.0, highest), self._config.ceiling * max(values))

    def _why_none(self) -> str:
        seen_s = len(self._history.values) * self._config.sample_s
        if seen_s < self._config.learn_s - ROUNDING:
            return f"no forecast yet, {seen_s:g} of {self._config.learn_s:g} s seen"
        return "no forecast, the history cannot be fitted"
