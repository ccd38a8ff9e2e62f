"""Adapters to real model SDKs, one module or package per provider.

Each needs the extra that brings its SDK (``flujo.agents.openai``: ``pip install 'flujo-pipelines[openai]'``);
nothing else in ``flujo`` imports them.
"""
