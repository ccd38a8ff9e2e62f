"""Options leave a step's types as they are; processors, which may make anything of them, make them any."""

from __future__ import annotations

from typing import Any, assert_type

from flujo import Backoff, Step, UsageLimits, validator
from tests.types import cast


@validator
def is_positive(output: int) -> bool:
    return output > 0


assert_type(Step("s", cast.length, max_retries=3, timeout_s=5, plugins=[is_positive]), Step[str, int])
assert_type(Step("s", cast.length, backoff=Backoff(), retry_on=(OSError, ValueError)), Step[str, int])
assert_type(Step("s", cast.length, usage_limits=UsageLimits(total_tokens_limit=5), meta={"team": "a"}), Step[str, int])
assert_type(Step("s", cast.length, settings={"temperature": 0}, updates_context=True), Step[str, int])
assert_type(Step("s", cast.length, fallback=Step("small", cast.plain)), Step[str, int])
assert_type(Step("s", cast.length, fallback=Step("small", cast.either)), Step[str, int])
assert_type(Step("s", cast.length, fallback=None), Step[str, int])
assert_type(Step("s", cast.length).named("other"), Step[str, int])
assert_type(Step("s", cast.length, input_processors=[str]), Step[Any, Any])
assert_type(Step("s", cast.length, output_processors=[float], max_retries=0), Step[Any, Any])
assert_type(Step("s", cast.length, input_processors=[str], output_processors=[float]), Step[Any, Any])

shaped: Step[bytes, float] = Step("s", cast.length, input_processors=[str], output_processors=[float])
options: dict[str, Any] = {"max_retries": 3}
unpacked: Step[str, int] = Step("s", cast.length, **options)
