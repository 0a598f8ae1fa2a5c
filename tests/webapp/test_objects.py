"""Objects through HTTP, and what happens when the disk or the client fails."""

from __future__ import annotations

import errno
import fcntl
import itertools
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import IO

import pytest
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.webapp.helpers import make_client, no_new_files_outside, send_object, send_raw, temporary_files
from webapp import store
from webapp.store import NAME_LIMIT_BYTES, IdTooLongError, ObjectStore, file_name, object_id_of

NASTY_IDS = [
    ".", "..", "...", "/", "//", "/a", "a/", "a//b", "../../etc/passwd", "/etc/passwd", "..%2f", "%2e%2e", "\n", "a\nb",
    "\0", " ", "?", "#", "a?b#c", "%", "%41", "+", "ü", "日本", "\U0001f600", "\ufffd", ".incoming/x", ".hidden",
    "-", "~", "a" * NAME_LIMIT_BYTES, "\r\n\r\n", "\\", "index.html", "\x7f", "\u202e",
]  # fmt: skip
ids = st.one_of(
    st.text(min_size=1, max_size=20),
    st.text(alphabet="./%~\\ \n\0?#a2eEfF", min_size=1, max_size=80),
)


def test_new_object_is_201_replaced_object_is_204(client: FlaskClient) -> None:
    assert send_object(client, "PUT", "a", data=b"1").status_code == 201
    answer = send_object(client, "PUT", "a", data=b"22")
    assert (answer.status_code, answer.data) == (204, b"")
    assert send_object(client, "GET", "a").data == b"22"


def test_content_comes_back_byte_for_byte_and_is_never_sniffed(client: FlaskClient) -> None:
    content = bytes(range(256)) * 1000
    send_object(client, "PUT", "a", data=content, content_type="text/html")
    answer = send_object(client, "GET", "a")
    assert answer.data == content
    assert answer.content_type == "application/octet-stream"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_head_tells_the_length_without_the_content(client: FlaskClient) -> None:
    send_object(client, "PUT", "a", data=b"12345")
    answer = send_object(client, "HEAD", "a")
    assert (answer.status_code, answer.content_length, answer.data) == (200, 5, b"")


def test_empty_content_is_an_object(client: FlaskClient) -> None:
    assert send_object(client, "PUT", "a").status_code == 201
    answer = send_object(client, "GET", "a")
    assert (answer.status_code, answer.data) == (200, b"")


def test_absent_object_is_404_for_get_and_delete(client: FlaskClient) -> None:
    for method in ("GET", "DELETE"):
        answer = send_object(client, method, "absent")
        assert answer.status_code == 404
        assert answer.json == {"message": "no object 'absent'"}


def test_deleted_object_is_gone(client: FlaskClient) -> None:
    send_object(client, "PUT", "a", data=b"1")
    assert send_object(client, "DELETE", "a").status_code == 204
    assert send_object(client, "GET", "a").status_code == 404
    assert client.get("/").json == []


def test_list_is_sorted_and_delete_all_counts(client: FlaskClient) -> None:
    for object_id in ("b", "a", "B", "é"):
        send_object(client, "PUT", object_id)
    assert client.get("/").json == ["B", "a", "b", "é"]
    answer = client.delete("/")
    assert (answer.status_code, answer.json) == (200, {"deleted": 4})
    assert client.get("/").json == []


@pytest.mark.parametrize("object_id", NASTY_IDS)
def test_nasty_id_names_an_object_like_any_other(tmp_path: Path, object_id: str) -> None:
    directory = tmp_path / "shared"
    directory.mkdir()
    client = make_client(directory)
    with no_new_files_outside(directory):
        assert send_object(client, "PUT", object_id, data=b"x").status_code == 201
    assert client.get("/").json == [object_id]
    assert send_object(client, "GET", object_id).data == b"x"
    assert send_object(client, "DELETE", object_id).status_code == 204
    assert client.get("/").json == []


