"""The pages of docs/ are true: their examples run, each asserts something, and the stories they show are told."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, blocks, pages, rewritten, run_page

WIDTH = 120
GOOD = """\
# Rain

```python
from flujo import Flujo, Step


async def echo(text):
    return text


result = Flujo(Step("echo", echo)).run("rain")
assert result.output == "rain"
```

```yaml
input: "rain"
result:
  status: completed
  output: "rain"
steps:
  echo:
    attempt 1:
      input_from: run
      output: "rain"
```
"""


def claims(text: str) -> int:
    return sum(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(text)))


@pytest.mark.parametrize("page", pages(), ids=lambda path: path.name)
def test_the_examples_of_a_page_run_and_tell_the_stories_it_shows(
    page: Path, record_property: Callable[[str, object], None]
) -> None:
    stories = run_page(page)
    examples = [block for block in blocks(page.read_text(encoding="utf-8")) if block.language == "python"]
    print(f"{page.name}: {len(examples)} examples, {len(stories)} stories")
    record_property("examples", len(examples))
    for story in stories:
        where = f"{page.name}:{story.line}"
        assert (where, story.shown) == (where, story.told), "run 'python -m tests.docs.pages'"


def test_every_example_asserts_something() -> None:
    silent = [
        f"{page.name}:{block.lines_before}"
        for page in pages()
        for block in blocks(page.read_text(encoding="utf-8"))
        if block.language == "python" and claims(block.text) == 0
    ]
    assert silent == []


def test_there_are_pages_with_examples() -> None:
    with_examples = [page.name for page in pages() if "```python" in page.read_text(encoding="utf-8")]
    assert {"errors.md", "resuming.md", "schedules.md", "steps.md"} - set(with_examples) == set()


def test_text_is_wrapped() -> None:
    long = [
        f"{page.name}:{number}"
        for page in pages()
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1)
        if len(line) > WIDTH and not line.startswith("|")
    ]
    assert long == []


def test_links_between_pages_lead_somewhere() -> None:
    links = [
        (page.name, link)
        for page in pages()
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
    ]
    assert [(page, link) for page, link in links if not (DOCS / link).is_file()] == []


# The gate itself ------------------------------------------------------------------------------------------


def written(folder: Path, text: str) -> Path:
    page = folder / "rain.md"
    page.write_text(text, encoding="utf-8")
    return page


def test_a_true_page_is_green(tmp_path: Path) -> None:
    (story,) = run_page(written(tmp_path, GOOD))
    assert (story.line, story.shown) == (15, story.told)


def test_an_example_that_is_wrong_is_red_and_says_in_which_line(tmp_path: Path) -> None:
    page = written(tmp_path, GOOD.replace('== "rain"', '== "hail"'))
    with pytest.raises(AssertionError) as raised:
        run_page(page)
    last = raised.traceback[-1]
    assert (str(last.path), last.lineno + 1) == (str(page), 12)


def test_a_story_that_is_not_told_so_is_red_and_can_be_written_anew(tmp_path: Path) -> None:
    false = GOOD.replace('      output: "rain"\n', "")
    stories = run_page(written(tmp_path, false))
    assert [story.shown == story.told for story in stories] == [False]
    assert rewritten(false, stories) == GOOD


def test_examples_of_one_page_follow_each_other_and_leave_nothing_behind(tmp_path: Path) -> None:
    page = written(tmp_path, "```python\nfirst = 1\n```\n\n```python\nassert first == 1\n```\n")
    for _ in range(2):
        assert run_page(page) == []
