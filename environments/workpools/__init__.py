"""Binding to Prefect's work pools: the sealed worker and the processes that it runs.

Import from the submodules: `host.run_host`, `catalogue.Runnable`, `catalogue.Catalogue`.
"""
