from flujo.execution.isolation import *  # noqa: F403
