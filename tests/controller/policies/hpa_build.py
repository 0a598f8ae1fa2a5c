"""Builders of the tests of the policy `hpa`."""

from typing import Any

from controller.model import Counts, Observation, Phase, Sample
from controller.policies.hpa import Hpa
from controller.policies.hpa_config import HpaConfig

OFFERED = {"type": "Object", "metric": "offered_rps", "average_value": 10}
NO_WINDOW = {"scale_down": {"stabilization_window_s": 0}}


def hpa(*metrics: dict[str, Any], **options: Any) -> Hpa:
    return Hpa(HpaConfig.model_validate({"metrics": list(metrics) or [OFFERED], **options}))


def serving(number: int, since_s: float = -1000, **fields: Any) -> tuple[Sample, ...]:
    return tuple(Sample(f"i-{index}", Phase.IN_SERVICE, since_s, since_s, **fields) for index in range(number))


def seen(t_s: float, wanted: int, samples: tuple[Sample, ...], **fields: Any) -> Observation:
    phases = [each.phase for each in samples]
    counts = Counts(wanted, phases.count(Phase.BOOTING), phases.count(Phase.STANDBY), phases.count(Phase.IN_SERVICE),
                    phases.count(Phase.DRAINING))  # fmt: skip
    return Observation(t_s, counts, instances=samples, **fields)
