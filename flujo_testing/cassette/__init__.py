"""Cassettes: real answers, recorded once at the engine's door or over HTTP, replayed offline for ever.

The fixture ``cassette`` puts the cassette of a test in. Nothing of it is loaded where no test asks for it.
"""

from __future__ import annotations
