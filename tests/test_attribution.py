"""Integrated gradients keep their promise, sanity checks tell true from false, and coloured text is safe."""

import html
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from tests.bundles import HOSTILE
from workshop_utils.models.bundle.explain import Explanation, as_html, leave_one_out
from workshop_utils.models.transformer.attribution import (
    completeness_gap,
    deletion_curve,
    empty_probability,
    integrated_gradients,
    randomised,
)
from workshop_utils.models.transformer.classifier import Classifier

LABELS = ["negative", "positive"]


@pytest.fixture(scope="module")
def tiny():
    """A narrow DistilBERT with large random weights, undecided about films, so that its answers differ."""
    import torch
    from transformers import DistilBertConfig, DistilBertForSequenceClassification

    from workshop_utils.models.transformer.pretrained import fast_tokenizer, packaged_encoder

    torch.manual_seed(2)
    config = DistilBertConfig(
        vocab_size=30522, dim=16, n_layers=2, n_heads=2, hidden_dim=32, id2label=dict(enumerate(LABELS))
    )
    model = DistilBertForSequenceClassification(config).eval()
    tokenizer = fast_tokenizer(packaged_encoder() / "tokenizer.json", 512)
    with torch.no_grad():
        for weights in model.parameters():
            if weights.ndim == 2:
                weights.mul_(4)
        model.classifier.weight.mul_(60)
        film = torch.tensor([tokenizer("a film about a film, and about films").input_ids])
        model.classifier.bias.sub_(model(input_ids=film).logits[0])
    return Classifier(model, tokenizer, max_length=32)


def counting(texts):
    """Positive by the share of the word "good": a model whose explanation is known."""
    shares = np.array([text.split().count("good") / max(1, len(text.split())) for text in texts])
    return np.column_stack([1 - shares, shares])


def test_the_words_add_up_to_what_the_text_adds_to_an_empty_one(tiny):
    text = "Ein schöner, unbelievably slow film 😴 — I'd watch it again!"
    rough, fine = (integrated_gradients(tiny, text, steps) for steps in (4, 64))
    assert completeness_gap(tiny, text, fine) < 0.01
    assert completeness_gap(tiny, text, fine) <= completeness_gap(tiny, text, rough) + 1e-4
    added = fine.probability - empty_probability(tiny, text, fine.label)
    assert abs(added) > 0.02, "or else this test could not fail"


def test_the_explained_answer_is_the_classifiers(tiny):
    text = "Ein schöner, slow film"
    explanation = integrated_gradients(tiny, text, steps=2)
    probabilities = tiny.predict_proba([text])[0]
    assert explanation.label == LABELS[probabilities.argmax()]
    assert explanation.probability == pytest.approx(probabilities.max(), abs=1e-5)


@pytest.mark.parametrize("text", [*HOSTILE, "naïve " * 300, "x" * 5000])
def test_hostile_texts_are_explained_word_by_word(tiny, text):
    explanation = integrated_gradients(tiny, text, steps=2)
    assert [word for word, _ in explanation.words] == text.encode("utf-8", "replace").decode().split()
    assert np.isfinite([weight for _, weight in explanation.words]).all() and explanation.left_out == 0


def test_a_surrogate_in_the_middle_moves_no_weight_to_another_word(tiny):
    broken, asked = (integrated_gradients(tiny, f"a {sign} good film", steps=2) for sign in ("\ud800", "?"))
    assert broken == asked and [word for word, _ in broken.words] == ["a", "?", "good", "film"]


@pytest.mark.parametrize("token", ["[MASK]", "[SEP]", "[PAD]"])
def test_a_special_token_that_somebody_types_is_weighed_like_any_word(tiny, token):
    words = dict(integrated_gradients(tiny, f"put {token} here", steps=2).words)
    assert words[token] != 0, "as a control token it would be the same in the empty text"


def test_words_that_are_not_read_weigh_nothing(tiny):
    words = [f"w{number}" for number in range(60)]
    weights = np.array([weight for _, weight in integrated_gradients(tiny, " ".join(words), steps=2).words])
    read = np.flatnonzero(weights)
    assert read[0] == 0 and read[-1] == 59, "head and tail are read"
    assert (weights[20:40] == 0).all()


