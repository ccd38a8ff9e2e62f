"""How a pipeline runs: one small file per step kind, and what all of them need. Nothing here is a public name."""
