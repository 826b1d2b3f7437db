"""Measures of expectations: how each kind of them looks at data.

Invariants:
1. Each gives GX's own answer (its Pandas engine is the oracle of the tests), for every partitioning.
2. Sums are exact and rounded once. GX's depend on the order of rows; ours must not.
3. Nothing here imports GX or pandas.
"""
