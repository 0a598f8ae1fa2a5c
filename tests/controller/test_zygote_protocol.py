"""What the controller and the zygote say to each other, and what each does with nonsense. No root, no containers."""

import array
import contextlib
import ctypes
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller import zygote
from controller.zygote import Zygote, ZygoteError
from webapp import kernel
from webapp import zygote as served
from webapp.zygote import DESCRIPTORS, MESSAGE_BYTES, RequestError, check_request, close_all_but

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 20.0


class Running:
    """A real zygote process, outside of any template, and the controller's end of its socket."""

    def __init__(self, objects: Path) -> None:
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control.settimeout(PATIENCE_S)
        environment = {**os.environ, "OBJECTS_DIR": str(objects)}
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "webapp.zygote", str(theirs.fileno())],
                pass_fds=[theirs.fileno()], cwd=ROOT, env=environment, stderr=subprocess.PIPE,
            )  # fmt: skip

    def open_files(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def threads(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/task").iterdir()))

    def send(self, message: bytes, descriptors: list[int]) -> None:
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
        self.control.sendmsg([message], ancillary)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    made = Running(tmp_path)
    assert made.control.recv(MESSAGE_BYTES) == b"ready"
    yield made
    made.control.close()
    made.process.communicate(timeout=PATIENCE_S)


def test_zygote_has_one_thread_when_it_can_fork(running: Running) -> None:
    assert running.threads() == 1


def test_zygote_ends_with_the_socket(running: Running) -> None:
    running.control.close()
    assert running.process.wait(PATIENCE_S) == 0


@pytest.mark.parametrize("message", [b"rubbish", b"\0" * MESSAGE_BYTES, b"x" * 5000, b"fork\n", b"\xff{"])
def test_nonsense_is_answered_with_an_error(running: Running, message: bytes) -> None:
    for _ in range(2):
        running.send(message, [])
        assert running.control.recv(MESSAGE_BYTES).startswith(b"error ")


def test_answers_that_nobody_read_are_no_fault_of_the_zygote(running: Running) -> None:
    for _ in range(3):
        running.send(b"rubbish", [])
    while not running.control.recv(MESSAGE_BYTES, socket.MSG_PEEK):
        pass
    running.control.close()
    _, said = running.process.communicate(timeout=PATIENCE_S)
    assert (running.process.returncode, said) == (0, b"")


@pytest.mark.parametrize("path", ["/dev/null", "/proc/self/ns/pid"])
def test_child_whose_reply_socket_is_none_does_not_go_on_as_a_zygote(path: str) -> None:
    made = served.Zygote.__new__(served.Zygote)
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            made._fork_again(os.open(path, os.O_RDONLY), -1, ())
        os._exit(99)  # it came back
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1


def test_error_goes_to_the_reply_socket_that_came_along(running: Running) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        ours.settimeout(PATIENCE_S)
        with theirs:
            running.send(b"fork", [theirs.fileno()])
        assert ours.recv(MESSAGE_BYTES) == b"error fork needs a reply socket and a pidfd, and came with 1 descriptors"
        assert ours.recv(MESSAGE_BYTES) == b"", "the zygote keeps the reply socket"


def test_descriptors_that_are_not_what_they_should_be_are_refused_and_closed(running: Running) -> None:
    before = running.open_files()
    with (ROOT / "pyproject.toml").open() as file:
        for count in (2, 3, DESCRIPTORS, DESCRIPTORS + 1, 200):
            running.send(b"fork", [file.fileno()] * count)
            # A file is no reply socket, and read-only: the answer is lost, the zygote is not.
    running.send(b"still there?", [])
    assert running.control.recv(MESSAGE_BYTES) == b"error unknown request b'still there?'"
    assert running.open_files() == before
    assert running.process.poll() is None


@pytest.mark.parametrize(
    ("message", "count", "flags"),
    [(b"fork", 1, 0), (b"fork", 0, 0), (b"", 2, 0), (b"fork", 2, socket.MSG_TRUNC), (b"fork", 2, socket.MSG_CTRUNC)],
)
def test_request_is_checked(message: bytes, count: int, flags: int) -> None:
    with pytest.raises(RequestError):
        check_request(message, list(range(count)), flags)


@pytest.mark.parametrize("path", ["/dev/null", "/etc/hostname", "/proc/self/ns/pid"])
def test_request_needs_a_socket_to_reply_on(reply: tuple[socket.socket, socket.socket], path: str) -> None:
    check_request(b"fork", [reply[1].fileno(), 1, 2], 0)
    with Path(path).open("rb") as file, pytest.raises(RequestError, match="no socket"):
        check_request(b"fork", [file.fileno(), reply[1].fileno()], 0)


@pytest.fixture
def reply() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The controller's end of a reply socket, and the instance's."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    with ours, theirs:
        yield ours, theirs


def test_sender_s_pid_is_that_of_the_instance(reply: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = reply
    child = os.fork()
    if child == 0:
        theirs.send(b"serving")
        os._exit(0)
    assert zygote._answer(ours) == child
    os.waitpid(child, 0)


@pytest.mark.parametrize(("told", "why"), [(b"error no", "error no"), (b"\xff\xfe", "zygote: "), (b"", "ended before")])
def test_other_answers_are_errors(reply: tuple[socket.socket, socket.socket], told: bytes, why: str) -> None:
    ours, theirs = reply
    theirs.send(told) if told else theirs.close()
    with pytest.raises(ZygoteError, match=why):
        zygote._answer(ours)


def test_control_groups_of_a_process_exist() -> None:
    folders = zygote.cgroups(os.getpid())
    assert folders
    assert all((folder / "cgroup.procs").exists() for folder in folders)


def test_seccomp_filter_is_installed() -> None:
    program = struct.pack("=HBBI", 0x06, 0, 0, 0x7FFF0000)  # return SECCOMP_RET_ALLOW
    child = os.fork()
    if child == 0:
        kernel.forbid_new_privileges()
        kernel.install_filter(program)
        os._exit(0 if "Seccomp:\t2" in Path("/proc/self/status").read_text() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def session_keyring() -> int:
    """The id of this process's own: of many on the host, `/proc/keys` does not tell which it is."""
    get_id, session, create = 0, -3, 0
    return int(ctypes.CDLL(None).syscall(kernel._KEYCTL[os.uname().machine], get_id, session, create))


@pytest.mark.skipif(not Path("/proc/keys").exists(), reason="a kernel without keys")
def test_session_keyring_is_left() -> None:
    child = os.fork()
    if child == 0:
        before = session_keyring()
        kernel.leave_session_keyring()
        os._exit(0 if session_keyring() != before else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_failed_call_is_named() -> None:
    with pytest.raises(OSError, match="setns: "):
        kernel.join_pids(-1)


def test_descriptors_are_closed_but_some() -> None:
    child = os.fork()
    if child == 0:
        kept = [os.open("/dev/null", os.O_RDONLY) for _ in range(9)][2::3]
        close_all_but(*kept)
        left = {int(path.name) for path in Path("/proc/self/fd").iterdir()}
        os._exit(0 if left - {0, 1, 2} - set(kept) <= {3} else 1)  # 3: the folder that is being read
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


FAKE = """
import socket, sys
control = socket.socket(fileno=int(sys.argv[2]))
%s
control.recv(100)
"""


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Zygote]:
    """The controller's side, with a template that has a stamp and nothing else; `behave` says what its zygotes do."""
    (tmp_path / "stamp").write_text("1")
    behave(monkeypatch, "control.send(b'ready')")
    made = Zygote(tmp_path, {}, tmp_path / "log")
    yield made
    made.close()


def behave(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    monkeypatch.setattr(zygote, "COMMAND", (sys.executable, "-S", "-c", FAKE % code))


def pid(made: Zygote) -> int:
    assert made._process is not None
    return made._process.pid


def test_zygote_is_kept_while_the_template_stays(made: Zygote) -> None:
    made.start()
    first = pid(made)
    made.await_ready()
    made.await_ready()
    assert pid(made) == first


def test_new_template_gets_a_new_zygote(made: Zygote) -> None:
    made.await_ready()
    first = pid(made)
    (made._template / "stamp").write_text("2")
    made.await_ready()
    assert pid(made) != first
    assert not Path(f"/proc/{first}").exists()


def test_dead_zygote_costs_one_boot_and_is_replaced(made: Zygote) -> None:
    made.await_ready()
    assert made._process is not None
    made._process.kill()
    made._process.wait()
    with pytest.raises(ZygoteError, match="the zygote ended"):
        made.await_ready()
    made.await_ready()


def test_zygote_that_cannot_start_says_why(made: Zygote, monkeypatch: pytest.MonkeyPatch) -> None:
    behave(monkeypatch, "sys.exit('no such module')")
    with pytest.raises(ZygoteError, match="did not start: no such module"):
        made.await_ready()


def test_missing_command_and_missing_template_are_errors_of_the_zygote(
    made: Zygote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zygote, "COMMAND", ("/no/such/command",))
    with pytest.raises(ZygoteError, match="No such file"):
        made.start()
    (made._template / "stamp").unlink()
    with pytest.raises(ZygoteError, match="template: "):
        made.start()


def test_fork_that_gets_no_answer_fails_in_time(made: Zygote, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zygote, "FORK_S", 0.05)
    made.await_ready()
    with pytest.raises(ZygoteError, match=r"timed out|ended before"):
        made.fork(os.getpid())


def test_host_where_every_fork_fails_is_given_up(made: Zygote) -> None:
    made.await_ready()
    last = pid(made)
    for _ in range(zygote.TRIES):
        with pytest.raises(ZygoteError):
            made.fork(2**22 + 1)
    with pytest.raises(ZygoteError, match="in a row"):
        made.await_ready()
    assert not Path(f"/proc/{last}").exists()


def test_zygote_that_dies_under_many_boots_failed_once(made: Zygote) -> None:
    made.await_ready()
    control = made._control
    for _ in range(zygote.TRIES):
        made._replace(control)
    made.await_ready()


def test_close_ends_the_zygote_and_can_be_repeated(made: Zygote) -> None:
    made.close()
    made.start()
    last = pid(made)
    made.close()
    made.close()
    assert not Path(f"/proc/{last}").exists()
