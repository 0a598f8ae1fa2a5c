"""Which policy is the cheapest where a request that is not served has a price.

The total cost is instance-seconds plus price times requests not served. The price is in instance-seconds too: p / c,
where an instance-second costs c and such a request p.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from report import environment, panels, style, words
from report.comparison import ByPolicy, by_load, mean
from report.series import Floats
from report.study import Study

DECADES = 3  # of prices are shown, from what it costs at least to serve a request
WIDTH = 1.5  # a policy that is the cheapest up to less than so many times the price it begins at has no line of its own
TOLD = {"scheduled", "static"}  # kinds of policies that know the load beforehand
MOST_TIMES = 2.5  # the cheapest policy’s cost: a line above that leaves the figure


@dataclass(frozen=True)
class Bill:
    """What a policy had on average under one load."""

    instance_seconds: float
    not_served: float

    def total(self, price: Floats) -> Floats:
        return self.instance_seconds + price * self.not_served


@dataclass(frozen=True)
class Reign:
    """A policy that is the cheapest between two prices."""

    policy: str
    from_price: float
    to_price: float


Bills = Mapping[str, Bill]


@dataclass(frozen=True)
class Prices:
    """The policies' bills by load. `least` is what an instance that is always busy costs a request; `told` are the
    policies that were made for the load."""

    bills: Mapping[str, Bills]
    least: float
    told: frozenset[str]

    @property
    def shown(self) -> Floats:
        return np.geomspace(self.least, self.least * 10**DECADES, 400)

    def reigns(self, load: str) -> list[Reign]:
        """Those within the prices that are shown."""
        found = reigns(self.bills[load])
        return [each for each in found if each.to_price > self.least and each.from_price < self.shown[-1]]

    @property
    def named(self) -> list[str]:
        """The policies that are the cheapest over a good part of the prices, under some load."""
        broad = (
            each.policy
            for load in self.bills
            for each in self.reigns(load)
            if min(each.to_price, self.shown[-1]) >= WIDTH * max(each.from_price, self.least)
        )
        return list(dict.fromkeys(broad))


def prices_of(study: Study) -> Prices | None:
    """None where no run tells its cost, or what an instance may answer."""
    bills = {load: found for load, arms in by_load(study).items() if (found := bills_of(arms))}
    limits_rps = [run.rate_limit_rps for run in study.middle.values() if run.rate_limit_rps]
    told = frozenset(
        arm.partition("/")[0] for arm, run in study.middle.items()
        if TOLD & environment.section(run.policy, "policy").keys()
    )  # fmt: skip
    return Prices(bills, 1 / max(limits_rps), told) if bills and limits_rps else None


def bills_of(arms: ByPolicy) -> dict[str, Bill]:
    """Of the policies that have a valid run."""
    found = {
        policy: (mean(arm, "instance_seconds"), mean(arm, "offered"), mean(arm, "served"))
        for policy, arm in arms.items()
    }
    return {
        policy: Bill(cost.mean, offered.mean - served.mean)
        for policy, (cost, offered, served) in found.items()
        if cost and offered and served
    }


def reigns(bills: Bills) -> list[Reign]:
    """The cheapest policy at every price from 0 on: the lower envelope of the policies' lines."""
    found: list[Reign] = []
    price = 0.0
    policy = min(bills, key=lambda name: (bills[name].instance_seconds, bills[name].not_served))
    while True:
        crossings = {name: crossing(bills[policy], bill) for name, bill in bills.items()}
        later = {name: at for name, at in crossings.items() if at is not None}
        if not later:
            return [*found, Reign(policy, price, np.inf)]
        follower = min(later, key=lambda name: (later[name], bills[name].not_served))
        if later[follower] > price:
            found.append(Reign(policy, price, later[follower]))
        price, policy = later[follower], follower


def crossing(bill: Bill, other: Bill) -> float | None:
    """The price from which on the other one, which loses less, is cheaper; None where it does not lose less."""
    fewer = bill.not_served - other.not_served
    return (other.instance_seconds - bill.instance_seconds) / fewer if fewer > 0 else None


