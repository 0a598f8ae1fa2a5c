from pathlib import Path
from typing import Any

import pytest

from experiments.records import LARGEST_AMOUNT, Amount, BrokenRun, Record, checked

ENDLESS, NO_NUMBER, HUGE = float("inf"), float("nan"), 10**400


class Sample(Record):
    amount: Amount


@pytest.mark.parametrize("value", [HUGE, -HUGE, -1, 2 * LARGEST_AMOUNT, NO_NUMBER, ENDLESS, True, "1", None, [1]])
def test_a_number_is_of_its_type_finite_and_bounded(value: Any) -> None:
    with pytest.raises(BrokenRun, match=r"^results/x\.json: amount: "):
        checked(Sample, {"amount": value}, Path("results/x.json"))
    with pytest.raises(BrokenRun, match="lacks amount"):
        checked(Sample, {}, Path("results/x.json"))
    assert checked(Sample, {"amount": 1, "other": value}, Path("results/x.json")).amount == 1
