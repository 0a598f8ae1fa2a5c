"""What a run was made on: the facts that a reader needs to compare it with another."""

import os
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def machine() -> dict[str, object]:
    """CPU, memory, kernel, distribution, cgroup version and init of this machine."""
    cpu = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory_kib = int(re.findall(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())[0])
    return {
        "cpu": cpu[1].strip() if cpu else platform.machine(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory_kib / 2**20, 1),
        "kernel": platform.release(),
        "distribution": platform.freedesktop_os_release().get("PRETTY_NAME", "unknown"),
        "cgroup": "v2" if Path("/sys/fs/cgroup/cgroup.controllers").exists() else "v1",
        "init": Path("/proc/1/comm").read_text().strip(),
    }


def versions() -> dict[str, str]:
    """Versions of what took part, and the project's commit."""
    return {
        "lxc": _first_line("lxc-copy", "--version"),
        "haproxy": _first_line("haproxy", "-v").removeprefix("HAProxy version ").split(" ")[0],
        "python": platform.python_version(),
        **{name: version(name) for name in ("locust", "flask", "flask-limiter", "waitress")},
        "commit": _commit(),
    }


def _first_line(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    except OSError:
        return "unknown"
    lines = done.stdout.splitlines()
    return lines[0].strip() if lines else "unknown"


def _commit() -> str:
    """The short hash, with a plus where the tree was changed after it; unknown outside a checkout."""
    safe = ("-c", f"safe.directory={ROOT}")  # the tree may be a user's while the run is root's
    commit = _first_line("git", *safe, "rev-parse", "--short", "HEAD")
    changed = _first_line("git", *safe, "status", "--porcelain", "--untracked-files=no")
    return commit if changed == "unknown" else f"{commit}+"
