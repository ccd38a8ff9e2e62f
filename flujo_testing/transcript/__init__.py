"""Golden transcripts: a run as a story in plain data, its YAML text, and what differs between two stories.

``story.py`` reads the events of a run, ``yaml.py`` writes what it told, ``redaction.py`` replaces values by
path, ``words.py`` says in the words of the field what differs. Reading a file and comparing it is not done
here.
"""

from __future__ import annotations

from flujo_testing.transcript.difference import Difference
from flujo_testing.transcript.plain import Unrepresentable, plain
from flujo_testing.transcript.redaction import NotTellable, RedactionError, redacted
from flujo_testing.transcript.story import FORMAT, story_of, story_of_events
from flujo_testing.transcript.words import differences
from flujo_testing.transcript.yaml import render

__all__ = [
    "FORMAT",
    "Difference",
    "NotTellable",
    "RedactionError",
    "Unrepresentable",
    "differences",
    "plain",
    "redacted",
    "render",
    "story_of",
    "story_of_events",
]