@settings(deadline=None, max_examples=150)
@given(contents=st.dictionaries(ids, st.binary(max_size=50), min_size=1, max_size=4))
def test_any_text_ids_round_trip_and_no_file_appears_elsewhere(contents: dict[str, bytes]) -> None:
    legal = {object_id: data for object_id, data in contents.items() if _is_legal(object_id)}
    with tempfile.TemporaryDirectory() as parent:
        directory = Path(parent, "shared")
        directory.mkdir()
        client = make_client(directory)
        with no_new_files_outside(directory):
            for object_id, data in contents.items():
                expected = 201 if object_id in legal else 414
                assert send_object(client, "PUT", object_id, data=data).status_code == expected
        assert client.get("/").json == sorted(legal)
        for object_id, data in legal.items():
            assert send_object(client, "GET", object_id).data == data
            assert send_object(client, "DELETE", object_id).status_code == 204
        assert client.get("/").json == []


def _is_legal(object_id: str) -> bool:
    try:
        file_name(object_id)
    except IdTooLongError:
        return False
    return True


@given(ids)
def test_file_name_is_reversible_and_harmless(object_id: str) -> None:
    try:
        name = file_name(object_id)
    except IdTooLongError:
        return
    assert object_id_of(name) == object_id
    assert "/" not in name and "\0" not in name and not name.startswith(".")


def test_stray_files_are_neither_listed_nor_deleted(client: FlaskClient, tmp_path: Path) -> None:
    send_object(client, "PUT", "a")
    for name in ("%41", "a b", "%FF", ".hidden"):
        (tmp_path / "objects" / name).touch()
    assert client.get("/").json == ["a"]
    assert client.delete("/").json == {"deleted": 1}
    assert len(list((tmp_path / "objects").iterdir())) == 4


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_id_that_is_too_long_is_414_and_the_message_says_what_is_legal(client: FlaskClient, method: str) -> None:
    answer = send_object(client, method, "é" * 43)
    assert answer.status_code == 414
    assert answer.json == {
        "message": "object id too long: percent-encoded it takes 258 bytes, at most 255 are legal",
    }


@pytest.mark.parametrize("raw_id", [b"\xff", b"a\xc3", b"\xed\xa0\x80"])
def test_id_that_is_not_utf_8_is_400(client: FlaskClient, raw_id: bytes) -> None:
    for method in ("GET", "PUT", "DELETE"):
        answer = send_raw(client, method, b"/objs/" + raw_id)
        assert answer.status_code == 400
        assert "UTF-8" in (answer.json or {})["message"]
    assert client.get("/").json == []


def test_empty_id_is_400(client: FlaskClient) -> None:
    answer = send_raw(client, "PUT", b"/objs/")
    assert answer.status_code == 400
    assert "empty" in (answer.json or {})["message"]


def test_body_over_the_limit_is_413_and_one_at_the_limit_is_stored(tmp_path: Path) -> None:
    client = make_client(tmp_path, max_object_bytes=100)
    assert send_object(client, "PUT", "a", data=b"x" * 100).status_code == 201
    answer = send_object(client, "PUT", "a", data=b"y" * 101)
    assert answer.status_code == 413
    assert answer.json == {"message": "request body too large: at most 100 bytes are legal"}
    assert send_object(client, "GET", "a").data == b"x" * 100


def test_body_shorter_than_announced_stores_nothing(client: FlaskClient, tmp_path: Path) -> None:
    overrides = {"PATH_INFO": "/objs/a", "CONTENT_LENGTH": "10"}
    answer = client.put("/", input_stream=BytesIO(b"123"), environ_overrides=overrides)
    assert answer.status_code == 400
    assert client.get("/").json == []
    assert temporary_files(tmp_path) == []


