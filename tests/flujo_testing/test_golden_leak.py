"""A secret is found in bytes that are about to be written, in every encoding; where is told, what is not."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

import pytest

from flujo_testing.golden import SecretFound
from flujo_testing.golden.leak import SecretScan, secrets_in

VALUE = "correct horse/battery+staple="
SCAN = secrets_in({"SERVICE_API_KEY": VALUE, "PATH": "/usr/bin:/usr/local/bin", "SHORT_TOKEN": "1234567"})
CALLED = "the value of SERVICE_API_KEY"


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "github_token", "MY_SECRET_ID", "DB_PASSWORD", "AWS_CREDENTIALS"])
def test_the_value_of_a_telling_variable_is_a_secret(name: str) -> None:
    assert secrets_in({name: "hunter2hunter2"}).find(b"say hunter2hunter2") == f"the field (all) (the value of {name})"


def test_values_of_other_variables_and_short_ones_are_none() -> None:
    assert SCAN.find(b"input: /usr/bin:/usr/local/bin 1234567\n") is None


@pytest.mark.parametrize(
    "written",
    [
        VALUE,
        quote(VALUE),
        quote(VALUE, safe=""),
        quote_plus(VALUE),
        base64.b64encode(VALUE.encode()).decode(),
        base64.urlsafe_b64encode(VALUE.encode()).decode(),
        base64.b64encode(f"user:{VALUE}".encode()).decode(),
        base64.b64encode(f"user1:{VALUE}!".encode()).decode(),
        base64.b64encode(f"user12:{VALUE}".encode()).decode(),
    ],
)
def test_a_secret_is_found_in_every_encoding(written: str) -> None:
    golden = f"input: {json.dumps(f'it is {written} indeed')}\n"
    assert SCAN.find(golden.encode()) == f"the field input ({CALLED})"


def test_a_secret_that_escapes_hide_is_found() -> None:
    scan = secrets_in({"SECRET": 'quote"and\ttab\u00e9'})
    golden = f"input: {json.dumps('quote' + chr(34) + 'and' + chr(9) + 'tab' + chr(233))}\n".encode()
    assert 'quote"and\ttab\u00e9'.encode() not in golden
    assert scan.find(golden) == "the field input (the value of SECRET)"


SHAPES = {
    "sk-proj-" + "a1b2" * 6: "an API key (sk-...)",
    "ghp_" + "a1B2" * 9: "a GitHub token",
    "github_pat_" + "a1B2" * 9: "a GitHub token",
    "AKIA" + "ABCD2345" * 2: "an AWS access key",
    "xoxb-" + "123456789012-abc": "a Slack token",
    "AIza" + "a1B2c" * 7: "a Google API key",
    "eyJhbGciOiJI" + ".eyJzdWIiOiIx" + ".c2lnbmF0dXJl": "a JSON web token",
    "-----BEGIN RSA PRIVATE KEY-----": "a PEM block",
}


@pytest.mark.parametrize(("key", "called"), SHAPES.items(), ids=SHAPES.values())
def test_a_key_of_a_known_shape_is_found(key: str, called: str) -> None:
    assert SecretScan().find(f'a: ["x", {{"b c": "say {key}."}}]\n'.encode()) == f"the field a[1].b c ({called})"


@pytest.mark.parametrize(
    "harmless",
    [
        "risk-assessment-of-2024-in-some-words",
        "sk-learn-pipelines-for-everyone",
        "AKIAX",
        "eyJ.eyJ.x",
        "BEGIN KEY",
    ],
)
def test_words_that_look_a_little_like_a_key_are_none(harmless: str) -> None:
    assert SecretScan().find(f'input: "{harmless}"\n'.encode()) is None


def test_where_a_secret_is_is_told_without_the_secret() -> None:
    found = SCAN.find(f"steps: {{{json.dumps(VALUE)}: {{a: 1}}}}\n".encode())
    assert found == f"the field steps.*** ({CALLED})"


def test_in_bytes_that_are_no_golden_the_line_is_told() -> None:
    assert SCAN.find(f"[unclosed\n\n{VALUE}\n".encode()) == f"line 3 ({CALLED})"
    assert SCAN.find(b"\xff\n" + VALUE.encode()) == f"line 2 ({CALLED})"


def test_the_error_says_what_to_do_and_keeps_the_secret() -> None:
    with pytest.raises(SecretFound) as caught:
        SCAN.refuse(f"input: {json.dumps(VALUE)}\n".encode(), "golden/a.yaml")
    assert str(caught.value) == (
        f"golden/a.yaml was not written: the field input ({CALLED}) holds a secret. Redact the field "
        "(golden.check(result, redact={...})), or keep the secret out of the run"
    )
