"""Reading VCR recordings, hostile ones too."""

from __future__ import annotations

import base64
import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

from flujo_testing.recordings import RecordedRequest, RecordedResponse, RecordingError, read_recording
from flujo_testing.recordings.yaml_data import MAX_BYTES, Refused, read_yaml

URL = "https://api.openai.com/v1/chat/completions"
RAIN = """
interactions:
- request:
    headers:
      authorization:
      - Bearer somebody's
    method: POST
    parsed_body:
      messages:
      - content: Be brief.
        role: system
      - content: Rain?
        role: user
      model: gpt-x
      n: 1
    uri: https://api.openai.com/v1/chat/completions
  response:
    headers:
      content-encoding: [gzip]
      content-length: ['12']
      content-type:
      - application/json
      retry-after: '7'
    parsed_body:
      choices: [{finish_reason: stop, index: 0, message: {content: "Grey.", role: assistant}}]
      model: gpt-x-1
      usage: {completion_tokens: 2, prompt_tokens: 9, total_tokens: 11}
    status: {code: 200, message: OK}
version: 1
"""
ASKED = {
    "n": 1,
    "model": "gpt-x",
    "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Rain?"}],
}


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "rain.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def reason(folder: Path, text: str | bytes) -> tuple[int, str]:
    """Line and reason with which a file is refused."""
    path = written(folder, text)
    with pytest.raises(RecordingError) as refused:
        read_recording(path)
    assert str(refused.value) == (
        f"{path}:{refused.value.line}: {refused.value.reason}. Restore the file or record it again"
    )
    return refused.value.line, refused.value.reason


def test_an_exchange_is_read_with_its_place_and_the_headers_that_still_hold(tmp_path: Path) -> None:
    path = written(tmp_path, RAIN)
    (exchange,) = read_recording(path).exchanges
    assert exchange.request == RecordedRequest("POST", URL, ASKED)
    assert exchange.response.headers == (("content-type", "application/json"), ("retry-after", "7"))
    assert json.loads(exchange.response.content)["usage"] == {
        "completion_tokens": 2,
        "prompt_tokens": 9,
        "total_tokens": 11,
    }
    assert (exchange.response.status, exchange.path, exchange.line, exchange.position) == (200, path, 3, 1)


BODY = """
interactions:
- request: {{method: POST, uri: "https://x.test/", body: {asked}}}
  response: {{status: {{code: 200}}, headers: {{content-encoding: gzip}}, body: {answered}}}
"""


@pytest.mark.parametrize(
    ("written_as", "body"),
    [
        ("""'{"a": [1, 1.0, true]}'""", {"a": [1, 1.0, True]}),
        ("""'{"a": 1, "a": 2}'""", '{"a": 1, "a": 2}'),
        ("'3'", "3"),
        ("plain words", "plain words"),
        ("''", None),
        ("null", None),
        ("!!binary eyJhIjogMX0=", {"a": 1}),
        ("!!binary /w==", b"\xff"),
        ("{string: some text}", "some text"),
    ],
)
def test_a_body_is_json_where_its_bytes_are(tmp_path: Path, written_as: str, body: object) -> None:
    path = written(tmp_path, BODY.format(asked=written_as, answered="''"))
    assert read_recording(path).exchanges[0].request.body == body


@pytest.mark.parametrize(
    ("written_as", "content"),
    [
        ("{string: as text}", b"as text"),
        (f"{{string: !!binary {base64.b64encode(gzip.compress(b'Rain', mtime=0)).decode()}}}", b"Rain"),
        ("!!binary UmFpbg==", b"Rain"),
        ("null", b""),
    ],
)
def test_only_bytes_may_still_be_compressed(tmp_path: Path, written_as: str, content: bytes) -> None:
    path = written(tmp_path, BODY.format(asked="''", answered=written_as))
    assert read_recording(path).exchanges[0].response == RecordedResponse(200, (), content)


def test_a_body_that_cannot_be_decompressed_is_refused_where_it_stands(tmp_path: Path) -> None:
    path = written(tmp_path, BODY.format(asked="''", answered="!!binary H4v/"))
    with pytest.raises(RecordingError) as refused:
        read_recording(path)
    assert (refused.value.line, "'body' of interaction 1: " in refused.value.reason) == (3, True)


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("", 1, "empty"),
        ("[]", 1, "the file is not a mapping"),
        ("a: 1", 1, "'interactions' is not a list of exchanges: this is no VCR recording"),
        ("interactions: []", 1, "'interactions' is not a list of exchanges: this is no VCR recording"),
        ("interactions:\n- 7", 1, "interaction 1 is not a mapping"),
        ("interactions:\n- {}", 2, "'request' of interaction 1 is not a mapping"),
        ("a: 1\na: 2", 2, "key 'a' stands twice in one mapping"),
        ("a: 1\n---\nb: 2", 3, "holds a second document"),
        ("a:\n  [b]: 1", 2, "a key that is a list or a mapping"),
        ("a: 0b_", 1, "'0b_' is not a number"),
        ("a: .inf", 1, "'.inf' is a number that JSON cannot write"),
        ("a: !!binary \n  §", 1, "'!!binary' that is not base64"),
        ("a: 1\n<<<<<<< ours\nb: 1\n", 2, "holds the markers of an unresolved merge conflict"),
        (b"a: 1\nb: \xff", 2, "not UTF-8: invalid start byte"),
    ],
)
def test_what_is_no_recording_is_refused_with_line_and_reason(
    tmp_path: Path, text: str | bytes, line: int, why: str
) -> None:
    assert reason(tmp_path, text) == (line, why)


