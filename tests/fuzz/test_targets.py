"""Every fuzz target: its seeds, and inputs near them."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.edits import Editor
from tests.fuzz.target import SLOW_S, at_most
from tests.fuzz.targets import TARGETS

every_target = pytest.mark.parametrize("name", TARGETS)


@every_target
def test_seeds_pass(name: str) -> None:
    for seed in TARGETS[name].seeds():
        TARGETS[name].check(seed)


@every_target
@settings(max_examples=40)
@given(data=st.data())
def test_inputs_near_the_seeds_are_read_or_refused(name: str, data: st.DataObject) -> None:
    seeds = TARGETS[name].seeds()
    random = data.draw(st.integers(0, 2**32))
    edited = Editor(seeds).edited(data.draw(st.sampled_from(seeds)), Random(random))
    with at_most(SLOW_S):
        TARGETS[name].check(edited)
