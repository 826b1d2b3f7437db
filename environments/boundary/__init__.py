"""Boundary: the one gate between environments.

Invariants:
1. Nothing crosses but by `egress` in its source, `ingress` in its destination, and `settle` in its source,
   each with the keys, store and ledger of one environment.
2. Both sides decide, from their own contracts and rules; a control plane can at most ask.
3. The same crossing again ends in the same one version, the same manifest and the same receipt.

Example:
    >>> sent = egress(onprem, CrossingRequest("tests", version, "cloud", "model-training", "run-7/1"))
    >>> ingress(cloud, "onprem", sent.crossing).outcome, settle(onprem, "cloud", sent.crossing).outcome
    ('permitted', 'permitted')
"""

from environments.boundary.approving import ASKING, Waiting, approvers_of, record_approval, waiting, waits
from environments.boundary.asking import contract_of
from environments.boundary.context import EnvironmentContext, PartitionMap, open_environment
from environments.boundary.crossing import CrossingRequest, Member, crossing_id
from environments.boundary.egress import egress
from environments.boundary.ingress import ingress
from environments.boundary.rehearsal import rehearse
from environments.boundary.result import (
    CrossingFailedError,
    EgressResult,
    GateRule,
    IngressResult,
    Outcome,
    SettleResult,
)
from environments.boundary.settle import settle

__all__ = [
    "ASKING",
    "CrossingFailedError",
    "CrossingRequest",
    "EgressResult",
    "EnvironmentContext",
    "GateRule",
    "IngressResult",
    "Member",
    "Outcome",
    "PartitionMap",
    "SettleResult",
    "Waiting",
    "approvers_of",
    "contract_of",
    "crossing_id",
    "egress",
    "ingress",
    "open_environment",
    "record_approval",
    "rehearse",
    "settle",
    "waiting",
    "waits",
]
