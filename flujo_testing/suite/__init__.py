"""A suite of tests over many workers: each test is a case in a queue of DBOS, and its result is kept in Postgres.

``flujo suite run`` is a run of pytest that collects the tests, queues them and tells their reports as they come back,
so that summary, JUnit XML and exit code are pytest's own. Workers are runs of pytest, too, that take their tests from
the queue. A run that has a name goes on where it was: what has a result is not run again.
"""
