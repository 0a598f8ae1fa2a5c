"""From what the fleet, HAProxy and the control groups know of each instance to the samples that policies see."""

from controller.model import Instance, Phase, Sample
from controller.sensor import mean_cpu_percent, samples_of

BOOTING = Instance(1, "web-1", Phase.BOOTING, ordered_s=3.0, since_s=3.0)
SERVING = Instance(2, "web-2", Phase.IN_SERVICE, ordered_s=1.0, since_s=2.0)


def test_what_is_known_of_an_instance_comes_together_and_the_rest_is_unknown() -> None:
    assert samples_of([BOOTING, SERVING], {"web-2": 40.0}, {"web-2": 3, "web-9": 1}) == (
        Sample("web-1", Phase.BOOTING, 3.0, 3.0),
        Sample("web-2", Phase.IN_SERVICE, 1.0, 2.0, cpu_percent=40.0, in_flight_requests=3),
    )


def test_mean_use_counts_only_what_serves_and_is_known() -> None:
    third = Instance(3, "web-3", Phase.IN_SERVICE, ordered_s=1.0, since_s=2.0)
    fourth = Instance(4, "web-4", Phase.IN_SERVICE, ordered_s=1.0, since_s=2.0)
    use = {"web-1": 100.0, "web-2": 40.0, "web-3": 20.0}
    assert mean_cpu_percent(samples_of([BOOTING, SERVING, third, fourth], use, {})) == 30.0
    assert mean_cpu_percent(samples_of([BOOTING], use, {})) is None
