"""The laws a second time: a small model of them in plain Python, and random pipelines that both must agree on."""
