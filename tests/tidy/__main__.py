"""``python -m tests.tidy``: every rule of the house, how many files it looked at, and every fault."""

from __future__ import annotations

import sys

from tests.tidy import RULES
from tests.tidy.rule import check
from tests.tidy.source import project_files


def main() -> int:
    files = project_files()
    failed = 0
    for rule in RULES:
        verdict = check(rule, files)
        failed += bool(verdict.faults)
        print(f"{rule.name}: {verdict.looked_at} files, {len(verdict.faults)} faults")
        for fault in verdict.faults:
            print(f"  {fault}")
    print(f"{len(RULES) - failed} rules kept, {failed} broken")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
