"""Runs in PostgreSQL: shared by the processes of many machines, each run held by one of them at a time."""
