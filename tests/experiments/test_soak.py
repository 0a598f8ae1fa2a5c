"""What counts as a leak, and who is who among the processes."""

from controller.model import Counts, Observation
from controller.site import Site
from experiments.policies.flapping import Flapping
from experiments.resources import Process, ours, roles_of
from experiments.soak import verdict

REST = {"t_s": 0.0, "mounts": 37, "veths": 1, "controller_fds": 8, "controller_threads": 9, "controller_rss_kib": 40960}
CONFIG = "/run/tidebed/haproxy.cfg"


def soaked(rise_kib_per_s: float) -> list[dict[str, float]]:
    """An hour, of whose first ten minutes the memory doubles."""
    return [{"t_s": float(t_s), "controller_rss_kib": min(40960, 20480 + 40 * t_s) + rise_kib_per_s * t_s}
            for t_s in range(0, 3600, 10)]  # fmt: skip


def test_counts_must_be_what_they_were() -> None:
    same = verdict.same_counts(REST, {**REST, "t_s": 99.0, "controller_threads": 12, "controller_rss_kib": 0})
    assert (same.held, same.said) == (True, "3 counts: all are what they were")
    more = verdict.same_counts(REST, {**REST, "controller_fds": 9, "veths": 0})
    assert (more.held, more.said) == (False, "3 counts: controller_fds 8 → 9, veths 1 → 0")


def test_a_count_that_is_gone_is_no_zero() -> None:
    gone = {name: value for name, value in REST.items() if name != "veths"}
    assert verdict.same_counts(REST, gone).said == "3 counts: veths 1 → None"


def test_memory_may_grow_by_what_an_allocator_does() -> None:
    assert verdict.same_memory(REST, {**REST, "controller_rss_kib": 40960 + 4096}).held
    grown = verdict.same_memory(REST, {**REST, "controller_rss_kib": 40960 + 4097})
    assert (grown.held, grown.said) == (False, "controller 40.0 → 44.0 MiB")


def test_memory_is_flat_when_it_does_not_rise_after_the_warm_up() -> None:
    assert verdict.flat_memory(soaked(0.0)).held
    leaking = verdict.flat_memory(soaked(2.0))
    assert not leaking.held
    assert leaking.said.endswith("+7.03 MiB/h")


def test_pools_have_bounds() -> None:
    assert verdict.bounded({**REST, "haproxy_worker_fds": 20}).held
    assert not verdict.bounded({**REST, "controller_threads": 41}).held
    assert not verdict.bounded({**REST, "haproxy_worker_fds": 65}).held


def test_processes_are_known_by_what_they_were_started_with() -> None:
    found = [
        Process(10, 1, ("python", "-m", "controller", "--policy", "x")),
        Process(11, 10, ("python3", "-m", "webapp.zygote", "6")),
        Process(12, 10, ("haproxy", "-W", "-f", CONFIG)),
        Process(13, 12, ("haproxy", "-W", "-f", CONFIG)),
        Process(15, 12, ("haproxy", "-W", "-f", CONFIG)),
        Process(16, 14, ("python3", "-m", "webapp.zygote", "6")),  # an instance
        Process(18, 1, ("haproxy", "-f", "/etc/haproxy/haproxy.cfg")),
    ]
    roles = {role: [each.pid for each in those] for role, those in roles_of(found, Site()).items()}
    assert roles == {"controller": [10], "zygote": [11], "haproxy_master": [12], "haproxy_worker": [15, 13]}


def test_processes_of_the_host_s_own_are_not_counted() -> None:
    found = [
        Process(2, 0, ("",)),
        Process(10, 1, ("python", "-m", "controller", "--policy", "x")),
        Process(11, 10, ("lxc-copy", "-n", "tidebed-template")),
        Process(12, 1, ("haproxy", "-W", "-f", CONFIG)),
        Process(13, 12, ("",)),  # it has ended, and nobody has asked for its status
        Process(14, 1, ("[lxc monitor] /var/lib/lxc tidebed-web-3",)),
        Process(15, 14, ("python3", "-m", "webapp")),
        Process(16, 15, ("sleep", "inf")),
        Process(17, 999, ("python3", "-m", "webapp.zygote", "6")),
        Process(20, 1, ("[lxc monitor] /var/lib/lxc other-web-3",)),
        Process(21, 20, ("sleep", "inf")),
        Process(22, 1, ("sleep", "240")),
    ]
    assert [each.pid for each in ours(found, Site())] == [10, 11, 12, 13, 14, 15, 16, 17]


def test_the_fleet_flaps_so_many_times_with_a_rest() -> None:
    policy, wanted, history = Flapping(low=1, high=3, warm_up=1, times=2, rest_s=1.0), 1, []
    for tick in range(40):
        counts = Counts(wanted=wanted, in_service=wanted)
        wanted = policy.decide(Observation(t_s=tick / 10, counts=counts)).wanted
        history.append(wanted)
    assert [wanted for wanted, before in zip(history, [0, *history], strict=False) if wanted != before] == [3, 1, 3, 1]
    assert history[1:12] == [1] * 10 + [3]


def test_the_fleet_flaps_only_when_it_is_there() -> None:
    observation = Observation(t_s=0, counts=Counts(wanted=1, in_service=1, draining=1))
    assert Flapping().decide(observation).wanted == 1
