"""The networks for the larger corpora, and training in batches of similar length."""

import keras
import numpy as np
import pytest

from workshop_utils.models.by_length import fit_by_length, grouped_batches, predict_by_length
from workshop_utils.models.encoding import pad
from workshop_utils.models.wide import BUCKETS, joined_cnn, ngram_rarity, wide_word_cnn

ROWS = [[], [2], [2, 3], [4, 5, 6, 2], [3] * 40, list(range(2, 20)), [7, 7, 7], [5, 4]]
LABELS = [0, 1, 0, 1, 0, 1, 0, 1]
RARITY = ngram_rarity(ROWS, ngrams=(1, 2), min_texts=1)


@pytest.fixture(scope="module")
def network():
    network = wide_word_cnn(20, 2, RARITY, dimensions=4, filters=3, seed=1)
    rng = np.random.default_rng(0)
    for weights in network.trainable_weights:
        weights.assign(rng.normal(0, 0.1, weights.shape))
    assert keras.backend.backend() == "tensorflow"
    return network


@pytest.fixture(scope="module")
def joined():
    return joined_cnn(20, 3, RARITY, RARITY, dimensions=4, filters=3, seed=1)


@pytest.mark.parametrize("row", ROWS, ids=len)
def test_filling_and_neighbours_do_not_change_an_answer(network, row):
    alone = network.predict_on_batch(pad([row], max(1, len(row))))
    filled = network.predict_on_batch(pad([row], len(row) + 30))
    in_company = network.predict_on_batch(pad([*ROWS, row], 50))[-1:]
    np.testing.assert_allclose(filled, alone, atol=1e-6)
    np.testing.assert_allclose(in_company, alone, atol=1e-6)
    assert np.isfinite(alone).all() and alone.sum() == pytest.approx(1, abs=1e-5)


def test_answers_come_in_the_order_of_the_texts(network):
    answers = predict_by_length(network, [ROWS], batch_size=3)
    one_by_one = [network.predict_on_batch(pad([row], max(1, len(row))))[0] for row in ROWS]
    np.testing.assert_allclose(answers, one_by_one, atol=1e-6)


def test_word_pairs_have_a_weight_of_their_own():
    network = wide_word_cnn(20, 2, RARITY, dimensions=4, filters=3)
    tables = [weights for weights in network.trainable_weights if weights.shape == (BUCKETS, 2)]
    assert len(tables) == 2
    before = predict_by_length(network, [[[2, 3], [3, 2]]])
    changed = tables[1].numpy()
    changed[(2 * 7919 + 3) % BUCKETS, 1] = 5
    tables[1].assign(changed)
    after = predict_by_length(network, [[[2, 3], [3, 2]]])
    assert after[0, 1] > before[0, 1] + 0.2
    np.testing.assert_allclose(after[1], before[1], atol=1e-6)


def test_rarity_is_the_inverse_document_frequency_and_forgets_ngrams_of_one_text():
    rarity = ngram_rarity([[2, 3], [2, 3, 3], [2, 4]], ngrams=(1, 2))
    assert rarity[1][2] == pytest.approx(1) and rarity[1][3] == pytest.approx(np.log(4 / 3) + 1)
    assert rarity[1][4] == 0
    assert rarity[2][(2 * 7919 + 3) % BUCKETS] == pytest.approx(np.log(4 / 3) + 1)
    assert np.count_nonzero(rarity[2]) == 1


def test_an_ngram_without_rarity_has_no_say():
    network = wide_word_cnn(20, 2, ngram_rarity([[2, 3], [2, 3]], ngrams=(1,)), dimensions=4, filters=3)
    before = predict_by_length(network, [[[2, 9], [9, 9]]])
    [table] = [weights for weights in network.trainable_weights if weights.shape == (BUCKETS, 2)]
    changed = table.numpy()
    changed[9] = 5, -5
    table.assign(changed)
    np.testing.assert_array_equal(predict_by_length(network, [[[2, 9], [9, 9]]]), before)


def test_both_inputs_are_read_together(joined):
    letters = [[2, 3, 4], [5], [], [6, 7]]
    answers = predict_by_length(joined, [letters, [[2], [3, 4], [], [19]]])
    assert answers.shape == (4, 3) and np.isfinite(answers).all()


def test_the_same_seed_learns_the_same_and_the_task_is_learned():
    def learned(seed):
        network = wide_word_cnn(20, 2, RARITY, dimensions=4, filters=3, seed=seed)
        history = fit_by_length(network, [ROWS * 20], LABELS * 20, epochs=8, learning_rate=0.05, seed=seed)
        return history.history["accuracy"][-1], predict_by_length(network, [ROWS])

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

    def filling(order):
        return sum(pad(order[i : i + 20], max(map(len, order[i : i + 20]))).size for i in range(0, 400, 20))

    grouped = sum(ids.size for _, (ids,) in grouped_batches([rows], 20, seed=0))
    assert grouped < 0.6 * filling(rows)


def test_a_random_stretch_is_part_of_its_text():
    row = list(range(2, 102))
    for seed in range(20):
        [(_, [[ids]])] = list(grouped_batches([[row]], 1, seed=seed, crop=0.3))
        assert 30 <= len(ids) <= 100
        assert ids.tolist() == list(range(ids[0], ids[0] + len(ids)))
    [(_, [[whole]])] = list(grouped_batches([[row]], 1, crop=0.3))
    assert len(whole) == 100
