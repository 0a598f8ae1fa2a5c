"""The processes of a run: the controller and Locust, started beside us and ended in any case."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

from experiments.machine import ROOT
from experiments.told import Told
from loadgen.load import Load

PYTHON = str(ROOT / ".venv" / "bin" / "python")
LOCUST = str(ROOT / ".venv" / "bin" / "locust")
STOP_S = 90.0


class RunError(Told):
    """The run could not be made; the message is for the user."""


@contextlib.contextmanager
def process(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command in a session of its own, so that Ctrl-C reaches only us; what it says goes into the log."""
    with log.open("wb") as output:
        started = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
        try:
            yield started
        finally:
            end(started)


def end(started: subprocess.Popen[bytes]) -> None:
    """SIGTERM, then patience: the controller removes all that it made."""
    if started.poll() is None:
        started.send_signal(signal.SIGTERM)
        try:
            started.wait(STOP_S)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()
            print(f"{started.args!r} had to be killed; 'make clean-host' removes what it left", file=sys.stderr)


def locust_command(load: Load, load_file: Path, entry: str, csv: Path) -> list[str]:
    """Locust with this load, which is written to `load_file`; every request goes into `csv`. It has to keep its
    schedule while the fleet is busy on the same cores."""
    load_file.write_text(yaml.safe_dump(load.model_dump(mode="json"), sort_keys=False))
    return ["nice", "-n", "-10", LOCUST, "-f", "loadgen/given.py", "--headless", "--host", f"http://{entry}",
            "--load", str(load_file), "--requests-csv", str(csv)]  # fmt: skip


def hand_over(folder: Path) -> None:
    """What root has just made in a folder becomes the property of the user who called sudo."""
    owner = os.environ.get("SUDO_UID"), os.environ.get("SUDO_GID")
    if os.geteuid() == 0 and owner[0] and owner[1]:
        for path in (folder, *folder.rglob("*")):
            if path.lstat().st_uid == 0:
                os.chown(path, int(owner[0]), int(owner[1]), follow_symlinks=False)


def tail(path: Path) -> str:
    """The last line of a log."""
    lines = path.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it wrote nothing"


def say(text: str) -> None:
    print(text, flush=True)
