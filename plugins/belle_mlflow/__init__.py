"""MLflow as a tracker: a local folder, or a server."""

from belle_core import Part, hookimpl
from belle_mlflow.config import MlflowConfig


@hookimpl
def belle_parts() -> list[Part]:
    return [
        Part(
            kind="tracker", name="mlflow", config=MlflowConfig, run="belle_mlflow.tracker:MlflowTracker", extra="mlflow"
        )
    ]
