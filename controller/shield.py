"""Keeps instances from the host's services, from each other and from everything beyond: the table `bridge <prefix>` of
nftables.

An instance may answer what was begun with it, and nothing else: of what it sends, the host takes ARP and those TCP
segments that open no connection, and the bridge hands nothing from one instance to another. It is told by its MAC
address, which it has no right to change. The table has no connection tracking and sees only what comes over a bridge.
"""

import subprocess
import threading
from collections.abc import Callable

from controller.site import Site, mac

TIMEOUT_S = 10.0
LOOK_S = 5.0
RULES = """
table bridge {name}
delete table bridge {name}
table bridge {name} {{
  chain to_host {{
    type filter hook input priority filter; policy accept;
    ether saddr & {mask} != {block} accept
    ether type arp accept
    ether type ip tcp flags & (syn | ack) != syn accept
    drop
  }}
  chain to_others {{
    type filter hook forward priority filter; policy accept;
    ether saddr & {mask} == {block} drop
  }}
}}
"""


def put_up(site: Site) -> str:
    """Make the table, or make it anew; what stands against it, empty where nothing does."""
    block, mask = mac(str(site.subnet.network_address)), mac(str(site.subnet.netmask))
    return _nft(RULES.format(name=site.prefix, block=block, mask=mask.replace("02:00:", "ff:ff:", 1)))


def remove(site: Site) -> bool:
    """Remove the table; tells whether there was one."""
    return not _nft(f"delete table bridge {site.prefix}")


class Keeper:
    """Looks from time to time whether the table is still there: `nft flush ruleset`, and with it a restart of Debian's
    nftables.service, takes all tables away. `start` has a thread look until `close`; `report` is told in words."""

    def __init__(self, site: Site, report: Callable[[str], None]) -> None:
        self._site = site
        self._report = report
        self._told = ""
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="shield", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._closing.wait(LOOK_S):
            self.look()

    def look(self) -> None:
        """Put the table up again where it is gone; the same failure is told once."""
        unseen = _nft(f"list table bridge {self._site.prefix}")
        if not unseen:
            self._told = ""
            return
        why = put_up(self._site)
        if not why:
            self._report(f"the rules that shut instances in were not found ({unseen}), and are put up again")
        elif why != self._told:
            self._report(f"the rules that shut instances in are gone: {why}")
        self._told = why


def _nft(rules: str) -> str:
    """Have nftables carry out rules, all or none; what went wrong, in words, empty where nothing did."""
    try:
        done = subprocess.run(
            ["nft", "-f", "-"], input=rules, capture_output=True, text=True, check=False, timeout=TIMEOUT_S,
            start_new_session=True,  # a Ctrl-C at the terminal is for the controller alone
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"nft: {error}"
    return "" if done.returncode == 0 else f"nft: {(done.stderr.strip() or 'it failed').splitlines()[0]}"
