"""Makes the faults of a run, each at its time."""

import logging
import threading
import time
from collections.abc import Sequence
from random import Random
from typing import Any

from controller.ports import ControllerError
from experiments.faults.fleet import Watch
from experiments.faults.kinds import KINDS, NothingHitError, Scene
from experiments.scenario import INSTANT, Fault

log = logging.getLogger("experiments")

GIVEN_UP_S = 30.0  # the fleet is taken for broken when it is not right by then


class Faults:
    """Makes faults in a thread of its own, from `start` until `stop`, one at a time: the next waits until the fleet is
    right again.

    What was done is in `done`: when it began and ended, on the journal's axis in seconds; its kind and target, None
    where there was none; after how many seconds from its end the fleet was right, None with the trouble where it was
    not.
    """

    def __init__(self, faults: Sequence[Fault], scene: Scene, watch: Watch, seed: int) -> None:
        self.done: list[dict[str, Any]] = []
        self._faults = sorted(faults, key=lambda fault: fault.at_s)
        self._scene = scene
        self._watch = watch
        self._random = Random(f"faults {seed}")
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="faults")
        self._began_s = 0.0

    def start(self) -> None:
        """The load generator has been started."""
        self._began_s = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        """Mend what is broken, and break nothing more."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        for fault in self._faults:
            if self._stopping.wait(max(0.0, self._began_s + fault.at_s - time.monotonic())):
                return
            self.done.append(self._make(fault))

    def _make(self, fault: Fault) -> dict[str, Any]:
        began_s, target, trouble = time.monotonic(), None, ""
        try:
            with KINDS[fault.kind](self._scene, self._random) as target:
                if fault.kind not in INSTANT:
                    self._stopping.wait(fault.for_s)
        except (NothingHitError, ControllerError, OSError, ValueError) as error:
            trouble = str(error)
            log.warning("%s at %g s: %s", fault.kind, fault.at_s, error)
        ended_s, right_s = time.monotonic(), None
        if target is not None:
            right_s, trouble = self._watch.await_right(ended_s, GIVEN_UP_S, self._stopping.is_set)
        return {
            "t_s": self._on_axis(began_s), "kind": fault.kind, "target": target, "end_s": self._on_axis(ended_s),
            "right_s": None if right_s is None else round(right_s, 3), "trouble": trouble,
        }  # fmt: skip

    def _on_axis(self, monotonic_s: float) -> float:
        return round(monotonic_s - (self._watch.tail.first_s or monotonic_s), 3)
