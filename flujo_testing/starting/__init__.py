"""A new project: a pipeline, its test and golden, and the workflow that runs them; ``flujo init``."""
