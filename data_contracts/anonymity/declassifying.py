"""Lower labels, because a declared transform was done and its output verified. There is no other way.

Invariants:
1. Without a declaration that names the source's contract, and a verdict on the output's own bytes in which
   every rule succeeded, nothing is lowered.
2. An anonymous version is one step less sensitive than what it was made from, and never less than internal:
   k-anonymity is no public release.
3. Categories stay, but `direct-identifier`: the declaration allows no column of that kind.
4. What the store's record holds beyond its contract's own labels (something inherited) sticks as it is.

Example:
    >>> from data_contracts.labels import Classification, Labels
    >>> one_step(Labels(Classification.RESTRICTED, frozenset({"financial"}))).classification.word
    'confidential'
"""

from __future__ import annotations

from dataclasses import dataclass

from data_contracts.anonymity.declaration import declaration_of
from data_contracts.errors import DefectError, DeniedError, UsageError
from data_contracts.labels import Classification, Labels, join
from data_contracts.model import Contract
from data_contracts.verdict import RuleResult

__all__ = ["Declassified", "declassify", "one_step", "would_leave"]

TRANSFORM = "k-anonymity"
_GONE = "direct-identifier"


@dataclass(frozen=True)
class Declassified:
    """What sticks of one input after a verified transform.

    Attributes:
        source: the input's contract.
        declared_by: the contract that declares the transform.
        transform: its name.
        before: the input's labels, as its store recorded them.
        after: what sticks to the output.
        rules: ids of the rules that the output was verified by.
    """

    source: str
    declared_by: str
    transform: str
    before: Labels
    after: Labels
    rules: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """Return it for the lineage of the output."""
        return {
            "source": self.source,
            "declared_by": self.declared_by,
            "transform": self.transform,
            "before": self.before.to_json(),
            "after": self.after.to_json(),
            "rules": list(self.rules),
        }


def one_step(labels: Labels) -> Labels:
    """Return labels one step lower, and never below internal unless they were."""
    lowered = max(Classification.INTERNAL, labels.classification - 1)
    return Labels(Classification(min(labels.classification, lowered)), labels.categories - {_GONE})


def declassify(
    recorded: Labels, source: Contract, output: Contract, results: tuple[RuleResult, ...]
) -> Declassified:
    """Return the labels that the output takes from this input.

    Args:
        recorded: the input's labels, of the store's own record.
        source: the contract that the input was committed under.
        output: the contract of the anonymous version, with its declaration.
        results: of `AnonymityCheck.verdict` over all of the output.

    Raises:
        DeniedError: the declaration does not name the source's contract.
        DefectError: the output was not verified, or did not pass.
    """
    declared = declaration_of(output)
    if source.id not in declared.made_from:
        raise DeniedError(
            f"{output.reference} may not be made from data of {source.reference}",
            remedy="name the contract under `madeFrom`, if its owner agrees",
        )
    asked = {
        "anonymity.k",
        "anonymity.suppressed",
        *(f"{name}.diversity" for name in declared.requirement.sensitive),
    }
    if {result.id for result in results} != asked or not all(result.success for result in results):
        raise DefectError("labels are lowered only for an output that was verified and passed")
    return Declassified(
        source.reference, output.reference, TRANSFORM, recorded, _left(recorded, source), tuple(sorted(asked))
    )


def would_leave(recorded: Labels, source: Contract, output: Contract) -> Labels:
    """Return what would stick after the declared transform. A plan asks this; nothing is lowered by it.

    Where the output's contract declares none for this source, everything would stick.
    """
    try:
        declared = declaration_of(output)
    except UsageError:
        return recorded
    return _left(recorded, source) if source.id in declared.made_from else recorded


def _left(recorded: Labels, source: Contract) -> Labels:
    own = source.labels
    inherited = Labels(
        recorded.classification if recorded.classification > own.classification else Classification.PUBLIC,
        recorded.categories - own.categories,
    )
    return join(one_step(own), inherited)
