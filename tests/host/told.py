"""A policy that does what it is told in a file."""

from pathlib import Path

from controller.model import Observation


class Told:
    def __init__(self, file: str) -> None:
        self._file = Path(file)

    def decide(self, _: Observation) -> int:
        return int(self._file.read_text())
