"""From journals to samples, on journals made by hand."""

from typing import Any

import pytest

from experiments.bench.journal import all_in_service_s, growths, scale_ups


def decision(t_s: float, was: int, wanted: int) -> dict[str, Any]:
    return {"t_s": t_s, "event": "decision", "was": was, "wanted": wanted, "reason": "load"}


def phase(t_s: float, name: str, into: str, **fields: float) -> dict[str, Any]:
    return {"t_s": t_s, "event": "instance", "instance": name, "phase": into, **fields}


def answer(t_s: float, name: str, since_ms: float) -> dict[str, Any]:
    return {"t_s": t_s, "event": "first_answer", "instance": name, "since_decision_ms": since_ms}


START = [
    phase(0.0, "web-1", "BOOTING"),
    phase(0.3, "web-1", "STANDBY"),
    phase(0.35, "web-1", "IN_SERVICE", clone_ms=20.0, balancer_ms=50.0, total_ms=350.0),
    {"t_s": 0.5, "event": "tick"},
    answer(1.0, "web-1", 1000.0),
]
GROWN = [
    decision(2.0, 1, 2),
    phase(2.0, "web-2", "BOOTING"),
    phase(2.25, "web-2", "STANDBY"),
    phase(2.3, "web-2", "IN_SERVICE", clone_ms=22.0, wait_ms=1.0, total_ms=300.0),
    answer(2.321, "web-2", 320.0),
]


def test_an_instance_counts_from_the_decision_it_was_ordered_with() -> None:
    (found,) = scale_ups(START + GROWN, promoted=False)
    assert found.instance == "web-2"
    assert found.in_service_ms == pytest.approx(300.0)
    assert found.first_answer_ms == 320.0
    assert found.parts_ms == {"clone_ms": 22.0, "wait_ms": 1.0}


def test_the_first_instance_has_no_decision() -> None:
    assert scale_ups(START, promoted=False) == []
    assert scale_ups(START, promoted=True) == []


def test_an_instance_may_answer_before_the_journal_has_it_in_service_or_not_at_all() -> None:
    early = [*GROWN[:3], answer(2.29, "web-2", 288.0), GROWN[3]]
    assert [each.first_answer_ms for each in scale_ups(early, promoted=False)] == [288.0]
    assert [each.first_answer_ms for each in scale_ups(GROWN[:4], promoted=False)] == [None]


def test_a_slot_that_is_used_again_is_another_instance() -> None:
    again = [
        decision(9.0, 1, 2),
        phase(9.0, "web-2", "BOOTING"),
        phase(9.1, "web-2", "IN_SERVICE"),
        answer(9.15, "web-2", 150.0),
    ]
    found = scale_ups([*START, *GROWN, decision(5.0, 2, 1), *again], promoted=False)
    assert [each.in_service_ms for each in found] == [pytest.approx(300.0), pytest.approx(100.0)]
    assert found[-1].first_answer_ms == 150.0


def test_a_standby_counts_from_the_decision_that_promoted_it_not_from_its_order() -> None:
    events = [
        *START,
        phase(0.0, "web-2", "BOOTING"),
        phase(0.4, "web-2", "STANDBY"),
        decision(6.0, 1, 2),
        phase(6.0, "web-3", "BOOTING"),  # the next standby
        answer(6.008, "web-2", 6008.0),
        phase(6.01, "web-2", "IN_SERVICE", balancer_ms=10.0),
        phase(6.3, "web-3", "STANDBY"),
        decision(7.0, 2, 3),
        phase(7.02, "web-3", "IN_SERVICE", balancer_ms=20.0),
        answer(7.05, "web-3", 50.0),
    ]
    found = scale_ups(events, promoted=True)
    assert [each.instance for each in found] == ["web-2", "web-3"]
    assert [each.in_service_ms for each in found] == [pytest.approx(10.0), pytest.approx(20.0)]
    assert [each.first_answer_ms for each in found] == [pytest.approx(8.0), pytest.approx(50.0)]


def test_only_growth_counts_as_a_decision_for_it() -> None:
    assert [event["t_s"] for event in growths([decision(1, 3, 2), *GROWN])] == [2.0]


def test_all_in_service_counts_from_the_decision_to_the_last() -> None:
    events = [decision(1.0, 0, 2), phase(1.5, "web-1", "IN_SERVICE"), phase(2.25, "web-2", "IN_SERVICE")]
    assert all_in_service_s(events, 2) == pytest.approx(1.25)
    assert all_in_service_s(events, 3) is None
    assert all_in_service_s(events[1:], 2) is None
