"""Explanations from inside the model, and tests that an explanation has to pass; developed in lesson 08.

PyTorch and captum are imported when they are needed, not before.
"""

import copy
import re
from bisect import bisect_right
from collections.abc import Callable, Sequence

import numpy as np

from workshop_utils.models.bundle.explain import Explanation
from workshop_utils.models.divergence import refuse_not_finite
from workshop_utils.models.tokenization import well_formed
from workshop_utils.models.transformer.classifier import Classifier
from workshop_utils.models.transformer.trainer import own_forward


def integrated_gradients(classifier: Classifier, text: str, steps: int = 32) -> Explanation:
    """Each word's share of the winning probability: gradients along the way from an empty text to this one.

    The empty text has ``[MASK]`` in place of every token, so it is as long and says nothing. Tokens are added
    up to words (runs without white space); words that the model does not read, because the text is too long,
    weigh exactly 0. The weights add up to the difference of :func:`empty_probability`, but for the error of
    ``steps`` points (:func:`completeness_gap`). It is computed where the model is.

    Source: Sundararajan, Taly and Yan, *Axiomatic attribution for deep networks*, ICML 2017, section 3.

    Args:
        classifier: the model to explain.
        text: lone surrogates in it are read, and shown, as question marks.
        steps: points on the way.
    """
    import torch
    from captum.attr import LayerIntegratedGradients

    text = well_formed(text)
    ids, starts, _ = classifier.text_encoder().tokens(text)
    model = classifier.model.eval()
    best, probability = _answer(classifier, ids)
    words = list(re.finditer(r"\S+", text))
    weights = np.zeros(len(words))
    if starts and words:
        own = own_forward(model)

        def forward(rows: "torch.Tensor") -> "torch.Tensor":
            return torch.softmax(own(input_ids=rows).logits.float(), dim=-1)

        explainer = LayerIntegratedGradients(forward, model.distilbert.embeddings)
        rows, empty = (torch.tensor([each], device=model.device) for each in (ids, _emptied(classifier, ids)))
        parts = explainer.attribute(rows, empty, target=best, n_steps=steps, internal_batch_size=_AT_ONCE)
        beginnings = [word.start() for word in words]
        for start, weight in zip(starts, parts[0, 1:-1].sum(dim=-1).tolist(), strict=True):
            weights[max(0, bisect_right(beginnings, start) - 1)] += weight
    pairs = [(word.group(), float(weight)) for word, weight in zip(words, weights, strict=True)]
    return Explanation(classifier.labels[best], probability, pairs, 0)


def empty_probability(classifier: Classifier, text: str, label: str) -> float:
    """The label's probability where every token of the text is ``[MASK]``: the start of the way."""
    ids = classifier.text_encoder().tokens(text).ids
    return _probabilities(classifier, _emptied(classifier, ids))[classifier.labels.index(label)]


def completeness_gap(classifier: Classifier, text: str, explanation: Explanation) -> float:
    """How far the weights are from adding up to what the text adds to an empty one.

    Small if the steps were enough.
    """
    added = explanation.probability - empty_probability(classifier, text, explanation.label)
    return abs(sum(weight for _, weight in explanation.words) - added)


def deletion_curve(
    predict_proba: Callable[[Sequence[str]], np.ndarray],
    labels: Sequence[str],
    text: str,
    explanation: Explanation,
    shares: Sequence[float] = (0, 0.1, 0.2, 0.3, 0.4, 0.5),
) -> np.ndarray:
    """The explained label's probability after the heaviest ``shares`` of the words are gone, shape (shares,).

    If the explanation is right about the model, the curve falls faster than with words deleted at random.
    Source: Samek and others, *Evaluating the visualization of what a deep neural network has learned*, IEEE
    TNNLS 28, 2017, section III, there on regions of an image.

    Args:
        predict_proba: from n texts to probabilities of shape (n, classes).
        labels: names of the classes.
        text: the text that was explained.
        explanation: of this text, its words in the order of the text.
        shares: how many of the words are deleted, between 0 and 1.
    """
    words = list(re.finditer(r"\S+", text))
    order = np.argsort([-weight for _, weight in explanation.words], kind="stable")
    shortened = []
    for share in shares:
        gone = set(order[: round(share * len(order))].tolist())
        shortened.append(" ".join(word.group() for place, word in enumerate(words) if place not in gone))
    return np.asarray(predict_proba(shortened))[:, list(labels).index(explanation.label)]


def randomised(classifier: Classifier, layers: int | None = None, seed: int = 0) -> Classifier:
    """A copy that has forgotten its classification layers and the uppermost layers of its encoder.

    An explanation that stays the same does not explain the model. Source: Adebayo and others, *Sanity checks
    for saliency maps*, NeurIPS 2018, section 3.

    Args:
        classifier: is left as it is.
        layers: how many of the encoder's layers forget; by default all of them, but not the embeddings.
        seed: the same one gives the same weights on every device.
    """
    import torch

    model = copy.deepcopy(classifier.model).eval()
    blocks = list(model.distilbert.transformer.layer)
    forgotten = blocks[len(blocks) - layers :] if layers is not None else blocks
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for part in (*forgotten, model.pre_classifier, model.classifier):
            for module in part.modules():
                if isinstance(module, torch.nn.Linear):
                    fresh = torch.empty(module.weight.shape, device="cpu")
                    module.weight.copy_(fresh.normal_(0, model.config.initializer_range, generator=rng))
                    module.bias.zero_()
                elif isinstance(module, torch.nn.LayerNorm):
                    module.weight.fill_(1)
                    module.bias.zero_()
    return classifier._replace(model=model)


#: Points of the way that are computed side by side: few enough for a laptop's memory.
_AT_ONCE = 16


def _emptied(classifier: Classifier, ids: list[int]) -> list[int]:
    return [ids[0], *[classifier.tokenizer.mask_token_id] * (len(ids) - 2), ids[-1]]


def _probabilities(classifier: Classifier, ids: list[int]) -> list[float]:
    import torch

    model = classifier.model.eval()
    with torch.inference_mode():
        logits = own_forward(model)(input_ids=torch.tensor([ids], device=model.device)).logits
    probabilities = torch.softmax(logits.float(), dim=-1)[0].cpu().numpy()
    refuse_not_finite([probabilities], "used")
    return probabilities.tolist()


def _answer(classifier: Classifier, ids: list[int]) -> tuple[int, float]:
    probabilities = _probabilities(classifier, ids)
    best = int(np.argmax(probabilities))
    return best, probabilities[best]
