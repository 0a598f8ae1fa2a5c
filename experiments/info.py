"""What the fields of a run.json are like, where it has them."""

from typing import Annotated, Any, Literal

from pydantic import Field

from experiments.journal import LONGEST_S
from experiments.records import Record

Name = Annotated[str, Field(pattern=r"^\w[^/\x00-\x1f\x7f]{0,199}$")]  # that files may have


class Fault(Record):
    """What was broken on purpose, see experiments.faults."""

    t_s: float = Field(gt=-LONGEST_S, lt=LONGEST_S)
    kind: str
    target: str | None


class Shape(Record):
    """The load, as far as no one reads it as one (loadgen.load)."""

    kind: str = ""
    arrivals: str = ""


class RunInfo(Record):
    """What readers rely on; what a field holds beyond that is theirs to check."""

    run_id: Name | None = None
    scenario: str = ""
    title: str = ""
    hypothesis: str = ""
    kind: Literal["real", "simulated"] = "real"
    status: str = ""
    started: str = ""
    duration_s: float | None = Field(default=None, ge=0, lt=LONGEST_S)
    settle_s: float | None = Field(default=None, ge=0, lt=LONGEST_S)
    shape: Shape | None = None
    policy_file: str = ""
    time_scale: float | None = Field(default=None, gt=0)
    faults: list[Fault] | None = None
    machine: dict[str, Any] | None = None
    versions: dict[str, Any] | None = None
    simulation: dict[str, Any] | None = None
    capacity: dict[str, Any] | None = None
    experiment: dict[str, Any] | None = None
