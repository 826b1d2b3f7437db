"""Binding to Dask: the environment's own cluster, and the one verified way to connect to it.

Import from the submodules: `binding.connect`.
"""
