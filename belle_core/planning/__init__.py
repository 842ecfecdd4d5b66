"""What a run will take, computed before it runs: tokens, steps, memory, time, bytes. Nothing here imports torch."""

from belle_core.planning.plan import Plan, make_plan

__all__ = ["Plan", "make_plan"]
