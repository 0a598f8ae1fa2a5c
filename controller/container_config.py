"""The LXC configuration of one instance: what `rootfs/instance.conf` has for all, and what is the instance's own.

With mapped ids an instance has a user namespace: its users 0 to 65535 are MAPPED_ID and up on the host, which no user,
no package and no other allocator of ranges has (Debian's useradd ends at 600,100,000, directory services begin below
2,000,200,000, systemd takes nothing between 1,879,048,192 and 2,147,352,575). The object directory is mounted such that
its files keep the owners that they have without a user namespace.
"""

from pathlib import Path

from controller.site import Site, mac
from controller.usage import cpu_limit

MAPPED_ID, MAPPED_IDS = 0x7D000000, 0x10000  # 2,097,152,000


def common_config(site: Site, template: Path, mapped: bool) -> str:
    """What every container of a site has, an instance or not."""
    ids = f"0 {MAPPED_ID} {MAPPED_IDS}"
    lines = [
        f"lxc.include = {template}/instance.conf",
        f"lxc.rootfs.path = dir:{template}/rootfs",
        *([f"lxc.idmap = u {ids}", f"lxc.idmap = g {ids}"] if mapped else []),
        f"lxc.mount.entry = {site.objects_dir} objects none bind,rw,nosuid,nodev,noexec"
        f"{',idmap=container' if mapped else ''} 0 0",
    ]
    return "\n".join(lines) + "\n"


def instance_config(
    site: Site, template: Path, slot: int, environment: dict[str, str], cpu_cores: float = 0.0, mapped: bool = False
) -> str:
    """The configuration of the instance in a slot."""
    address = site.address(slot)
    lines = [
        "lxc.net.0.type = veth",
        f"lxc.net.0.link = {site.bridge}",
        "lxc.net.0.flags = up",
        f"lxc.net.0.hwaddr = {mac(address)}",
        f"lxc.net.0.ipv4.address = {address}/{site.subnet.prefixlen}",
        *(f"lxc.environment = {name}={value}" for name, value in sorted(environment.items())),
        *cpu_limit(cpu_cores),
    ]
    return common_config(site, template, mapped) + "\n".join(lines) + "\n"
