"""No fault without a test that sees it strike."""

import re
from pathlib import Path

from mock_push.faults.catalogue import KINDS

PAIR = re.compile(r'"(fcm|token|smtp|telegram)",\s*"([a-z_0-9]+)"')


def test_every_kind_of_fault_is_set_by_a_test() -> None:
    tests = list(Path(__file__).parent.glob("test_*_faults.py"))
    assert len(tests) == 4
    seen = {pair for path in tests for pair in PAIR.findall(path.read_text())}
    assert {(kind.channel, kind.kind) for kind in KINDS} - seen == set()


def test_the_readme_names_every_kind() -> None:
    readme = (Path(__file__).parents[2] / "mock_push" / "README.md").read_text()
    assert [kind.kind for kind in KINDS if f"`{kind.kind}`" not in readme] == []
