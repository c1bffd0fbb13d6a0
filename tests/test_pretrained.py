"""The packaged encoder, a BERT, as a DistilBERT; encoders from folders; no network unless it is asked for."""

import json
import socket

import pytest

from tests.bundles import HOSTILE, reviews
from tests.tiny import tiny_encoder
from workshop_utils.errors import WorkshopError
from workshop_utils.models.transformer import load_classifier, new_classifier, pretrained, save_classifier
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


#: Other names than BERT's.
NAMES = {"[PAD]": "<pad>", "[UNK]": "<unk>", "[CLS]": "<s>", "[SEP]": "</s>", "[MASK]": "<mask>"}
TEXTS = [*HOSTILE, *NAMES, *NAMES.values(), "a good film", "film " * 300]


def changed_encoder(folder, change=lambda tokenizer: None, names=NAMES, **config):
    """An encoder whose special tokens have other names; ``change`` edits what its tokenizer.json holds."""
    path = tiny_encoder(folder)
    text = (folder / "tokenizer.json").read_text(encoding="utf-8")
    for old, new in names.items():
        text = text.replace(json.dumps(old), json.dumps(new))
    content = json.loads(text)
    change(content)
    (folder / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")
    parts = {f"{old[1:-1].lower()}_token": names.get(old, old) for old in NAMES}
    named = {"tokenizer_class": "PreTrainedTokenizerFast", **parts, **config}
    named = {key: value for key, value in named.items() if value is not None}
    (folder / "tokenizer_config.json").write_text(json.dumps(named), encoding="utf-8")
    return path


def without_template(content):
    content["post_processor"] = None


def cutting_and_filling(content):
    content["truncation"] = {
        "direction": "Right", "max_length": 8, "strategy": "LongestFirst", "stride": 0
    }  # fmt: skip
    content["padding"] = {
        **{"strategy": {"Fixed": 8}, "direction": "Left", "pad_to_multiple_of": None},
        **{"pad_id": 0, "pad_type_id": 0, "pad_token": "<pad>"},
    }


@pytest.mark.parametrize("change", [lambda content: None, without_template, cutting_and_filling])
def test_other_names_of_special_tokens_give_the_same_ids_and_answers_once_saved_and_loaded(tmp_path, change):
    named = new_classifier(["a", "b"], changed_encoder(tmp_path / "encoder", change), max_length=32)
    again = load_classifier(save_classifier(tmp_path / "model", named))
    assert named.rows(["a good film"]) == [[101, 1037, 2204, 2143, 102]]
    assert again.rows(TEXTS) == named.rows(TEXTS)
    assert (again.predict_proba(TEXTS) == named.predict_proba(TEXTS)).all()
    assert again.tokenizer.mask_token == "<mask>" and again.tokenizer.mask_token_id == 103


@pytest.mark.parametrize("change", [lambda content: None, without_template, cutting_and_filling])
def test_transformers_reads_a_text_like_the_course(tmp_path, change):
    named = new_classifier(["a", "b"], changed_encoder(tmp_path / "encoder", change), max_length=512)
    plain = [text for text in TEXTS if text not in (*NAMES, *NAMES.values(), "\ud800", "[PAD] [UNK] [CLS]")]
    for text in plain:
        assert named.tokenizer(text).input_ids == named.rows([text])[0], "one cls, one sep, nothing cut"


def test_padding_stands_behind_the_text_whatever_the_tokenizer_says(tmp_path):
    name = changed_encoder(tmp_path / "encoder", padding_side="left", truncation_side="left")
    left = new_classifier(["a", "b"], name, max_length=32)
    alone = [left.predict_proba([text])[0] for text in ("a", "a good film by the sea")]
    together = left.predict_proba(["a", "a good film by the sea"])
    assert abs(together - alone).max() < 1e-6
    assert left.tokenizer.padding_side == "right"


@pytest.mark.parametrize("part", ["pad", "cls", "sep", "mask"])
def test_a_tokenizer_without_a_special_token_is_refused_before_training(tmp_path, part):
    name = changed_encoder(tmp_path / "encoder", **{f"{part}_token": None})
    with pytest.raises(WorkshopError, match=rf"has no {part} token; name it as .{part}_token.") as error:
        new_classifier(["a", "b"], name)
    assert "\n" not in str(error.value)


def test_special_tokens_that_the_vocabulary_does_not_hold_are_refused(tmp_path):
    name = changed_encoder(tmp_path / "encoder", names={}, mask_token="<gap>")
    with pytest.raises(WorkshopError, match="ids up to 30522, but its model only knows 30522"):
        new_classifier(["a", "b"], name)


def test_a_template_that_distilbert_cannot_read_is_refused(tmp_path):
    def only_behind(content):
        content["post_processor"]["single"] = content["post_processor"]["single"][1:]

    with pytest.raises(WorkshopError, match="does not put <s> before a text and </s> behind it"):
        new_classifier(["a", "b"], changed_encoder(tmp_path / "encoder", only_behind))


class Bomb:
    """What unpickling it does is visible."""

    def __reduce__(self):
        return (exec, ("raise SystemExit('unpickled')",))


def test_pickled_weights_are_never_read(packaged, tmp_path, no_network):
    import pickle

    packaged[1].save_pretrained(tiny(tmp_path))
    (tmp_path / "model.safetensors").unlink()
    (tmp_path / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(WorkshopError, match="not complete"):
        load_encoder(str(tmp_path))


def test_weights_are_asked_for_as_safetensors_only(tmp_path, monkeypatch, packaged):
    from transformers import DistilBertForSequenceClassification

    packaged[1].save_pretrained(tiny(tmp_path))
    asked = {}
    load = DistilBertForSequenceClassification.from_pretrained.__func__

    def note(cls, *args, **settings):
        asked.update(settings)
        return load(cls, *args, **settings)

    monkeypatch.setattr(DistilBertForSequenceClassification, "from_pretrained", classmethod(note))
    load_encoder(str(tmp_path))
    assert asked["use_safetensors"] is True


@pytest.mark.parametrize("damaged", ["model.safetensors", "tokenizer.json", "config.json"])
def test_a_damaged_folder_is_one_sentence(packaged, tmp_path, no_network, damaged):
    packaged[1].save_pretrained(tiny(tmp_path))
    content = (tmp_path / damaged).read_bytes()
    (tmp_path / damaged).write_bytes(content[: len(content) // 2])
    with pytest.raises(WorkshopError, match=r"is not complete .* or is damaged") as error:
        load_encoder(str(tmp_path))
    assert "\n" not in str(error.value)
