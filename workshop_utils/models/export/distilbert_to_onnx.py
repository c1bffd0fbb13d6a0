"""A fine-tuned DistilBERT as ONNX, without what nobody asks for.

Of the last layer only the first token is read, so only that one is computed: the same answers with about a
seventh less of work.
"""

import io
from typing import TYPE_CHECKING

from workshop_utils.quiet import quiet

if TYPE_CHECKING:
    import torch
    from transformers import DistilBertForSequenceClassification


def to_onnx(model: "DistilBertForSequenceClassification") -> bytes:
    """The model with its softmax as ONNX: int64 ids (batch, length) → probabilities (batch, classes).

    There is no mask: every text is scored alone, so no row is ever padded.
    """
    import torch

    class Probabilities(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = model

        def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
            states = self.inner.distilbert.embeddings(input_ids)
            *layers, last = self.inner.distilbert.transformer.layer
            for layer in layers:
                states = _layer_output(layer, states, states)
            first = _layer_output(last, states[:, :1], states)[:, 0]
            logits = self.inner.classifier(torch.relu(self.inner.pre_classifier(first)))
            return torch.softmax(logits, dim=-1)

    longest = model.config.max_position_embeddings
    shapes = {"input_ids": {0: torch.export.Dim("batch"), 1: torch.export.Dim("length", max=longest)}}
    was_training = model.training
    try:
        with quiet(), torch.no_grad():
            program = torch.onnx.export(
                Probabilities().eval(),
                (torch.ones((2, 8), dtype=torch.int64),),
                input_names=["input_ids"],
                output_names=["probabilities"],
                dynamic_shapes=shapes,
                dynamo=True,
                verbose=False,
            )
    finally:
        model.train(was_training)
    content = io.BytesIO()
    program.save(content)
    return content.getvalue()


def _layer_output(
    layer: "torch.nn.Module", queries: "torch.Tensor", states: "torch.Tensor"
) -> "torch.Tensor":
    """Output of a layer for the tokens ``queries``, which attend to all of ``states``."""
    attention = layer.attention

    def heads(rows: "torch.Tensor") -> "torch.Tensor":
        return rows.unflatten(-1, (attention.n_heads, -1)).transpose(1, 2)

    query, key, value = attention.q_lin(queries), attention.k_lin(states), attention.v_lin(states)
    weights = (heads(query) @ heads(key).transpose(-1, -2) * attention.scaling).softmax(-1)
    context = (weights @ heads(value)).transpose(1, 2).flatten(2)
    attended = layer.sa_layer_norm(attention.out_lin(context) + queries)
    return layer.output_layer_norm(layer.ffn(attended) + attended)
