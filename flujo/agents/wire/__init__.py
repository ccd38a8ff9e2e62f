"""What adapters share: requests made of a step's input, answers read as JSON, failures turned into ``AgentError``.

No provider is known here, and no SDK is imported.
"""
