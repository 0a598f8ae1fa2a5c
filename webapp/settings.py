"""Settings of one instance, read from the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


class SettingsError(ValueError):
    """An environment variable holds a value that is not legal; the text is one line for the operator."""


@dataclass(frozen=True)
class Settings:
    """What one instance needs to know; every field has an environment variable of the same name in capitals."""

    objects_dir: Path = Path("/objects")
    rate_limit_rps: int = 10  # requests per second over all clients; 0: unlimited
    overload: str = "reject"  # what becomes of the rest: reject (429) or queue (it waits for its turn)
    max_object_bytes: int = 64 * 1024 * 1024
    host: str = "0.0.0.0"
    port: int = 8000  # 0: any free port

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Settings from `environ`, defaults where a variable is absent.

        Raises SettingsError for a value that is not legal.
        """
        return cls(
            objects_dir=_absolute_path(environ, "OBJECTS_DIR", cls.objects_dir),
            rate_limit_rps=_integer(environ, "RATE_LIMIT_RPS", cls.rate_limit_rps, 0, 1_000_000),
            overload=_choice(environ, "OVERLOAD", cls.overload, ("reject", "queue")),
            max_object_bytes=_integer(environ, "MAX_OBJECT_BYTES", cls.max_object_bytes, 1, 2**40),
            host=_text(environ, "HOST", cls.host),
            port=_integer(environ, "PORT", cls.port, 0, 65535),
        )


def _choice(environ: Mapping[str, str], name: str, default: str, legal: tuple[str, ...]) -> str:
    text = environ.get(name, default)
    if text in legal:
        return text
    raise SettingsError(f"{name}={text!r} is not legal: {' or '.join(legal)} is")


def _integer(environ: Mapping[str, str], name: str, default: int, lowest: int, highest: int) -> int:
    text = environ.get(name)
    if text is None:
        return default
    if text.isascii() and text.isdigit() and len(text) <= 15 and lowest <= int(text) <= highest:
        return int(text)
    raise SettingsError(f"{name}={text!r} is not legal: an integer from {lowest} to {highest} is")


def _text(environ: Mapping[str, str], name: str, default: str) -> str:
    text = environ.get(name, default)
    if not text:
        raise SettingsError(f"{name} is empty: leave it unset for {default!r}")
    return text


def _absolute_path(environ: Mapping[str, str], name: str, default: Path) -> Path:
    path = Path(_text(environ, name, str(default)))
    if not path.is_absolute():
        raise SettingsError(f"{name}={str(path)!r} is not legal: an absolute path is")
    return path
