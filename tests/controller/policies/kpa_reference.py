"""What Knative's autoscaler does, as its Go source has it: rings of buckets, a ring of maxima, and the order of steps.

After knative/serving (Apache License 2.0), pkg/autoscaler/aggregation/bucketing.go, aggregation/max/window.go,
scaling/autoscaler.go and reconciler/autoscaling/kpa/{scaler,kpa}.go. It shares nothing with the policy that it judges,
and where the policy is short this is as long as the source. Times are whole seconds where Go truncates them.
"""

import math
from dataclasses import dataclass


class TimedBuckets:
    """A ring of sums, one for each second, with a running total."""

    def __init__(self, window: int) -> None:
        self.window = window
        self.ring = [0.0] * window
        self.first_write: int | None = None
        self.last_write = -(10**12)
        self.window_total = 0.0

    def record(self, now: float, value: float) -> None:
        bucket = int(now // 1)
        if self.last_write != bucket:
            if not bucket + self.window > self.last_write:
                return
            if self.first_write is None or self.first_write > bucket:
                self.first_write = bucket
            if bucket > self.last_write:
                if bucket - self.last_write >= self.window:
                    self.first_write = bucket
                    self.ring = [0.0] * self.window
                    self.window_total = 0.0
                else:
                    for index in range(self.last_write + 1, bucket + 1):
                        self.window_total -= self.ring[index % self.window]
                        self.ring[index % self.window] = 0.0
                self.last_write = bucket
        self.ring[bucket % self.window] += value
        self.window_total += value

    def is_empty(self, now: float) -> bool:
        return int(now // 1) - self.last_write > self.window

    def window_average(self, now: float) -> float:
        now = int(now // 1)
        silent = now - self.last_write
        if silent >= self.window:
            return 0.0
        assert self.first_write is not None
        buckets = self.last_write - self.first_write + 1
        if silent <= 0:
            return self._cut(self.window_total / min(buckets, self.window))
        total = self.window_total
        for index in range(self.last_write + 1, now + 1):
            total -= self.ring[index % self.window]
        return self._cut(total / min(buckets, self.window - silent))

    @staticmethod
    def _cut(value: float) -> float:
        return math.floor(value * 1e6) / 1e6


class WeightedBuckets(TimedBuckets):
    """The same ring with exponentially falling weights."""

    def window_average(self, now: float) -> float:
        now = int(now // 1)
        if self.is_empty(now):
            return 0.0
        smoothing = max(1 - math.pow(1 - 0.9999, 1 / self.window), 0.2)
        multiplier, buckets = smoothing, self.window
        if now > self.last_write:
            zeroes = now - self.last_write
            multiplier *= math.pow(1 - smoothing, zeroes)
            buckets -= zeroes
        total = 0.0
        for back in range(buckets):
            total += self.ring[(self.last_write - back) % self.window] * multiplier
            multiplier *= 1 - smoothing
        return total


class MaxWindow:
    """Descending maxima in a ring; its front is the greatest value of the last `size` indices."""

    def __init__(self, duration: float, granularity: float) -> None:
        self.size = math.ceil(duration / granularity)
        self.granularity = granularity
        self.maxima: list[tuple[int, int]] = [(0, 0)] * self.size
        self.first = 0
        self.length = 0

    def record(self, now: float, value: int) -> None:
        index = int(now) // int(self.granularity)
        while self.length > 0 and value >= self._at(self.length - 1)[1]:
            self.length -= 1
        while self.length > 0 and index - self._at(0)[0] >= self.size:
            self.length -= 1
            self.first = (self.first + 1) % self.size
        if self.length > 0 and self._at(self.length - 1)[0] == index:
            value = max(value, self._at(self.length - 1)[1])
            self.length -= 1
        self.maxima[(self.first + self.length) % self.size] = (index, value)
        self.length += 1
        assert self.length <= self.size

    def current(self) -> int:
        return self.maxima[self.first][1]

    def _at(self, offset: int) -> tuple[int, int]:
        return self.maxima[(self.first + offset) % self.size]


@dataclass
class Spec:
    """The decider's specification; windows and delays in seconds."""

    target_value: float = 10.0
    max_scale_up_rate: float = 10.0
    max_scale_down_rate: float = 10.0
    panic_threshold: float = 2.0
    stable_window: float = 60.0
    scale_down_delay: float = 0.0
    activation_scale: int = 1
    tick: float = 2.0


class Reference:
    """One autoscaler with its decider."""

    def __init__(self, spec: Spec, ready: int, now: float) -> None:
        self.spec = spec
        self.delay_window = MaxWindow(spec.scale_down_delay, spec.tick) if spec.scale_down_delay > 0 else None
        self.panic_time: float | None = now if ready > 1 else None
        self.max_panic_pods = ready

    def scale(self, now: float, original_ready: int, observed_stable: float, observed_panic: float) -> int:
        spec = self.spec
        ready = max(1.0, float(original_ready))
        max_scale_up = math.ceil(spec.max_scale_up_rate * ready)
        max_scale_down = math.floor(ready / spec.max_scale_down_rate)
        dspc = math.ceil(observed_stable / spec.target_value)
        dppc = math.ceil(observed_panic / spec.target_value)
        desired_stable = int(min(max(dspc, max_scale_down), max_scale_up))
        desired_panic = int(min(max(dppc, max_scale_down), max_scale_up))
        if spec.activation_scale > 1:
            if dspc > 0 and spec.activation_scale > desired_stable:
                desired_stable = spec.activation_scale
            if dppc > 0 and spec.activation_scale > desired_panic:
                desired_panic = spec.activation_scale
        is_over_panic_threshold = dppc / ready >= spec.panic_threshold
        if is_over_panic_threshold:
            self.panic_time = now
        elif self.panic_time is not None and self.panic_time + spec.stable_window < now:
            self.panic_time = None
            self.max_panic_pods = 0
        desired = desired_stable
        if self.panic_time is not None:
            if desired < desired_panic:
                desired = desired_panic
            if desired > self.max_panic_pods:
                self.max_panic_pods = desired
            desired = self.max_panic_pods
        if self.delay_window is not None:
            self.delay_window.record(now, desired)
            desired = self.delay_window.current()
        return desired


@dataclass
class PodAutoscaler:
    """The status of a revision's autoscaler, and the reconciler that turns a desired scale into replicas."""

    stable_window: float = 60.0
    enable_scale_to_zero: bool = True
    grace_period: float = 30.0
    pod_retention: float = 0.0
    progress_deadline: float = 600.0
    initial_scale: int = 1
    active: bool | None = None
    since: float = 0.0
    initialized: bool = False

    def __post_init__(self) -> None:
        if self.initial_scale == 0:
            self.active, self.initialized = False, True

    def reconcile(self, now: float, desired: int, replicas: int, got: int) -> int:
        """The replicas after one reconciliation; `desired` is -1 where the decider knows nothing."""
        want, apply = self._scale(now, desired)
        self._compute_active_condition(now, want, got)
        return want if apply else replicas

    def _scale(self, now: float, desired: int) -> tuple[int, bool]:
        if desired < 0 and self.active is not None:
            return desired, False
        least = self.initial_scale if self.initial_scale > 1 and not self.initialized else 0
        return self._handle_scale_to_zero(now, max(least, desired))

    def _handle_scale_to_zero(self, now: float, desired: int) -> tuple[int, bool]:
        if desired != 0:
            return desired, True
        if not self.enable_scale_to_zero:
            return 1, True
        in_status = now - self.since
        if self.active is None:
            if in_status > self.progress_deadline + 30.0:
                return 0, True
            return -1, False
        if self.active:
            if in_status >= self.stable_window:
                return 0, False
            return 1, True
        if in_status >= max(self.grace_period, self.pod_retention):
            return 0, True
        return 0, False

    def _compute_active_condition(self, now: float, want: int, got: int) -> None:
        min_ready = 1 if self.initialized else self.initial_scale
        if got >= min_ready:
            self.initialized = True
        if want == 0:
            self._mark(False, now)
        elif got < min_ready:
            if want > 0 or self.active is not False:
                self._mark(None, now)
        elif want > 0 or self.active is not False:
            self._mark(True, now)

    def _mark(self, active: bool | None, now: float) -> None:
        if active is not self.active:
            self.active, self.since = active, now
