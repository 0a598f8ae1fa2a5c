"""One tick in full, for `--explain`: what was seen, what the policy made of it, what the limits made of that."""

from collections.abc import Iterable, Iterator, Sequence

from controller.limits import Limited
from controller.model import METRICS, Decision, Observation, Sample, metric

HEADS = ("instance", "phase", "in it for", "ordered", "CPU", "in flight")


def explain(observation: Observation, policy_name: str, decision: Decision, limited: Limited) -> str:
    """The policy's `decision` and the `limited` one that is carried out, in lines for a person."""
    return "\n".join(
        [
            f"t = {observation.t_s:.3f} s, policy {policy_name}",
            *_seen(observation),
            f"policy wants {decision.wanted}: {decision.reason}",
            *_listed("considered", [f"- {each}" for each in decision.considered]),
            *_listed("limits", list(_clamps(limited))),
            f"result: {_result(observation.counts.wanted, limited.wanted)}",
        ]
    )


def _seen(observation: Observation) -> Iterator[str]:
    """Every input of the decision."""
    counts = observation.counts
    yield (f"fleet: {counts.wanted} wanted, {counts.in_service} in service, {counts.booting} booting, "
           f"{counts.standby} on standby, {counts.draining} draining")  # fmt: skip
    if observation.missing:
        yield f"statistics: missing, {observation.missing}"
    yield from _listed("metrics", _table([(name, _number(metric(observation, name))) for name in METRICS]))
    samples = [_row(sample, observation.t_s) for sample in observation.instances]
    yield from _listed("instances", _table([HEADS, *samples]) if samples else [])


def _row(sample: Sample, now_s: float) -> tuple[str, ...]:
    cpu = "unknown" if sample.cpu_percent is None else f"{sample.cpu_percent:.1f}%"
    return (sample.name, sample.phase.value, f"{now_s - sample.since_s:.1f} s", f"{now_s - sample.ordered_s:.1f} s ago",
            cpu, _number(sample.in_flight_requests))  # fmt: skip


def _number(value: float | None) -> str:
    if value is None:
        return "unknown"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows in columns: the first two to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    left = 2 if len(widths) > 2 else 1
    return ["  ".join(cell.ljust(width) if place < left else cell.rjust(width)
                      for place, (cell, width) in enumerate(zip(row, widths, strict=True)))
            for row in rows]  # fmt: skip


def _listed(title: str, lines: Iterable[str]) -> list[str]:
    indented = [f"  {line}" for line in lines]
    return [f"{title}:", *indented] if indented else [f"{title}: none"]


def _clamps(limited: Limited) -> Iterator[str]:
    """What each limit changed, in order."""
    for number, clamp in enumerate(limited.clamps, start=1):
        yield f"{number}. {clamp.limit}: {clamp.before} → {clamp.after}, {clamp.why}"


def _result(was: int, wanted: int) -> str:
    if wanted == was:
        return f"hold {was}"
    return f"{'grow' if wanted > was else 'shrink'} from {was} to {wanted}"
