"""A hospital's tests stay at home, their lawful part trains a model, and the model goes to the clinic.

In the order of the code: (a) the crossing of the raw tests to the cloud is refused, since rows break
the contract; (b) at home these rows are set aside; (c) what remains crosses, names dropped, subjects
pseudonymised, ages as bands, because (d) placement puts the training where it is lawful and
cheapest; (e) the model crosses to the edge under its own contract; (f) there the newest tests are
scored, and only a summary without small cells returns; (g) the raw tests for marketing are denied.
Where the contract has no terms for the cloud, (a) is denied, (c) disappears and (d) happens at home.
"""

from __future__ import annotations

from flows.runtime import AssetRef, latest, pipeline, sync, when
from tasks.inference.batch import batch_infer
from tasks.inference.summary import aggregate
from tasks.quality.quarantine import quarantine
from tasks.training.train import train

__all__ = ["hospital"]


@pipeline(
    home="onprem",
    description=(
        "Train a model of test results where it is lawful, run it at the clinic, and let nothing "
        "cross that a contract does not permit."
    ),
)
def hospital(
    tests: AssetRef = latest("covid_tests", environment="onprem", contract="hospital.covid-tests"),
    newest: AssetRef = latest("clinic_tests", environment="edge", contract="hospital.clinic-tests"),
) -> None:
    """Run the story of this module's docstring."""
    attempt = sync(tests, to="cloud", purpose="model-training")  # (a)
    clean = when(
        attempt,
        permitted=lambda: tests,
        denied=lambda: quarantine.on("onprem")(tests).accepted,  # nothing was checked: the check is at home
        broken=lambda: quarantine.on("onprem")(tests).accepted,  # (b)
    )
    model = train(clean).model  # (c) and (d)
    at_edge = sync(model, to="edge", purpose="batch-inference").require()  # (e)
    fresh = quarantine.on("edge")(newest).accepted  # (f)
    scores = batch_infer.on("edge")(at_edge, fresh)
    summary = aggregate.on("edge")(scores).summary
    sync(summary, to="onprem", purpose="reporting").require()
    advert = sync(tests, to="cloud", purpose="marketing")  # (g)
    when(advert, denied=lambda: None)
