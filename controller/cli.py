"""The command line: options, logging, exit codes. Nothing else in the controller prints or exits."""

import argparse
import ipaddress
import logging
import math
import os
import re
import sys
import textwrap
from pathlib import Path

from controller.config import PolicyFile
from controller.model import METRICS
from controller.ports import ControllerError
from controller.reading import load_all, unique
from controller.site import Site
from controller.spelling import plain

PRIVATE = [ipaddress.IPv4Network(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")]
OVERLOAD = {"reject": "rejected", "queue": "queued"}
EPILOG = """\
It runs until SIGINT (Ctrl-C) or SIGTERM, then finishes what is in flight and removes all that it made.
Exit status: 0 after a clean stop, 1 when it could not start or go on, 2 for a bad policy file or option.
"""


def parser() -> argparse.ArgumentParser:
    site = Site()
    made = argparse.ArgumentParser(
        prog="python -m controller", description="Scale LXC containers behind HAProxy by a policy.",
        epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    made.add_argument("--policy", type=Path, required=True, metavar="FILE",
                      help="the policy file: ours, or a HorizontalPodAutoscaler, a Knative Service, a KEDA "
                           "ScaledObject, an AWS or Azure policy (JSON), a Nomad scaling block (HCL)")  # fmt: skip
    made.add_argument("--check", action="store_true", help="validate the policy file, print the policy in force, exit")
    made.add_argument("--dry-run", action="store_true",
                      help="observe a running testbed and print what would be decided; touch nothing")  # fmt: skip
    add_policy_options(made)
    made.add_argument("--explain", action="store_true",
                      help="log for each tick all that was seen, considered, limited and decided")  # fmt: skip
    made.add_argument("--journal", type=Path, metavar="FILE", help="append one JSON line a tick and one an event")
    made.add_argument("--entry", type=_address, default=site.entry, metavar="IP:PORT",
                      help="where clients enter (default %(default)s)")  # fmt: skip
    made.add_argument("--stats", type=_address, default=site.stats, metavar="IP:PORT",
                      help="HAProxy's statistics page (default %(default)s)")  # fmt: skip
    made.add_argument("--subnet", type=_subnet, default=site.subnet, metavar="CIDR",
                      help="private subnet of the instances (default %(default)s)")  # fmt: skip
    made.add_argument("--objects", type=_directory, default=site.objects_dir, metavar="DIR",
                      help="object directory that all instances share (default %(default)s)")  # fmt: skip
    made.add_argument("--quiet", action="store_true", help="log warnings and errors only, not each tick")
    return made


def add_policy_options(made: argparse.ArgumentParser) -> None:
    """What is said of the policies beside their files."""
    made.add_argument("--shadow", type=Path, action="append", default=[], metavar="FILE",
                      help="a policy that decides beside the acting one and acts never; repeatable")  # fmt: skip
    made.add_argument("--time-scale", type=_factor, metavar="N",
                      help="for the policies seconds pass N times faster: minutes become seconds")  # fmt: skip
    made.add_argument("--metric", type=_pair, action="append", default=[], metavar="THEIRS=OURS",
                      help="which metric of the testbed one of a foreign policy file means; repeatable")  # fmt: skip


def _address(text: str) -> str:
    host, _, port = text.rpartition(":")
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not IP:PORT such as 127.0.0.1:8080") from None
    if not re.fullmatch(r"[1-9][0-9]{0,4}", port) or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r}: the port must be from 1 to 65535")
    return text


def _subnet(text: str) -> ipaddress.IPv4Network:
    try:
        subnet = ipaddress.IPv4Network(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a subnet such as 10.87.65.0/24: {error}") from None
    if not any(subnet.subnet_of(block) for block in PRIVATE) or not 16 <= subnet.prefixlen <= 29:
        raise argparse.ArgumentTypeError(f"{text!r}: must be a private subnet from /16 to /29")
    return subnet


def _factor(text: str) -> float:
    try:
        factor = float(text)
    except ValueError:
        factor = math.nan
    if not 0.01 <= factor <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r}: must be a number from 0.01 to 1000")
    return factor


def _pair(text: str) -> tuple[str, str]:
    theirs, _, ours = text.rpartition("=")
    if not theirs or ours not in METRICS:
        raise argparse.ArgumentTypeError(f"{text!r}: must be THEIRS=OURS, with OURS one of {', '.join(METRICS)}")
    return theirs, ours


def _directory(text: str) -> Path:
    path = Path(text)
    if not path.is_absolute() or " " in text or not text.isprintable():
        raise argparse.ArgumentTypeError(f"{text!r} must be an absolute path without blanks and control characters")
    return path


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    logging.basicConfig(
        level=logging.WARNING if options.quiet else logging.INFO, stream=sys.stderr,
        format="%(asctime)s %(message)s", datefmt="%H:%M:%S",
    )  # fmt: skip
    site = Site(entry=options.entry, stats=options.stats, subnet=options.subnet, objects_dir=options.objects)
    try:
        settings, *others = _settings(options)
        shadows = list(zip(options.shadow, others, strict=True))
        _check_together(site, settings)
        if options.dry_run and (options.shadow or options.explain or options.journal):
            raise ControllerError("--dry-run goes without --shadow, --explain and --journal")
    except ControllerError as error:
        print(f"controller: {error}", file=sys.stderr)
        return 2
    try:
        return _run(options, site, settings, shadows)
    except ControllerError as error:
        print(f"controller: {error}", file=sys.stderr)
        return 1


def _settings(options: argparse.Namespace) -> list[PolicyFile]:
    """The policy files with what the command line says of them, the acting one first. Raises ControllerError."""
    files = load_all([options.policy, *options.shadow], dict(options.metric))
    scale = options.time_scale
    return files if scale is None else [each.with_time_scale(scale) for each in files]


def _check_together(site: Site, settings: PolicyFile) -> None:
    """Options that are legal each, but not together. Raises ControllerError."""
    if site.entry == site.stats:
        raise ControllerError(f"--entry and --stats are both {site.entry}: they need two addresses")
    needed = settings.instances.max + settings.instances.standby
    if site.slots < needed:
        raise ControllerError(
            f"--subnet {site.subnet} has {site.slots} addresses for instances; the policy needs {needed}"
        )


def _tell(text: str) -> None:
    """Whoever reads may stop early."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(options: argparse.Namespace, site: Site, settings: PolicyFile, shadows: list[tuple[Path, PolicyFile]]) -> int:
    if options.check:
        _tell("\n\n".join(in_force(path, each) for path, each in [(options.policy, settings), *shadows]))
        return 0
    # Imported late: checking a policy needs neither root nor liblxc.
    from controller.app import Controller, open_journal
    from controller.preflight import check_root

    check_root()
    if options.dry_run:
        from controller.dryrun import dry_run

        dry_run(site, settings)
        return 0
    names = unique(path.stem for path, _ in shadows)
    judges = [each.make_judge(name, acts=False) for name, (_, each) in zip(names, shadows, strict=True)]
    Controller(site, settings, open_journal(options.journal), judges, options.explain).run()
    return 0


def in_force(path: Path, settings: PolicyFile) -> str:
    """The policy in words, defaults included."""
    bounds, limits = settings.instances, settings.limits
    rate = settings.service.rate_limit
    lines = [
        *settings.notes,
        f"instances: {bounds.min} to {bounds.max} in service, {bounds.standby} on standby",
        f"each instance: {rate} requests/s, more are {OVERLOAD[settings.service.overload]}"
        if rate
        else "no rate limit",
        *([f"each instance: at most {settings.service.cpu_cores:g} CPU cores"] if settings.service.cpu_cores else []),
        f"every {settings.tick_s:g} s, applied by {settings.apply}, instances start by {settings.boot}",
        f"policy {settings.policy_name}:",
        *(f"  - {line}" for line in settings.make_policy().describe()),
        *([f"for the policy time passes {settings.time_scale:g} times faster"] if settings.time_scale != 1 else []),
        "limits: " + (", ".join(f"{key} {value:g}" for key, value in limits.model_dump().items() if value) or "none"),
    ]
    wrapped = textwrap.TextWrapper(120, subsequent_indent="    ", break_on_hyphens=False, break_long_words=False)
    return "\n".join([f"{path}: the policy is valid", *(wrapped.fill(plain(line)) for line in lines)])
