"""Scaling policies of the Nomad Autoscaler become options of the policy `nomad`.

The examples: nomad_job.hcl is the documentation's "Example in a Job" (hashicorp/nomad, autoscaling/policy.mdx),
nomad_file.hcl and nomad_full.hcl are test fixtures of hashicorp/nomad-autoscaler (policy/file/test-fixtures and
policy/nomad/test-fixtures/src), nomad_tiers.hcl is put together of all parts that the documentation names.
"""

import copy
from pathlib import Path
from typing import Any

import pytest

from controller.foreign import PlaceError, Translation
from controller.foreign.nomad import parse, read
from controller.policies.nomad import Nomad, NomadConfig

EXAMPLES = Path(__file__).parent / "examples"


def example(name: str, **names: str) -> Translation:
    return read(parse((EXAMPLES / f"nomad_{name}.hcl").read_text()), names)


def policy(checks: str = "", options: str = "") -> str:
    """A bare scaling block around such checks and options."""
    return f"scaling {{\n min = 1\n max = 9\n policy {{\n{options}\n{checks}\n}}\n}}\n"


def check(strategy: str = "", options: str = "", name: str = "a") -> str:
    strategy = strategy or 'strategy "pass-through" {}'
    return f'check "{name}" {{\nsource = "prometheus"\nquery = "q"\n{options}\n{strategy}\n}}'


def translated(checks: str, options: str = "") -> dict[str, Any]:
    """The options of such a block, where the user has named the metric."""
    found: dict[str, Any] = dict(read(parse(policy(checks, options)), {"q": "queue_requests"}).policy["nomad"])
    NomadConfig.model_validate(found)
    return found


def failure(words: str, **names: str) -> str:
    with pytest.raises(PlaceError) as caught:
        read(parse(words), {"q": "queue_requests", **names})
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_documented_job_in_our_words() -> None:
    translation = example("job", active_connections="in_flight_requests")
    assert translation.policy == {
        "nomad": {
            "evaluation_interval_s": 5, "cooldown_s": 60, "minimum": 2, "maximum": 10,
            "checks": [{"name": "active_connections", "metric": "in_flight_requests",
                        "strategy": {"target_value": {"target": 10}}}],
        }
    }  # fmt: skip
    assert (translation.minimum, translation.maximum, translation.unused) == (2, 10, ())
    assert translation.mapped == (
        "check active_connections: scalar(open_connections_example_cache) of prometheus: in_flight_requests",
    )


def test_query_that_is_not_known_needs_a_name() -> None:
    with pytest.raises(PlaceError) as caught:
        example("job")
    assert str(caught.value).startswith(
        "job.example.group.app.scaling.policy.check.active_connections.query: 'scalar(open_connections_example_cache)' "
        "of prometheus is no metric of the testbed; name one by --metric active_connections=NAME, of rate_per_instance"
    )


def test_query_may_be_named_itself() -> None:
    (found,) = example("job", **{"scalar(open_connections_example_cache)": "offered_rps"}).policy["nomad"]["checks"]
    assert found["metric"] == "offered_rps"


def test_name_of_no_metric_is_refused() -> None:
    with pytest.raises(PlaceError, match=r"active_connections.query: 'sessions' is no metric; known are"):
        example("job", active_connections="sessions")


def test_policy_file_with_numbers_as_texts() -> None:
    translation = example("file", memory_nomad="in_flight_per_instance")
    cpu, memory = translation.policy["nomad"]["checks"]
    assert cpu == {"name": "cpu_nomad", "metric": "cpu_percent", "query_window_s": 0,
                   "strategy": {"target_value": {"target": 80}}}  # fmt: skip
    assert memory["metric"] == "in_flight_per_instance"
    assert translation.unused == (
        "scaling.full-task-group-policy.type: the fleet here is scaled by its count",
        "scaling.full-task-group-policy.policy.target: the target here is the fleet",
    )


def test_strategy_of_another_plugin_is_told() -> None:
    with pytest.raises(PlaceError) as caught:
        example("full")
    assert str(caught.value) == (
        "job.full-scaling.group.test.scaling.policy.check.check-1.strategy: 'strategy-1' is no strategy of the "
        "testbed; known are target-value, threshold, fixed-value, pass-through"
    )


def test_all_parts_of_a_policy() -> None:
    translation = example("tiers")
    options = translation.policy["nomad"]
    assert (options["cooldown_s"], options["cooldown_on_scale_up_s"], options["minimum"]) == (90, 20, 3)
    assert options["checks"] == [
        {"name": "sessions", "metric": "in_flight_per_instance",
         "strategy": {"target_value": {"target": 20, "threshold": 0.15, "max_scale_up": 2, "max_scale_down": 1}}},
        {"name": "high-queue", "metric": "queue_requests", "group": "queue", "query_window_s": 0,
         "strategy": {"threshold": {"lower_bound": 70, "percentage": 25, "within_bounds_trigger": 1}}},
        {"name": "low-queue", "metric": "queue_requests", "group": "queue", "on_error": "ignore",
         "query_window_s": 120, "query_window_offset_s": 10,
         "strategy": {"threshold": {"upper_bound": 1, "delta": -1}}},
        {"name": "base", "strategy": {"fixed_value": {"value": 4}}},
        {"name": "cpu", "metric": "cpu_percent", "query_window_s": 0, "strategy": {"pass_through": {}}},
    ]  # fmt: skip
    NomadConfig.model_validate(options)


