"""The key figures and tables of a fluid run: those of any run, as far as flows tell them."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from experiments.metrics.capacity import WINDOW_S
from experiments.metrics.elasticity import contradictory_actions
from experiments.oracle import Steps, staircase
from experiments.simulator.flows import Answers, Flows
from experiments.summary import Account, request_figures
from loadgen.summary import Summary

FLOWS = "flows.csv"
UNKNOWN = ("time_to_adapt_s", "recovery_s", "first_after_zero_ms", "slo_violation_s", "slo")


@dataclass(frozen=True)
class FlowAccount(Account):
    """A run whose requests are known as `flows` only. With even arrivals a window has a request at both of its ends."""

    flows: Flows
    answers: Answers
    is_even: bool

    @cached_property
    def needed(self) -> Steps:
        """From the requests of the window before each span's end."""
        until_s, came = np.asarray(self.flows.until_s), np.cumsum(self.flows.came)
        before = np.searchsorted(until_s, until_s - WINDOW_S + 1e-9)
        within = came - np.where(before > 0, came[before - 1], 0)
        assert self.capacity is not None
        counts = [self.capacity.instances_for(int(each) + self.is_even if each else 0) for each in within]
        starts_s = np.concatenate(([0.0], until_s[:-1]))
        return staircase(list(zip(starts_s.tolist(), counts, strict=True)), float(until_s[-1]))

    @property
    def load_s(self) -> tuple[float, float]:
        came = np.flatnonzero(self.flows.came)
        return (self.flows.until_s[came[0]], self.flows.until_s[came[-1]]) if len(came) else (0.0, 0.0)

    def request_figures(self, duration_s: float) -> dict[str, Any]:
        _, offered, _, rejected, failed, _ = self.flows.ticks[-1]
        rejected, failed = round(rejected), round(failed)
        latencies_s = None
        if (found := self.answers.latencies_ms(self.flows.served, self.flows.waited_s)) is not None:
            latencies_s = (found[0] / 1000, found[1] / 1000, found[2] / 1000, found[3] / 1000)
        return request_figures(Summary(
            offered=offered, offered_rps=offered / duration_s, served=offered - rejected - failed, rejected=rejected,
            failed=failed, dropped=0, failures=(("status 503", failed),) if failed else (),
            latency_s=latencies_s, lag_p99_s=None, worst_bin=0.0,
        )) | {"not_served_by_cause": None}  # fmt: skip

    def service_figures(self) -> dict[str, Any]:
        changes = [(event["t_s"], event["wanted"] - event["was"])
                   for event in self.events if event["event"] == "decision"]  # fmt: skip
        return {"contradictory_actions": contradictory_actions(changes), **dict.fromkeys(UNKNOWN)}

    def write_requests(self, folder: Path) -> None:
        """Flows from tick to tick, with what waits at the tick."""
        columns = ["t_s", "offered", "served", "rejected", "failed", "queue_requests"]
        frame = pd.DataFrame(self.flows.ticks, columns=columns)
        flowing = columns[1:5]
        frame[flowing] = frame[flowing].diff().fillna(frame[flowing])
        frame.to_csv(folder / FLOWS, index=False, float_format="%.3f")
