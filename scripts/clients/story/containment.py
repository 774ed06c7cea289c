"""The cord: revoke everything, watch the clean-up, prove that nothing is left, read the log."""

import time
from datetime import UTC, datetime

from scripts.clients import cord, logverify
from scripts.clients.bot import limit_order
from scripts.clients.encoding import Json
from scripts.clients.http import Refused
from scripts.clients.logverify import LogTampered
from scripts.clients.story.ladder import CHILDREN
from scripts.clients.story.world import MARKET, Step, StepFailed, World, expect

_CLEANUP_SECONDS = 100.0
"""Attempts at 0, 1, 4, 15 and 60 s, and a little more."""

_CHECKPOINT_SECONDS = 30.0
"""Checkpoints come every 5 s."""

_FINAL = {"done", "unsupported", "unconfirmed"}
_POLL_SECONDS = 1.0


def pull_the_cord(world: World) -> None:
    began = time.perf_counter()
    world.receipt = world.phone.pull_the_cord()
    took_ms = (time.perf_counter() - began) * 1000
    expect(world.receipt.level == "revoked", f"the receipt says {world.receipt.level}")
    world.view.facts(
        f"receipt, after {took_ms:.0f} ms",
        [
            ("revoked", str(world.receipt.token_id)),
            ("at", world.receipt.revoked_at),
            ("log position", str(world.receipt.position)),
            ("clean-up until", world.receipt.cleanup_deadline_at),
        ],
    )


def clean_up(world: World) -> None:
    revocation = cord.await_cleanup(world.api, world.receipt, seconds=_CLEANUP_SECONDS)
    counts = revocation["counts"]
    expect(counts["tokens"] >= CHILDREN, f"the receipt counts {counts['tokens']} nodes only")
    world.view.facts("revocation", [(name, str(counts[name])) for name in sorted(counts)])
    first, *_ = cord.revocation_page(world.api, world.receipt, "victims")
    world.view.say(f"the list of what it ended begins with {first['kind']} {first['token_id']}")
    _table(
        world,
        "slipped orders",
        cord.revocation_page(world.api, world.receipt, "slipped"),
        ("order_id", "client_order_id", "market", "state"),
    )
    items = cord.revocation_page(world.api, world.receipt, "cleanup")
    _table(
        world,
        "clean-up",
        items,
        ("kind", "venue", "market", "client_order_id", "state", "attempts", "emergency_url"),
    )
    expect(any(i["kind"] == "cancel" for i in items), "the open order was not cleaned up")
    expect(all(i["state"] in _FINAL for i in items), "a clean-up item has no final state")
    expect(not world.venue.open_orders(world.venue_key.api_key_id), "an order is still open")
    world.view.say("the venue itself says: no open orders")


def nothing_left(world: World) -> None:
    intent = limit_order(market=MARKET, side="buy", quantity="0.001", price="100.00")
    try:
        submitted = world.bot.submit(intent)
    except Refused as refused:
        world.view.say(f"the bot's next order: {refused}")
    else:
        raise StepFailed(f"an order after the revoke is {submitted.state}")
    for name, token in (
        ("grant", world.grant.token),
        ("session", world.session_token),
        ("device", world.phone.account.device_token),
    ):
        answer = world.platform.introspect(token)
        expect(answer == {"active": False}, f"the {name} token still lives")
        world.view.say(f'introspection of the {name} token: {{"active": false}}')


def read_the_log(world: World) -> None:
    trader_id = world.invitation.trader_id
    # The checkpoint first: the chain that is read after it is at least as long.
    answer = _checkpoint_over(world, world.receipt.position)
    entries = cord.read_log(world.api, world.receipt.auth)
    locked = logverify.locked_entries(entries)
    _show_log(world, locked)
    chain = logverify.verify_chain(locked, trader_id=trader_id)
    checkpoint = logverify.verify_checkpoint(
        answer, chain, trader_id=trader_id, pinned_jkt=world.phone.account.checkpoint_jkt
    )
    age_seconds = time.time() - checkpoint.at_us / 1_000_000
    world.view.say(
        f"{len(chain.links)} entries in an unbroken chain; checkpoint {checkpoint.number}, signed "
        f"by the HSM {age_seconds:.0f} s ago, covers the first {checkpoint.position}"
    )
    try:
        logverify.verify_chain([*locked[:-2], locked[-1]], trader_id=trader_id)
    except LogTampered as found:
        world.view.say(f"the same log with one entry taken out: {found}")
    else:
        raise StepFailed("a missing entry went unnoticed")


def _checkpoint_over(world: World, position: int) -> Json:
    """The first signed checkpoint that reaches the revoke's own entry."""
    deadline = time.monotonic() + _CHECKPOINT_SECONDS
    while True:
        try:
            answer = cord.latest_checkpoint(world.api, world.receipt.auth)
        except Refused as refused:
            expect(refused.status == 404, str(refused))  # noqa: PLR2004 - none signed yet
        else:
            if int(answer["leaf"]["position"]) >= position:
                return answer
        expect(time.monotonic() < deadline, "no checkpoint covers the revoke")
        time.sleep(_POLL_SECONDS)


def _show_log(world: World, entries: list[Json]) -> None:
    rows = [
        (
            entry["position"],
            datetime.fromtimestamp(entry["at_us"] / 1_000_000, UTC).strftime("%H:%M:%S.%f"),
            entry["event"],
            entry["outcome"] if entry["rule"] is None else f"{entry['outcome']}: {entry['rule']}",
            entry["actor"],
        )
        if "event" in entry
        else (entry["position"], None, "(outside this tree)", None, None)
        for entry in entries
    ]
    world.view.table("access log", ("#", "time (UTC)", "event", "outcome", "actor"), rows)


def _table(world: World, title: str, items: list[Json], columns: tuple[str, ...]) -> None:
    world.view.table(title, columns, [[item.get(column) for column in columns] for item in items])


STEPS = (
    Step(
        "The phone pulls the cord",
        "One row in the database. From the receipt on, nothing under the root signs.",
        pull_the_cord,
    ),
    Step(
        "Slipped orders and clean-up",
        "What was on its way is named; what rests at the venue is cancelled, to a final state.",
        clean_up,
    ),
    Step(
        "Nothing is left alive",
        "The next order is refused, and every token of the tree is inactive.",
        nothing_left,
    ),
    Step(
        "The access log, proven offline",
        "Read with the receipt's capability; verified with nothing but a pinned public key.",
        read_the_log,
    ),
)
