"""The fleet's instances by name and by phase: a question about one phase costs what is in it, not the whole fleet."""

from collections.abc import Callable, Iterable, Mapping
from typing import Literal

from controller.model import Instance, Phase, Sample

Victim = Literal["least_loaded", "newest", "oldest"]


class Roster:
    """All instances. `version` grows with each change."""

    def __init__(self) -> None:
        self.version = 0
        self._instances: dict[str, Instance] = {}
        self._phases: dict[Phase, dict[str, Instance]] = {phase: {} for phase in Phase}
        self._slots: set[int] = set()

    @property
    def instances(self) -> Mapping[str, Instance]:
        return self._instances

    def put(self, instance: Instance) -> None:
        """Add an instance, or replace the one of its name."""
        before = self._instances.get(instance.name)
        if before is not None:
            del self._phases[before.phase][instance.name]
        self._instances[instance.name] = self._phases[instance.phase][instance.name] = instance
        self._slots.add(instance.slot)
        self.version += 1

    def remove(self, name: str) -> None:
        instance = self._instances.pop(name)
        del self._phases[instance.phase][name]
        self._slots.discard(instance.slot)
        self.version += 1

    def count(self, phase: Phase) -> int:
        return len(self._phases[phase])

    def by_name(self, phase: Phase) -> Mapping[str, Instance]:
        """Those in this phase, in no order."""
        return self._phases[phase]

    def within(self, *phases: Phase) -> list[Instance]:
        """The instances in these phases, oldest first."""
        found = [instance for phase in phases for instance in self._phases[phase].values()]
        return sorted(found, key=age) if len(found) > 1 else found

    def free_slot(self, first: int, slots: int) -> int | None:
        """The first free one of so many slots, from `first` on and round; None where all are used."""
        order = ((first - 1 + step) % slots + 1 for step in range(slots))
        return next((slot for slot in order if slot not in self._slots), None)


def age(instance: Instance) -> tuple[float, int]:
    """Sorts the oldest first, of those that were ordered at one time the one with the lowest slot."""
    return (instance.ordered_s, instance.slot)


def reluctance(victim: Victim, seen: Iterable[Sample]) -> Callable[[Instance], tuple[float, ...]]:
    """Sorts the instance first that is to go first, given the instances as they were seen. Among equally loaded ones
    that is the newest."""
    if victim == "oldest":
        return age
    if victim == "newest":
        return lambda each: (-each.ordered_s, -each.slot)
    loads = {sample.name: sample.in_flight_requests or 0 for sample in seen}
    return lambda each: (loads.get(each.name, 0), -each.ordered_s, -each.slot)
