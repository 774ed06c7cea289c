"""D35: no webhook reaches into our own network, however its address is written."""

import asyncio
import socket
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver

from app.webhooks.addresses import check_url, is_public, may_connect
from app.webhooks.errors import WebhookUrlRefused
from app.webhooks.models import Result
from app.webhooks.sender import Sender
from tests.webhooks.receiving import receiving

INWARD = (
    # loopback, in every spelling that resolvers take for it
    "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1",
    "017700000001", "127.127.127.127", "localhost", "LOCALHOST", "localhost.", "[::1]",
    "[0:0:0:0:0:0:0:1]",
    # "this host"
    "0.0.0.0", "0", "[::]",  # noqa: S104
    # private, shared, link-local, metadata services
    "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "100.100.100.200",
    "169.254.169.254", "0xa9fea9fe", "192.0.0.192", "168.63.129.16", "[fd00:ec2::254]", "[fe80::1]",
    "[fc00::1]",
    # an IPv4 address inside an IPv6 one
    "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]",
    "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2001::7f00:1]", "[2606:4700::5efe:7f00:1]",
    # nobody's
    "198.18.0.1", "192.0.2.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "[ff02::1]",
    "[2001:db8::1]",
)  # fmt: skip


class Resolver(AbstractResolver):
    """Answers what a test says, one look-up after the other."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = list(addresses)
        self.asked = 0

    async def resolve(self, host: str, port: int = 0, family: Any = 0) -> Any:  # noqa: ARG002
        address = self.addresses[min(self.asked, len(self.addresses) - 1)]
        self.asked += 1
        kind = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [
            {
                "hostname": host,
                "host": address,
                "port": port,
                "family": kind,
                "proto": 0,
                "flags": 0,
            }
        ]

    async def close(self) -> None:
        pass


def test_the_table_has_more_than_thirty_forms() -> None:
    assert len(set(INWARD)) > 30


@pytest.mark.parametrize("host", INWARD)
async def test_no_connection_is_made_inward(host: str) -> None:
    async with receiving(host=["127.0.0.1", "::1"]) as server:
        sender = Sender(timeout_seconds=5)
        verdict = await sender.post(f"https://{host}:{server.port}/", {}, b"x")
        await sender.close()
        await asyncio.sleep(0)
        assert verdict.result is Result.FAILED
        assert verdict.code in {"address_refused", "url_host", "ClientConnectorDNSError"}
        assert server.connections == 0


async def test_the_same_forms_would_arrive_if_nothing_stood_in_their_way() -> None:
    """That the table finds a listener at all: with loopback allowed, its spellings connect."""
    async with receiving() as server:
        sender = Sender(loopback=True, timeout_seconds=5)
        for host in ("127.0.0.1", "localhost"):
            await sender.post(f"http://{host}:{server.port}/", {}, b"x")
        await sender.close()
        assert server.connections == 2


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "::1", "::ffff:127.0.0.1"])
async def test_a_name_that_leads_inward_is_not_followed(address: str) -> None:
    async with receiving() as server:
        sender = Sender(resolver=Resolver(address), timeout_seconds=5)
        verdict = await sender.post(f"https://hook.example:{server.port}/", {}, b"x")
        await sender.close()
        assert verdict.code == "address_refused"
        assert server.connections == 0


async def test_a_name_that_was_public_when_it_was_registered_gains_nothing() -> None:
    """DNS rebinding: what counts is the address that is connected to."""
    resolver = Resolver("127.0.0.1")
    check_url("https://hook.example/", loopback=False)
    async with receiving() as server:
        sender = Sender(resolver=resolver, timeout_seconds=5)
        for _ in range(2):
            verdict = await sender.post(f"https://hook.example:{server.port}/", {}, b"x")
            assert verdict.code == "address_refused"
        await sender.close()
        assert (resolver.asked, server.connections) == (2, 0)


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "1.1.1.1", "172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1", "192.0.1.1",
     "2606:4700::1111", "2a00:1450:4001::1"],
)  # fmt: skip
def test_the_internet_is_still_there(address: str) -> None:
    assert is_public(address)
    assert may_connect(address, loopback=False)


@pytest.mark.parametrize(
    "address", ["10.0.0.1", "169.254.169.254", "0.0.0.1", "::ffff:127.0.0.1", ""]
)
def test_trying_things_out_opens_loopback_and_nothing_more(address: str) -> None:
    assert may_connect("127.0.0.1", loopback=True)
    assert may_connect("::1", loopback=True)
    assert not may_connect(address, loopback=True)


@pytest.mark.parametrize(
    "url",
    ["http://hook.example/", "ftp://hook.example/", "hook.example", "https://", "https:///x",
     "https://user@hook.example/", "https://u:p@hook.example/", "https://hook.example/#x",
     "https://hook.example:0/", "https://hook.example:99999/", "https://hook.example/a b",
     "https://hook.example/\r\nX: y", "https://hook.exämple/", "https://hook.example/\\x",
     "https://[::1", "https://10.0.0.1/", "https://[fe80::1%25eth0]/",
     "https://hook.example/" + "a" * 2048],
)  # fmt: skip
def test_what_is_no_address_is_not_registered(url: str) -> None:
    for loopback in (False, True):
        with pytest.raises(WebhookUrlRefused):
            check_url(url, loopback=loopback)


def test_addresses_of_this_machine_are_registered_only_where_that_is_allowed() -> None:
    for url in ("http://127.0.0.1:9/", "https://localhost:9/x?y=1", "http://[::1]:9/"):
        check_url(url, loopback=True)
        with pytest.raises(WebhookUrlRefused):
            check_url(url, loopback=False)
    check_url("https://hook.example:8443/tripcord?a=b", loopback=False)
