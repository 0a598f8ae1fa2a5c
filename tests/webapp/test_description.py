"""The OpenAPI description: it is published, it has every route, and what it says is true of a real server."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import schemathesis
from flask.testing import FlaskClient
from hypothesis import settings

from tests.webapp.instance import Instance, running_instance
from webapp.app import DESCRIPTION, create_app
from webapp.settings import Settings

schema = schemathesis.openapi.from_path(DESCRIPTION)
schema.config.checks.negative_data_rejection.expected_statuses = ["4xx"]


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    with running_instance(tmp_path_factory.mktemp("shared")) as running:
        yield running


def test_description_is_a_valid_one() -> None:
    schema.validate()


def test_description_has_every_route_and_no_other() -> None:
    routes = {
        (method, re.sub("<(?:anytext:)?([a-z]+)>", r"{\1}", rule.rule).replace("{routed}", "{id}"))
        for rule in create_app(Settings()).url_map.iter_rules()
        for method in rule.methods or ()
    }
    described = {(operation.ok().method.upper(), operation.ok().path) for operation in schema.get_all_operations()}
    assert described == routes


def test_description_is_published_as_it_is(client: FlaskClient) -> None:
    answer = client.get("/openapi.yaml")
    assert (answer.status_code, answer.content_type) == (200, "application/yaml")
    assert answer.data == DESCRIPTION.read_bytes()


@schema.parametrize()
@settings(derandomize=True, max_examples=8)
def test_server_does_what_the_description_says(case: schemathesis.Case, instance: Instance) -> None:
    if "{lower}" in case.path:
        case.query["n_max"] = light(case.query.get("n_max", 10))
    case.call_and_validate(base_url=f"http://127.0.0.1:{instance.port}")


def light(n_max: object) -> object:
    """The same, but for the number of rectangles that takes long."""
    return n_max if not isinstance(n_max, int) or n_max > 1_000_000 else min(n_max, 1000)
