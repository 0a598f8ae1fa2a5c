"""Numbers, load shapes and policies in words. Every function returns plain text; nothing here knows the page."""

import math
import re
from collections.abc import Sequence
from typing import Any

METRICS = {
    "rate_per_instance": ("rate per instance", "/s"),
    "offered_rps": ("offered rate", "/s"),
    "served_rps": ("served rate", "/s"),
    "rejected_rps": ("rejected rate", "/s"),
    "failed_rps": ("failed rate", "/s"),
    "cpu_percent": ("processor use", " %"),
    "queue_requests": ("queued requests", ""),
    "in_flight_requests": ("requests in flight", ""),
    "in_flight_per_instance": ("requests in flight per instance", ""),
    "latency_ms_p50": ("median latency", " ms"),
    "latency_ms_p95": ("p95 latency", " ms"),
    "latency_ms_p99": ("p99 latency", " ms"),
}
UNITS = {"_rps": " requests/s", "_ms": " ms", "_s": " s", "_percent": " %", "_mib": " MiB", "_gib": " GiB"}
HIDDEN_SHAPE_KEYS = ("kind", "shape", "mode", "arrivals", "seed", "integral_share", "integral_steps", "duration_s")
SHAPES = {
    "constant": "constant {rate_rps} requests/s",
    "ramp": "ramp from {low_rps} to {peak_rps} and back to {low_rps} requests/s",
    "step": "step from {low_rps} to {high_rps} requests/s after {before_s} s",
    "spike": "flash crowd after {before_s} s: from {low_rps} to {peak_rps} requests/s within {up_s} s, {hold_s} s "
    "there, {down_s} s back",
    "square": "{low_rps} and {high_rps} requests/s in turn, with a period of {period_s} s",
    "triangle": "straight up and down between {low_rps} and {peak_rps} requests/s, with a period of {period_s} s",
    "sine": "sine between {low_rps} and {peak_rps} requests/s, with a period of {period_s} s",
    "noise": "noise around {mean_rps} requests/s, up to {spread_rps} off, a new level each {interval_s} s",
    "onoff": "{high_rps} requests/s for {on_s} s and none for {off_s} s in turn",
    "closed": "closed loop: {users} at a time, each {think_s} s after its answer",
}


def number(value: Any, digits: int = 0, unit: str = "") -> str:
    """A number with thousands separators and its unit; an en dash where there is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return "–"
    return f"{value:,.{digits}f}{unit}"


def milliseconds(value: Any) -> str:
    """Milliseconds with three significant digits at most, e.g. `7.1 ms`, `65 ms`, `1,204 ms`."""
    known = isinstance(value, int | float) and not isinstance(value, bool)
    return number(value, 1 if known and value < 20 else 0, " ms")


def short(value: float) -> str:
    """A number with three significant digits, or all digits before the point."""
    return number(value, 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2)


def rough(value: float) -> str:
    """A number with two significant digits and no more zeros than it needs, e.g. `6.4`, `0.12`, `150`."""
    return f"{float(f'{value:.2g}'):g}"


def share(part: Any, whole: Any) -> str:
    """`part` of `whole` as a percentage, with the digits that a small share needs."""
    if not isinstance(part, int | float) or not isinstance(whole, int | float) or whole <= 0:
        return "–"
    percent = 100.0 * part / whole
    if part and percent < 0.01:
        return "< 0.01 %"
    digits = 2 if 0 < percent < 10 or 99 < percent < 100 else 1
    # Rounding must not turn "almost all" into "all".
    return f"{math.floor(percent * 10**digits) / 10**digits if percent > 99 else percent:.{digits}f} %"


def plural(count: Any, noun: str, nouns: str = "") -> str:
    """`1 run`, `2 runs`; `nouns` is the plural where it is not the noun with an s."""
    return f"{number(count)} {noun}" if count == 1 else f"{number(count)} {nouns or noun + 's'}"


def listed(parts: Sequence[str]) -> str:
    """`a, b and c`."""
    return f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else "".join(parts)


def quantity(key: str, value: Any) -> str:
    """A setting with its unit told from its name: `high_rps: 40` becomes `high 40 requests/s`."""
    for suffix, unit in UNITS.items():
        if key.endswith(suffix):
            name = key.removesuffix(suffix).replace("_", " ")
            return f"{name} {plain(value)}{unit}"
    return f"{key.replace('_', ' ')} {plain(value)}"


def plain(value: Any) -> str:
    """Any value of a settings file as short text."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, dict):
        return ", ".join(quantity(str(key), item) for key, item in value.items())
    if isinstance(value, list):
        return "; ".join(plain(item) for item in value)
    return str(value)


def run_name(run_id: str, simulated: bool) -> str:
    """What a run is called wherever it is named."""
    return f"{run_id} (simulated)" if simulated else run_id


def shape_words(shape: dict[str, Any]) -> str:
    """The load shape in one phrase, e.g. `ramp from 5 to 100 and back to 5 requests/s, 180 s in all`."""
    seconds = shape.get("duration_s")
    over = f", {seconds:g} s in all" if isinstance(seconds, int | float) else ""
    parts = shape.get("of")
    if isinstance(parts, list):
        joined = "; ".join(_shape(part) for part in parts if isinstance(part, dict))
        return f"{shape.get('kind', 'combination')} of: {joined}{over}"
    return f"{_shape(shape)}{over}"


