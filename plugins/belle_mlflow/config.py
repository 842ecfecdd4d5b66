"""Options of ``tracker=mlflow``."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from belle_core.config import at_least
from belle_core.errors import Invalid


@dataclass
class MlflowConfig:
    """Credentials come from MLflow's own variables (``MLFLOW_TRACKING_TOKEN`` …), never from a configuration."""

    uri: str = ""
    """Server or folder; empty: ``MLFLOW_TRACKING_URI`` if set, else the folder ``mlruns``."""
    experiment: str = "belle"
    """Experiment that the run belongs to."""
    timeout: int = 10
    """Seconds to wait for the server, each of three times; then the run goes on without it."""

    def __post_init__(self) -> None:
        at_least(self, timeout=1)
        if urlsplit(self.uri).password or urlsplit(self.uri).username:
            raise Invalid(
                "uri",
                "must hold no user or password, since it is recorded; set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD",
                "会被记录，不能包含用户名或密码；请设置 MLFLOW_TRACKING_USERNAME 和 MLFLOW_TRACKING_PASSWORD",
            )
