"""Fixtures of the web application's tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from tests.webapp.helpers import make_client


@pytest.fixture
def client(tmp_path: Path) -> FlaskClient:
    """A client whose objects lie in tmp_path, without rate limit."""
    return make_client(tmp_path)