def _shape(shape: dict[str, Any]) -> str:
    kind = str(shape.get("kind") or shape.get("shape") or "unnamed shape")
    known = {key: plain(value) for key, value in shape.items() if value is not None}
    try:
        phrase = SHAPES[kind].format(**known)
    except KeyError:  # a shape that is not known here, or that lacks what belongs to it
        rest = [quantity(key, shape[key]) for key in known if key not in HIDDEN_SHAPE_KEYS]
        return f"{kind.replace('_', ' ')}{': ' if rest else ''}{', '.join(rest)}"
    return f"{phrase}, back {known['high_s']} s later" if kind == "step" and "high_s" in known else phrase


def arrival_words(shape: dict[str, Any]) -> str:
    """How arrivals are spread and what they ask for."""
    parts = []
    if shape.get("arrivals") is not None:
        parts.append({"even": "evenly spaced", "poisson": "Poisson"}.get(shape["arrivals"], str(shape["arrivals"])))
    if isinstance(shape.get("integral_share"), int | float):
        steps = shape.get("integral_steps")
        of_steps = f" of at most {steps:,} steps" if isinstance(steps, int) else ""
        share, rest = shape["integral_share"], "" if shape["integral_share"] == 1 else ", the rest objects"
        parts.append(f"{100 * share:g} % numerical integrals{of_steps}{rest}")
    return "; ".join(parts) or "–"


def rule_words(rule: Any) -> str:
    """One rule as a sentence; anything unknown in it is still shown, as it stands in the file."""
    when, then = (rule.get("when"), rule.get("then")) if isinstance(rule, dict) else (None, None)
    if not isinstance(when, dict) or not isinstance(then, dict):
        return plain(rule)
    name, unit = METRICS.get(str(when.get("metric")), (str(when.get("metric", "?")).replace("_", " "), ""))
    bounds = [f"{side} {plain(when[side])}{unit}" for side in ("above", "below") if side in when]
    held = f" for {plain(when['for_s'])} s" if "for_s" in when else ""
    other = {key: value for key, value in when.items() if key not in ("metric", "above", "below", "for_s")}
    extra = f" ({plain(other)})" if other else ""
    act = ", ".join(f"{verb} {plain(amount)}" for verb, amount in then.items())
    rest = {key: value for key, value in rule.items() if key not in ("when", "then")}
    return f"if {name} is {' and '.join(bounds)}{held}{extra}: {act}{'; ' + plain(rest) if rest else ''}"


def policy_words(policy: dict[str, Any]) -> list[str]:
    """The policy in force, a sentence a rule."""
    algorithm = policy.get("policy")
    if not isinstance(algorithm, dict):
        return [plain(algorithm)] if algorithm else ["–"]
    lines: list[str] = []
    for name, body in algorithm.items():
        if name == "rules" and isinstance(body, list):
            lines += [rule_words(rule) for rule in body]
        else:
            lines.append(f"{str(name).replace('_', ' ')}: {plain(body)}")
    return lines or ["–"]


def limit_words(policy: dict[str, Any]) -> str:
    """The fleet's bounds and the tick, e.g. `1 to 20 instances, standby 2, a tick every 0.5 s`."""
    bounds = policy.get("instances")
    parts = []
    if isinstance(bounds, dict):
        least, most = (plain(bounds.get(key, "?")) for key in ("min", "max"))
        always = f"always {plural(bounds.get('max'), 'instance')}"
        parts.append(f"{least} to {most} instances" if least != most else always)
        rest = {key: value for key, value in bounds.items() if key not in ("min", "max") and value}
        parts += [quantity(key, value).replace("_", " ") for key, value in rest.items()]
    if "tick_s" in policy:
        parts.append(f"a tick every {plain(policy['tick_s'])} s")
    return ", ".join(parts) or "–"


def service_words(policy: dict[str, Any]) -> str:
    """What limits one instance, and what happens beyond its rate limit."""
    service = policy.get("service")
    if not isinstance(service, dict) or "rate_limit" not in service:
        return "–"
    cores = service.get("cpu_cores")
    processor = f"; at most {plain(cores)} of a core" if cores else ""
    if not service["rate_limit"]:
        return f"no rate limit{processor}"
    beyond = {"reject": "beyond it an instance answers 429", "queue": "beyond it requests queue in the balancer"}
    after = beyond.get(str(service.get("overload")), "")
    return f"{plain(service['rate_limit'])} requests/s per instance{'; ' + after if after else ''}{processor}"


def tidy(text: str) -> str:
    """A figure's name without the underscore of its index: `θ_U` becomes `θ U`."""
    return re.sub(r"([θτ])_([UO])", r"\1 \2", text)


def sentence(text: str) -> str:
    """`text` with a capital letter at its beginning and a full stop at its end."""
    text = text.strip()
    return f"{text[:1].upper()}{text[1:].removesuffix('.')}."
