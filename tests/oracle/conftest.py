"""``pytest tests/oracle --hypothesis-profile=long`` looks at twenty times as many pipelines, others each time."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("long", max_examples=2000)
