"""Many writers and readers on one object directory."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from io import BytesIO
from pathlib import Path
from random import Random

from experiments.objects import History, Operation, check
from experiments.objects.history import ABSENT, DONE
from tests.webapp.helpers import temporary_files
from webapp.store import ObjectStore

OBJECT_BYTES = 300_000
ACTIONS = ("put", "put", "get", "delete", "list", "clear")


def at_once(functions: list[Callable[[], bool]]) -> list[bool]:
    """The results of the functions, all begun at the same moment."""
    barrier = threading.Barrier(len(functions))

    def run(function: Callable[[], bool]) -> bool:
        barrier.wait()
        return function()

    with ThreadPoolExecutor(len(functions)) as pool:
        return list(pool.map(run, functions))


def test_reader_never_sees_a_torn_object(tmp_path: Path) -> None:
    def write(fill: int) -> bool:
        store = ObjectStore(tmp_path)  # one per thread, as each instance has its own
        for _ in range(25):
            store.put("a", BytesIO(bytes([fill]) * OBJECT_BYTES))
        return True

    def read() -> bool:
        store = ObjectStore(tmp_path)
        contents = []
        for _ in range(50):
            with store.open("a") as file:
                contents.append(file.read())
        return all(len(content) == OBJECT_BYTES and len(set(content)) == 1 for content in contents)

    ObjectStore(tmp_path).put("a", BytesIO(b"0" * OBJECT_BYTES))
    writers = [lambda fill=fill: write(fill) for fill in range(4)]
    assert all(at_once([*writers, read, read, read, read]))
    assert temporary_files(tmp_path) == []


def test_reader_keeps_the_old_content_when_the_object_is_replaced_or_deleted(tmp_path: Path) -> None:
    store = ObjectStore(tmp_path)
    store.put("a", BytesIO(b"old"))
    with store.open("a") as before_replace:
        store.put("a", BytesIO(b"new and longer"))
        with store.open("a") as before_delete:
            store.delete("a")
            assert before_replace.read() == b"old"
            assert before_delete.read() == b"new and longer"


def test_exactly_one_of_many_writers_creates_the_object(tmp_path: Path) -> None:
    for round_number in range(20):
        object_id = f"object {round_number}"
        writers = [lambda: ObjectStore(tmp_path).put(object_id, BytesIO(b"x")) for _ in range(8)]  # noqa: B023
        assert at_once(writers).count(True) == 1
    assert temporary_files(tmp_path) == []


def test_answers_of_concurrent_operations_on_one_object_have_an_order(tmp_path: Path) -> None:
    history, numbers = History(), itertools.count()

    def work(client: int) -> bool:
        store, random = ObjectStore(tmp_path), Random(client)
        for _ in range(250):
            action, began_s, value = random.choice(ACTIONS), time.monotonic(), ""
            if action == "put":
                value = str(next(numbers))
            answer = act(store, action, value)
            ended_s = time.monotonic()
            history.add(operation(client, action, value, answer, began_s, ended_s))
        return True

    assert all(at_once([partial(work, client) for client in range(6)]))
    assert check(history).violations == [], check(history).text()
    assert temporary_files(tmp_path) == []


def act(store: ObjectStore, action: str, value: str) -> str | None:
    """What the store says: the content for a get, "201" or "204" for a put; None where there is no object."""
    try:
        match action:
            case "put":
                return "201" if store.put("a", BytesIO(value.encode())) else "204"
            case "get":
                with store.open("a") as file:
                    return file.read().decode()
            case "list":
                return "" if store.ids() else None
            case "clear":
                store.delete_all()
                return ""
        store.delete("a")
        return "204"
    except FileNotFoundError:
        return None


def operation(client: int, action: str, value: str, said: str | None, began_s: float, ended_s: float) -> Operation:
    """It, as the checker wants to have it."""
    if action in ("list", "clear"):
        listed = ("a",) if action == "list" and said is not None else ()
        return Operation(client, action, began_s, ended_s, DONE, "200", listed=listed)
    if said is None:
        return Operation(client, action, began_s, ended_s, ABSENT, "404", "a")
    read = said if action == "get" else value
    return Operation(client, action, began_s, ended_s, DONE, "200" if action == "get" else said, "a", read)


def test_concurrent_delete_all_counts_each_object_once(tmp_path: Path) -> None:
    store = ObjectStore(tmp_path)
    for number in range(200):
        store.put(str(number), BytesIO(b"x"))
    with ThreadPoolExecutor(4) as pool:
        counts = [future.result() for future in [pool.submit(ObjectStore(tmp_path).delete_all) for _ in range(4)]]
    assert sum(counts) == 200
