from flujo.execution.structure import *  # noqa: F403
