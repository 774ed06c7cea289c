"""The table of attacks by a logged-in caller, on the module that enforces templates."""

import pytest

from tests.vault.attacks import ATTEMPTS
from tests.vault.support import Token, run_inside


@pytest.fixture(scope="module")
def outcomes(softhsm: Token) -> dict[str, str]:
    return dict(run_inside(softhsm, "attack", naive=False))


@pytest.mark.parametrize("name", ATTEMPTS)
def test_the_module_refuses_to(outcomes: dict[str, str], name: str) -> None:
    assert outcomes[name].startswith("refused: "), outcomes[name]


def test_the_same_attempts_reach_the_secret_under_a_naive_wrapping_key(softhsm: Token) -> None:
    """The control: without it a table of refusals may only prove that the attempts are wrong."""
    outcomes = run_inside(softhsm, "attack", naive=True)
    reached = {name for name, outcome in outcomes.items() if outcome == "allowed: 'PLAINTEXT'"}
    assert reached >= {"allow decryption, then decrypt", "copy for decryption, then decrypt"}
    assert not [name for name, outcome in outcomes.items() if outcome.startswith("broken")]
