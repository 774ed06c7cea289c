"""What the venue owes survives a restart, and a secret is not readable by others."""

import stat
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from app.sandbox.service import Options, Sandbox
from app.sandbox.state import FILE_NAME
from tests.sandbox.conftest import running
from tests.sandbox.support import Client, Connection, new_client

Start = Callable[[Options], Sandbox]


def everything(client: Client) -> list[object]:
    paths = ("openOrders", "allOrders", "myTrades")
    seen = [client.call("GET", f"/api/v3/{path}", symbol="BTCUSDT").body for path in paths]
    depth = client.public("/api/v3/depth", symbol="BTCUSDT").body
    return [*seen, client.balances(), depth["bids"], depth["asks"]]


def test_accounts_orders_and_prices_survive_a_restart(tmp_path: Path) -> None:
    options = Options(data=tmp_path)
    with running(options) as sandbox:
        client = new_client(sandbox.url)
        client.admin("POST", "markets/BTCUSDT/price", {"price": "51000"})
        client.limit("BUY", "1", "49000", newClientOrderId="mine")
        client.limit("BUY", "3", "51010")
        client.market("SELL", quantity="1")
        before = everything(client)
        restrictions = client.call("GET", "/sapi/v1/account/apiRestrictions").body
    with running(options) as sandbox:
        again = Client(sandbox.url, client.api_key, client.sign)
        assert everything(again) == before
        assert again.call("GET", "/sapi/v1/account/apiRestrictions").body == restrictions
        assert again.limit("BUY", "1", "49000", newClientOrderId="mine").code == -2010
        newest = again.limit("BUY", "1", "48000").body["orderId"]
        assert newest > max(order["orderId"] for order in before[1])  # type: ignore[attr-defined]
        assert len(again.call("DELETE", "/api/v3/openOrders", symbol="BTCUSDT").body) >= 2
        assert again.balances()["USDT"][1] == "0.00000000"


def test_a_new_key_is_on_disk_before_it_is_told_and_only_its_owner_reads_it(
    start: Start, tmp_path: Path
) -> None:
    directory = tmp_path / "made" / "here"
    client = new_client(start(Options(data=directory)).url)
    kept = directory / FILE_NAME
    assert client.api_key in kept.read_text()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert [path.name for path in directory.iterdir()] == [FILE_NAME]
    client.admin("DELETE", f"keys/{client.api_key}")
    assert client.api_key not in kept.read_text()


def test_a_snapshot_of_another_version_is_not_read(tmp_path: Path) -> None:
    with running(Options(data=tmp_path)) as sandbox:
        new_client(sandbox.url)
    kept = tmp_path / FILE_NAME
    kept.write_text(kept.read_text().replace('"version":1', '"version":2'))
    with pytest.raises(ValueError, match="version"):
        Sandbox(Options(data=tmp_path))


def test_one_seed_makes_one_book_and_another_seed_another() -> None:
    def asks(seed: int) -> object:
        with ExitStack() as stack:
            sandbox = stack.enter_context(running(Options(seed=seed)))
            return Connection(sandbox.url).public("/api/v3/depth", symbol="ETHUSDT").body["asks"]

    assert asks(1) == asks(1) != asks(2)
