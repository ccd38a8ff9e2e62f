"""The fault audit: every test again under each fault of the engine that it reaches, to see whether it notices.

``trying.py`` makes the passes of one test, in a process of its own (``apart.py``); ``endings.py`` says how a pass
ended and whether that counts; ``findings.py`` adds up. Nothing here is loaded without ``--flujo-audit``.
"""
