"""The LXC configuration of one instance: what `rootfs/instance.conf` has for all, and what is the instance's own."""

from pathlib import Path

from controller.mapped_ids import idmap
from controller.site import Site, mac
from controller.usage import cpu_limit


def common_config(site: Site, template: Path, mapped: bool) -> str:
    """What every container of a site has, an instance or not."""
    lines = [
        f"lxc.include = {template}/instance.conf",
        f"lxc.rootfs.path = dir:{template}/rootfs",
        f"lxc.seccomp.profile = {template}/instance.seccomp",
        *(idmap() if mapped else []),
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
