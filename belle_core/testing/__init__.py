"""The conformance kit: a plugin's tests call ``check_plugin`` and learn whether it keeps the rules.

``assert check_plugin("example") == []`` is the whole test; ``check_stage`` runs one stage through the real pipeline.
"""

from belle_core.testing.plugin import check_plugin
from belle_core.testing.stage import check_stage

__all__ = ["check_plugin", "check_stage"]
