"""The options, settings and markers that the toolkit adds to pytest. Loaded with pytest: standard library only."""

from __future__ import annotations

import argparse
import os

import pytest


def add_options(parser: pytest.Parser) -> None:
    group = parser.getgroup("flujo", "Flujo: goldens, schedules and cassettes of pipelines")
    _goldens(parser, group)
    _schedules(group)
    _cassettes(parser, group)
    _audit(parser, group)
    _report(group)
    group.addoption(
        "--flujo-shard",
        dest="flujo_shard",
        type=_shard,
        metavar="I/N",
        help="Run the I-th of N parts of the tests: together they are all of them, and each test is in one.",
    )
    group.addoption(
        "--flujo-lint",
        dest="flujo_lint",
        choices=("off", "warn", "error"),
        default="warn",
        help="What the summary says of tests that run pipelines and would not notice if they lied: nothing, "
        "each weak place (default), or each weak place, and the run fails.",
    )
    parser.addini(
        "flujo_follow",
        "Whose runs of pipelines are checked: those of all tests, or of tests with our fixtures (default: all)",
        default="all",
    )


def name_markers(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "flujo_schedules(orders, reason=None): run the test in up to so many orders in which its parallel branches "
        "can finish; 0, with a reason, for a test with one order.",
    )
    config.addinivalue_line(
        "markers",
        "flujo_cassette(agents, redact): functions to record by the paths of their steps; fields to replace.",
    )


def _goldens(parser: pytest.Parser, group: pytest.OptionGroup) -> None:
    group.addoption(
        "--golden",
        dest="flujo_golden",
        choices=("check", "pending", "update"),
        help="check: compare goldens and write nothing (default in CI). "
        "pending: leave proposals in golden/.pending (default elsewhere). "
        "update: write the goldens of the tests that run.",
    )
    group.addoption(
        "--golden-artifacts",
        dest="flujo_golden_artifacts",
        metavar="DIR",
        help="Leave proposals in DIR, also where nothing else is written.",
    )
    parser.addini(
        "flujo_golden_dir",
        "Folder of the goldens, relative to the file that sets it (default: golden)",
        default="golden",
    )


def _schedules(group: pytest.OptionGroup) -> None:
    group.addoption(
        "--flujo-schedules",
        dest="flujo_schedules",
        type=int,
        metavar="N",
        help="Run each test in up to N orders in which its parallel branches can finish.",
    )
    group.addoption(
        "--flujo-schedule",
        dest="flujo_schedule",
        metavar="ORDER",
        help="Run the tests in one order, such as 0.0.1, as a failure of --flujo-schedules tells it.",
    )
    group.addoption(
        "--flujo-schedules-seed",
        dest="flujo_schedules_seed",
        type=int,
        default=0,
        metavar="SEED",
        help="Which orders are tried where there are more than N (default: 0).",
    )


def _cassettes(parser: pytest.Parser, group: pytest.OptionGroup) -> None:
    group.addoption(
        "--flujo-record",
        dest="flujo_record",
        choices=("none", "once", "new", "all"),
        help="none: answer from cassettes, nothing goes live (default). once: record cassettes that do not exist. "
        "new: record what they do not hold. all: record everything anew.",
    )
    group.addoption(
        "--flujo-prune-cassettes",
        dest="flujo_prune_cassettes",
        action="store_true",
        help="Drop from cassettes the answers that their test, which passed, did not ask for.",
    )
    parser.addini(
        "flujo_cassette_dir",
        "Folder of the cassettes, relative to the file that sets it (default: cassettes)",
        default="cassettes",
    )


def _shard(text: str) -> object:
    from flujo_testing.sharding import shard_of

    return shard_of(text)


def _audit_mode(text: str) -> str:
    if text not in ("fast", "full"):
        told = f"{text!r} is neither fast nor full; for a path, write --flujo-audit=fast {text}"
        raise argparse.ArgumentTypeError(told)
    return text


def _audit(parser: pytest.Parser, group: pytest.OptionGroup) -> None:
    group.addoption(
        "--flujo-audit",
        dest="flujo_audit",
        nargs="?",
        const="fast",
        type=_audit_mode,
        metavar="{fast,full}",
        help="Run each test that runs pipelines again under faults of the engine, to see whether it notices. fast "
        "(default): each fault until a test has noticed it. full: every test under every fault that it reaches.",
    )
    group.addoption(
        "--flujo-audit-min",
        dest="flujo_audit_min",
        type=int,
        metavar="PERCENT",
        help="Fail unless so many of the faults that change what a test tells are noticed.",
    )
    group.addoption(
        "--flujo-audit-vacuous",
        dest="flujo_audit_vacuous",
        type=int,
        metavar="N",
        help="Fail if more than N tests notice none of the faults that change what they tell (full audit only).",
    )
    group.addoption(
        "--flujo-audit-timeout",
        dest="flujo_audit_timeout",
        type=float,
        default=30.0,
        metavar="SECONDS",
        help="Real time that one pass under a fault may take (default: 30).",
    )
    for kind, dest in (("JSON", "json"), ("Markdown", "md")):
        group.addoption(
            f"--flujo-audit-{dest}",
            dest=f"flujo_audit_{dest}",
            metavar="FILE",
            help=f"Write what the audit found as {kind}.",
        )
    parser.addini(
        "flujo_audit_waivers",
        "TOML file, relative to the file that sets it, of faults that nobody has to notice for now (default: none)",
        default="",
    )


def _report(group: pytest.OptionGroup) -> None:
    group.addoption(
        "--flujo-report",
        dest="flujo_report",
        metavar="FILE",
        help="Write a page (HTML) about the run: changed goldens, costs, red tests by cause, the last fault audit.",
    )
    group.addoption(
        "--flujo-summary",
        dest="flujo_summary",
        metavar="FILE",
        help="Write a summary of the run as Markdown: red tests by cause, what runs cost.",
    )
    group.addoption(
        "--flujo-job-summary",
        dest="flujo_job_summary",
        metavar="FILE",
        default=os.environ.get("GITHUB_STEP_SUMMARY"),
        help="Append that summary to FILE (default: the one that GITHUB_STEP_SUMMARY names, if it does).",
    )
    group.addoption(
        "--flujo-triage",
        dest="flujo_triage",
        choices=("auto", "always", "never"),
        default="auto",
        help="Tell red tests by cause: where there are many with few causes (default), always, or never.",
    )
