"""Adapters to real model SDKs, one package per provider; what they share is in ``wire``.

Each needs the extra that brings its SDK (``flujo.agents.openai``: ``pip install 'flujo-pipelines[openai]'``);
nothing else in ``flujo`` imports them. Each calls ``outgoing.about_to_send`` before a request, where tests keep live
calls back.
"""
