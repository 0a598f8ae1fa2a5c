"""Settings from the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from webapp.settings import Settings, SettingsError


def test_empty_environment_gives_the_defaults() -> None:
    assert Settings.from_environ({}) == Settings(Path("/objects"), 10, "reject", 67108864, "0.0.0.0", 8000)


def test_every_variable_is_read() -> None:
    environ = {
        "OBJECTS_DIR": "/data",
        "RATE_LIMIT_RPS": "0",
        "OVERLOAD": "queue",
        "MAX_OBJECT_BYTES": "1",
        "HOST": "127.0.0.1",
        "PORT": "65535",
    }
    assert Settings.from_environ(environ) == Settings(Path("/data"), 0, "queue", 1, "127.0.0.1", 65535)


@pytest.mark.parametrize(
    ("name", "value"),
    [("PORT", "65536"), ("PORT", "http"), ("PORT", ""), ("RATE_LIMIT_RPS", "-1"), ("RATE_LIMIT_RPS", "2.5"),
     ("MAX_OBJECT_BYTES", "0"), ("MAX_OBJECT_BYTES", "64M"), ("MAX_OBJECT_BYTES", "9" * 5000),
     ("OBJECTS_DIR", "objects"), ("OBJECTS_DIR", ""), ("HOST", ""), ("PORT", "٣"), ("OVERLOAD", "drop")],
)  # fmt: skip
def test_value_that_is_not_legal_is_refused_in_one_line(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name) as caught:
        Settings.from_environ({name: value})
    assert "\n" not in str(caught.value)
