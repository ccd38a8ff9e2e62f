"""Programs that type checkers accept, and ones that they reject; ``python -m tests.types`` asks mypy and pyright.

The programs are read by the checkers and never run.
"""
