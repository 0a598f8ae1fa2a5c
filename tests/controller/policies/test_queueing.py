"""The policy `queueing`: Erlang's formulas against published values, and the square-root rule."""

import math
from itertools import islice, pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from controller.model import Decision
from controller.policies.queueing import Queueing, QueueingConfig, waiting_shares
from tests.controller.build import observed
from tests.controller.policies.build import HISTORIES, History, check

HOUR_S = 3600


def queueing(**options: Any) -> Queueing:
    return Queueing(QueueingConfig.model_validate({"service_rate_rps": 10.0} | options))


def decided(policy: Queueing, rate: float | None, before: int = 1, t_s: float = 0) -> Decision:
    return policy.decide(observed(t_s, before, offered_rps=rate))


def waiting(load: float, servers: int) -> float:
    return next(share for number, share in waiting_shares(load) if number == servers)


@pytest.mark.parametrize(
    ("load", "servers", "share"),
    [
        (0.8, 1, 0.8), (1, 2, 1 / 3), (2, 3, 4 / 9),                              # closed forms of M/M/1 to M/M/3
        (10, 11, 0.6821), (10, 12, 0.4494), (10, 13, 0.2853), (10, 14, 0.1741),   # tables of the Erlang C formula
        (48, 55, 0.2387),  # 360 calls of 4 minutes in half an hour for 55 agents: the call centre's textbook example
    ],
)  # fmt: skip
def test_share_that_waits_is_that_of_the_tables(load: float, servers: int, share: float) -> None:
    assert waiting(load, servers) == pytest.approx(share, abs=5e-5)


@pytest.mark.parametrize(("load", "servers"), [(0.1, 1), (0.9, 1), (3.0, 4), (7.5, 9), (20.0, 25), (90.0, 100)])
def test_recursion_agrees_with_the_sum_of_the_textbook(load: float, servers: int) -> None:
    last = load**servers / math.factorial(servers) * servers / (servers - load)
    direct = last / (sum(load**k / math.factorial(k) for k in range(servers)) + last)
    assert waiting(load, servers) == pytest.approx(direct, rel=1e-9)


@pytest.mark.parametrize(("share", "agents"), [(0.155, 55), (0.153, 56)])
def test_call_centre_is_staffed_as_in_the_textbook(share: float, agents: int) -> None:
    """360 calls in half an hour, each of 4 minutes: of 55 agents 84.6 % are answered within 15 s."""
    policy = queueing(service_rate_rps=1 / 240, wait_ms=15_000.0, share=share)
    assert decided(policy, 360 / 1800).wanted == agents


@pytest.mark.parametrize(
    ("rate", "beta", "wanted"),
    [(100, 1.0, 14), (90, 1.0, 12), (1000, 0.5, 105), (1000, 2.0, 120), (100, 0.0, 10), (1, 1.0, 1), (0, 1.0, 0)],
)
def test_square_root_rule(rate: float, beta: float, wanted: int) -> None:
    """10 + √10 = 13.2, 9 + 3 = 12, 100 + 5, 100 + 20, 10, 0.1 + √0.1 = 0.42."""
    assert decided(queueing(method="square_root", beta=beta), rate).wanted == wanted


@pytest.mark.parametrize(("beta", "share"), [(0.5, 0.504), (1.0, 0.223), (2.0, 0.027)])
def test_square_root_rule_keeps_its_promise_at_large_loads(beta: float, share: float) -> None:
    """Halfin and Whitt's limit, here at 900 erlangs."""
    wanted = decided(queueing(method="square_root", beta=beta), 9000).wanted
    assert waiting(900, wanted) == pytest.approx(share, abs=0.01)


def test_no_load_needs_no_server() -> None:
    assert decided(queueing(), 0.0, 3).wanted == 0


def test_load_of_whole_servers_needs_one_more() -> None:
    """With ρ = 1 the queue grows without end, however patient the target."""
    assert decided(queueing(share=0.99, wait_ms=3_600_000.0), 50).wanted == 6


def test_load_beyond_all_fleets_is_answered_at_once() -> None:
    assert decided(queueing(), 1e6).wanted == 100_001


def test_rate_is_the_mean_of_the_window() -> None:
    policy = queueing(method="square_root", beta=0.0, window_s=10.0)
    rates = {0: 100.0, 5: 50.0, 9: 30.0, 10: 10.0, 15: 20.0}  # means of 100, 75, 60, and of 50 30 10, and 30 10 20
    assert [decided(policy, rate, t_s=t_s).wanted for t_s, rate in rates.items()] == [10, 8, 6, 3, 2]


def test_unknown_rate_changes_nothing() -> None:
    decision = decided(queueing(), None, 7)
    assert (decision.wanted, decision.reason) == (7, "the offered rate is not known")


def test_reasons_tell_load_and_wait_and_why_not_one_fewer() -> None:
    decision = decided(queueing(wait_ms=50.0, share=0.1), 100)
    assert decision.reason == (
        "100/s at 10/s each are 10 erlangs; with 13, 6.37% of the requests wait longer than 50 ms"
    )
    assert decision.considered == ("with 12, 16.5% of the requests wait longer than 50 ms",)
    root = decided(queueing(method="square_root"), 100)
    assert root.reason == "100/s at 10/s each are 10 erlangs, and 3.16 to spare: 14 wanted"


def test_policy_describes_itself_in_words() -> None:
    assert queueing().describe() == [
        "as many instances that at most 5% of the requests wait longer than 100 ms, "
        "at 10 requests/s each, arrivals over 10 s"
    ]
    assert queueing(method="square_root").describe() == [
        "the offered load and 1 times its square root, at 10 requests/s each, arrivals over 10 s"
    ]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": "square_root", "share": 0.1}, "share has no meaning for the method square_root"),
        ({"beta": 2.0}, "beta has no meaning for the method erlang_c"),
        ({"share": 1.0}, "less than 1"), ({"service_rate_rps": 0.0}, "greater than or equal to 0.001"),
    ],
)  # fmt: skip
def test_options_that_mean_nothing_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        queueing(**options)


@given(st.floats(0, 900))
def test_more_servers_let_fewer_wait(load: float) -> None:
    shares = list(islice(waiting_shares(load), 30))
    assert all(0 <= share <= 1 for _, share in shares)
    assert all(share >= after or share < 1e-12 for (_, share), (_, after) in pairwise(shares))
    assert shares[0][0] <= load + 1


@given(st.floats(0, 5000), st.floats(0, 5000), st.sampled_from(["erlang_c", "square_root"]))
def test_more_load_never_needs_fewer(one_rps: float, other_rps: float, method: str) -> None:
    less, more = sorted([one_rps, other_rps])
    assert decided(queueing(method=method), less).wanted <= decided(queueing(method=method), more).wanted


@given(st.floats(0.01, 5000), st.floats(0, 5000), st.floats(0.001, 0.5))
def test_number_is_the_least_that_keeps_the_target(rate: float, wait_ms: float, share: float) -> None:
    wanted = decided(queueing(wait_ms=wait_ms, share=share), rate).wanted
    load = rate / 10

    def late(servers: int) -> float:
        return waiting(load, servers) * math.exp(-(servers - load) * 10 * wait_ms / 1000)

    assert wanted > load
    assert late(wanted) <= share
    assert wanted - 1 <= load or late(wanted - 1) > share


@given(HISTORIES)
def test_properties_of_every_policy(history: History) -> None:
    check(queueing, history, "offered_rps")
