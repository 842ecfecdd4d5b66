"""Cleaning on Ray: the same steps on a cluster."""

from belle_core import Part, hookimpl


@hookimpl
def belle_parts() -> list[Part]:
    return [Part(kind="runner", name="ray", run="belle_ray.runner:answers", extra="ray")]