def test_every_part_without_a_meaning_is_named() -> None:
    here = "job.webapp.group.web.scaling"
    assert example("tiers").unused == (
        "job.webapp.datacenters: about what runs, not how many",
        f"job.webapp.group.worker: only {here} is read",
        "job.webapp.group.web.count: the fleet starts with its minimum",
        "job.webapp.group.web.task: about what runs, not how many",
        f"{here}.policy.check.cpu.query_window: only the newest point is looked at",
        f"{here}.policy.schedule: the policy acts at all times here",
    )


def test_policy_that_is_switched_off_and_unknown_keys_are_named() -> None:
    words = policy(check()).replace("min = 1", 'min = 1\nenabled = false\nsurprise = [{ a = 1 }, "b"]')
    assert read(parse(words), {"q": "queue_requests"}).unused == (
        "scaling.enabled: is false there; the policy acts here",
        "scaling.surprise[0].a: no meaning here",
        "scaling.surprise[1]: no meaning here",
    )


def test_first_of_several_policies_is_read() -> None:
    words = f'scaling "one" {{\n max = 3\n policy {{\n{check()}\n}}\n}}\nscaling "two" {{\n max = 4\n}}'
    translation = read(parse(words), {"q": "queue_requests"})
    assert (translation.minimum, translation.maximum) == (0, 3)
    assert translation.unused == ("scaling.two: only scaling.one is read",)


@pytest.mark.parametrize(
    ("source", "query", "ours"),
    [
        ("nomad-apm", "avg_cpu", "cpu_percent"),
        ("nomad-apm", "taskgroup_avg_cpu-allocated/web/job@default", "cpu_percent"),
        ("prometheus", 'sum(haproxy_server_current_sessions{proxy=\\"a/b*c\\"})', "in_flight_requests"),
        ("prometheus", "haproxy_backend_current_sessions", "in_flight_requests"),
        ("prometheus", "sum(rate(haproxy_frontend_http_requests_total[1m]))", "offered_rps"),
        ("prometheus", "avg(haproxy_server_current_sessions) / 10", None),
        ("prometheus", "haproxy_backend_current_queue + haproxy_backend_current_sessions", None),
        ("prometheus", "avg_cpu", None),
        ("nomad-apm", "avg_memory", None),
        ("nomad-apm", "haproxy_backend_current_queue", None),
    ],
)
def test_queries_by_the_table(source: str, query: str, ours: str | None) -> None:
    words = policy(check().replace('"prometheus"', f'"{source}"').replace('"q"', f'"{query}"'))
    if ours is None:
        assert "is no metric of the testbed" in failure(words)
    else:
        assert read(parse(words), {}).policy["nomad"]["checks"][0]["metric"] == ours


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [("5s", 5), ("1m30s", 90), ("1h", 3600), ("500ms", 0.5), ("1.5h", 5400), (".5s", 0.5), ("1h1m1s1ms", 3661.001),
     ("100us", 1e-4), ("1µs", 1e-6)],
)  # fmt: skip
def test_durations(duration: str, seconds: float) -> None:
    found = translated(check(), f'cooldown = "{duration}"')["cooldown_s"]
    assert found == pytest.approx(seconds)


def test_duration_of_nothing_is_the_default() -> None:
    translation = read(parse(policy(check(), 'cooldown = "0s"')), {"q": "queue_requests"})
    assert "cooldown_s" not in translation.policy["nomad"]
    assert translation.unused == ("scaling.policy.cooldown: 0 means the default there",)


def test_threshold_on_the_nomad_apm_never_acts_and_that_is_said() -> None:
    """It answers with one point, and five are needed unless told."""
    tier = 'strategy "threshold" {\nlower_bound = 80\ndelta = 1\n}'
    words = policy(check(tier).replace('"prometheus"', '"nomad-apm"').replace('"q"', '"avg_cpu"'))
    assert read(parse(words), {}).unused == (
        "scaling.policy.check.a.strategy.threshold: never acts, there as here: nomad-apm answers with one point and "
        "within_bounds_trigger is 5",
    )


