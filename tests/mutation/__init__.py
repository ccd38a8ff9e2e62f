"""Mutation testing of what has to be right: which files are changed, and which tests have to notice.

``python -m tests.mutation`` runs mutmut on them, and holds the mutants that survive against ``survivors.toml``.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """Files that are mutated, and the fast tests that belong to them; both relative to the project."""

    files: tuple[str, ...]
    tests: tuple[str, ...]


LAWS = tuple(
    f"tests/laws/test_{name}.py"
    for name in (
        "accounting_goldens",
        "doubt",
        "isolation_goldens",
        "propagation_goldens",
        "resumed_ledgers",
        "resuming",
    )
)
"""The tests of the laws that tell whole runs; they take some seconds."""

TARGETS: dict[str, Target] = {
    "amount": Target(
        ("flujo/execution/amount.py",),
        ("tests/flujo/execution/test_amount.py", "tests/flujo/execution/test_budget_*.py"),
    ),
    "account": Target(
        ("flujo/execution/account.py",),
        (
            *(f"tests/flujo/execution/test_{name}.py" for name in ("account*", "broken_off", "journal*")),
            "tests/flujo/execution/test_budget_inside_calls.py",
            *(f"tests/laws/test_{name}.py" for name in ("doubt", "nested_limits", "resumed_ledgers", "resuming")),
        ),
    ),
    "budget": Target(
        ("flujo/execution/budget.py",),
        ("tests/flujo/execution/test_budget_*.py", "tests/flujo/execution/test_admission.py"),
    ),
    "journal": Target(
        ("flujo/execution/journal.py", "flujo/execution/past.py"),
        (
            *(f"tests/flujo/execution/test_{name}.py" for name in ("broken_off", "journal*", "past*", "verdicts")),
            "tests/flujo/execution/test_resumed_contexts.py",
            "tests/laws/test_resuming.py",
        ),
    ),
    "ledger": Target(
        ("flujo/execution/ledger.py",),
        ("tests/flujo/execution/test_ledger*.py", "tests/flujo/execution/test_account.py", *LAWS),
    ),
    "merge": Target(
        ("flujo/execution/merge.py",),
        (
            "tests/flujo/execution/test_merge*.py",
            "tests/flujo/execution/test_parallel.py",
            "tests/flujo/kinds/test_copies.py",
        ),
    ),
    "plugins": Target(
        ("flujo/execution/plugins.py",),
        (
            *(f"tests/flujo/execution/test_{name}.py" for name in ("step_*", "apply_output", "verdicts")),
            *(f"tests/flujo/execution/test_{name}.py" for name in ("deadlines", "endings", "journal*")),
        ),
    ),
    "step": Target(
        ("flujo/execution/step.py", "flujo/execution/attempt.py"),
        (
            *(f"tests/flujo/execution/test_{name}.py" for name in ("step_*", "deadlines", "endings", "broken_off")),
            *(f"tests/flujo/execution/test_{name}.py" for name in ("hostile_agents", "verdicts", "resumed_contexts")),
            *(f"tests/flujo/execution/test_{name}.py" for name in ("gate", "journal", "followed_or_not")),
            *(f"tests/laws/test_{name}.py" for name in ("accounting_goldens", "isolation_goldens")),
            *(f"tests/laws/test_{name}.py" for name in ("propagation_goldens", "resuming", "resumed_ledgers")),
        ),
    ),
    "isolation": Target(
        ("flujo/isolation.py",), ("tests/flujo/test_isolation*.py", "tests/flujo/execution/test_apply_output.py")
    ),
    "redaction": Target(
        ("flujo_testing/transcript/redaction.py",), ("tests/flujo_testing/test_transcript_redaction.py",)
    ),
    "yaml": Target(("flujo_testing/transcript/yaml.py",), ("tests/flujo_testing/test_transcript_yaml.py",)),
    "story": Target(
        ("flujo_testing/transcript/story.py",),
        (
            *(f"tests/flujo_testing/test_transcript_{name}.py" for name in ("bad_ends", "composites", "decisions")),
            *(f"tests/flujo_testing/test_transcript_{name}.py" for name in ("laws", "nested", "runs", "story")),
            "tests/flujo_testing/test_transcript_telling.py",
        ),
    ),
    "changes": Target(
        ("flujo_testing/transcript/changes.py",),
        tuple(f"tests/flujo_testing/test_transcript_{name}.py" for name in ("changes", "runs", "story", "telling")),
    ),
    "payments": Target(
        ("flujo_testing/transcript/payments.py",),
        tuple(f"tests/flujo_testing/test_transcript_{name}.py" for name in ("bad_ends", "runs", "story", "telling")),
    ),
    "writer": Target(("flujo_testing/golden/writing.py",), ("tests/flujo_testing/test_golden_writing.py",)),
    "audit": Target(
        tuple(
            f"flujo_testing/audit/{name}.py"
            for name in (
                *("endings", "findings", "gates", "matrix", "noticing", "seams"),
                *("settings", "show", "trial", "trying", "waivers", "watching"),
            )
        ),
        tuple(
            f"tests/flujo_testing/audit/test_audit_{name}.py"
            for name in (
                *("findings", "matrix", "parts", "seams", "settings"),
                *("shown", "trying", "waivers", "watching"),
            )
        ),
    ),
}
SAMPLE = "amount"
"""The smallest one."""
LEAST_PERCENT = 95
"""Of the mutants of each target, so many have to be killed."""
