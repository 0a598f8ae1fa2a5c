"""Builders that several test modules share."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from controller.model import Counts, Decision, Observation
from controller.policies.rules import Rules, RulesConfig
from controller.policies.target import Target, TargetConfig
from controller.site import Site

DATA = Path(__file__).parent / "data"
ROOT = Path(__file__).parent.parent.parent


def observed(t_s: float = 0.0, wanted: int = 1, **fields: Any) -> Observation:
    """What was seen at `t_s` while `wanted` instances were wanted and in service."""
    return Observation(t_s, Counts(wanted=wanted, in_service=wanted), **fields)


def rule(metric: str = "offered_rps", for_s: float = 0, cooldown_s: float = 0, **parts: Any) -> dict[str, Any]:
    """A rule as in a policy file; `above` or `below`, and `add` or `remove`, go where they belong."""
    bounds = {name: value for name, value in parts.items() if name in ("above", "below")}
    change = {name: value for name, value in parts.items() if name in ("add", "remove")}
    return {"when": {"metric": metric, "for_s": for_s, **bounds}, "then": change, "cooldown_s": cooldown_s}


def rules(*items: dict[str, Any]) -> Rules:
    return Rules(RulesConfig.model_validate(list(items)))


def target(rate_per_instance: float = 10, tolerance: float = 0.1) -> Target:
    return Target(TargetConfig(rate_per_instance=rate_per_instance, tolerance=tolerance))


def decided(wanted: int, reason: str = "because") -> Decision:
    return Decision(wanted, reason)


def data(name: str) -> str:
    """A file of tests/controller/data: what a real HAProxy 2.6 answered."""
    return (DATA / name).read_text()


@dataclass(frozen=True, slots=True)
class LocalSite(Site):
    """A site whose run-time files lie in a folder of the test's own."""

    folder: Path = field(default=Path("/nonexistent"))

    @property
    def run_dir(self) -> Path:
        return self.folder / "run"

    @property
    def lock_file(self) -> Path:
        return self.folder / "lock"


def local_site(folder: Path) -> LocalSite:
    site = LocalSite(folder=folder)
    site.admin_dir.mkdir(parents=True)
    return site


RATES = st.none() | st.floats(0, 1e5)
OBSERVATIONS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"offered_rps": RATES, "rejected_rps": RATES, "cpu_percent": RATES, "missing": st.sampled_from(["", "no answer"])}
)
