"""The model as one ONNX file that needs nothing beside it.

Each feature is one input of shape [rows], named as its column: text for the categorical ones,
int64 for the indicators, double for the hours. The only output is `probability`, double, [rows].
Text becomes a level's index (`LabelEncoder`, whose default is the pool of rare and unseen levels),
then one-hot; everything is computed in double, so that probabilities agree with the fit's to the
last digits.

Invariants:
1. Self-contained: weights inline, no external data, no custom operator, no function from elsewhere.
2. Deterministic: the same fit gives the same bytes (no time, no path, no host in the file).
3. No row of the training data inside: the levels that are named had at least `RARE` rows each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tasks.training.encoding import POOL, Encoder

if TYPE_CHECKING:
    import onnx

__all__ = ["IR_VERSION", "ML_OPSET", "OPSET", "OUTPUT", "to_onnx"]

OPSET = 18
ML_OPSET = 3
IR_VERSION = 9
OUTPUT = "probability"
Matrix = NDArray[np.float64]


class _Graph:
    """Collects nodes and constants; each method returns the name of what it made."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, name: str, value: NDArray[Any]) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:  # noqa: ANN401 - ONNX's
        from onnx import helper

        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def one_hot(self, column: str, levels: tuple[str, ...]) -> str:
        places = list(range(len(levels) + 1))
        # LabelEncoder needs a key: a column whose every level is rare has its pool alone.
        index = self.node(
            "LabelEncoder",
            [column],
            f"{column}_level",
            domain="ai.onnx.ml",
            keys_strings=list(levels or (POOL,)),
            values_int64s=places[:-1] or places,
            default_int64=places[-1],
        )
        hot = self.node("OneHotEncoder", [index], f"{column}_hot", domain="ai.onnx.ml", cats_int64s=places)
        return self.double(hot)

    def double(self, name: str) -> str:
        import onnx

        return self.node("Cast", [name], f"{name}_double", to=onnx.TensorProto.DOUBLE)

    def column(self, name: str) -> str:
        return self.node("Unsqueeze", [name, "last_axis"], f"{name}_column")

    def elapsed(self, name: str, encoder: Encoder) -> str:
        zero, one = self.constant("zero", np.array(0.0)), self.constant("one", np.array(1.0))
        positive = self.node("Max", [name, zero], "hours")
        logarithm = self.node("Log", [self.node("Add", [positive, one], "hours_and_one")], "log_hours")
        centred = self.node("Sub", [logarithm, self.constant("mean", np.array(encoder.mean))], "centred")
        scaled = self.node(
            "Div", [centred, self.constant("deviation", np.array(encoder.deviation))], "scaled"
        )
        return self.column(scaled)


def to_onnx(encoder: Encoder, coefficients: Matrix, notes: dict[str, str]) -> onnx.ModelProto:
    """Return the model, checked by ONNX's own checker.

    Args:
        encoder: columns to numbers.
        coefficients: one for each of `encoder.names`, the intercept first.
        notes: metadata of the model; references and figures, never data.
    """
    import onnx
    from onnx import TensorProto, helper

    graph, study = _Graph(), encoder.study
    graph.constant("last_axis", np.array([1], dtype=np.int64))
    parts = [graph.one_hot(name, encoder.levels[name]) for name in study.categorical]
    parts += [graph.column(graph.double(name)) for name in study.indicators]
    if study.elapsed:
        parts.append(graph.elapsed(study.elapsed, encoder))
    matrix = graph.node("Concat", parts, "matrix", axis=1)
    product = graph.node("MatMul", [matrix, graph.constant("weights", coefficients[1:, None])], "product")
    score = graph.node("Add", [product, graph.constant("intercept", coefficients[:1])], "score")
    graph.node("Squeeze", [graph.node("Sigmoid", [score], "expected"), "last_axis"], OUTPUT)
    kinds = dict.fromkeys(study.names, TensorProto.DOUBLE)
    kinds |= dict.fromkeys(study.categorical, TensorProto.STRING)
    kinds |= dict.fromkeys(study.indicators, TensorProto.INT64)
    inputs = [helper.make_tensor_value_info(name, kind, ["rows"]) for name, kind in kinds.items()]
    output = helper.make_tensor_value_info(OUTPUT, TensorProto.DOUBLE, ["rows"])
    model = helper.make_model(
        helper.make_graph(graph.nodes, study.name, inputs, [output], graph.constants),
        producer_name="isthmus",
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)],
        ir_version=IR_VERSION,
    )
    helper.set_model_props(model, dict(sorted(notes.items())))
    onnx.checker.check_model(model, full_check=True)
    return model
