"""Clients that record histories, through a correct application and through one that lies."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from threading import Lock, Thread

import pytest

from experiments.cli import main
from experiments.objects import History, check, run
from experiments.objects.contents import Names, content
from experiments.objects.history import FAILED, UNKNOWN, Operation
from experiments.objects.keys import IN_USE, MOST_OPERATIONS, MOST_UNKNOWN, Keys
from experiments.objects.recorder import Recorder
from tests.webapp.instance import running_instance

Objects = dict[str, bytes]


class Store(ThreadingHTTPServer):
    request_queue_size = 128


@contextmanager
def serving(put: Callable[[Objects, str, bytes], None], cut_bytes: int = 0) -> Iterator[str]:
    """The URL of a store whose puts do what they are given; it announces more than it sends when told to cut."""
    objects, lock = Objects(), Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with lock:
                there = self.path in objects
                put(objects, self.path, body)
            self._answer(204 if there else 201)

        def do_GET(self) -> None:
            with lock:
                if self.path == "/":
                    names = ", ".join(f'"{path.removeprefix("/objs/")}"' for path in objects)
                    return self._answer(200, f"[{names}]".encode())
                found = objects.get(self.path)
            return self._answer(404 if found is None else 200, found or b"")

        def do_DELETE(self) -> None:
            with lock:
                self._answer(404 if objects.pop(self.path, None) is None else 204)

        def _answer(self, status: int, body: bytes = b"") -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body) + cut_bytes) if status != 204 else "0")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with Store(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def correct(objects: Objects, path: str, body: bytes) -> None:
    objects[path] = body


def losing(objects: Objects, path: str, body: bytes) -> None:
    """Acknowledges a put over another object and forgets it."""
    objects.setdefault(path, body)


def tearing(objects: Objects, path: str, body: bytes) -> None:
    """Writes a body over the old one without truncating it."""
    objects[path] = body + objects.get(path, b"")[len(body) :]


def test_one_real_instance_keeps_objects_safe(tmp_path: Path) -> None:
    clients, wanted, seen = 8, {"put", "get", "delete", "list"}, set[str]()
    with running_instance(tmp_path) as instance:
        for seed in range(10):  # few requests if it is busy
            history = run(f"http://127.0.0.1:{instance.port}", 1.5, rate_rps=150, seed=seed, clients=clients)
            verdict = check(history)
            assert verdict.holds, verdict.text()
            seen |= {each.action for each in history.operations if each.client < clients}  # not the last look
            if seen == wanted:
                break
    assert seen == wanted
    assert list((tmp_path / "objects").iterdir()) == list((tmp_path / ".incoming").iterdir()) == []


@pytest.mark.parametrize(("lie", "kind"), [(losing, "lost"), (tearing, "torn object")])
def test_store_that_lies_is_found_out(lie: Callable[[Objects, str, bytes], None], kind: str) -> None:
    with serving(lie) as url:
        histories = (run(url, duration_s=1.0, rate_rps=200, seed=seed) for seed in range(10))  # few puts if it is busy
        assert any(kind in violation.kind for history in histories for violation in check(history).violations)


def test_command_judges_and_keeps_the_history(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "history.jsonl"
    with serving(correct) as url:
        assert main(["objects", "--url", url, "--duration", "0.5", "--rate", "50", "--output", str(file)]) == 0
    assert "objects are safe" in (told := capsys.readouterr().out)
    assert main(["objects", "--check", str(file)]) == 0
    assert capsys.readouterr().out == told
    file.write_text("nonsense")
    assert main(["objects", "--check", str(file)]) == 1
    assert "line 1 is no operation" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--url", "ftp://x"], ["--rate", "0"], ["--duration", "nan"]])
def test_option_that_is_not_legal_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["objects", *arguments]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_answer_that_is_cut_is_of_unknown_outcome_and_not_torn() -> None:
    with serving(correct, cut_bytes=10) as url:
        recorder = Recorder(url, "k")
        recorder.put(0, "k", 1, 100)
        assert recorder.do(0, "get", "k").outcome == UNKNOWN
        assert recorder.do(0, "get", "k").answer == "IncompleteRead"


def test_nobody_at_the_entry_point_means_that_nothing_was_done() -> None:
    operation = Recorder("http://127.0.0.1:1", "k").put(0, "k", 1, 100)
    assert (operation.outcome, operation.answer) == (FAILED, "ConnectionRefusedError")


def test_contents_tell_their_write_and_what_a_torn_one_is_made_of() -> None:
    names = Names()
    one, two = content(12, 100), content(7, 1000)
    assert names.add("k", 12, one) == names.of("k", one) == "value 12 of 100 bytes"
    assert names.of("other", one).startswith("?100 bytes that nobody wrote")
    torn = names.of("k", one[:96] + two[96:])
    assert torn == "?1000 bytes that nobody wrote (56 records of value 7, 6 records of value 12, 1 records of no value)"
    assert len({content(number, 3) for number in range(1000)}) > 900
    assert content(1, 0) == b""


def test_objects_rest_after_so_much_use_or_doubt() -> None:
    random = Random(1)

    def drawn(keys: Keys) -> set[str]:
        return {keys.draw(random) for _ in range(100)}

    keys = Keys("k")
    assert drawn(keys) == {f"k{number}" for number in range(IN_USE)}
    for _ in range(MOST_UNKNOWN):
        keys.used(Operation(0, "put", 0, 1, UNKNOWN, "502", "k0"))
    assert "k0" not in drawn(keys) and len(drawn(keys)) == IN_USE
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(keys.used, [Operation(0, "get", 0, 1, "done", "200", "k1")] * MOST_OPERATIONS))
    assert "k1" not in drawn(keys)


def test_history_knows_its_objects() -> None:
    looks = [Operation(0, "list", 0, 1, "done", "200"), Operation(0, "get", 0, 1, "absent", "404", "a")]
    assert History(looks).keys == ["a"]