def test_broken_yaml_is_refused_where_it_breaks(tmp_path: Path) -> None:
    line, why = reason(tmp_path, 'a: 1\nb: "open')
    assert (line, why.split(":")[0]) == (2, "not YAML")
    line, why = reason(tmp_path, "a: 1\nb: \x00")
    assert (line, why.split(":")[0]) == (2, "not YAML")


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("method", "[POST]", "'method' or 'uri' of interaction 1 is missing"),
        ("uri", "", "'method' or 'uri' of interaction 1 is missing"),
        ("status", "{code: 99}", "'status.code' of interaction 1 is 99"),
        ("status", "{code: '200'}", "'status.code' of interaction 1 is '200'"),
        ("status", "{code: true}", "'status.code' of interaction 1 is True"),
        ("headers", "[]", "'headers' of interaction 1 is not a mapping"),
        ("body", "[]", "'body' of interaction 1 is neither text nor bytes"),
        ("parsed_body", "!!binary /w==", "'parsed_body' of interaction 1 is not JSON: "),
    ],
)
def test_an_exchange_that_lacks_something_names_it(tmp_path: Path, field: str, value: str, why: str) -> None:
    request = {"method": "POST", "uri": "https://x.test/", "body": "''"}
    response = {"status": "{code: 200}", "headers": "{}", "body": "''"}
    (request if field in request and field != "body" else response)[field] = value
    lines = [f"    {name}: {text}" for name, text in request.items()]
    lines += ["  response:", *(f"    {name}: {text}" for name, text in response.items())]
    line, told = reason(tmp_path, "interactions:\n- request:\n" + "\n".join(lines))
    assert (line, told[: len(why)]) == (2, why)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: &x [1]\nb: *x", "anchor '&x': write the value out where it is used"),
        ("a: *x", "alias '*x': write the value out"),
        (
            "a: !!python/object/apply:os.system ['true']",
            "tag 'tag:yaml.org,2002:python/object/apply:os.system'",
        ),
        ("a: !!str 1", "tag 'tag:yaml.org,2002:str'"),
        ("a: !!binary [1]", "tag 'tag:yaml.org,2002:binary'"),
        ("a: !mine 1", "tag '!mine'"),
        ("[" * 100_000, "nested deeper than 100"),
        ("{a: " * 100_000, "nested deeper than 100"),
        ("- " * 100_000, "nested deeper than 100"),
        ("a: " + "9" * 5_000, "a number of 5000 digits"),
        ("a: " + ":".join(["59"] * 5_000), "a number of 14999 digits"),
        ("a: 1.0e+999", "'1.0e+999' is a number that JSON cannot write"),
    ],
    ids=lambda value: value[:24],
)
def test_a_hostile_recording_is_refused(tmp_path: Path, text: str, why: str) -> None:
    assert reason(tmp_path, text) == (
        1,
        why if not why.startswith("tag") else f"{why}: only data without tags is read",
    )


def test_a_recording_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "rain.yaml"
    with path.open("wb") as file:
        file.truncate(4 * MAX_BYTES)
    with pytest.raises(RecordingError) as refused:
        read_recording(path)
    assert refused.value.reason == f"larger than {MAX_BYTES} bytes"


def test_too_many_values_are_refused() -> None:
    with pytest.raises(Refused) as refused:
        read_yaml(b"- 1\n- [2, 3]\n", max_nodes=4)
    assert (refused.value.line, refused.value.reason) == (2, "more than 4 values")
    assert read_yaml(b"- 1\n- [2, 3]\n", max_nodes=5).data == [1, [2, 3]]


def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    path = written(tmp_path, b"\xef\xbb\xbf" + RAIN.replace("\n", "\r\n").encode())
    assert read_recording(path).exchanges[0].request.body == ASKED


def test_a_file_that_cannot_be_opened_says_why(tmp_path: Path) -> None:
    for path, why in (
        (tmp_path / "none.yaml", "cannot be opened: No such file or directory"),
        (tmp_path, "cannot be opened: Is a directory"),
    ):
        with pytest.raises(RecordingError) as refused:
            read_recording(path)
        assert refused.value.reason == why


def test_reading_a_recording_runs_no_code(tmp_path: Path) -> None:
    """Audit hooks stay for the life of a process, so the reading is done in one of its own."""
    path = written(tmp_path, "a: !!python/object/apply:os.system ['true']\n")
    script = """
import sys
from flujo_testing.recordings import RecordingError, read_recording
ran = []
forbidden = ("exec", "compile", "import", "os.system", "subprocess.Popen", "socket.connect")
sys.addaudithook(lambda event, args: ran.append(event) if event in forbidden else None)
try:
    read_recording(sys.argv[1])
except RecordingError as error:
    print(error.reason, ran)
"""
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True)
    assert done.stdout == ("tag 'tag:yaml.org,2002:python/object/apply:os.system': only data without tags is read []\n")


def test_plain_scalars_are_what_pyyaml_makes_of_them_but_dates_stay_text() -> None:
    text = b"[yes, 'yes', ~, 0x1F, 0o17, 017, 1_000, 1.5e+3, 1e3, 2024-01-02, <<, -0.0, 12:30]"
    assert repr(read_yaml(text).data) == repr(
        [True, "yes", None, 31, "0o17", 15, 1000, 1500.0, "1e3", "2024-01-02", "<<", -0.0, 750]
    )
