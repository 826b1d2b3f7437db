"""Data contracts: what an asset promises, and under which terms it may cross a boundary.

This folder is pure: no Prefect, no Dask, no network, no clock of its own.
"""
