"""Obligations: what is done to each column before it crosses, and the proof that it was.

Invariants:
1. Each obligation is one small file behind `base.Obligation`; what it guarantees at the destination is
   said once, in `arrival`, and checked there and here.
2. `apply` works on one partition at a time; the proof does too, and merges.
3. Absent is not `keep`: a column without a treatment does not cross.

Example (terms say `age: {generalise: {bands: [0, 18]}}`, and name nothing else)::

    crossed = apply(terms, contract, table, pseudonym_key=key)
    proof = compile_proof(terms, contract, key=secrets.token_bytes(32))
    assert proof.verdict(merge_proofs([proof.partial(table, crossed)])).success
"""

from __future__ import annotations

from data_contracts.obligations.applying import apply
from data_contracts.obligations.base import (
    CodeTable,
    Context,
    Evidence,
    Keeps,
    Obligation,
    ObligationBrokenError,
)
from data_contracts.obligations.known import OBLIGATIONS, unknown_obligation
from data_contracts.obligations.outputfile import verify_file
from data_contracts.obligations.proof import OutputProof, ProofPartial, compile_proof, merge_proofs

__all__ = [
    "OBLIGATIONS",
    "CodeTable",
    "Context",
    "Evidence",
    "Keeps",
    "Obligation",
    "ObligationBrokenError",
    "OutputProof",
    "ProofPartial",
    "apply",
    "compile_proof",
    "merge_proofs",
    "unknown_obligation",
    "verify_file",
]
