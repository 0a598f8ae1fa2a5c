"""Small journals and requests for tests: what the fleet did, event by event."""

from typing import Any

from loadgen.ledger import Record

Event = dict[str, Any]


def start(overload: str = "reject", tick_s: float = 0.5, rate_limit: int = 10, minimum: int = 1) -> Event:
    service = {"rate_limit": rate_limit, "overload": overload}
    policy = {"tick_s": tick_s, "service": service, "instances": {"min": minimum}}
    return {"t_s": 0.0, "event": "start", "policy": policy}


def tick(t_s: float, wanted: int, in_service: int, booting: int = 0, standby: int = 0, draining: int = 0) -> Event:
    return {
        "t_s": t_s, "event": "tick", "wanted": wanted, "in_service": in_service, "booting": booting,
        "standby": standby, "draining": draining,
    }  # fmt: skip


def decision(t_s: float, was: int, wanted: int) -> Event:
    return {"t_s": t_s, "event": "decision", "was": was, "wanted": wanted, "reason": "the load changed"}


def phase(t_s: float, name: str, phase: str, **fields: float) -> Event:
    return {"t_s": t_s, "event": "instance", "instance": name, "phase": phase, **fields}


def reload(t_s: float, took_ms: float) -> Event:
    return {"t_s": t_s, "event": "reload", "ok": True, "took_ms": took_ms}


def stop(t_s: float) -> Event:
    return {"t_s": t_s, "event": "stop"}


def served(due_s: float, latency_s: float = 0.005) -> Record:
    return Record(due_s, due_s, due_s + latency_s, "get", 200, "served")


def rejected(due_s: float) -> Record:
    return Record(due_s, due_s, due_s + 0.002, "get", 429, "rejected")


def failed(due_s: float, status: int = 503, took_s: float = 0.002, error: str = "") -> Record:
    return Record(due_s, due_s, due_s + took_s, "get", status, "failed", error or f"status {status}")


def dropped(due_s: float) -> Record:
    return Record(due_s, None, None, "get", 0, "dropped")
