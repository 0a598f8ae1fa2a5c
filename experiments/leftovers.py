"""What the project has on this host, the template apart; nothing after a clean stop."""

import contextlib
import subprocess
from pathlib import Path

from controller.removal import lxc_path
from controller.site import Site
from experiments.faults.disk import SOURCE
from experiments.resources import processes


def left_behind(site: Site = Site()) -> list[str]:  # noqa: B008
    """Containers, files, links, routes, mounts, control groups and processes, one a line."""
    ours = f"{site.prefix}-"
    found = [f"container {name}" for name in _lines("lxc-ls", "-1") if name.startswith(ours) and name != site.template]
    found += [f"folder {path}" for path in lxc_path().glob(f"{ours}{site.service}-*")]
    found += [f"run-time file {path}" for path in Path("/run").glob(f"{site.prefix}*")]
    found += [f"link {path.name}" for path in Path("/sys/class/net").glob(f"{site.prefix}*")]
    found += [f"table {line}" for line in _lines("nft", "list", "tables") if site.prefix in line]
    subnet = str(site.subnet.network_address).removesuffix("0")
    found += [f"route {line}" for line in _lines("ip", "route") if subnet in line]
    found += [f"mount {line}" for line in _mounts() if f"{ours}{site.service}-" in line or SOURCE in line]
    found += [f"cgroup {path}" for path in Path("/sys/fs/cgroup").glob(f"**/lxc.*.{ours}*")]
    running = [each.words for each in processes() if any(_is_ours(word, site) for word in each.words)]
    return found + [f"process {' '.join(words)}" for words in running]


def _is_ours(word: str, site: Site) -> bool:
    """A whole word of a command line; a shell that merely speaks of us has more in one."""
    instances = f"{site.prefix}-{site.service}-"
    if word.startswith("[lxc monitor]"):
        return f" {instances}" in word
    return word == "webapp.zygote" or (word.startswith((f"{site.run_dir}/", instances)) and " " not in word)


def _mounts() -> list[str]:
    return Path("/proc/self/mounts").read_text().splitlines()


def _lines(*command: str) -> list[str]:
    """What a command tells; nothing where there is no such command."""
    with contextlib.suppress(OSError):
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    return []
