"""The network for the larger corpora, and training in batches of similar length."""

import keras
import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import make_union

from benchmarks.length_batches import fit_by_length, grouped_batches, predict_by_length
from benchmarks.wide_cnn import nb_log_ratio, ngram_ids, wide_cnn
from workshop_utils.models.tokenization import pad

ROWS = [[], [2], [2, 3], [4, 5, 6, 2], [3] * 40, list(range(2, 20)), [7, 7, 7], [5, 4]]
BAGS = [np.unique(row).astype(np.int32) for row in ROWS]
LABELS = [0, 1, 0, 1, 0, 1, 0, 1]


@pytest.fixture(scope="module")
def network():
    network = wide_cnn(20, nb_log_ratio(BAGS, LABELS, 20), dimensions=4, filters=3, seed=1)
    rng = np.random.default_rng(0)
    for weights in network.trainable_weights:
        weights.assign(rng.normal(0, 0.1, weights.shape))
    assert keras.backend.backend() == "tensorflow"
    return network


def answers(network, rows, bag, length):
    return network.predict_on_batch([pad(rows, length), pad(bag, length)])


@pytest.mark.parametrize("number", range(len(ROWS)), ids=lambda number: str(len(ROWS[number])))
def test_filling_and_neighbours_do_not_change_an_answer(network, number):
    row, bag = ROWS[number], BAGS[number]
    alone = answers(network, [row], [bag], max(1, len(row)))
    filled = answers(network, [row], [bag], len(row) + 30)
    in_company = answers(network, [*ROWS, row], [*BAGS, bag], 50)[-1:]
    np.testing.assert_allclose(filled, alone, atol=1e-6)
    np.testing.assert_allclose(in_company, alone, atol=1e-6)
    assert np.isfinite(alone).all() and alone.sum() == pytest.approx(1, abs=1e-5)


def test_answers_come_in_the_order_of_the_texts(network):
    together = predict_by_length(network, [ROWS, BAGS], batch_size=3)
    alone = [answers(network, [row], [bag], max(1, len(row)))[0] for row, bag in zip(ROWS, BAGS, strict=True)]
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_a_bag_holds_each_known_ngram_once_and_counts_from_one():
    counter = make_union(
        CountVectorizer(analyzer="char", ngram_range=(1, 2), lowercase=False),
        CountVectorizer(token_pattern=r"\w+"),
    ).fit(["ää ü", "😴"])
    names = ["", *(name.split("__")[1] for name in counter.get_feature_names_out())]
    found = ngram_ids(counter, ["ää ü ää", "", "Ω"])
    assert sorted(names[number] for number in found[0]) == sorted(
        [" ", " ü", "ä", "ä ", "ää", "ää", "ü", "ü"]
    )
    assert [len(bag) for bag in found[1:]] == [0, 0] and found[0].dtype == np.int32


def test_evidence_is_the_log_ratio_of_naive_bayes():
    known = nb_log_ratio([np.array([1, 2]), np.array([1, 2]), np.array([1, 3])], [0, 0, 1], size=3)
    counts = np.array([[0, 0], [2, 1], [2, 0], [0, 1]])
    shares = (counts + 1) / (counts + 1).sum(axis=0)
    np.testing.assert_allclose(known[1:], np.log(shares / shares[:, ::-1])[1:], rtol=1e-6)
    assert (known[0] == 0).all() and known[2, 0] > 0 > known[2, 1]


def test_an_ngram_speaks_with_its_weight_times_its_evidence():
    known = np.zeros((4, 2), dtype=np.float32)
    known[1] = 1, -1
    network = wide_cnn(20, known, dimensions=4, filters=3)
    before = answers(network, [[2]], [[1, 3]], 2)
    [table] = [weights for weights in network.trainable_weights if weights.shape == (4, 2)]
    for number, moves in ((3, False), (1, True)):
        changed = np.zeros((4, 2))
        changed[number] = 1, 1
        table.assign(changed)
        after = answers(network, [[2]], [[1, 3]], 2)
        assert (after[0, 0] > before[0, 0] + 0.2) == moves


def test_three_classes_are_answered(network):
    three = wide_cnn(20, np.ones((5, 3), dtype=np.float32), dimensions=4, filters=3)
    told = predict_by_length(three, [[[2], [3, 4], [], [19]], [[1], [], [], [4, 2]]])
    assert told.shape == (4, 3) and np.isfinite(told).all()


def test_the_same_seed_learns_the_same_and_the_task_is_learned():
    def learned(seed):
        network = wide_cnn(20, nb_log_ratio(BAGS, LABELS, 20), dimensions=4, filters=3, seed=seed)
        inputs = [ROWS * 20, BAGS * 20]
        history = fit_by_length(network, inputs, LABELS * 20, epochs=8, learning_rate=0.05, seed=seed)
        return history.history["accuracy"][-1], predict_by_length(network, [ROWS, BAGS])

    first, again, other = learned(0), learned(0), learned(1)
    np.testing.assert_allclose(first[1], again[1], atol=1e-4)  # threads add in any order
    assert np.abs(first[1] - other[1]).max() > 1e-3
    assert first[0] > 0.8


def test_each_text_is_in_one_batch_and_batches_are_as_wide_as_their_longest():
    seen = []
    for chosen, (ids,) in grouped_batches([ROWS], 3, seed=4):
        seen.extend(chosen)
        assert ids.dtype == np.int32
        assert ids.shape == (len(chosen), max(1, max(len(ROWS[i]) for i in chosen)))
    assert sorted(seen) == list(range(len(ROWS)))


def test_batches_of_similar_length_hold_less_filling_than_batches_of_chance():
    rng = np.random.default_rng(0)
    rows = [[2] * int(size) for size in rng.lognormal(4, 1, 400)]

    def padding(order):
        return sum(pad(order[i : i + 20], max(map(len, order[i : i + 20]))).size for i in range(0, 400, 20))

    grouped = sum(ids.size for _, (ids,) in grouped_batches([rows], 20, seed=0))
    assert grouped < 0.6 * padding(rows)
