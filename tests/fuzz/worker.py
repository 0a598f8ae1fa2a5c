"""One target under Atheris, in a process of its own: `python -m tests.fuzz.worker TARGET FOLDER SECONDS`.

The folder holds the corpus, the seeds and what was found. It ends after so many seconds of CPU time with status 0, or,
with another one, at the first finding; its standard error tells the progress in libFuzzer's words.
"""

import os
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

import atheris

from tests.fuzz.edits import Editor
from tests.fuzz.target import SLOW_S, Target, at_most
from tests.fuzz.targets import target_of

COVERED = ["controller", "loadgen", "experiments", "webapp", "yaml", "hcl2"]
FOLDERS = ("corpus", "seeds", "findings")  # what was found before is tried again
LONGEST = 16384  # of an input; a longer one finds no more in the same time
INSTRUMENTED = 3.0  # so many times slower than plain
MEMORY_BYTES = 4 << 30
WALL_S = 300  # for one input: what hangs within a call to C cannot be interrupted earlier


class Fuzzing:
    """Counts the inputs, and ends in time."""

    def __init__(self, target: Target, seconds: float) -> None:
        self._target = target
        self._editor = Editor(target.seeds())
        self._until_s = time.process_time() + seconds
        self._inputs = 0

    def check(self, data: bytes) -> None:
        """For libFuzzer."""
        self._inputs += 1
        with at_most(SLOW_S * INSTRUMENTED):
            self._target.check(data)
        if time.process_time() > self._until_s:
            print(f"ended after {self._inputs} inputs", file=sys.stderr, flush=True)
            os._exit(0)

    def mutated(self, data: bytes, largest: int, seed: int) -> bytes:
        """libFuzzer's own changes, which know nothing of the form, and ours, which keep most of it."""
        random = Random(seed)
        if random.random() < 0.4:
            changed: bytes = atheris.Mutate(data, largest)
            return changed
        return self._editor.edited(data, random)[:largest]

    def prepare(self, folder: Path) -> list[str]:
        """Write seeds and dictionary; the arguments for libFuzzer."""
        for name in FOLDERS:
            (folder / name).mkdir(parents=True, exist_ok=True)
        for number, seed in enumerate(self._target.seeds()):
            (folder / "seeds" / str(number)).write_bytes(seed)
        words = (word for word in self._editor.dictionary if 0 < len(word) <= 60)
        entries = ["".join(f"\\x{byte:02x}" for byte in word) for word in words]
        (folder / "dictionary").write_text("".join(f'"{entry}"\n' for entry in entries))
        return [
            *(str(folder / each) for each in FOLDERS), f"-artifact_prefix={folder}/findings/",
            f"-dict={folder}/dictionary", f"-max_len={LONGEST}", "-len_control=100", f"-timeout={WALL_S}",
            f"-rss_limit_mb={MEMORY_BYTES >> 20}",
        ]  # fmt: skip


def main(arguments: Sequence[str]) -> None:
    name, folder, seconds = arguments
    with atheris.instrument_imports(include=COVERED):
        target = target_of(name)
    fuzzing = Fuzzing(target, float(seconds))
    options = fuzzing.prepare(Path(folder))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    atheris.Setup([name, *options], fuzzing.check, custom_mutator=fuzzing.mutated)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