def test_store_refuses_a_short_body_itself(tmp_path: Path) -> None:
    with pytest.raises(store.IncompleteBodyError, match="3 of 10 bytes"):
        ObjectStore(tmp_path).put("a", BytesIO(b"123"), 10)
    assert temporary_files(tmp_path) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_full_disk_is_507_and_keeps_what_was_there(
    client: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    send_object(client, "PUT", "a", data=b"old")

    def fill_disk(_source: object, target: BytesIO, _length: int) -> None:
        target.write(b"some")
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("webapp.store.shutil.copyfileobj", fill_disk)
    answer = send_object(client, "PUT", "a", data=b"new")
    assert answer.status_code == 507
    assert "full" in (answer.json or {})["message"]
    assert send_object(client, "GET", "a").data == b"old"
    assert temporary_files(tmp_path) == []


def test_other_disk_errors_are_500_with_a_message(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("webapp.store.shutil.copyfileobj", fail)
    answer = send_object(client, "PUT", "a", data=b"new")
    assert (answer.status_code, answer.json) == (500, {"message": "storage error: Input/output error"})


def test_temporary_file_is_swept_when_its_writer_was_killed_and_not_before(tmp_path: Path) -> None:
    ObjectStore(tmp_path).create_directories()
    with writing(tmp_path):
        ObjectStore(tmp_path).delete_stale()
        assert len(temporary_files(tmp_path)) == 1
    assert len(temporary_files(tmp_path)) == 1
    ObjectStore(tmp_path).delete_stale()
    assert (temporary_files(tmp_path), ObjectStore(tmp_path).ids()) == ([], [])


def test_pipe_among_the_temporary_files_holds_up_nobody(tmp_path: Path) -> None:
    ObjectStore(tmp_path).create_directories()
    os.mkfifo(tmp_path / ".incoming" / "pipe")
    ObjectStore(tmp_path).delete_stale()
    assert temporary_files(tmp_path) == []


@contextmanager
def writing(directory: Path) -> Iterator[None]:
    """Another process in the middle of a put; killed at the end."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        with os.fdopen(reader, "rb") as body:
            ObjectStore(directory).put("a", body, 10)
        os._exit(1)
    try:
        while not any(map(is_locked, temporary_files(directory))):
            time.sleep(0.01)
        yield
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(reader)
        os.close(writer)


def is_locked(path: Path) -> bool:
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_writer_whose_new_file_is_swept_before_it_has_the_lock_makes_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locks, real = itertools.count(), fcntl.flock

    def sweep_first(file: IO[bytes], how: int) -> None:
        if next(locks) == 0:
            next((tmp_path / ".incoming").iterdir()).unlink()
        real(file, how)

    monkeypatch.setattr("webapp.store.fcntl.flock", sweep_first)
    assert ObjectStore(tmp_path).put("a", BytesIO(b"1"))
    assert ObjectStore(tmp_path).open("a").read() == b"1"
    assert (next(locks), temporary_files(tmp_path)) == (2, [])


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOSYS])
def test_file_system_that_exchanges_no_names_replaces_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: str) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("webapp.kernel.exchange", refuse)
    assert [ObjectStore(tmp_path).put("a", BytesIO(body)) for body in (b"1", b"2")] == [True, False]
    assert ObjectStore(tmp_path).open("a").read() == b"2"
    assert temporary_files(tmp_path) == []


def test_temporary_file_that_cannot_be_deleted_does_not_make_a_stored_object_a_failure(
    client: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_path: Path) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr("webapp.store.Path.unlink", refuse)
        assert send_object(client, "PUT", "a", data=b"1").status_code == 201
    ObjectStore(tmp_path).delete_stale()
    assert temporary_files(tmp_path) == []


def test_two_applications_on_one_directory_share_the_objects(tmp_path: Path) -> None:
    one, other = make_client(tmp_path), make_client(tmp_path)
    assert send_object(one, "PUT", "a", data=b"1").status_code == 201
    assert send_object(other, "PUT", "a", data=b"2").status_code == 204
    assert send_object(one, "GET", "a").data == b"2"
    assert other.delete("/").json == {"deleted": 1}
    assert one.get("/").json == []
