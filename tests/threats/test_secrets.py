"""A secret reaches no file, whatever is written and however it is spelled; the files there stay as they are."""

from __future__ import annotations

import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from html import unescape
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flujo_testing.golden import SecretFound
from flujo_testing.golden.leak import secrets_in
from tests.flujo_testing.disks import FailingDisk
from tests.threats.writers import NO_SCAN, WRITERS, files_in

MASKING = ["the record of a run", "the page of a run", "the summary of a run"]
"""Reports hide a secret: why a test is red has to be told all the same."""
IGNORED = "golden/.pending/.gitignore"
"""Keeps its folder out of git, whatever is written there."""
_NOTHING_NEW = ("a proposal settled", "a cassette sealed", "a cassette removed")
"""They write nothing but what was there."""
WRITING = [name for name in WRITERS if name not in (*_NOTHING_NEW, *MASKING)]
SPELLINGS: dict[str, Callable[[str], str]] = {
    "plain": lambda secret: f"the key {secret} is wrong",
    "alone": lambda secret: secret,
    "in an address": lambda secret: f"https://example.com/?key={quote(secret, safe='')}&q=1",
    "in a form": lambda secret: f"key={quote_plus(secret)}",
    "base64": lambda secret: b64encode(b"user:" + secret.encode()).decode(),
    "base64 of an address": lambda secret: urlsafe_b64encode(b"u:" + secret.encode() + b"@host").decode(),
    "JSON": lambda secret: json.dumps({"error": {"message": f"no such key: {secret}"}}),
    "JSON in letters of any alphabet": lambda secret: json.dumps([secret], ensure_ascii=False),
}
SECRETS = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x2FFF, exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp", "Cn"]),
    min_size=12,
    max_size=40,
).map(lambda text: f"Ǝ{text}")  # none of our own words


@pytest.mark.parametrize("name", WRITING)
@pytest.mark.parametrize("spelling", SPELLINGS)
@settings(max_examples=10)
@given(secret=SECRETS)
@example(secret="a+b/c=d&e%20f\"\\'<>")
@example(secret="under_scored*and`ticked`|[x](y)")
def test_nothing_is_written_with_a_secret_in_it(
    tmp_path_factory: pytest.TempPathFactory, name: str, spelling: str, secret: str
) -> None:
    root = tmp_path_factory.mktemp("project")
    writer, scan, disk = WRITERS[name], secrets_in({"RAIN_API_KEY": secret}), FailingDisk(fails_at=0)
    writer.prepare(root)
    before = {path: data for path, data in files_in(root).items() if path != IGNORED}
    with pytest.raises(SecretFound) as raised:
        writer.act(root, disk, scan, SPELLINGS[spelling](secret))
    assert secret not in str(raised.value)
    assert {path: data for path, data in files_in(root).items() if path != IGNORED} == before


@pytest.mark.parametrize("name", MASKING)
@pytest.mark.parametrize("spelling", SPELLINGS)
@settings(max_examples=10)
@given(secret=SECRETS)
@example(secret="a+b/c=d&e%20f\"\\'<>")
@example(secret="under_scored*and`ticked`|[x](y)")
def test_a_report_is_written_without_the_secret(
    tmp_path_factory: pytest.TempPathFactory, name: str, spelling: str, secret: str
) -> None:
    root = tmp_path_factory.mktemp("project")
    writer, scan, disk = WRITERS[name], secrets_in({"RAIN_API_KEY": secret}), FailingDisk(fails_at=0)
    writer.prepare(root)
    before = files_in(root)
    assert writer.act(root, disk, scan, SPELLINGS[spelling](secret)) == []
    (written,) = (data.decode() for path, data in files_in(root).items() if before[path] != data)
    texts = [written, unescape(written), re.sub(r"\\(.)", r"\1", written), unescape(re.sub(r"\\(.)", r"\1", written))]
    assert [text for text in texts if secret in text or SPELLINGS[spelling](secret) in text] == []
    assert "***" in texts[-1]


@pytest.mark.parametrize("name", [*WRITING, *MASKING])
def test_the_same_is_written_where_it_is_no_secret(tmp_path: Path, name: str) -> None:
    WRITERS[name].prepare(tmp_path)
    before = files_in(tmp_path)
    assert WRITERS[name].act(tmp_path, FailingDisk(fails_at=0), NO_SCAN, "the key grey-and-wet is wrong") == []
    changed = {path: data for path, data in files_in(tmp_path).items() if before.get(path) != data}
    assert any(b"grey-and-wet" in data or "grey-and-wet" in path for path, data in changed.items())
