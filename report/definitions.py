"""What the words and figures of the report mean: name, unit, definition with its source."""

from experiments.evidence import BASELINE, SPEEDUP_OF
from experiments.metrics.elasticity import CONTRADICTION_S, SPEEDUP_FLOOR_PERCENT, UPSILON_DT_S

BUNGEE = "Herbst et al., BUNGEE, SEAMS 2015"
SPEC = "Herbst et al., Ready for Rain?, SPEC-RG-2016-01"
AUTOSCALESIM = "Aslanpour et al., AutoScaleSim, 2021"
FLOOR_TIMES = 10 ** (1 / len(SPEEDUP_OF))  # what a floor of a tenth would make of the elastic speedup

DEFINITIONS: list[tuple[str, str, str]] = [
    ("offered", "requests", "due by the schedule of the load, sent or not"),
    ("served, rejected, failed", "requests", "answered properly; answered 429 by the rate limit; any other end"),
    ("dropped", "requests", "due, but never sent by the load generator"),
    ("not served", "%", "share of the offered requests that were rejected, failed or dropped"),
    (
        "cause", "requests",
        "why a request was not served, the first that is true: the disk was full; it waited too long in a queue; an "
        "instance had stopped; the fleet was too small with instances booting; it was too small with none on the way; "
        "an instance was draining; HAProxy was being reloaded; other",
    ),
    ("latency", "ms", "end of the answer minus the time at which the request was due, served requests only"),
    (
        "SLO violated", "s",
        "seconds, counted from the first request, in which less than the objective’s share of the requests due was "
        "served within its latency",
    ),
    ("recovery", "s", "the longest spell of violation; one that does not end counts until the last request"),
    (
        "time to adapt", "s",
        f"mean, over decisions to grow, of the time until the objective holds again, 0 where it holds ({AUTOSCALESIM})",
    ),
    (
        "needed (demand) d(t)", "instances",
        "the fewest instances whose capacity covers what was offered within the last second, held for a second more",
    ),
    ("wanted", "instances", "asked for by the policy after the limits"),
    ("in service (supply) s(t)", "instances", "taking traffic from HAProxy"),
    (
        "accuracy U, O", "instances",
        "lacking, too many, on average: ∫ max(d − s, 0) dt / T, ∫ max(s − d, 0) dt / T; T from the first request to "
        f"the last ({BUNGEE})",
    ),
    (
        "θ U, θ O", "%",
        "the same relative to the demand: 100 / T · ∫ max(d − s, 0) / d dt and ∫ max(s − d, 0) / d dt; where d is 0 it "
        f"is divided by 1 ({SPEC})",
    ),
    ("τ U, τ O", "%", f"share of the time with too few, with too many instances ({SPEC})"),
    (
        "υ", "%",
        f"share of samples, {UPSILON_DT_S:g} s apart, since the last of which supply and demand did not move in the "
        f"same direction ({SPEC}); it depends on the distance of samples",
    ),
    (
        "jitter", "1/min",
        "instances added and removed, supply less demand, a minute: above 0 the fleet moves more than it needs to, "
        f"below 0 less ({BUNGEE}); nearest to 0 is best",
    ),
    (
        "contradictory actions", "decisions",
        f"decisions that turn the one before round within {CONTRADICTION_S:g} s ({AUTOSCALESIM})",
    ),
    (
        "elastic speedup ε", "×",
        f"how many times better than the policy {BASELINE} under the same load: the geometric mean of "
        f"(b + {SPEEDUP_FLOOR_PERCENT:g}) / (x + {SPEEDUP_FLOOR_PERCENT:g}) over x = θ U, θ O, τ U, τ O of the run in "
        f"percent, b their means under {BASELINE} ({SPEC}); the {SPEEDUP_FLOOR_PERCENT:g} percentage points are a "
        "floor that keeps it finite, and where x is 0 they decide how large the ratio is: with a tenth of the floor ε "
        f"would be up to {FLOOR_TIMES:.2g} times as large for each such x; higher is better",
    ),
    (
        "instance-seconds", "instance-s",
        "the cost: instances in service, summed over time; those that boot, stand by or drain are not counted",
    ),
    (
        "oracle", "instances",
        "the cheapest fleet that would have served everything at once: instances for the requests of each last second, "
        "paid from their order on, which is the run’s median time to service ahead; stops cost nothing",
    ),
    (
        "cost over the oracle’s", "×",
        "instance-seconds of the run over those of its oracle; it can be below 1 where requests wait or are lost",
    ),
    ("decision to in service", "ms", "from the controller’s decision until HAProxy sends traffic to the new instance"),
    ("decision to first answer", "ms", "from the decision until the new instance has answered its first request"),
    ("lag", "ms", "how much later than due the load generator sent a request"),
    ("valid", "", "the load generator kept its schedule, so that what was offered is what the scenario says"),
]  # fmt: skip
