"""Registering what is installed with the Prefect server: at the end of `isthmus up`, and `isthmus deploy`."""

from __future__ import annotations

from flows.deployment.registering import Registered, Report, register

__all__ = ["Registered", "Report", "register"]
