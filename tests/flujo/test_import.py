"""``import flujo`` loads nothing until a name is used; what type checkers see of it is what runs."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import flujo

ROOT = Path(flujo.__file__).parents[1]


def loaded_by(statement: str, *tops: str) -> list[str]:
    """The modules of these packages that a fresh interpreter has loaded after the statement."""
    code = f"import sys\n{statement}\nprint(*sorted(sys.modules), sep='\\n')"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return [module for module in done.stdout.split() if module.partition(".")[0] in tops]


def seen_by_type_checkers() -> dict[str, str]:
    """Names and modules of the imports under ``if TYPE_CHECKING:``."""
    tree = ast.parse(Path(flujo.__file__).read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: str(node.module) for node in imports for alias in node.names}


def test_importing_flujo_loads_nothing_else() -> None:
    assert loaded_by("import flujo", "flujo", "pydantic", "pydantic_core", "anyio", "asyncio") == ["flujo"]


def test_a_name_loads_its_own_module_and_those_below_it() -> None:
    assert loaded_by("from flujo import Usage", "flujo", "anyio", "pydantic") == ["flujo", "flujo.money", "flujo.usage"]


def test_writing_a_pipeline_loads_nothing_that_runs_it() -> None:
    loaded = loaded_by("from flujo import Pipeline, PipelineContext, Step", "flujo", "anyio", "asyncio")
    assert [module for module in loaded if not module.startswith("flujo.")] == ["flujo"]
    assert [module for module in loaded if module.startswith(("flujo.execution", "flujo.runner"))] == []


def test_running_pipelines_loads_no_test_library_and_no_provider() -> None:
    assert loaded_by("from flujo import Flujo", "pytest", "_pytest", "flujo_testing", "openai", "trio", "yaml") == []


def test_a_star_import_brings_every_public_name() -> None:
    namespace: dict[str, object] = {}
    exec("from flujo import *", namespace)
    assert sorted(namespace.keys() - {"__builtins__"}) == sorted(flujo.__all__)


@pytest.mark.parametrize("name", flujo.__all__)
def test_a_public_name_is_what_its_module_calls_so(name: str) -> None:
    assert flujo.__dict__.get(name, flujo.__getattr__(name)) is vars(import_module(flujo.MODULES[name]))[name]


def test_type_checkers_see_the_names_that_are_found_when_it_runs() -> None:
    assert seen_by_type_checkers() == flujo.MODULES


def test_the_public_names_are_those_that_are_found() -> None:
    assert set(flujo.__all__) == set(flujo.MODULES)


def test_the_public_names_stand_once_and_in_order() -> None:
    assert list(flujo.MODULES) == sorted(set(flujo.__all__))
    assert sorted(flujo.__all__) == sorted(set(flujo.__all__))


def test_completion_offers_names_that_are_not_loaded_yet() -> None:
    assert [name for name in flujo.__all__ if name not in dir(flujo)] == []


def test_an_unknown_name_is_an_attribute_error_that_knows_where_to_look() -> None:
    with pytest.raises(AttributeError, match=r"^flujo has no 'Pipelin'$") as caught:
        flujo.Pipelin  # type: ignore[attr-defined]  # noqa: B018
    assert (caught.value.name, caught.value.obj) == ("Pipelin", flujo)


def test_an_unknown_name_cannot_be_imported() -> None:
    with pytest.raises(ImportError, match="cannot import name 'Pipelin' from 'flujo'"):
        from flujo import Pipelin  # type: ignore[attr-defined]  # noqa: F401
