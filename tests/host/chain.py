"""Controllers one after the other over one fleet, each killed at a point on its way, beside clients that notice
nothing.
"""

import contextlib
import signal
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from tests.host.facts import RUN, astray
from tests.host.strict_clients import Client, SlowClient
from tests.host.testbed import PREFIX, Policy, Testbed, run

LONGEST_S = 60.0


@dataclass(frozen=True)
class Round:
    """Where a controller dies: at `point`, on its way to so many instances (0: as many as before). `begin` sets it on
    its way, when all was right before; None: it dies while it starts. `serves` is whether clients are served then."""

    wanted: int
    point: str
    begin: Callable[["Chain"], object] | None = lambda chain: chain.order()
    serves: bool = True


@dataclass
class Chain:
    """All that the rounds have in common."""

    folder: Path
    document: Policy
    clients: list[Client] = field(default_factory=lambda: [Client(), SlowClient()])
    wanted: int = 1
    took_s: list[float] = field(default_factory=list)  # from each start until all was right
    loaded_s: list[float] = field(default_factory=list)  # from each start until the controller was loaded

    def __post_init__(self) -> None:
        self.told, self.armed = self.folder / "wanted", self.folder / "armed"
        told = {"python": {"class": "tests.host.told.Told", "options": {"file": str(self.told)}}}
        self.document = self.document | {"policy": told}
        self.spare = self.document["instances"].get("standby", 0)
        self.zygotes = int(self.document.get("boot") == "zygote")
        self.shadow = self.folder / "shadow.yaml"
        self.shadow.write_text(yaml.safe_dump({"policy": told}))
        self.number, self.served = 0, True
        self.order()

    def order(self) -> None:
        """Tell the policy what is wanted now."""
        new = self.told.with_suffix(".new")
        new.write_text(str(self.wanted))
        new.rename(self.told)

    def terminate(self) -> None:
        """Begin a clean stop."""
        self.testbed.process.terminate()

    def obstruct(self) -> None:
        """Let the next change of HAProxy's configuration fail."""
        (RUN / "haproxy.new").mkdir()
        self.order()

    def kill_instance(self) -> None:
        """Kill one while it has no requests."""
        with self.quiet():
            assert run("lxc-stop", "-n", f"{PREFIX}-{self.instances()[0]}", "-k").returncode == 0
            self.testbed.process.wait(LONGEST_S)

    def instances(self) -> list[str]:
        return sorted(path.stem for path in (RUN / "instances").glob("*.conf"))

    @contextlib.contextmanager
    def quiet(self) -> Iterator[None]:
        """No requests meanwhile."""
        for client in self.clients:
            client.pause()
        yield
        for client in self.clients:
            client.resume()

    @contextlib.contextmanager
    def running(self) -> Iterator["Chain"]:
        """Clients ask; at the end a last controller makes all right and stops cleanly."""
        with contextlib.ExitStack() as stack:
            self.start()
            stack.callback(self.end)
            self.await_right()
            self.testbed.kill()
            for client in self.clients:
                stack.enter_context(client)
            yield self
            self.start()
            self.await_right()
        assert self.testbed.process.returncode == 0
        self.tell()

    def end(self) -> None:
        if self.testbed.process.poll() is None:
            self.testbed.stop()

    def start(self, point: str = "") -> None:
        self.number += 1
        program = ["tests.host.killed_at", str(self.armed), point] if point else ["controller"]
        options = ["--shadow", str(self.shadow)]
        self.testbed = Testbed(self.folder / str(self.number), self.document, options, program)
        self.started_s = time.monotonic()
        self.testbed.start()

    def await_right(self) -> None:
        """Wait until the host is as it should be, and hear what the clients say."""
        while wrong := self.wrong():
            log = self.testbed.log.read_text()[-3000:]
            assert self.testbed.process.poll() is None, log
            assert time.monotonic() < self.started_s + LONGEST_S, f"{wrong}\n{log}"
            time.sleep(0.01)
        self.took_s.append(time.monotonic() - self.started_s)
        self.loaded_s.append(self.testbed.events("start")[0]["monotonic_s"] - self.started_s)
        for client in self.clients:
            client.check(self.served)

    def wrong(self) -> list[str]:
        """What is not as it should be, by the controller's own words and on the host."""
        right = {"in_service": self.wanted, "standby": self.spare, "booting": 0, "draining": 0}
        last = next(reversed(self.testbed.events("tick")), {"sentence": "no tick"})
        if not right.items() <= last.items():
            return [last["sentence"]]
        return astray(self.wanted, self.spare, self.zygotes)

    def play(self, step: Round) -> None:
        """One round: the controller makes right what the one before left, and dies at its point."""
        self.armed.unlink(missing_ok=True)
        if step.begin is None:
            self.wanted = step.wanted or self.wanted
            self.armed.touch()
            self.order()
        self.start(step.point)
        if step.begin is not None:
            self.await_right()
            self.wanted = step.wanted or self.wanted
            self.armed.touch()
            step.begin(self)
        status = self.testbed.process.wait(LONGEST_S)
        assert status == -signal.SIGKILL, f"{step.point}: {self.testbed.log.read_text()[-500:]}"
        self.served = step.serves and (self.served or step.begin is not None)
        with contextlib.suppress(FileNotFoundError):
            (RUN / "haproxy.new").rmdir()
        print(f"right after {self.took_s[-1]:.2f} s; {self.wanted} wanted, killed {step.point}", flush=True)

    def tell(self) -> None:
        """How soon all was right."""
        took_s, loaded_s = statistics.median(self.took_s), statistics.median(self.loaded_s)
        print(f"right after {took_s:.2f} s (median), {max(self.took_s):.2f} s (longest) of {len(self.took_s)}; "
              f"loaded after {loaded_s:.2f} s")  # fmt: skip
