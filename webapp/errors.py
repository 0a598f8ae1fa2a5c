"""Every error the application answers is JSON with a "message" that says what is wrong."""

from __future__ import annotations

import errno
import json

from flask import Flask, Response, current_app, request
from werkzeug.exceptions import HTTPException

from webapp.inputs import BadInputError
from webapp.settings import Settings

UNKNOWN_URL = "no such URL: legal are /, /objs/<id>, /integral/<lower>/<upper>[?n_max=<n>], /healthz and /openapi.yaml"
STORAGE_FULL = "storage is full: nothing was stored, what was there is unchanged"
FULL_ERRNOS = (errno.ENOSPC, errno.EDQUOT)


def too_large_message(max_object_bytes: int) -> str:
    """The message for a body over the limit."""
    return f"request body too large: at most {max_object_bytes} bytes are legal"


def json_message(status: int, message: str) -> Response:
    """An answer with this status and {"message": message}."""
    return Response(json.dumps({"message": message}) + "\n", status, mimetype="application/json")


def register_errors(app: Flask, settings: Settings) -> None:
    """Make `app` answer every exception as JSON."""

    def http_error(error: HTTPException) -> Response:
        code = error.code or 500
        messages = {
            413: too_large_message(settings.max_object_bytes),
            429: f"rate limit exceeded: this instance serves {settings.rate_limit_rps} requests per second",
        }
        message = messages.get(code, error.description or "error")
        if code == 404 and request.url_rule is None:
            message = UNKNOWN_URL
        response = json_message(code, message)
        if "Allow" in (headers := error.get_response().headers):
            response.headers["Allow"] = headers["Allow"]
        if code == 429:
            response.headers["Retry-After"] = "1"  # seconds: the whole window
        return response

    app.register_error_handler(HTTPException, http_error)
    app.register_error_handler(OSError, _storage_error)
    app.register_error_handler(BadInputError, _bad_input)


def _storage_error(error: OSError) -> Response:
    if error.errno in FULL_ERRNOS:
        return json_message(507, STORAGE_FULL)
    current_app.logger.exception("storage error")
    return json_message(500, f"storage error: {error.strerror or error}")


def _bad_input(error: BadInputError) -> Response:
    return json_message(error.status, str(error))
