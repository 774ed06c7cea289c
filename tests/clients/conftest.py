"""Parties in front of a scripted service."""

from collections.abc import Iterator

import httpx
import pytest

from scripts.clients.http import Api
from scripts.clients.phone import Phone
from tests.clients.service import ORIGIN, FakeService


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture
def api(service: FakeService) -> Iterator[Api]:
    with Api(ORIGIN, transport=httpx.MockTransport(service)) as client:
        yield client


@pytest.fixture
def phone(service: FakeService) -> Iterator[Phone]:
    new = Phone(name="Phone", inbox=None, transport=httpx.MockTransport(service))
    new.enrol(service.uri())
    yield new
    new.close()
