"""One model, one batch of rows: ONNX Runtime, and nothing that it could be talked into.

Invariants:
1. The model's inputs are exactly the features, in name and type, and its output is `probability`;
   anything else is refused before a row is scored.
2. Every row gets exactly one probability in [0, 1], or the whole batch is refused.
3. One thread per session: Dask decides how many batches run at once.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data_contracts.errors import NotVerifiableError, StepFailedError
from tasks.training.export import OUTPUT
from tasks.training.features import HOSPITAL
from tasks.training.study import Study

if TYPE_CHECKING:
    import polars as pl

__all__ = ["OUTPUT", "run_model"]


def _kinds(study: Study) -> dict[str, str]:
    kinds = dict.fromkeys(study.names, "tensor(double)") | dict.fromkeys(study.indicators, "tensor(int64)")
    return kinds | dict.fromkeys(study.categorical, "tensor(string)")


@lru_cache(maxsize=4)
def _session(model: bytes, study: Study) -> Any:  # noqa: ANN401 - onnxruntime ships no types
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    # ONNX Runtime raises classes of its own that share no base but Exception; its text may quote the model.
    except Exception:  # noqa: BLE001
        raise NotVerifiableError("the model cannot be loaded", remedy="send it again") from None
    if {value.name: value.type for value in session.get_inputs()} != _kinds(study):
        raise NotVerifiableError("the model's inputs are not the features that this step prepares")
    if [value.name for value in session.get_outputs()] != [OUTPUT]:
        raise NotVerifiableError(f"the model's only output must be {OUTPUT}")
    return session


def run_model(model: bytes, features: pl.DataFrame, study: Study = HOSPITAL) -> NDArray[np.float64]:
    """Score prepared features.

    Args:
        model: the bytes of the ONNX file.
        features: as `study.features` returns them.
        study: whose model it is.

    Raises:
        NotVerifiableError: the model does not load, or is not of this shape.
        StepFailedError: it fails on these rows, or answers with anything but a probability for each.
    """
    session = _session(model, study)
    feeds = {name: features[name].to_numpy() for name in study.names}
    feeds |= {name: np.array(features[name].to_list(), dtype=object) for name in study.categorical}
    try:
        (answer,) = session.run([OUTPUT], feeds)
    # As above; and its text may quote the rows.
    except Exception:  # noqa: BLE001
        raise StepFailedError("the model failed on a batch of rows") from None
    found = np.asarray(answer, dtype=np.float64)
    # Written so that a NaN fails it.
    if found.shape != (features.height,) or not bool(np.all((found >= 0.0) & (found <= 1.0))):
        raise StepFailedError("the model answered with something that is no probability for each row")
    return found
