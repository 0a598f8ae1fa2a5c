"""A change of the back end, by reload and at run time, for back ends of several sizes; and what a look at them takes.

HAProxy runs alone: no server is there, so all are down, which costs HAProxy more than healthy ones. Two HAProxys of
the same size take turns, one that reloads and one that sets its servers.
"""

import contextlib
import ipaddress
import time
from collections.abc import Callable, Iterator

from controller.actions import Member
from controller.haproxy import HAProxy
from controller.haproxy_config import render, servers_of
from controller.rundir import prepare_run_dir, remove_run_dir
from controller.site import Site
from experiments.bench.model import Context, Samples, Series
from experiments.processes import RunError

SIZES, TIMES = (1, 10, 50, 100, 200), 20
QUICK_SIZES, QUICK_TIMES = (1, 50), 5
APPLY, RENDER, READ = "change of one server, of so many", "rendering the file", "reading and parsing the statistics"


def site(way: str, number: int) -> Site:
    return Site(
        prefix=f"tidebed-bench-{way}", entry=f"127.0.0.1:{18083 + number}", stats=f"127.0.0.1:{19993 + number}",
        subnet=ipaddress.IPv4Network("127.87.65.0/24"), port=18000,
    )  # fmt: skip


RELOADING, SETTING = site("reload", 0), site("runtime", 1)


def run(context: Context) -> list[Series]:
    samples = Samples()
    for size in QUICK_SIZES if context.quick else SIZES:
        context.say(f"{size} server{'s' if size > 1 else ''}")
        _measure(size, QUICK_TIMES if context.quick else TIMES, samples)
    return samples.series()


def _measure(size: int, times: int, samples: Samples) -> None:
    members = [Member(f"web-{slot}", slot) for slot in range(1, size + 1)]
    with _balancer(RELOADING, 0) as reload, _balancer(SETTING, size) as runtime:
        for balancer in (reload, runtime):
            balancer.apply(members)
            balancer.apply(members[1:])  # the first change after a start is always a reload
            balancer.apply(members)
        for number in range(times):
            chosen = members[1:] if number % 2 == 0 else members
            for way, balancer in (("reload", reload), ("runtime", runtime)):
                how, took_ms = _timed(lambda: balancer.apply(chosen))  # noqa: B023 - called at once
                if how != way:
                    raise RunError(f"a change was applied by {how}, not by {way}")
                samples.add(f"{way}, {size}", APPLY, took_ms)
            servers = servers_of(RELOADING, chosen, 0, frozenset())
            samples.add(f"{size}", RENDER, _timed(lambda: render(RELOADING, servers))[1])  # noqa: B023
            samples.add(f"{size}", READ, _timed(reload.read)[1])


@contextlib.contextmanager
def _balancer(where: Site, slots: int) -> Iterator[HAProxy]:
    prepare_run_dir(where)
    made = HAProxy(where, slots)
    try:
        yield made
    finally:
        made.stop(grace_s=0.5)
        remove_run_dir(where)


def clean() -> None:
    """Remove what is left when an interrupt came while a balancer was just being stopped."""
    for where in (RELOADING, SETTING):
        HAProxy(where).stop(grace_s=0.5)
        remove_run_dir(where)


def _timed(step: Callable[[], object]) -> tuple[object, float]:
    """What a step returns, and the milliseconds that it took."""
    started = time.monotonic()
    result = step()
    return result, 1000 * (time.monotonic() - started)
