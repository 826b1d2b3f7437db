"""A bank's clients stay at home in every form but one: rows of which ten at least are alike.

In the order of the code: (a) the raw rows for the cloud are denied, since their contract has no terms; (b) at
home the rows with codes that nobody explains are set aside; (c) what remains is made k-anonymous, k = 10, and
(d) a model is trained on that, at home; (e) the model crosses to the cloud with the labels of what it saw;
(f) new clients are made anonymous at the same levels, which is how the model knows them; (g) those rows cross
under terms that ask for k = 10, counted anew on what crosses, and (h) the cloud scores them.
"""

from __future__ import annotations

from flows.runtime import AssetRef, latest, pipeline, sync, when
from tasks.inference.credit import score
from tasks.quality.anonymise import anonymise_into, anonymise_like
from tasks.quality.quarantine import quarantine
from tasks.training.credit import train_default

__all__ = ["anonymise", "anonymise_new", "bank"]

anonymise = anonymise_into("bank.anonymous-clients", asset="anonymous_clients")
anonymise_new = anonymise_like(
    "bank.anonymous-new-clients", name="anonymise_new", asset="anonymous_new_clients"
)


@pipeline(
    home="onprem",
    description=(
        "Make a k-anonymous version of a bank's clients at home, train a model on it there, and let the "
        "cloud score rows that are ten alike."
    ),
)
def bank(
    clients: AssetRef = latest("credit_clients", environment="onprem", contract="bank.credit-clients"),
    newest: AssetRef = latest("new_clients", environment="onprem", contract="bank.new-clients"),
) -> None:
    """Run the story of this module's docstring."""
    raw = sync(clients, to="cloud", purpose="batch-inference")  # (a)
    when(raw, denied=lambda: None)
    known = quarantine.on("onprem")(clients).accepted  # (b)
    anonymous = anonymise.on("onprem")(known).anonymous  # (c)
    model = train_default.on("onprem")(anonymous).model  # (d)
    at_cloud = sync(model, to="cloud", purpose="batch-inference").require()  # (e)
    fresh = quarantine.on("onprem")(newest).accepted
    alike = anonymise_new.on("onprem")(fresh, anonymous).anonymous  # (f)
    to_score = sync(alike, to="cloud", purpose="batch-inference").require()  # (g)
    score.on("cloud")(at_cloud, to_score)  # (h)
