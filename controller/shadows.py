"""Policies that decide beside the acting one and act never."""

from collections.abc import Callable, Sequence

from controller.judge import Judge
from controller.model import Observation
from controller.ports import Journal


class Shadows:
    """Each sees the observations as they are, the acting policy's fleet included: what it wants is what it would order
    from there, if it took over at that tick. One that fails is left out from then on."""

    def __init__(self, judges: Sequence[Judge], journal: Journal, complain: Callable[[float, str], None]) -> None:
        self._judges = list(judges)
        self._journal = journal
        self._complain = complain
        self._wanted: dict[str, int] = {}

    def decide(self, observation: Observation) -> dict[str, int]:
        """How many instances each of them wants now; what changes goes into the journal with its reason."""
        for judge in list(self._judges):
            try:
                self._decide(judge, observation)
            except Exception as error:
                self._complain(observation.t_s, f"the shadow {judge.name} failed and is left out: {error!r}")
                self._judges.remove(judge)
                self._wanted.pop(judge.name, None)
        return dict(self._wanted)

    def _decide(self, judge: Judge, observation: Observation) -> None:
        decision, was = judge.decide(observation).limited, self._wanted.get(judge.name)
        if decision.wanted != was:
            self._journal.write(
                observation.t_s, "shadow", name=judge.name, was=was, wanted=decision.wanted, reason=decision.reason
            )
        self._wanted[judge.name] = decision.wanted
