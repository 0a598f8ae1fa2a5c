"""Controllers, and zygotes, killed at many more steps, in each way to boot and to apply changes."""

from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import pytest

from controller.model import Phase
from tests.host.chain import Chain, Round
from tests.host.test_kills import ending, play, starting
from tests.host.testbed import Policy, policy

pytestmark = [pytest.mark.usefixtures("nothing_left"), pytest.mark.long]

UP = [
    *(f"{moment} 1 journal {kind}" for moment in ("before", "after")
      for kind in ("decision", "shadow", "tick", "first_answer", Phase.BOOTING, Phase.STANDBY, Phase.IN_SERVICE)),
    *(f"during {ms} containers.run lxc-copy" for ms in (1, 5, 10, 20, 30, 40, 60)),
    "before 1 containers.run lxc-copy",
    "after 1 containers.run lxc-copy",
    *(f"during {ms} containers.Containers.await_health" for ms in (5, 50, 150)),
    "before 1 haproxy.HAProxy.apply",
    "before 1 haproxy.HAProxy._write",
    "after 1 haproxy.HAProxy._write",
    "after 1 haproxy.HAProxy.apply",
]  # fmt: skip
DOWN = [
    *(f"{moment} 1 journal {phase}" for moment in ("before", "after")
      for phase in (Phase.DRAINING, Phase.STOPPING, Phase.GONE)),
    "before 1 haproxy.HAProxy.drain",
    "before 1 haproxy.HAProxy._note",
    "after 1 haproxy.HAProxy._note",
    "after 1 haproxy.HAProxy.drain",
    "before 1 haproxy.HAProxy.in_flight",
    "after 1 haproxy.HAProxy.in_flight",
    "after 1 haproxy.HAProxy.apply",
    "before 1 containers.Containers.stop",
    *(f"during {ms} removal._stop" for ms in (1, 3, 10, 20, 30)),
    "before 1 removal._stop",
    "after 1 removal._stop",
    "after 1 containers.Containers.stop",
]  # fmt: skip
RELOAD = [
    "before 1 journal reload",
    "before 1 haproxy.HAProxy._reload",
    *(f"during {ms} haproxy.HAProxy._reload" for ms in (3, 10, 20, 30, 50)),
    "before 1 haproxy.HAProxy._reload_outcome",
    "after 1 haproxy.HAProxy._reload_outcome",
    "after 1 haproxy.HAProxy._reload",
    "after 1 journal reload",
]
RUNTIME = [
    "before 1 journal apply",
    "before 1 haproxy.HAProxy._set",
    "after 1 haproxy.HAProxy._set",
    "after 1 journal apply",
]
ZYGOTE = [
    "before 1 zygote.Zygote.await_ready",
    "after 1 zygote.Zygote.await_ready",
    "before 1 zygote.Zygote._request",
    *(f"during {ms} zygote.Zygote._request" for ms in (1, 3, 6, 10, 20)),
    "before 1 zygote._answer",
    "after 1 zygote._answer",
    "after 1 zygote.Zygote._request",
]
POOL = [
    "before 1 containers.Containers.thaw",
    "after 1 containers.Containers.thaw",
    "before 1 containers.set_full_cpu",
    "after 1 containers.set_full_cpu",
    "before 1 containers.Containers.freeze",
    "after 1 containers.Containers.freeze",
]
START = [
    "before 1 remains.processes",
    "after 1 haproxy.HAProxy.find",
    "after 1 app.prepare_run_dir",
    "after 1 containers.Containers.prepare",
    *(f"during {ms} network.create" for ms in (1, 4, 8)),
    "after 1 network.create",
    *(f"during {ms} containers.Containers.map_ids" for ms in (10, 30, 60, 90)),
    "after 1 requestlog.RequestLog.open",
    "before 1 journal start",
    "after 1 containers.Containers.watch",
    "after 1 live.Host.adopt",
    "before 1 haproxy.HAProxy.running",
    "during 10 haproxy.HAProxy._reload",
    "after 1 journal tick",
]
END = [
    "before 1 live.Host.close",
    "after 1 live.Host.close",
    "after 1 containers.Containers.close",
    "before 1 haproxy.HAProxy._end",
    "after 1 haproxy.HAProxy._end",
]
END_WITHOUT_HAPROXY = [
    "after 1 haproxy.HAProxy.stop",
    *(f"during {ms} app.remove_instances" for ms in (2, 10, 30, 60)),
    "after 1 app.remove_instances",
    "after 1 requestlog.RequestLog.close",
    *(f"during {ms} network.remove" for ms in (2, 5)),
    "after 1 network.remove",
    "after 1 app.remove_run_dir",
    "after 1 journal stop",
]
FROM_NOTHING = [
    "before 1 haproxy.HAProxy._start",
    *(f"during {ms} haproxy.HAProxy._start" for ms in (1, 5, 10, 20, 40, 80)),
    "after 1 haproxy.HAProxy._start",
]
ZYGOTE_DIES = [
    "during 1 zygote.Zygote._await_loaded",
    "after 1 zygote.Zygote._await_loaded",
    "before 1 zygote.Zygote._request",
    *(f"during {ms} zygote.Zygote._request" for ms in (1, 3, 6, 10, 20)),
    "before 1 zygote._answer",
    "after 1 zygote._answer",
]
DOCUMENTS = {
    f"{boot} {apply} {standby}": policy(boot=boot, apply=apply, tick_s=0.1)
    | {"instances": {"min": 1, "max": 3, "standby": standby}}
    for boot in ("exec", "zygote") for apply in ("reload", "runtime") for standby in (0, 1)
}  # fmt: skip


def steps(document: Policy) -> Iterator[Round]:
    """All that fits the way to boot and to apply, up and down and up."""
    ups = UP + (ZYGOTE if document["boot"] == "zygote" else [])
    ups += POOL if document["instances"]["standby"] else []
    changes = RELOAD if document["apply"] == "reload" else RUNTIME
    downs = DOWN + [point for point in changes if not point.endswith("._set")]  # a drain has set it already
    for number, (up, down) in enumerate(zip(ups + changes, cycle(downs), strict=False)):
        yield Round(3, up)
        yield Round(1 + number % 2, down)
    for point in START:
        yield starting(point)
    yield from map(ending, END)
    for number, point in enumerate(END_WITHOUT_HAPROXY):
        yield ending(point)
        yield starting(FROM_NOTHING[number % len(FROM_NOTHING)])


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_controller_is_killed_at_many_steps(tmp_path: Path, kind: str) -> None:
    play(tmp_path, DOCUMENTS[kind], steps(DOCUMENTS[kind]))


@pytest.mark.parametrize("point", ZYGOTE_DIES)
def test_zygote_is_killed_and_all_instances_come_nevertheless(tmp_path: Path, point: str) -> None:
    chain = Chain(tmp_path, DOCUMENTS["zygote runtime 1"])
    with chain.running():
        chain.armed.touch()
        chain.start(f"zygote {point}")
        chain.wanted = 3
        chain.order()
        chain.await_right()
        assert (tmp_path / "killed").exists()
        chain.testbed.kill()
