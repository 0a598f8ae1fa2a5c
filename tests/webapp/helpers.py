"""What several test modules need."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from webapp.app import create_app
from webapp.settings import Settings


def make_client(directory: Path, **settings: Any) -> FlaskClient:
    """A test client of an application on `directory`, without rate limit unless told."""
    return create_app(Settings(objects_dir=directory, **{"rate_limit_rps": 0, **settings})).test_client()


def send_raw(client: FlaskClient, method: str, raw_path: bytes, **kwargs: Any) -> TestResponse:
    """Request a path given as the bytes that a server would hand over after percent-decoding."""
    return client.open("/", method=method, environ_overrides={"PATH_INFO": raw_path.decode("latin-1")}, **kwargs)


def send_object(client: FlaskClient, method: str, object_id: str, **kwargs: Any) -> TestResponse:
    """Request /objs/<object_id>."""
    return send_raw(client, method, b"/objs/" + object_id.encode(), **kwargs)


def temporary_files(directory: Path) -> list[Path]:
    """The temporary files below the object directory."""
    return list((directory / ".incoming").iterdir())


@contextmanager
def no_new_files_outside(directory: Path) -> Iterator[None]:
    """Fails when a file appears beside `directory`, which must have a parent of its own."""
    yield
    files = {path for path in directory.parent.rglob("*") if path.is_file()}
    assert {path.parent for path in files} <= {directory / "objects"}
