"""Mapped ids: an instance has a user namespace, in which it is nobody, and whose users are no one on the host.

Its users 0 to 65535 are MAPPED_ID and up there, which no user, no package and no other allocator of ranges has:
Debian's useradd ends at 600,100,000, directory services begin below 2,000,200,000, and systemd takes nothing between
1,879,048,192 and 2,147,352,575. The object directory is mounted such that its files keep the owners that they have
without a user namespace.
"""

from pathlib import Path

MAPPED_ID, MAPPED_IDS = 0x7D000000, 0x10000  # 2,097,152,000
MOST_NAMESPACES = Path("/proc/sys/user/max_user_namespaces")


def idmap() -> list[str]:
    """The lines of LXC's configuration."""
    return [f"lxc.idmap = {kind} 0 {MAPPED_ID} {MAPPED_IDS}" for kind in "ug"]


def obstacle(*folders: Path) -> str:
    """What is known to stand against mapped ids here, empty where nothing is. The folders are those that an instance
    uses: without rights on the host it must be let pass to them."""
    try:
        if MOST_NAMESPACES.read_text().strip() == "0":
            return f"{MOST_NAMESPACES} is 0"
        for folder in {parent for path in folders for parent in path.resolve().parents}:
            if not folder.stat().st_mode & 0o001:
                return f"{folder} is closed to other users (try: chmod o+x {folder})"
    except OSError as error:
        return f"this kernel has no user namespaces ({error})"
    return ""
