"""``python -m tests.types``: what mypy and pyright say of the programs, and where that is not what they should."""

from __future__ import annotations

import sys

from tests.types.agreement import disagreements, nothing_seen
from tests.types.checkers import mypy, pyright
from tests.types.programs import marked, programs, statements


def main() -> int:
    texts = programs()
    rejected = marked(texts)
    accepted = statements(text for path, text in texts.items() if path.startswith("accepted/"))
    faults = nothing_seen(accepted, rejected)
    for checker, errors in {"mypy": mypy(texts), "pyright": pyright()}.items():
        faults += disagreements(checker, rejected[checker], errors)
    for fault in faults:
        print(fault)
    by_both, by_either = rejected["mypy"] & rejected["pyright"], rejected["mypy"] | rejected["pyright"]
    print(
        f"{len(texts)} programs, {len(rejected)} checkers: {accepted} accepted statements, {len(by_both)} lines "
        f"rejected by both and {len(by_either - by_both)} by one, {len(faults)} faults"
    )
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
