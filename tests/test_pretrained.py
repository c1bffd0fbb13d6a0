"""The packaged encoder, a BERT, as a DistilBERT; encoders from folders; no network unless it is asked for."""

import socket

import pytest

from tests.bundles import reviews
from workshop_utils.errors import WorkshopError
from workshop_utils.models.transformer import pretrained
from workshop_utils.models.transformer.pretrained import load_encoder, packaged_encoder


@pytest.fixture(scope="module")
def packaged():
    return load_encoder(labels=["negative", "positive"])


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*arguments):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def tiny(folder, kind="distilbert"):
    from transformers import BertConfig, BertModel, DistilBertConfig, DistilBertForSequenceClassification

    if kind == "bert":
        model = BertModel(
            BertConfig(vocab_size=99, hidden_size=8, num_hidden_layers=1, num_attention_heads=1)
        )
    else:
        config = DistilBertConfig(vocab_size=30522, dim=8, n_layers=1, n_heads=1, hidden_dim=8)
        model = DistilBertForSequenceClassification(config)
    model.save_pretrained(folder)
    return folder


def test_hidden_states_are_those_of_the_original_bert(packaged):
    import torch
    from transformers import BertModel

    model, tokenizer = packaged
    original = BertModel.from_pretrained(packaged_encoder(), local_files_only=True).eval()
    for texts, length in ((reviews()[0][:50], 64), (["", "हिन्दी", "film " * 600], 512)):
        batch = tokenizer(texts, padding=True, truncation=True, max_length=length, return_tensors="pt")
        with torch.no_grad():
            ours = model.distilbert(**batch).last_hidden_state
            theirs = original(**batch).last_hidden_state
        assert ((ours - theirs) * batch["attention_mask"].unsqueeze(-1)).abs().max() < 1e-4


def test_the_packaged_encoder_reads_512_ids_and_pads_only_when_asked(packaged):
    model, tokenizer = packaged
    assert model.config.max_position_embeddings == tokenizer.model_max_length == 512
    assert tokenizer("a film").input_ids == [101, 1037, 2143, 102]
    assert len(tokenizer("film " * 600, truncation=True).input_ids) == 512
    assert model.config.id2label == {0: "negative", 1: "positive"}
    assert not model.training


def test_the_same_seed_gives_the_same_new_layer(packaged):
    model, _ = packaged
    again, _ = load_encoder(labels=["negative", "positive"], seed=0)
    other, _ = load_encoder(labels=["negative", "positive"], seed=1)
    assert (model.classifier.weight == again.classifier.weight).all()
    assert not (model.classifier.weight == other.classifier.weight).all()


def test_the_packaged_encoder_asks_no_network(no_network):
    load_encoder()


def test_a_folder_is_loaded_without_the_network(packaged, tmp_path, no_network, monkeypatch, data_dir):
    packaged[1].save_pretrained(tiny(data_dir / "mine"))
    for name in (str(data_dir / "mine"), "mine"):
        model, tokenizer = load_encoder(name, labels=["a", "b", "c"])
        assert model.config.num_labels == 3 and model.config.dim == 8
        assert tokenizer("a film").input_ids == [101, 1037, 2143, 102]


@pytest.mark.parametrize("missing", ["model.safetensors", "tokenizer.json", "config.json"])
def test_an_incomplete_folder_is_one_sentence(packaged, tmp_path, no_network, missing):
    packaged[1].save_pretrained(tiny(tmp_path))
    (tmp_path / missing).unlink()
    with pytest.raises(WorkshopError, match="cannot be loaded: its folder is not complete") as error:
        load_encoder(str(tmp_path))
    assert "\n" not in str(error.value)


def test_a_bert_is_refused(tmp_path):
    with pytest.raises(WorkshopError, match="is a bert, not a distilbert"):
        load_encoder(str(tiny(tmp_path, "bert")))


def test_a_hub_name_without_network_is_one_sentence(monkeypatch, data_dir, no_network):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(WorkshopError, match="check the name and the network, or use 'packaged'") as error:
        load_encoder("nobody/no-such-encoder")
    assert "\n" not in str(error.value)


def test_damaged_weights_are_refused(monkeypatch):
    monkeypatch.setattr(pretrained, "WEIGHTS_SHA256", "0" * 64)
    with pytest.raises(WorkshopError, match="weights are damaged"):
        load_encoder()
