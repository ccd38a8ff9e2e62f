"""What pytest sees where the wheel is installed without extras.

The nox session ``package`` runs it outside the project; pytest does not collect it here.
"""

from __future__ import annotations

import sys
from importlib.metadata import files, version


def test_pytest_loads_the_plugin_files_and_nothing_behind_them() -> None:
    ours = {name for name in sys.modules if name.partition(".")[0] in {"flujo", "flujo_testing"}}
    files = ("following", "pytest_options", "pytest_plugin")
    assert ours == {"flujo_testing", *(f"flujo_testing.{file}" for file in files)}


def test_pytest_loads_no_library_for_our_sake() -> None:
    assert {"pydantic", "syrupy", "yaml"} & sys.modules.keys() == set()


def test_the_wheel_holds_both_packages_and_nothing_else() -> None:
    outside = [path for path in files("flujo-pipelines") or () if path.parts[0] == ".."]
    assert [path.stem for path in outside] == ["flujo"]  # the command
    paths = [str(path) for path in files("flujo-pipelines") or () if path not in outside]
    folders = {path.partition("/")[0] for path in paths}
    assert folders == {"flujo", "flujo_testing", f"flujo_pipelines-{version('flujo-pipelines')}.dist-info"}
    typed = {path for path in paths if path.endswith("py.typed")}
    assert typed == {"flujo/py.typed", "flujo_testing/py.typed"}
