"""A stored run as a test: its file, its cassette, its golden. ``flujo golden from-run`` writes all of them or none.

``rehearsal.py`` runs the pipeline twice, asking nobody: once to record the stored answers, once to play them, as the
test will. ``source.py`` writes the test, ``files.py`` all three files.
"""
