"""The figures of summary.json in words: what each is called, and its unit."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """`label` for a person, `unit` with the space before it; what is shown is `factor` times the value."""

    label: str
    unit: str = ""
    factor: float = 1


FIGURES = {
    "offered": Figure("requests offered"),
    "served": Figure("requests served"),
    "rejected": Figure("requests rejected (429)"),
    "failed": Figure("requests failed"),
    "dropped": Figure("requests dropped by the load generator"),
    "not_served_share": Figure("not served", " %", 100),
    "latency_ms_p50": Figure("median latency", " ms"),
    "latency_ms_p95": Figure("p95 latency", " ms"),
    "latency_ms_p99": Figure("p99 latency", " ms"),
    "latency_ms_max": Figure("longest latency", " ms"),
    "instance_seconds": Figure("cost", " instance-seconds"),
    "oracle_instance_seconds": Figure("the oracle's cost", " instance-seconds"),
    "cost_ratio": Figure("cost", " × oracle"),
    "in_service_max": Figure("most instances in service"),
    "mean_in_service_instances": Figure("mean instances in service"),
    "mean_demand_instances": Figure("mean instances needed"),
    "decisions_up": Figure("decisions to grow"),
    "decisions_down": Figure("decisions to shrink"),
    "contradictory_actions": Figure("contradictory actions"),
    "in_service_end": Figure("instances in service at the end"),
    "served_rps": Figure("throughput", " requests/s"),
    "connection_errors": Figure("connection errors"),
    "reload_ms_p50": Figure("median reload", " ms"),
    "decision_to_in_service_ms_p50": Figure("median time from decision to service", " ms"),
    "decision_to_in_service_ms_p95": Figure("p95 time from decision to service", " ms"),
    "decision_to_first_answer_ms_p50": Figure("median time from decision to first answer", " ms"),
    "decision_to_first_answer_ms_p95": Figure("p95 time from decision to first answer", " ms"),
    "accuracy_u_instances": Figure("instances lacking (accuracy U)"),
    "accuracy_o_instances": Figure("instances to spare (accuracy O)"),
    "theta_u_percent": Figure("underprovisioning θ_U", " %"),
    "theta_o_percent": Figure("overprovisioning θ_O", " %"),
    "tau_u_percent": Figure("time underprovisioned τ_U", " %"),
    "tau_o_percent": Figure("time overprovisioned τ_O", " %"),
    "upsilon_percent": Figure("instability υ", " %"),
    "jitter_per_min": Figure("jitter", " /min"),
    "elastic_speedup": Figure("elastic speedup ε"),
    "time_to_adapt_s": Figure("time to adapt", " s"),
    "recovery_s": Figure("recovery time", " s"),
    "first_after_zero_ms": Figure("answer to the first request with no instance running", " ms"),
    "slo_violation_s": Figure("time in violation of the objective", " s"),
}
UNITS = {"percent": " %", "rps": " requests/s", "ms": " ms", "s": " s"}
CAUSE = "not_served_by_cause."


def figure_of(name: str) -> Figure:
    """The figure of that name; a part of a figure is named with a point, as not_served_by_cause.booting. The words for
    one that is not in FIGURES are those of its name."""
    if name in FIGURES:
        return FIGURES[name]
    if name.startswith(CAUSE):
        return Figure(f"requests not served, {name.removeprefix(CAUSE)}")
    words = name.replace(".", "_").split("_")
    unit = next((word for word in words if word in UNITS), "")
    return Figure(" ".join(word for word in words if word != unit), UNITS.get(unit, ""))


def said(name: str, value: float, spread: float = 0.0) -> str:
    """A value of the figure with its unit, three digits at most below a thousand: `0.02 %`, `1,678 instance-seconds`;
    where there is a spread, `0.02 ± 0.01 %`."""
    figure = figure_of(name)
    parts = [value, spread] if spread else [value]
    return " ± ".join(_number(each * figure.factor) for each in parts) + figure.unit


def value_words(name: str, value: float) -> str:
    """A value of the figure as `said` has it, without its unit."""
    return _number(value * figure_of(name).factor)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 999.5 else f"{round(value, 4):.3g}"