HERE = "scaling.policy.check.a"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (policy(), "scaling.policy.check: is missing"),
        (policy(check(), 'cooldown = "5"'), "scaling.policy.cooldown: '5': must be a duration such as 1m30s"),
        (policy(check(), "cooldown = 5"), "scaling.policy.cooldown: 5: must be a duration such as 1m30s"),
        (policy(check(), 'cooldown = "-5s"'), "scaling.policy.cooldown: '-5s': must be a duration such as 1m30s"),
        (policy(check(), 'cooldown = "1s 2s"'), "scaling.policy.cooldown: '1s 2s': must be a duration such as 1m30s"),
        (policy(check(), "cooldown = var.cooldown"),
         "scaling.policy.cooldown: '${var.cooldown}': must be a duration such as 1m30s"),
        (policy(check(), 'cooldown = "25h"'), "scaling.policy.cooldown: '25h': must be at most 24h"),
        (policy(check(), 'on_check_error = "stop"'),
         "scaling.policy.on_check_error: 'stop': must be one of ignore, fail"),
        (policy(check('strategy "target-value" {}')), f"{HERE}.strategy.target-value.target: is missing"),
        (policy(check('strategy "fixed-value" {}')), f"{HERE}.strategy.fixed-value.value: is missing"),
        (policy(check('strategy "target-value" {\ntarget = "x"\n}')),
         f"{HERE}.strategy.target-value.target: 'x': must be a number"),
        (policy(check('strategy "target-value" {\ntarget = true\n}')),
         f"{HERE}.strategy.target-value.target: True: must be a number"),
        (policy(check('strategy "threshold" {\ndelta = 1\n}')),
         f"{HERE}.strategy.threshold: needs lower_bound, upper_bound or both"),
        (policy(check('strategy "threshold" {\nlower_bound = 1\n}')),
         f"{HERE}.strategy.threshold: needs exactly one of delta, percentage, value"),
        (policy(check('strategy "threshold" {\nlower_bound = 1\ndelta = 1\nvalue = 1\n}')),
         f"{HERE}.strategy.threshold: needs exactly one of delta, percentage, value"),
        (policy(check('strategy "threshold" {\nlower_bound = 1\ndelta = 1.5\n}')),
         f"{HERE}.strategy.threshold.delta: 1.5: must be a whole number"),
        (policy(check('strategy "threshold" {\nlower_bound = 1\ndelta = 1\nwithin_bounds_trigger = 0\n}')),
         f"{HERE}.strategy.threshold.within_bounds_trigger: 0: must be a whole number from 1"),
        (policy(check('strategy "threshold" {\nlower_bound = 1\ndelta = 1\n}', 'query_window = "instant"')),
         f"{HERE}.strategy.threshold.within_bounds_trigger: 5: must be 1, as an instant query has one point"),
        (policy(check('strategy "pass-through" {}\nstrategy "fixed-value" {\nvalue = 1\n}')),
         f"{HERE}.strategy: needs exactly one strategy, has 2"),
        (policy(check().replace('strategy "pass-through" {}', "")), f"{HERE}.strategy: is missing"),
        (policy(check().replace('query = "q"', "")), f"{HERE}.query: is missing"),
        (policy(f"{check()}\n{check()}"), "scaling.policy.check: the blocks need names that differ"),
        (policy(check()).replace("max = 9", ""), "scaling.max: is missing"),
        (policy(check()).replace("min = 1", "min = 10"), "scaling.min: 10 is above max 9"),
        (policy(check()).replace("min = 1", "min = -1"), "scaling.min: -1: must be a whole number from 0"),
        ("scaling {\nmax = 1\n}", "scaling.policy: is missing"),
        ('job "a" {\ngroup "b" {}\n}', "holds no scaling block of a group and no scaling policy"),
        ("", "holds no scaling block of a group and no scaling policy"),
        ('scaling "a" {\nmax = 1\npolicy = 3\n}', "scaling.a.policy: 3: must be a mapping of keys to values"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_at_its_place(words: str, message: str) -> None:
    assert failure(words) == message


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ('job "x" {\n  a = \n}', "line 2, column 7: unexpected end of the line"),
        ('job "x" {\n  a = 1', "line 2, column 8: unexpected end of the file"),
        ("a = @", "line 1, column 5: unexpected '@'"),
        ("scaling {\n  ... \n}", "line 2, column 3: unexpected '... '"),
        ("a = 1\nb = {\n}\na = 2", "line 4, column 1: a is given twice"),
        ("x {\n a = 1\n y {\n a = 1\n b = 2\n b = 3\n }\n}", "line 6, column 2: b is given twice"),
    ],
)
def test_syntax_errors_are_told_in_one_line(words: str, message: str) -> None:
    with pytest.raises(PlaceError) as caught:
        parse(words)
    assert str(caught.value) == message


def test_text_that_is_nested_too_deeply_is_refused() -> None:
    with pytest.raises(PlaceError, match="is no HCL that can be read"):
        parse("a = " + "[" * 500 + "]" * 500)


def test_document_is_left_as_it_was_and_makes_a_policy() -> None:
    document = parse((EXAMPLES / "nomad_tiers.hcl").read_text())
    before = copy.deepcopy(document)
    made = Nomad(NomadConfig.model_validate(read(document, {}).policy["nomad"]))
    assert document == before
    assert len(made.describe()) == 6
