"""HAProxy's configuration file as a function of the fleet."""

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import jinja2

from controller.actions import Member
from controller.site import Site

TEMPLATE = Path(__file__).parent.parent / "haproxy" / "haproxy.cfg.j2"
HOLD_SCRIPT = TEMPLATE.with_name("hold.lua")
HELD_REQUESTS = 4  # of an instance that paces: enough to keep it busy, few enough that the rest can go elsewhere


@dataclass(frozen=True, slots=True)
class Server:
    """One server line of the back end; a disabled one gets no request from a worker that starts with the file."""

    name: str
    address: str
    disabled: bool

    @property
    def state(self) -> str:
        return " disabled" if self.disabled else ""


def servers_of(site: Site, members: Iterable[Member], slots: int, draining: frozenset[str]) -> list[Server]:
    """The back end's lines: the members, and for `slots` > 0 every slot without a member, disabled, so that a new
    member needs no reload."""
    chosen = {member.slot: member for member in members}
    lines = [Server(m.name, site.address(m.slot), m.draining or m.name in draining) for m in chosen.values()]
    empty = (slot for slot in range(1, slots + 1) if slot not in chosen)
    return lines + [Server(f"{site.service}-{slot}", site.address(slot), disabled=True) for slot in empty]


@dataclass(frozen=True, slots=True)
class Waiting:
    """How requests wait in HAProxy: each server gets at most `held_requests` at once (0: any number), the rest waits
    for a turn; with `for_first`, they also wait while there is no server at all."""

    held_requests: int = 0
    for_first: bool = False


def render(site: Site, servers: Iterable[Server], waiting: Waiting = Waiting()) -> str:
    """The configuration with these servers."""
    text: str = _template().render(
        admin_socket=site.admin_dir / "haproxy.sock", log_socket=site.run_dir / "log.sock",
        entry=site.entry, stats=site.stats, service=site.service, health_path=site.health_path, port=site.port,
        servers=list(servers), server_options=f"maxconn {waiting.held_requests}" if waiting.held_requests else "",
        hold_script=HOLD_SCRIPT if waiting.for_first else "",
    )  # fmt: skip
    return text


def server_is_enabled(line: str) -> bool:
    """Is a line of the configuration that of a server which gets requests?"""
    return line.startswith("  server ") and not line.endswith(" disabled")


@functools.cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    return environment.from_string(TEMPLATE.read_text())
