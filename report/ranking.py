"""The policies of the comparison in order: those that serve every load first, then by what they cost."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from experiments.metrics.figures import CAUSE
from report import comparison, words
from report.study import Study

GOOD_PERCENT, POOR_PERCENT = 5.0, 10.0  # of the requests, not served
UNDECIDED = "too small"  # the cause: too few instances, and none on its way


@dataclass(frozen=True)
class Ranked:
    """`lost_percent` and `costs` (times the oracle's) are a policy's means by load; `time_scale` is how much faster
    time passes for it."""

    name: str
    lost_percent: dict[str, float]
    costs: dict[str, float]
    is_told: bool
    time_scale: float

    @property
    def worst_percent(self) -> float:
        return max(self.lost_percent.values())

    @property
    def mean_cost(self) -> float | None:
        return fmean(self.costs.values()) if self.costs else None

    def serves(self, percent: float) -> bool:
        """Did it leave at most so much unserved, whatever the load?"""
        return self.worst_percent <= percent

    def beats(self, other: "Ranked") -> bool:
        """Does it lose no more and cost less under every load?"""
        loads = self.costs.keys() & other.costs.keys()
        return bool(loads) and all(
            self.lost_percent[load] <= other.lost_percent[load] and self.costs[load] < other.costs[load]
            for load in loads
        )


def ranking(study: Study) -> list[Ranked]:
    """The policies with a valid run, by mean cost, those whose cost is not known last."""
    loads = comparison.by_load(study)
    policies = dict.fromkeys(policy for arms in loads.values() for policy in arms)
    ranked = [each for policy in policies if (each := ranked_of(policy, loads, study)).lost_percent]
    return sorted(ranked, key=lambda each: (each.mean_cost is None, each.mean_cost, each.worst_percent))


def ranked_of(policy: str, loads: dict[str, comparison.ByPolicy], study: Study) -> Ranked:
    arms = {load: found[policy] for load, found in loads.items() if policy in found}
    lost = {load: 100 * each.mean for load, arm in arms.items() if (each := comparison.mean(arm, "not_served_share"))}
    costs = {load: each.mean for load, arm in arms.items() if (each := comparison.mean(arm, "cost_ratio"))}
    runs = [study.middle[arm.name] for arm in arms.values() if arm.name in study.middle]
    scales = [float(run.info.get("time_scale") or 1) for run in runs]
    return Ranked(policy, lost, costs, any(map(comparison.is_told, runs)), max(scales, default=1.0))


def undecided_share(study: Study, names: Iterable[str]) -> float | None:
    """Of the requests that these policies did not serve, the share that came while the fleet was too small and nothing
    was on its way; None where no cause is told."""
    chosen = set(names)
    counts = [
        (name.removeprefix(CAUSE), each.mean)
        for arm in study.arms if arm.name.partition("/")[0] in chosen
        for name, each in arm.figures.items() if name.startswith(CAUSE)
    ]  # fmt: skip
    total = sum(count for _, count in counts)
    return sum(count for cause, count in counts if cause == UNDECIDED) / total if total else None


def takeaway(study: Study) -> str:
    """Who served every load, the cheapest and the most careful of those that were not told it, the default against
    them, and why others failed."""
    ranked = ranking(study)
    good = [each for each in ranked if each.serves(GOOD_PERCENT)]
    free = [each for each in good if not each.is_told and each.mean_cost is not None]
    return " ".join(each for each in (
        good_words(good, len(ranked)), best_words(free), default_words(ranked), poor_words(ranked, study)
    ) if each)  # fmt: skip


def good_words(good: Sequence[Ranked], count: int) -> str:
    if not good:
        return f"None of them served {100 - GOOD_PERCENT:g} % of the requests under every load."
    told = [each.name for each in good if each.is_told]
    known = f" (but {words.listed(told)} {'is' if len(told) == 1 else 'are'} told the load beforehand)" if told else ""
    names = words.listed([each.name for each in good])
    return f"{len(good)} of {count} left at most {GOOD_PERCENT:g} % unserved under every load: {names}{known}."


def best_words(free: Sequence[Ranked]) -> str:
    """The cheapest and the one that lost least; empty where nothing is known of the cost."""
    if not free:
        return ""
    careful = min(free, key=lambda each: (each.worst_percent, each.mean_cost))
    among = "Of those that have to react, the cheapest was" if len(free) > 1 else "The one that reacts is"
    other = f", the one that left least unserved {careful.name} ({place(careful)})" if careful is not free[0] else ""
    return f"{among} {free[0].name} ({place(free[0])}){other}."


def default_words(ranked: Sequence[Ranked]) -> str:
    """What the default kind of policy cost and lost, and which of those that are not told the load beat it."""
    usual = next((each for each in ranked if each.name == comparison.DEFAULT), None)
    if usual is None or usual.mean_cost is None:
        return ""
    better = [each.name for each in ranked if each.beats(usual) and not each.is_told]
    beaten = f"; {words.listed(better)} cost less and left no more unserved under every load" if better else ""
    return f"The default, {usual.name}, cost {place(usual)}{beaten}."


def place(policy: Ranked) -> str:
    lost = f"at worst {words.share(policy.worst_percent, 100.0)} not served" if policy.worst_percent else "all served"
    return f"{policy.mean_cost:.2f} × oracle on average, {lost}"


def poor_words(ranked: Sequence[Ranked], study: Study) -> str:
    reacting = [each for each in ranked if not each.is_told]
    poor = [each for each in reacting if not each.serves(POOR_PERCENT)]
    share = undecided_share(study, [each.name for each in poor])
    if not poor or not share:
        return ""
    scaled = sum(each.time_scale > 1 for each in poor)
    which = f"{'all' if scaled == len(poor) else scaled} of these"
    paced = f"; {which} reckon in periods of up to minutes, which pass faster here (see the notes to the table)"
    slow = paced if scaled else ""
    return (
        f"{len(poor)} of the {len(reacting)} policies that have to react left more than {POOR_PERCENT:g} % unserved "
        f"under some load, {100 * share:.0f} % of it while no new instance was on its way{slow}."
    )
