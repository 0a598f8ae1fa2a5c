"""What is promised under faults, and whether a run kept it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from experiments.objects import Verdict

MOST_NOT_SERVED = 0.005
MOST_RIGHT_S = 2.0
MOST_NAMED = 5

Fault = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Point:
    """One promise: whether it was kept, and the numbers in words."""

    name: str
    held: bool
    said: str

    @property
    def line(self) -> str:
        """For people."""
        return f"{'kept' if self.held else 'NOT KEPT'}: {self.said}"


def served(figures: Mapping[str, Any]) -> Point:
    """Of all requests at most MOST_NOT_SERVED are lost."""
    share, full = figures["not_served_share"], figures["not_served_by_cause"].get("disk full", 0)
    lost = round(share * figures["offered"])
    told = f", {full} of them told by 507 that the disk is full" if full else ""
    said = f"{lost:,} of {figures['offered']:,} requests were not served, {share:.2%}{told} (at most 0.5 %)"
    return Point("requests", share <= MOST_NOT_SERVED, said)


def on_schedule(figures: Mapping[str, Any]) -> Point:
    """The load was what it should have been."""
    return Point("load", figures["valid"], figures["validity_note"] or "the load generator kept its schedule")


def safe(found: Verdict) -> Point:
    """No acknowledged write is lost or torn."""
    return Point("objects", found.holds, found.text())


def right_again(faults: Sequence[Fault]) -> Point:
    """The fleet is right within MOST_RIGHT_S of each fault's end."""
    hit = [fault for fault in faults if fault["target"] is not None]
    late = [fault for fault in hit if fault["right_s"] is None or fault["right_s"] > MOST_RIGHT_S]
    times_s = [fault["right_s"] for fault in hit if fault["right_s"] is not None]
    if not times_s:
        return Point("fleet", not faults, "no fault hit anything" if faults else "there was no fault")
    said = (
        f"after {len(hit) - len(late)} of {len(hit)} faults the fleet was right within {MOST_RIGHT_S:g} s, "
        f"median {median(times_s):.2f} s, longest {max(times_s):.2f} s"
    )
    return Point("fleet", not late, "; ".join([said, *map(_late, late[:MOST_NAMED])]))


def _late(fault: Fault) -> str:
    after = "not at all" if fault["right_s"] is None else f"after {fault['right_s']:.1f} s"
    why = f" ({fault['trouble']})" if fault["trouble"] else ""
    return f"{fault['kind']} of {fault['target']} at {fault['t_s']:.0f} s: {after}{why}"


def all_kinds_hit(faults: Sequence[Fault], kinds: Sequence[str]) -> Point:
    """Each kind of fault hit something at least once."""
    missed = [kind for kind in kinds if not any(f["kind"] == kind and f["target"] is not None for f in faults)]
    said = f"{len(faults)} faults of {len(kinds) - len(missed)} kinds"
    return Point("faults", not missed, f"{said}; none of {', '.join(missed)}" if missed else said)


def only_killed(ends: Sequence[int], killed: int) -> Point:
    """The controller ended only where it was killed."""
    said = f"the controller was killed {killed} times and ended {len(ends)} times"
    return Point("controller", len(ends) == killed, said)


def nothing_left(left: Sequence[str], trouble: str) -> Point:
    """The clean stop removed everything."""
    if trouble:
        return Point("leftovers", False, trouble)
    named = ", ".join([*left[:MOST_NAMED], *(["..."] if len(left) > MOST_NAMED else [])])
    return Point("leftovers", not left, f"left behind: {named}" if left else "nothing was left behind")


def by_kind(faults: Sequence[Fault]) -> list[dict[str, Any]]:
    """A row a kind: how often, how soon the fleet was right, how many requests were lost around it."""
    rows = []
    for kind in dict.fromkeys(sorted(fault["kind"] for fault in faults)):
        of_kind = [fault for fault in faults if fault["kind"] == kind]
        times_s = [fault["right_s"] for fault in of_kind if fault["right_s"] is not None]
        rows.append({
            "kind": kind, "times": len(of_kind), "right_s_p50": round(median(times_s), 3) if times_s else None,
            "right_s_max": max(times_s, default=None), "not_served": sum(fault["not_served"] for fault in of_kind),
        })  # fmt: skip
    return rows


def told(points: Sequence[Point]) -> list[dict[str, Any]]:
    """For chaos.json."""
    return [asdict(point) for point in points]
