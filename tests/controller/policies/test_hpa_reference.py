"""The policy `hpa` against a second implementation, written after the Go source: the same number at every tick."""

import random
from collections.abc import Iterator

import pytest

from controller.policies.hpa import Hpa
from controller.policies.hpa_config import HpaConfig
from tests.controller.policies.hpa_worlds import World, random_config, reference_of

SEQUENCES, EVALUATIONS = 1200, 40


def sequence(seed: int) -> Iterator[tuple[int, int, str, HpaConfig]]:
    """What reference and policy want at each tick of one random history, which the reference's decisions shape."""
    rng = random.Random(seed)
    config = random_config(rng)
    hpa, reference = Hpa(config), reference_of(config)
    world = World(rng, rng.choice([0, 1, 2, 5, 10]), config.cpu_window_s, int(config.cpu_request_percent * 10))
    parts = rng.choice([1, 1, 1, 3])
    for tick in range(EVALUATIONS * parts):
        world.advance(tick * config.sync_period_s / parts)
        decision = hpa.decide(world.observation())
        expected = world.wanted
        if tick % parts == 0:
            expected = reference.reconcile_autoscaler(world.cluster(), world.now_s)
        yield expected, decision.wanted, " | ".join((decision.reason, *decision.considered)), config
        world.wanted = expected


@pytest.mark.parametrize("first", range(0, SEQUENCES, 100))
def test_policy_wants_what_the_source_wants_at_every_tick(first: int) -> None:
    for seed in range(first, first + 100):
        for tick, (expected, wanted, words, config) in enumerate(sequence(seed)):
            assert wanted == expected, (seed, tick, words, config)


@pytest.mark.parametrize("part", [
    "within the tolerance", "damped to", "no reason for a change", "turn the change round", "not known of any instance",
    "from zero", "paused", "above the maximum", "below the minimum", "held at", "DownStabilized", "UpStabilized",
    "ScaleUpLimit", "ScaleDownLimit", "TooManyReplicas", "TooFewReplicas", "next evaluation",
])  # fmt: skip
def test_random_histories_reach_each_part_of_the_algorithm(part: str) -> None:
    assert any(part in words for seed in range(400) for _, _, words, _ in sequence(seed))
