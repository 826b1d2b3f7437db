"""Crossings as steps: egress, ingress, settle; queueing one; and pin, which names a version."""

from __future__ import annotations

from tasks.sync.answer import Answer
from tasks.sync.kinds import REQUEST, SIGNED_KIND
from tasks.sync.side import Side
from tasks.sync.steps import BUILT_IN, BuiltIn

__all__ = ["BUILT_IN", "REQUEST", "SIGNED_KIND", "Answer", "BuiltIn", "Side"]