def regrets(bills: Bills, prices: Floats) -> dict[str, Floats]:
    """Each policy's total cost over that of the cheapest one at the same price."""
    totals = {name: bill.total(prices) for name, bill in bills.items()}
    least = np.min(list(totals.values()), axis=0)
    return {name: total / least for name, total in totals.items()}


def finding(prices: Prices) -> str:
    """Who wins at which of the prices shown under each load, and whose cost is never far from the cheapest one's."""
    parts = [f"under {load} {reigns_words(prices.reigns(load))}" for load in prices.bills]
    within = f"At prices from {words.rough(prices.least)} to {words.rough(prices.shown[-1])} instance-seconds"
    return f"{within} the cheapest policy is {'; '.join(parts)}. {safest_words(prices)}".strip()


def safest_words(prices: Prices) -> str:
    """Which policy to take where the price may be any that is shown; of those that know the load the best, if it is
    better."""
    shared = sorted(set.intersection(*(set(bills) for bills in prices.bills.values())))
    worst = {policy: float(worst_regrets(prices, policy).max()) for policy in shared}
    if not worst.keys() - prices.told:
        return ""
    best = min(worst, key=lambda policy: worst[policy])
    safe = min(worst.keys() - prices.told, key=lambda policy: (worst[policy], policy))
    about, told = words.rough(worst[safe]), words.rough(worst[best])
    than = f"; {best}, which was made for these loads, than {told} times" if best in prices.told else ""
    return (
        f"Where the price may be any of these, {safe} is the safest: under none of these loads does it cost more than "
        f"about {about} times the cheapest{than}.{beyond_words(prices, safe)}"
    )


def beyond_words(prices: Prices, policy: str) -> str:
    """Whether the most that a policy costs over the cheapest one comes of where the prices end; empty where not."""
    worst = worst_regrets(prices, policy)
    if worst[-1] <= max(1.0, worst[0]):
        return ""
    return f" The {words.rough(worst[-1])} are at the highest of these prices; at higher ones it is still more."


def worst_regrets(prices: Prices, policy: str) -> Floats:
    """A policy's cost over the cheapest one's at each price that is shown, under the load where this is the most. It
    falls with the price, then it rises: it is the most at one end."""
    found: Floats = np.max([regrets(bills, prices.shown)[policy] for bills in prices.bills.values()], axis=0)
    return found


def reigns_words(found: Sequence[Reign]) -> str:
    """`a up to 0.1, b up to 2 and c beyond`."""
    if len(found) == 1:
        return f"{found[0].policy} at every one"
    parts = [f"{each.policy} up to {words.rough(each.to_price)}" for each in found[:-1]]
    return words.listed([*parts, f"{found[-1].policy} beyond"])


def prices_figure(prices: Prices) -> Figure:
    """Every policy's cost over the cheapest one's, a panel a load."""
    looks = dict(zip(prices.named, cycle(style.ARMS), strict=False))
    with style.look():
        figure, grid = style.page_figure(66.0, columns=len(prices.bills), sharey=True)
        for letter, axes, load in zip("abcdefgh", grid[0], prices.bills, strict=False):
            style.panel_title(axes, letter if len(prices.bills) > 1 else "", f"Load: {load}")
            draw_prices(axes, prices, load, looks)
        grid[0][0].set_ylabel("cost, times the cheapest policy's")
        handles = [Line2D([], [], label=name, **look) for name, look in looks.items()]
        figure.legend(handles=handles, loc="upper right", ncols=8)
        style.margins(figure, left=10, top=8.9, right=2)
        figure.subplots_adjust(wspace=0.14)
    return figure


def draw_prices(axes: Axes, prices: Prices, load: str, looks: Mapping[str, dict[str, Any]]) -> None:
    shown = prices.shown
    for name, times in regrets(prices.bills[load], shown).items():
        axes.plot(shown, times, zorder=3 if name in looks else 1, **looks.get(name, style.OTHERS))
    axes.set_xscale("log")
    axes.set_xlim(shown[0], shown[-1])
    panels.log_axis(axes.xaxis, shown[0], shown[-1])
    axes.set_ylim(0.98, MOST_TIMES)
    axes.set_xlabel("price of a lost request (instance-s)")
