"""The standards that a contract is read by: ODCS's own JSON Schema, and ours for what it leaves open.

Invariants:
1. The files here are read as they are; no reference in them is ever fetched from anywhere.
2. A complaint names the place and what is wrong in words of ours. It repeats nothing but keys.
"""
