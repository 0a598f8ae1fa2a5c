"""The Flask application: objects, an integral, a health check and a rate limit."""

from __future__ import annotations

import os
from pathlib import Path
from time import monotonic
from types import SimpleNamespace
from typing import Any, NoReturn

from flask import Flask, Response, current_app, request
from flask_limiter import Limiter
from flask_restful import Api, Resource
from limits.storage import memory as limiter_memory
from werkzeug.exceptions import NotFound, RequestEntityTooLarge
from werkzeug.routing import BaseConverter
from werkzeug.wsgi import wrap_file

from webapp.errors import json_message, register_errors
from webapp.inputs import BadInputError
from webapp.integral import STEP_COUNTS, integral_results, parse_bound, parse_n_max
from webapp.pacing import Pacer
from webapp.settings import Settings
from webapp.store import ObjectStore

READ_BLOCK_BYTES = 64 * 1024
HEALTH_ENDPOINT = "health"
DESCRIPTION = Path(__file__).with_name("openapi.yaml")


class AnyTextConverter(BaseConverter):
    """The rest of the path, whatever it holds: slashes anywhere, newlines, nothing at all."""

    regex = "(?s:.*)"
    part_isolating = False


class JsonApi(Api):  # type: ignore[misc]
    """Flask-RESTful that leaves errors to Flask's handlers, so that all of them are answered in one way."""

    def error_router(self, original_handler: Any, e: Exception) -> Any:
        """Answer `e` with Flask's own handler."""
        return original_handler(e)


class StoreResource(Resource):  # type: ignore[misc]
    """A resource that works on the objects."""

    def __init__(self, store: ObjectStore) -> None:
        self.store = store


class ObjectList(StoreResource):
    """`/`: all objects."""

    def get(self) -> list[str]:
        """The ids, sorted."""
        return self.store.ids()

    def delete(self) -> dict[str, int]:
        """Delete them all."""
        return {"deleted": self.store.delete_all()}


class Object(StoreResource):
    """`/objs/<id>`: one object. The routed id is not used: see `requested_id`."""

    def get(self, **_routed: str) -> Response:
        """The content, streamed from a file that a later replacement does not touch."""
        try:
            file = self.store.open(object_id := requested_id())
        except FileNotFoundError:
            no_such_object(object_id)
        response = Response(
            wrap_file(request.environ, file, READ_BLOCK_BYTES),
            mimetype="application/octet-stream",
            direct_passthrough=True,
        )
        response.content_length = os.fstat(file.fileno()).st_size
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    def put(self, **_routed: str) -> Response:
        """Store the body: 201 when the object is new, 204 when it replaced another."""
        if (request.content_length or 0) > current_app.config["MAX_OBJECT_BYTES"]:
            raise RequestEntityTooLarge
        created = self.store.put(requested_id(), request.stream, request.content_length)
        return empty_answer(201 if created else 204)

    def delete(self, **_routed: str) -> Response:
        """Delete the object."""
        try:
            self.store.delete(object_id := requested_id())
        except FileNotFoundError:
            no_such_object(object_id)
        return empty_answer(204)


class Integral(Resource):  # type: ignore[misc]
    """`/integral/<lower>/<upper>`: the CPU load."""

    def get(self, lower: str, upper: str) -> dict[str, Any]:
        """The integral of sin(x) with more and more rectangles, up to the query's `n_max`."""
        bounds = parse_bound("lower", lower), parse_bound("upper", upper)
        n_max = parse_n_max(request.args.get("n_max", str(STEP_COUNTS[-1])))
        results = integral_results(*bounds, n_max)
        return {"function": "sin(x)", "lower": bounds[0], "upper": bounds[1], "results": results}


class Health(StoreResource):
    """`/healthz`: whether this instance can serve."""

    def get(self) -> dict[str, str] | Response:
        """200, or 503 when the object directory cannot be used."""
        try:
            self.store.check()
        except OSError as error:
            return json_message(503, f"object directory not usable: {error}")
        return {"status": "ok"}


class Description(Resource):  # type: ignore[misc]
    """`/openapi.yaml`: what this application answers to."""

    def get(self) -> Response:
        """The file, read when it is asked for."""
        return Response(DESCRIPTION.read_bytes(), mimetype="application/yaml")


def requested_id() -> str:
    """The object id in the request's path; raises BadInputError when it is empty or not UTF-8.

    Taken from the bytes of the path: Flask's text has U+FFFD for whatever is not UTF-8, and ids that differ would
    become one.
    """
    path = "/" + str(request.environ["PATH_INFO"]).lstrip("/")
    raw = path.removeprefix("/objs/").encode("latin-1")
    try:
        object_id = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise BadInputError("object id is not UTF-8: legal is any UTF-8 text, percent-encoded") from None
    if not object_id:
        raise BadInputError("object id is empty: at least one character is needed after /objs/")
    return object_id


def empty_answer(status: int) -> Response:
    """An answer without content, and so without a type of content."""
    response = Response(status=status)
    del response.headers["Content-Type"]
    return response


def no_such_object(object_id: str) -> NoReturn:
    """Answer 404."""
    raise NotFound(f"no object {object_id!r}")


def create_app(settings: Settings) -> Flask:
    """The application for `settings`; needs no directory to exist yet."""
    app = Flask("webapp", static_folder=None)
    # Not MAX_CONTENT_LENGTH: behind waitress Werkzeug then refuses a body of exactly the limit, too.
    app.config["MAX_OBJECT_BYTES"] = settings.max_object_bytes
    app.url_map.merge_slashes = False
    app.url_map.converters["anytext"] = AnyTextConverter
    register_errors(app, settings)
    api = JsonApi(app)
    store = {"store": ObjectStore(settings.objects_dir)}
    api.add_resource(ObjectList, "/", resource_class_kwargs=store)
    api.add_resource(Object, "/objs/<anytext:routed>", resource_class_kwargs=store)
    api.add_resource(Integral, "/integral/<lower>/<upper>", "/numericalintegralservice/<lower>/<upper>")
    api.add_resource(Health, "/healthz", endpoint=HEALTH_ENDPOINT, resource_class_kwargs=store)
    api.add_resource(Description, "/openapi.yaml")
    if settings.overload == "queue":
        pace(app, settings.rate_limit_rps)
    else:
        limit_rate(app, settings.rate_limit_rps)
    return app


def pace(app: Flask, requests_per_second: int) -> None:
    """Let all requests of all clients, save the health check, wait for their turn; 0 sets no limit."""
    if requests_per_second:
        pacer = Pacer(requests_per_second)
        app.before_request(lambda: None if request.endpoint == HEALTH_ENDPOINT else pacer.wait())


def limit_rate(app: Flask, requests_per_second: int) -> None:
    """Limit all requests of all clients together, save the health check; 0 sets no limit.

    By the monotonic clock: when the machine's clock goes back, the limiter's own would refuse all until it has come
    to where it was.
    """
    limiter_memory.time = SimpleNamespace(time=monotonic)  # type: ignore[assignment, attr-defined]
    limiter = Limiter(
        key_func=lambda: "everyone",
        application_limits=[f"{requests_per_second}/second"] if requests_per_second else [],
        strategy="moving-window",
        storage_uri="memory://",
        enabled=requests_per_second > 0,
    )
    # Not Limiter.exempt: it knows a view by its qualified name, and all Resources of a module share one.
    limiter.request_filter(lambda: request.endpoint == HEALTH_ENDPOINT)
    limiter.init_app(app)
