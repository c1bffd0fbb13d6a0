"""A DistilBERT of a few weights, so that tests of reading and training take seconds."""

from pathlib import Path

LABELS = ["negative", "positive"]


def tiny_encoder(folder: Path) -> str:
    """A folder with a randomly initialised DistilBERT of width 16 and the packaged tokenizer."""
    import torch
    from transformers import DistilBertConfig, DistilBertForSequenceClassification

    from workshop_utils.models.transformer.pretrained import fast_tokenizer, packaged_encoder

    torch.manual_seed(0)
    size = {"dim": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 32}
    config = DistilBertConfig(vocab_size=30522, initializer_range=0.3, **size)
    DistilBertForSequenceClassification(config).save_pretrained(folder)
    fast_tokenizer(packaged_encoder() / "tokenizer.json", 512).save_pretrained(folder)
    return str(folder)
