"""docs/faults.md lists the faults as they are."""

from __future__ import annotations

from tests.docs.faults import PAGE, catalogue, written


def test_the_page_has_the_catalogue_as_it_is() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == written(page), "run 'python -m tests.docs.faults'"


def test_a_page_that_is_out_of_date_is_written_anew() -> None:
    assert written("# Faults\n\n## The catalogue\n\nold\n") == f"# Faults\n\n## The catalogue\n\n{catalogue()}"
