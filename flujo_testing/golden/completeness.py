"""Whether a run of the tests left tests out, as far as its options and arguments tell."""

from __future__ import annotations

from pathlib import Path

import pytest

_FILTERS = (
    "keyword",
    "markexpr",
    "deselect",
    "ignore",
    "ignore_glob",
    "lf",
    "stepwise",
    "collectonly",
    "continue_on_collection_errors",
)


def covers_everything(session: pytest.Session) -> bool:
    """All tests of the project were meant to run, and none stopped the run. Does not see deselection."""
    config = session.config
    stopped = bool(session.shouldstop or session.shouldfail)
    filtered = any(config.getoption(name, None) for name in _FILTERS)
    return not stopped and not filtered and _names_the_whole_project(config)


def _names_the_whole_project(config: pytest.Config) -> bool:
    if config.args_source is config.ArgsSource.TESTPATHS:
        return True
    root = config.inipath.parent if config.inipath is not None else config.rootpath
    tests = [root / path for path in config.getini("testpaths")] or [root]
    given = [Path(config.invocation_params.dir, argument) for argument in config.args]
    return all(any(test == path or test.is_relative_to(path) for path in given) for test in tests)
