"""Where and when runs were made, in words."""

import platform
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import pandas as pd

from report import words

Info = dict[str, Any]  # the content of a run.json

ENVIRONMENT = {
    "machine": {"cpu": "{}", "cores": "{} cores", "memory_gib": "{} GiB"},
    "host": {"distribution": "{}", "kernel": "Linux {}", "cgroup": "cgroup {}", "init": "init {}"},
    "containers and balancer": {"lxc": "LXC {}", "haproxy": "HAProxy {}"},
    "software": {"python": "Python {}", "flask": "Flask {}", "waitress": "Waitress {}", "locust": "Locust {}"},
    "project commit": {"commit": "{:.12}"},
}


def when(info: Info) -> datetime | None:
    """When the run started, or None if its run.json does not hold an ISO time that can be counted from 1970."""
    try:
        found = datetime.fromisoformat(str(info.get("started")))
        found.timestamp()
    except (ValueError, OverflowError):  # a time of no calendar has no timestamp
        return None
    return found


def date_words(info: Info) -> str:
    started = when(info)
    return f"{started.day} {started:%B %Y}" if started else str(info.get("run_id", ""))


def machine_line(info: Info) -> str:
    """The machine of a run in one line."""
    machine, versions = section(info, "machine"), section(info, "versions")
    parts = [
        words.plain(machine.get("cpu", "unknown processor")),
        f"{words.plain(machine.get('cores', '?'))} cores",
        f"{words.plain(machine.get('memory_gib', '?'))} GiB",
        f"Linux {words.plain(machine.get('kernel', '?'))}",
        f"LXC {words.plain(versions.get('lxc', '?'))}",
        f"HAProxy {words.plain(versions.get('haproxy', '?'))}",
    ]
    return ", ".join(parts)


def section(info: Info, name: str) -> dict[str, Any]:
    found = info.get(name)
    return found if isinstance(found, dict) else {}


def environment_rows(infos: Iterable[Info]) -> list[list[str]]:
    """The environment table: name and value, or all values if runs differ; a run's set-up says which was its own."""
    rows = []
    for name, facts in ENVIRONMENT.items():
        values: dict[str, None] = {}  # a set that keeps its order
        for info in infos:
            found = {**section(info, "machine"), **section(info, "versions")}
            known = [form.format(words.plain(found[key])) for key, form in facts.items() if key in found]
            values[", ".join(known) or "–"] = None
        rows.append([name, "; ".join(values)])
    return [*rows, ["figures made with", f"Python {platform.python_version()}, pandas {pd.__version__}"]]