def test_the_model_is_left_as_it_was(tiny):
    before = {name: weights.clone() for name, weights in tiny.model.state_dict().items()}
    integrated_gradients(tiny, "a film", steps=2)
    randomised(tiny)
    assert all((before[name] == weights).all() for name, weights in tiny.model.state_dict().items())
    assert all(weights.grad is None for weights in tiny.model.parameters())


def test_randomised_forgets_from_the_top_and_is_seeded(tiny):
    one = randomised(tiny, layers=1, seed=3).model.state_dict()
    again = randomised(tiny, layers=1, seed=3).model.state_dict()
    other = randomised(tiny, layers=1, seed=4).model.state_dict()
    changed = {name for name, weights in tiny.model.state_dict().items() if not (weights == one[name]).all()}
    assert "classifier.weight" in changed and "pre_classifier.weight" in changed
    assert all(
        name.startswith(("classifier", "pre_classifier", "distilbert.transformer.layer.1."))
        for name in changed
    )
    assert all((one[name] == again[name]).all() for name in one)
    assert not (one["classifier.weight"] == other["classifier.weight"]).all()
    none = randomised(tiny, layers=0).model.state_dict()
    assert (
        none["distilbert.transformer.layer.1.ffn.lin1.weight"]
        == tiny.model.state_dict()["distilbert.transformer.layer.1.ffn.lin1.weight"]
    ).all()


def test_a_true_explanation_falls_fast_and_a_false_one_does_not():
    text = "good plot good music good cast but a long walk home in rain and wind and snow"
    explanation = Explanation("positive", 0.2, [(w, 1.0 if w == "good" else 0.0) for w in text.split()], 0)
    upside_down = explanation._replace(words=[(word, -weight) for word, weight in explanation.words])
    shares = (0, 0.2, 0.5)
    true = deletion_curve(counting, LABELS, text, explanation, shares)
    false = deletion_curve(counting, LABELS, text, upside_down, shares)
    assert true[0] == false[0] == pytest.approx(3 / 17)
    assert true[1:].max() == 0 and false[1:].min() > true[0]


@pytest.mark.parametrize("text", HOSTILE)
def test_deletion_survives_hostile_texts(text):
    explanation = leave_one_out(counting, LABELS, text)
    assert np.isfinite(deletion_curve(counting, LABELS, text, explanation, (0, 0.5, 1))).all()


def explained(*words, left_out=0):
    return Explanation("positive", 0.8, list(words), left_out)


class Words(HTMLParser):
    """The text that a reader sees, and the tags around it."""

    def __init__(self, page):
        super().__init__()
        self.text, self.tags = "", []
        self.feed(page)

    def handle_data(self, data):
        self.text += data

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)


def test_a_text_cannot_break_out_of_its_page():
    nasty = ['<script>alert("x")</script>', "'><img", "&amp;", "\ud800", "हिन्दी", "😴👩‍💻", 'a"b']
    page = as_html(explained(*[(word, 0.1) for word in nasty]))
    assert set(Words(page).tags) <= {"div", "strong", "span", "sup", "em"}
    page.encode("utf-8")
    for word in ("हिन्दी", "😴👩‍💻", html.escape(nasty[0])):
        assert word in page


def test_the_sides_differ_without_colour():
    page = as_html(explained(("fine", 0.4), ("but", -0.4), ("the", 0.01)))
    assert "fine+" in Words(page).text and "but−" in Words(page).text
    assert "solid" in page.split("but")[0] and "dashed" in page.split("fine")[1]
    assert page.split("the</span>")[0].rsplit("<span", 1)[1].count("border") == 0


def test_black_text_keeps_its_contrast_on_the_strongest_colours():
    page = as_html(explained(("fine", 0.4), ("but", -0.4)))
    for *rgb, alpha in re.findall(r"rgba\((\d+), (\d+), (\d+), ([\d.]+)\)", page):
        on_white = 255 * (1 - float(alpha)) + np.array(rgb, dtype=float) * float(alpha)
        linear = np.where(
            on_white / 255 <= 0.03928, on_white / 3294.6, ((on_white / 255 + 0.055) / 1.055) ** 2.4
        )
        assert (linear @ [0.2126, 0.7152, 0.0722] + 0.05) / 0.05 > 7


def test_an_empty_text_and_a_long_one_are_shown():
    assert "positive" in as_html(explained())
    assert "Only the first 1 of 6 words" in as_html(explained(("a", 0.0), left_out=5))
