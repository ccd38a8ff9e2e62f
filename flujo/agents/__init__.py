"""Adapters to real model SDKs, one module or package per provider.

Each needs the extra that brings its SDK (``flujo.agents.openai``: ``pip install 'flujo-pipelines[openai]'``);
nothing else in ``flujo`` imports them. Each calls ``outgoing.about_to_send`` before a request, where tests keep live
calls back.
"""
