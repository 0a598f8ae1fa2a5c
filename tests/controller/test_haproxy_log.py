"""The file of HAProxy's messages."""

from pathlib import Path

import pytest

from controller import haproxy_log


def test_a_large_file_is_emptied_and_what_writes_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(haproxy_log, "MOST_BYTES", 100)
    log = tmp_path / "haproxy.log"
    haproxy_log.bound(log)  # there is none yet
    with log.open("ab", buffering=0) as haproxy:
        haproxy.write(b"x" * 100)
        haproxy_log.bound(log)
        assert log.stat().st_size == 100
        haproxy.write(b"x")
        haproxy_log.bound(log)
        haproxy.write(b"after")
    assert log.read_bytes() == b"after"


def test_alerts_since_then_are_told(tmp_path: Path) -> None:
    log = tmp_path / "haproxy.log"
    log.write_text("[ALERT] (1) : old\n[NOTICE] (2) : fine\n[ALERT] (2) : config : unknown keyword 'x'\n")
    assert haproxy_log.complaint(log, 18) == "config : unknown keyword 'x'"
    assert haproxy_log.complaint(log, log.stat().st_size) == f"no reason given, see {log}"
