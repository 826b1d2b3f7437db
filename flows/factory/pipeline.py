"""A factory's readings: a model of failures comes from the cloud, and alarms return from the hall.

In the order of the code: (a) the history crosses to the cloud without part numbers and modes of failure, and
(b) a model is trained there; (c) the model and the bands that it saw cross to the hall as one set, under the
contracts that both carry: the hall has both or neither, of one training; (d) the newest parts are scored
beside the machine; (e) the alarms go home when the hall's link is there: nobody waits for it.
"""

from __future__ import annotations

from flows.runtime import AssetRef, latest, pipeline, queue, sync
from tasks.inference.alarms import raise_alarms
from tasks.training.machine import train_failure

__all__ = ["factory"]


@pipeline(
    home="onprem",
    description=(
        "Train a model of machine failures in the cloud, take it to the hall with what it saw as one set, "
        "score the newest parts there, and send the alarms home."
    ),
)
def factory(
    history: AssetRef = latest("machine_history", environment="onprem", contract="factory.machine-history"),
    shift: AssetRef = latest("shift_readings", environment="edge", contract="factory.shift-readings"),
) -> None:
    """Run the story of this module's docstring."""
    lawful = sync(history, to="cloud", purpose="model-training").require()  # (a)
    trained = train_failure.on("cloud")(lawful)  # (b)
    both = sync([trained.model, trained.reference], to="edge", purpose="batch-inference")  # (c)
    model, reference = both.require()
    found = raise_alarms.on("edge")(model, reference, shift)  # (d)
    queue(found.alarms, to="onprem", purpose="reporting")  # (e)
