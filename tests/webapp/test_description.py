"""The OpenAPI description: it is published, it has every route, and what it says is true of a real server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from flask.testing import FlaskClient
from hypothesis import settings
from schemathesis.core.result import Ok

from tests.webapp.description import check, schema
from tests.webapp.instance import Instance, running_instance
from webapp.app import DESCRIPTION, create_app
from webapp.settings import Settings


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
    operations = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    described = {(operation.method.upper(), operation.path) for operation in operations}
    assert described == routes


def test_description_is_published_as_it_is(client: FlaskClient) -> None:
    answer = client.get("/openapi.yaml")
    assert (answer.status_code, answer.content_type) == (200, "application/yaml")
    assert answer.data == DESCRIPTION.read_bytes()


@schema.parametrize()
@settings(derandomize=True, max_examples=8)
def test_server_does_what_the_description_says(case: schemathesis.Case[Any], instance: Instance) -> None:
    check(case, f"http://127.0.0.1:{instance.port}")
