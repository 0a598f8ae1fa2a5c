"""A controller that is killed at every step: the next one finds its way from there, and clients notice nothing."""

from collections.abc import Iterable
from pathlib import Path
from typing import get_args

import pytest

from controller.model import Phase
from controller.ports import Kind
from tests.host.chain import Chain, Round
from tests.host.testbed import Policy, policy

pytestmark = pytest.mark.usefixtures("nothing_left")

PLAIN = policy(maximum=3, tick_s=0.1)
FAST = policy(maximum=3, tick_s=0.1, boot="zygote", apply="runtime") | {"instances": {"min": 1, "max": 3, "standby": 1}}


def starting(point: str) -> Round:
    return Round(0, point, None)


def ending(point: str) -> Round:
    return Round(0, point, Chain.terminate, serves=False)


# By reload and exec; each line begins where the one before has led.
STEPS = (
    starting("after 1 journal start"),
    Round(3, "after 1 journal decision"),
    Round(1, "after 1 journal DRAINING"),
    Round(2, "after 1 journal BOOTING"),
    Round(1, "after 1 haproxy.HAProxy.drain"),
    Round(3, "during 15 containers.run lxc-copy"),
    Round(1, "before 1 journal STOPPING"),
    Round(3, "after 1 journal STANDBY"),
    Round(2, "during 5 removal._stop"),
    Round(3, "after 1 haproxy.HAProxy._write"),
    Round(2, "before 1 journal GONE"),
    Round(3, "before 1 haproxy.HAProxy._reload_outcome"),
    Round(2, "before 1 journal reload"),
    Round(3, "after 1 journal IN_SERVICE"),
    Round(3, "after 1 journal FAILED", Chain.kill_instance),
    Round(2, "after 1 journal error", Chain.obstruct),
    ending("after 1 haproxy.HAProxy._end"),
    ending("before 1 journal stop"),
)
# At run time, by a zygote, with one on standby.
FAST_STEPS = (
    starting("after 1 zygote.Zygote._launch"),
    Round(2, "before 1 zygote._answer"),
    Round(1, "after 1 journal shadow"),
    Round(2, "after 1 containers.Containers.thaw"),
    Round(1, "before 1 journal tick"),
    Round(3, "before 1 journal apply"),
    Round(2, "before 1 containers.Containers.stop"),
    Round(3, "after 1 containers.Containers.freeze"),
    Round(1, "after 1 haproxy.HAProxy._note"),
    Round(2, "after 1 journal first_answer"),
    ending("during 5 removal._stop"),
)


def play(folder: Path, document: Policy, steps: Iterable[Round]) -> None:
    with Chain(folder, document).running() as chain:
        for step in steps:
            chain.play(step)


def test_every_kind_of_journal_event_is_a_step_at_which_a_controller_is_killed() -> None:
    killed_at = {step.point.split()[-1] for step in (*STEPS, *FAST_STEPS) if " journal " in step.point}
    assert killed_at == {*get_args(Kind), *Phase} - {"instance"}


def test_controller_killed_at_every_step_is_followed_by_one_that_makes_all_right(tmp_path: Path) -> None:
    play(tmp_path, PLAIN, STEPS)


def test_controller_killed_at_every_step_of_fast_changes_is_followed_by_one_that_makes_all_right(
    tmp_path: Path,
) -> None:
    play(tmp_path, FAST, FAST_STEPS)
