"""waitress for this application: its limits, its listening socket, and bodies that are spooled beside the objects."""

from __future__ import annotations

import contextlib
import logging
import socket
import tempfile
from typing import Any

from flask import Flask

from webapp.app import create_app
from webapp.connection import CONNECTIONS, FRAMING_BYTES, Server
from webapp.settings import Settings
from webapp.store import ObjectStore

THREADS = 8
RECV_BYTES = 64 * 1024
SEND_BUFFER_BYTES = 128 * 1024
HEADER_BYTES = 32 * 1024  # twice what HAProxy lets through; waitress looks through all of it at each piece that comes
HELD_BYTES = 128 * 1024  # of a body and of an answer in memory, the rest waits in a file: all connections have room


def build_server(settings: Settings, app: Flask | None = None) -> Any:
    """A listening waitress server; its `run()` serves until SystemExit is raised in its thread.

    `app` is the application for these settings where it exists already.
    Raises OSError when the address cannot be bound.
    """
    store = ObjectStore(settings.objects_dir)
    with contextlib.suppress(OSError):  # not a reason to die: /healthz tells
        store.create_directories()
        store.delete_stale()
    tempfile.tempdir = str(store.incoming)  # for what waits in files: /tmp may be memory
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a warning per queued request is noise
    listener = _listening_socket(settings.host, settings.port)
    return Server(
        app or create_app(settings),
        _sock=listener,
        bind_socket=False,
        sockinfo=(listener.family, listener.type, listener.proto, listener.getsockname()),
        sockets=[listener],
        threads=THREADS,
        recv_bytes=RECV_BYTES,
        connection_limit=CONNECTIONS + 50,  # it stops to listen there, and only gets there while all are being served
        max_request_header_size=HEADER_BYTES,
        max_request_body_size=settings.max_object_bytes + FRAMING_BYTES,
        inbuf_overflow=HELD_BYTES,
        outbuf_overflow=HELD_BYTES,
        asyncore_use_poll=True,
        log_socket_errors=False,
        ident="webapp",
    )


def _listening_socket(host: str, port: int) -> socket.socket:
    listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    # Connections inherit it. waitress reads a file in pieces of this size, by default megabytes for each connection.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    return listener
