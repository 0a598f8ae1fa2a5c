"""A policy's own time, its limits, and policies that only watch."""

from controller.judge import Judge, scaled
from controller.limits import Limiter, Limits
from controller.model import Decision, Observation, Phase, Sample
from tests.controller.build import observed, rule, rules, target
from tests.controller.test_loop import World


def judge(name: str = "acting", time_scale: float = 1.0) -> Judge:
    """Adds one instance for each time that the rate was above 5 for 10 seconds."""
    return Judge(name, rules(rule(above=5, for_s=10, add=1)), Limiter(Limits(1, 40)), time_scale)


def test_seconds_pass_faster_for_the_policy() -> None:
    slow, fast = judge(), judge(time_scale=10)
    seen = [observed(t_s, 1, offered_rps=9.0) for t_s in (0.0, 0.5, 1.0)]
    assert [slow.decide(each).limited.wanted for each in seen] == [1, 1, 1]
    assert [fast.decide(each).limited.wanted for each in seen] == [1, 1, 2]


def test_limits_have_the_policy_s_time() -> None:
    made = Judge("acting", target(10), Limiter(Limits(1, 40, stabilise_down_s=60)), time_scale=60)
    wanted = [made.decide(observed(t_s, 5, offered_rps=rps)).limited.wanted for t_s, rps in ((0.0, 50.0), (0.5, 9.0))]
    assert wanted == [5, 5]
    assert made.decide(observed(1.6, 5, offered_rps=9.0)).limited.wanted == 1


def test_every_time_in_an_observation_is_scaled_and_nothing_else() -> None:
    sample = Sample("web-1", Phase.IN_SERVICE, ordered_s=1.0, since_s=2.0, cpu_percent=30.0)
    seen = Observation(3.0, offered_rps=9.0, instances=(sample,))
    assert scaled(seen, 10) == Observation(
        30.0, offered_rps=9.0, instances=(Sample("web-1", Phase.IN_SERVICE, 10.0, 20.0, cpu_percent=30.0),)
    )
    assert scaled(seen, 1) is seen


def test_verdict_tells_what_was_wanted_and_what_the_limits_left() -> None:
    made = Judge("acting", target(1), Limiter(Limits(1, 3)))
    verdict = made.decide(observed(0.0, 1, offered_rps=9.0))
    assert (verdict.wanted.wanted, verdict.limited.wanted) == (9, 3)


def test_shadows_decide_beside_and_nothing_follows() -> None:
    shadow = Judge("wide", target(1), Limiter(Limits(1, 40)))
    with_shadow = World(lambda _: 20.0, target(10), shadows=[shadow]).run(5)
    alone = World(lambda _: 20.0, target(10)).run(5)
    assert [line["shadows"] for line in with_shadow.of("tick")] == [{"wide": 20}] * 10
    (told,) = with_shadow.of("shadow")
    assert (told["name"], told["was"], told["wanted"]) == ("wide", None, 20)
    assert "; shadows: wide 20" in with_shadow.of("tick")[0]["sentence"]
    assert with_shadow.loop.fleet.counts() == alone.loop.fleet.counts()


def test_each_change_of_a_shadow_is_in_the_journal_with_its_reason() -> None:
    shadow = Judge("wide", target(1), Limiter(Limits(1, 40)))
    world = World(lambda now_s: 20.0 if now_s < 2 else 8.0, target(10), shadows=[shadow]).run(5)
    changes = world.of("shadow")
    assert [(each["was"], each["wanted"]) for each in changes] == [(None, 20), (20, 8)]
    assert [each["reason"] for each in changes] == ["offered 20/s needs 20 at 1/s each",
                                                    "offered 8/s needs 8 at 1/s each"]  # fmt: skip
    for tick in world.of("tick"):
        newest = [each["wanted"] for each in changes if each["t_s"] <= tick["t_s"]][-1]
        assert tick["shadows"] == {"wide": newest}


class Broken:
    """A policy that fails at its second look."""

    looks = 0

    def decide(self, observation: Observation) -> Decision:
        self.looks += 1
        if self.looks > 1:
            raise ZeroDivisionError("no instance")
        return Decision(observation.counts.wanted, "looked once")

    def describe(self) -> list[str]:
        return ["breaks"]


def test_shadow_that_fails_is_left_out_and_told_once() -> None:
    shadows = [Judge("broken", Broken(), Limiter(Limits(1, 40))), Judge("sound", target(5), Limiter(Limits(1, 40)))]
    world = World(lambda _: 20.0, target(10), shadows=shadows).run(3)
    assert [line["shadows"] for line in world.of("tick")] == [{"broken": 1, "sound": 4}] + [{"sound": 4}] * 5
    (error,) = world.of("error")
    assert error["message"] == "the shadow broken failed and is left out: ZeroDivisionError('no instance')"
    assert world.loop.fleet.counts().in_service == 2
