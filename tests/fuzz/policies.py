"""Policy files, ours and those of production: what is accepted can be shown, written, read again, and decides."""

import importlib
import re
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import patch

import yaml

from controller.cli import in_force
from controller.config import PolicyFile
from controller.document import ConfigError
from controller.model import METRICS, Counts, Observation, Phase, Sample
from controller.policies import python
from controller.reading import load
from tests.fuzz.target import ROOT, Target, accepted, file_of, require

EXAMPLES = ROOT / "tests/controller/foreign/examples"
PRODUCTION = ROOT / "experiments/policies/production"
TICKS = 6
NAMED = {"http_requests": "offered_rps", "queue": "queue_requests"}
AMOUNTS = (None, 0.0, 0.01, 3.0, 7.5, 100.0, 1e4)


def check(data: bytes, suffix: str) -> None:
    """A file of this kind, with any content."""
    file_of("hpa.yaml", (EXAMPLES / "hpa_php_apache.yaml").read_bytes())  # for `policy: {file: hpa.yaml}`
    path = file_of(f"policy{suffix}", data)
    with patch.object(python, "importlib", SimpleNamespace(import_module=_imported)):
        settings = accepted(lambda: load(path, NAMED), ConfigError)
        if settings is None:
            return
        words = in_force(path, settings)
        require(all(line.isprintable() for line in words.split("\n")), f"the policy in words: {words!r}")
        _check_written(settings)
        _check_decisions(settings, Random(zlib.crc32(data)))


def _imported(name: str) -> ModuleType:
    """Modules have effects when they are loaded: none but the shipped example is."""
    if name != "experiments.policies.headroom":
        raise ModuleNotFoundError(name=name)
    return importlib.import_module(name)


def _check_written(settings: PolicyFile) -> None:
    """As runs keep it."""
    document = settings.model_dump(mode="json")
    path = file_of("written.yaml", yaml.safe_dump(document, sort_keys=False).encode())
    require(load(path).model_dump(mode="json") == document, f"is read otherwise than it was written: {document}")


def _check_decisions(settings: PolicyFile, random: Random) -> None:
    judge, wanted, low, high = settings.make_judge("it"), settings.instances.min, *_bounds(settings)
    for observation in _observations(random):
        seen = _with_fleet(observation, wanted)
        verdict = judge.decide(seen)
        require(low <= verdict.limited.wanted <= high, f"{verdict.limited} is not within {low} to {high}")
        require(verdict.wanted.wanted >= 0, f"wants {verdict.wanted.wanted}")
        require(verdict.limited.wanted >= wanted or not seen.missing, f"shrinks without statistics: {verdict.limited}")
        require(verdict.limited.reason.isprintable() and verdict.wanted.reason, f"reason: {verdict.limited.reason!r}")
        wanted = verdict.limited.wanted


def _bounds(settings: PolicyFile) -> tuple[int, int]:
    return settings.instances.min, settings.instances.max


def _observations(random: Random) -> Iterator[dict[str, Any]]:
    t_s = 0.0
    for _ in range(TICKS):
        names = [name for name in METRICS if not name.endswith("_per_instance")]
        amounts = {name: random.choice(AMOUNTS) for name in names}
        known = {
            name: int(amount) if amount is not None and name.endswith("_requests") else amount
            for name, amount in amounts.items()
        }
        yield {"t_s": t_s, "missing": random.choice(["", "", "no answer"]), **known}
        t_s += random.choice([0.0, 0.05, 0.5, 1.0, 31.0, 400.0, 1e5])


def _with_fleet(fields: dict[str, Any], wanted: int) -> Observation:
    cpu, requests = fields["cpu_percent"], fields["in_flight_requests"]
    share = None if requests is None or not wanted else requests // wanted
    samples = tuple(Sample(f"web-{number}", Phase.IN_SERVICE, 0.0, 0.0, cpu, share) for number in range(wanted))
    return Observation(counts=Counts(wanted=wanted, in_service=wanted), instances=samples, **fields)


def _files(*patterns: tuple[Path, str]) -> list[bytes]:
    return [path.read_bytes() for folder, pattern in patterns for path in sorted(folder.glob(pattern))]


def _documented() -> list[bytes]:
    """The examples in the documentation of all policies."""
    page = (ROOT / "docs/policies.md").read_text()
    return [found.encode() for found in re.findall(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)]


def _own() -> list[bytes]:
    return _files((ROOT, "rules.yaml"), (ROOT / "experiments/policies", "*.yaml")) + _documented()


def _kubernetes() -> list[bytes]:
    kinds = ("hpa*.yaml", "knative*.yaml", "keda*.yaml")
    return _files(*((folder, kind) for folder in (EXAMPLES, PRODUCTION) for kind in kinds))


def _target(name: str, suffix: str, seeds: Callable[[], list[bytes]]) -> Target:
    return Target(name, partial(check, suffix=suffix), seeds)


TARGETS = (
    _target("policy", ".yaml", _own),
    _target("kubernetes", "", _kubernetes),
    _target("cloud", ".json", lambda: _files((EXAMPLES, "a*.json"), (PRODUCTION, "a*.json"))),
    _target("nomad", ".hcl", lambda: _files((EXAMPLES, "*.hcl"), (PRODUCTION, "*.hcl"))),
)
