"""Crossings as steps: egress, ingress, settle; and pin, which names a version."""

from __future__ import annotations

from tasks.sync.side import Side
from tasks.sync.steps import BUILT_IN, MAX_SET, REQUEST, SIGNED_KIND, Answer, BuiltIn

__all__ = ["BUILT_IN", "MAX_SET", "REQUEST", "SIGNED_KIND", "Answer", "BuiltIn", "Side"]
