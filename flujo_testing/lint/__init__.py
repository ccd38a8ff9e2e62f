"""The vacuity lint: tests that run a pipeline and would not notice if it lied.

``linter.py`` judges one file by its text: ``origins.py`` finds what the engine returned, ``claims.py`` what is
asserted of it, ``weak.py`` and ``silent.py`` hold the rules. ``changes.py`` compares two versions of a file,
``facts.py`` keeps what tests did when they ran. ``command.py`` and ``hooks.py`` are its two faces.
"""
