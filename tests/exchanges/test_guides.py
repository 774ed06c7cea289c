"""The guides say where every step comes from, and the table says what nobody verified."""

import json
import re

import pytest
from click.testing import CliRunner

from app.cli.main import main
from app.exchanges.errors import VenueUnknown
from app.exchanges.guides import Guide, families, guide_of, table
from app.exchanges.venues import VENUES

_GUIDES = pytest.mark.parametrize("guide", families().values(), ids=families().keys())
_DATE = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}\Z")


def test_every_venue_that_is_there_has_a_guide_and_no_other() -> None:
    assert set(families()) == {row.family for row in VENUES.values() if row.status != "gone"}
    for row in VENUES.values():
        if row.status != "gone":
            assert guide_of(row.id).family == row.family


@_GUIDES
def test_every_step_names_a_document_with_its_date_or_says_unverified(guide: Guide) -> None:
    told = (*guide.steps, guide.addresses, guide.symbol_whitelist)
    named = {step.source for step in told} | {guide.rights.source, guide.budgets.source}
    assert named <= set(guide.sources) | {"unverified"}
    for source in guide.sources.values():
        assert _DATE.match(source.read)
        assert not source.dated or _DATE.match(source.dated)
        assert source.url.startswith("https://")


@_GUIDES
def test_two_factor_sign_in_at_the_venue_comes_first(guide: Guide) -> None:
    assert guide.family == "sandbox" or "two-factor" in guide.steps[0].text.lower()


@_GUIDES
def test_no_guide_gives_a_telephone_number(guide: Guide) -> None:
    # Searching for an exchange's support line mostly finds people who pretend to be it.
    text = " ".join([*(step.text for step in guide.steps), guide.key_deletion])
    assert not re.search(r"\+?\d[\d \-.()]{8,}\d", text)
    assert guide.family == "sandbox" or guide.emergency.startswith("https://")


@_GUIDES
def test_withdrawals_are_among_what_is_never_ticked(guide: Guide) -> None:
    never = " ".join(guide.rights.never).lower()
    assert "withdraw" in never
    assert not set(guide.rights.never) & {*guide.rights.tick, *guide.rights.may}


def test_ftx_has_its_row_gone_and_no_guide() -> None:
    (ftx,) = (line for line in table() if line.title == "FTX")
    assert (ftx.status, ftx.proof) == ("gone", ())
    for venue_id in ("ftx", "", "nowhere"):
        with pytest.raises(VenueUnknown):
            guide_of(venue_id)


def test_the_command_prints_every_row_with_its_status_and_what_is_unverified() -> None:
    plain = CliRunner().invoke(main, ["venues"])
    assert plain.exit_code == 0
    for line in table():
        assert line.id in plain.output
        assert all(doubt in plain.output for doubt in line.unverified)
    rows = json.loads(CliRunner().invoke(main, ["venues", "--json"]).output)
    assert {row["id"]: row["status"] for row in rows} == {
        row.id: row.status for row in VENUES.values()
    }
    assert {row["status"] for row in rows} == {"tradable", "dialect", "gone"}
