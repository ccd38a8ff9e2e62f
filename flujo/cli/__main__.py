"""``python -m flujo.cli``: the same as ``flujo``."""

from flujo.cli import main

if __name__ == "__main__":
    main()
