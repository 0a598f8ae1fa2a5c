"""`--dry-run`: observe a running testbed, decide, print; touch nothing."""

import logging
import math
import signal
import threading
import time

from controller.config import PolicyFile
from controller.haproxy import HAProxy
from controller.loop import TELL_S, describe, time_mark
from controller.model import Counts, Observation
from controller.ports import ControllerError
from controller.site import Site
from controller.statistics import Statistics
from controller.window import Counter

log = logging.getLogger("controller")


def dry_run(site: Site, settings: PolicyFile) -> None:
    """Print a decision each tick until SIGINT or SIGTERM. Raises ControllerError when no testbed runs.

    HAProxy's request log belongs to the acting controller, so outcomes and latencies are not known here; rules on them
    do not fire.
    """
    balancer = HAProxy(site)
    if not balancer.running():
        raise ControllerError("--dry-run: there is nothing to observe, no controller has started HAProxy on this host")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    judge, offered = settings.make_judge(settings.policy_name), Counter(settings.rate_window_s)
    wanted, told_s = None, -math.inf
    while not stop.is_set():
        observation = _observe(balancer, offered)
        decision = judge.decide(observation).limited
        if decision.wanted != wanted or observation.t_s >= told_s + TELL_S:
            log.info("would %s%s", time_mark(judge), describe(observation, decision))
            wanted, told_s = decision.wanted, observation.t_s
        stop.wait(settings.tick_s)


def _observe(balancer: HAProxy, offered: Counter) -> Observation:
    now_s = time.monotonic()
    try:
        statistics: Statistics = balancer.read()
    except (OSError, ValueError) as error:
        return Observation(t_s=now_s, missing=f"no statistics from HAProxy ({error})")
    offered.add(now_s, statistics.worker_pid, statistics.offered_total)
    serving = len(statistics.ready)
    return Observation(
        t_s=now_s, counts=Counts(wanted=serving, in_service=serving), offered_rps=offered.rate(),
        queue_requests=statistics.queue_requests, in_flight_requests=statistics.in_flight_requests,
    )  # fmt: skip
