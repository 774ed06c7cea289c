"""Run every rule over the checkout; exit 1 when one fails."""

import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

from scripts.lint import (
    file_length,
    second_door,
    sql_interpolation,
    tenant_scope,
    trader_lock,
    verify_returns,
)
from scripts.lint.source import Finding, Source, python_sources


class Rule(NamedTuple):
    name: str
    folders: tuple[str, ...]
    check: Callable[[Source], Iterator[Finding]]
    exempt: dict[str, str]


RULES = tuple(
    Rule(module.NAME, module.FOLDERS, module.check, module.EXEMPT)
    for module in (trader_lock, sql_interpolation, second_door, verify_returns, tenant_scope)
)


def main() -> int:
    """Print findings and warnings; returns the exit status."""
    failures: list[str] = []
    for rule in RULES:
        failures.extend(run(rule, python_sources(*rule.folders)))
    for finding, fails in file_length.check_tree():
        if fails and finding.path not in file_length.EXEMPT:
            failures.append(str(finding))
        else:
            print(f"warning: {finding}")
    for failure in failures:
        print(failure, file=sys.stderr)
    print(f"{len(failures)} finding(s) of {len(RULES) + 1} rules")
    return 1 if failures else 0


def run(rule: Rule, sources: Iterator[Source]) -> Iterator[str]:
    """Findings of one rule that no exemption covers, and exemptions that cover nothing."""
    needed: set[str] = set()
    for source in sources:
        for finding in rule.check(source):
            key = f"{finding.path}:{finding.message.split()[0]}"
            if key in rule.exempt:
                needed.add(key)
            else:
                yield str(finding)
    for key in sorted(set(rule.exempt) - needed):
        yield f"{key}: {rule.name}: the exemption is not needed any more; remove it"


if __name__ == "__main__":
    sys.exit(main())
