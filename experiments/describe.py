"""The key figures of a run, for people."""

from typing import Any


def describe(figures: dict[str, Any]) -> str:
    """The key figures in a few lines."""
    lines = [
        f"offered {figures['offered']:,}: served {figures['served']:,}, rejected {figures['rejected']:,}, "
        f"failed {figures['failed']:,}, dropped {figures['dropped']:,} (not served {figures['not_served_share']:.3%})",
        f"latency from the due time, ms: p50 {_ms(figures['latency_ms_p50'])}, p95 {_ms(figures['latency_ms_p95'])}, "
        f"p99 {_ms(figures['latency_ms_p99'])}",
        f"fleet: at most {figures['in_service_max']} in service, {figures['instance_seconds']:.0f} instance-seconds, "
        f"{figures['decisions_up']} decisions up, {figures['decisions_down']} down, {figures['reloads']} reloads",
        f"decision to first answer through HAProxy, ms: median {_ms(figures['decision_to_first_answer_ms_p50'])}, "
        f"p95 {_ms(figures['decision_to_first_answer_ms_p95'])}",
    ]
    if not figures["valid"]:
        lines.append(f"NOT VALID, the load generator did not keep its schedule: {figures['validity_note']}")
    return "\n".join(lines)


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"
