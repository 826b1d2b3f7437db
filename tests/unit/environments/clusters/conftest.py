"""Dask's settings belong to a process: what a cluster of ours set is not left for later tests."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import dask.config
import pytest


@pytest.fixture(autouse=True, scope="module")
def settings_of_dask() -> Iterator[None]:
    was = copy.deepcopy(dask.config.config)
    yield
    dask.config.config.clear()
    dask.config.config.update(was)
