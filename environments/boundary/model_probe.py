"""A peer's model is looked at in a child first: ONNX's checker and ONNX Runtime are large parsers.

Invariants:
1. The child runs the same `check_model` as the gate does, with limits, without network, and with the
   version's files and nothing else to read. Only what it survived is looked at in this process.
2. What the child says of the model is not believed: that it ended in good order is all that counts.
"""

from __future__ import annotations

from pathlib import Path

from data_contracts.errors import NotVerifiableError
from data_contracts.model import Contract
from data_contracts.sandbox.limits import GIB, Limits
from data_contracts.sandbox.running import SandboxError, run_limited

__all__ = ["survive_model"]

_WORK = "environments.boundary.model_work:look"
_LIMITS = Limits(memory_bytes=4 * GIB, cpu_seconds=120, wall_seconds=240)


def survive_model(contract: Contract, files: dict[str, Path], limits: Limits = _LIMITS) -> None:
    """Run the gate on the model in a child.

    Raises:
        NotVerifiableError: the child crashed, or met a limit.
    """
    named = {name: str(path.resolve()) for name, path in files.items()}
    try:
        run_limited(
            _WORK, {"contract": contract.document, "files": named}, limits=limits, read=list(files.values())
        )
    except SandboxError as error:
        if error.code != "refused":
            raise NotVerifiableError(
                f"the model cannot be looked at safely ({error.code})",
                remedy="ask the sender for another; it was not loaded",
            ) from None
