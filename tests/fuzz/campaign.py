"""A target's worker, watched: what it has done so far, and whether what it found is found without it, too."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz.target import ROOT

FOLDER = ROOT / "build" / "fuzz"
STATUS = re.compile(r"^#(\d+)\s.*?cov: (\d+)", re.MULTILINE)
ENDED = re.compile(r"^ended after (\d+) inputs$", re.MULTILINE)
LOOK_S = 1.0
TELL_S = 60.0
MOST_RESTARTS = 20


@dataclass
class Campaign:
    """Fuzzes one target for so many seconds of CPU time; `say` tells the progress."""

    name: str
    seconds: float
    say: Callable[[str], None]
    inputs: int = 0
    edges: int = 0
    _used_s: float = field(default=0.0)

    def run(self) -> bool:
        """Whether nothing was found. What only the instrumentation makes slow is no finding, and it goes on."""
        for _ in range(MOST_RESTARTS):
            started = time.time()
            status = self._work(self.seconds - self._used_s)
            found = [path for path in self._folder.glob("findings/*") if path.stat().st_mtime >= started]
            if status == 0:
                self.say(f"{self.name}: {self._sum()}, {self._used_s:.0f} s of CPU time, nothing found")
                return True
            if not found:
                self.say(f"{self.name}: the fuzzer ended with status {status}, see {self._folder / 'log'}")
                return False
            if not all(self._repeats_well(path) for path in found):
                return False
        self.say(f"{self.name}: ended {MOST_RESTARTS} times by what is in order by itself, see {self._folder}")
        return False

    @property
    def _folder(self) -> Path:
        return FOLDER / self.name

    def _work(self, seconds: float) -> int:
        """Run a worker to its end; its exit status."""
        self._folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "tests.fuzz.worker", self.name, str(self._folder), f"{seconds:.1f}"]
        inputs, log = self.inputs, self._folder / "log"
        with log.open("w") as file:
            process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=file, stderr=file)
        try:
            used_s, told_s = 0.0, time.monotonic()
            while process.poll() is None:
                time.sleep(LOOK_S)
                used_s = _cpu_s(process.pid) or used_s
                if time.monotonic() - told_s >= TELL_S:
                    told_s = time.monotonic()
                    self._look(log, inputs)
                    self.say(f"{self.name}: {self._used_s + used_s:.0f} of {self.seconds:.0f} s, {self._sum()}")
        finally:
            process.kill()
            process.wait()
        self._used_s += used_s
        self._look(log, inputs)
        return process.returncode

    def _sum(self) -> str:
        return f"{self.inputs:,} inputs, {self.edges:,} edges"

    def _look(self, log: Path, inputs: int) -> None:
        """What the worker's log tells, after so many inputs of earlier ones."""
        text = log.read_text(errors="replace")
        told, ended = STATUS.findall(text), ENDED.search(text)
        if told:
            self.inputs, self.edges = inputs + int(told[-1][0]), max(self.edges, int(told[-1][1]))
        if ended:
            self.inputs = inputs + int(ended[1])

    def _repeats_well(self, path: Path) -> bool:
        """Whether the input is in order by itself; else what is wrong with it is told."""
        command = [sys.executable, "-m", "tests.fuzz", self.name, "--input", str(path)]
        done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode:
            lines = done.stderr.strip().splitlines()
            self.say(f"{self.name}: found {path.relative_to(ROOT)}: {lines[-1] if lines else done.returncode}")
        return done.returncode == 0


def _cpu_s(pid: int) -> float:
    """CPU seconds of a process, 0 where it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
