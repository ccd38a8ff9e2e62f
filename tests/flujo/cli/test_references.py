"""``MODULE:ATTRIBUTE``: each thing that can be wrong with it is one line, with a remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from flujo.cli.endings import USAGE
from tests.flujo.cli.conftest import PRESS, Call

FILES = {
    "rainy.py": "from flujo import Step\n\nasync def shout(text): return text\n\nrunner = Step('shout', shout)\n",
    "empty.py": "",
    "needy.py": "import no_such_library\n",
    "wrong.py": "a = 1\nb = a / 0\n",
    "broken.py": "a = (\n",
    "leaving.py": "raise SystemExit(3)\n",
    "tower.py": "from flujo import Step\n\ndef made():\n    return Step('a/b', None)\n",
}


@pytest.mark.parametrize(
    ("reference", "why"),
    [
        ("rainy", "'rainy' is no reference: name it as MODULE:ATTRIBUTE, such as app.flows:pipeline"),
        ("rainy:", "'rainy:' is no reference: name it as MODULE:ATTRIBUTE, such as app.flows:pipeline"),
        ("rain:runner", "there is no module 'rain' here ({here})"),
        ("rainy.py:runner", "there is no module 'rainy.py': did you mean 'rainy'?"),
        ("./rainy.py:runner", "there is no module './rainy.py': did you mean 'rainy'?"),
        ("rainy:runer", "the module 'rainy' has no 'runer': did you mean 'runner'?"),
        ("rainy:flow", "the module 'rainy' has no 'flow': it has runner"),
        ("empty:flow", "the module 'empty' has no 'flow': it has no pipeline"),
        (
            "needy:x",
            "the module 'needy' cannot be loaded: ModuleNotFoundError: No module named 'no_such_library' "
            "(needy.py, line 1)",
        ),
        ("wrong:x", "the module 'wrong' cannot be loaded: ZeroDivisionError: division by zero (wrong.py, line 2)"),
        ("broken:x", "the module 'broken' cannot be loaded: SyntaxError: '(' was never closed (broken.py, line 1)"),
        ("leaving:x", "the module 'leaving' cannot be loaded: SystemExit: 3 (leaving.py, line 1)"),
        (
            f"{PRESS}:nothing",
            f"{PRESS}:nothing is 'no pipeline', which is no Flujo, Pipeline or Step, nor a function without "
            "parameters that returns one",
        ),
        (f"{PRESS}:needs", f"{PRESS}:needs takes clock: name a function without parameters, or what it returns"),
        (f"{PRESS}:awaits", f"{PRESS}:awaits is an async function: name a plain one, or a step made of it by @step"),
        (
            "tower:made",
            "a/b: the step name 'a/b' contains '/' or ':', which separate the parts of paths [name-illegal]. "
            "Use '_' or '-' instead (and 1 more); 'flujo validate tower:made' tells all",
        ),
    ],
)
def test_a_reference_that_names_no_pipeline(reference: str, why: str, flujo: Call, tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    said = flujo("run", reference, "--input", "rain")
    assert (said.err, said.out, said.code) == (f"flujo: {why.format(here=tmp_path)}\n", "", USAGE)
