"""Keeps instances from the host's services, from each other and from everything beyond: the table `bridge <prefix>` of
nftables.

An instance may answer what was begun with it, and nothing else: of what it sends, the host takes ARP and those TCP
segments that open no connection, and the bridge hands nothing from one instance to another. It is told by its MAC
address, which it has no right to change. The table has no connection tracking and sees only what comes over a bridge.
"""

import subprocess

from controller.site import Site, mac

TIMEOUT_S = 10.0
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
