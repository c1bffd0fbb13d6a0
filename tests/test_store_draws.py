"""Which texts people are asked to label, and that what they say can be made into an unbiased estimate."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from tests.predicted import LABELS, prediction
from workshop_utils.errors import WorkshopError
from workshop_utils.production.store import (
    DrawSizes,
    Feedback,
    LabelRefused,
    Retention,
    ShadowAnswer,
    UnknownPrediction,
    add_label,
    add_predictions,
    draw_texts,
    label_history,
    labelled,
    last_prediction,
    list_draws,
    open_store,
    prune,
    skip_text,
    skipped_texts,
    take_skip_back,
    texts_to_label,
)
from workshop_utils.production.store.sampling import choose, inclusion_probabilities
from workshop_utils.production.store.tables import drawn


def traffic(count, start=0):
    """Texts of all degrees of certainty; on every fifth a challenger disagrees."""
    for i in range(start, start + count):
        sure = 0.5 + (i * 37 % 50) / 100
        shadow = (
            ShadowAnswer("v2", LABELS, "neg" if i % 5 == 0 else "pos", (0.5, 0.5)) if i % 2 == 0 else None
        )
        yield prediction(
            f"text {i}",
            prediction_id=f"id {i}",
            probabilities=(1 - sure, sure),
            shadow=shadow,
            request_id=f"{i}",
        )


def fill(store, count=200, start=0):
    add_predictions(store, traffic(count, start), store_texts=True)


def drawn_rows(store):
    with store.reading() as connection:
        return connection.execute(select(drawn).order_by(drawn.c.draw, drawn.c.position)).all()


# the mathematics


@given(
    st.lists(st.floats(0, 1000, allow_subnormal=False), min_size=1, max_size=60).map(np.array),
    st.integers(0, 70),
)
def test_probabilities_add_up_to_the_size_in_proportion_to_the_weights(weight, size):
    probability = inclusion_probabilities(weight, size)
    drawable = int((weight > 0).sum())
    assert probability.min() >= 0 and probability.max() <= 1 + 1e-12
    assert (probability[weight == 0] == 0).all()
    assert probability.sum() == pytest.approx(min(size, drawable))
    part = (probability > 0) & (probability < 1)
    if part.any():
        share = probability[part] / weight[part]
        assert share == pytest.approx(share[0])
        assert weight[probability >= 1].min(initial=np.inf) >= weight[part].max() * (1 - 1e-9)


@given(st.integers(1, 300), st.integers(0, 40), st.integers(0, 40), st.integers(0, 2**32))
@settings(max_examples=50)
def test_a_draw_has_the_size_that_was_asked_for(count, random, uncertain, seed):
    uncertainty = np.random.default_rng(seed).random(count) / 2
    nobody = np.zeros(count, dtype=bool)
    parts, _ = choose(uncertainty, nobody, DrawSizes(random, 0, 5), seed)
    assert (parts > 0).sum() == min(random, count)
    parts, _ = choose(uncertainty, nobody, DrawSizes(0, uncertain, 5), seed)
    assert (parts > 0).sum() == min(uncertain, count)


def test_each_text_is_drawn_as_often_as_its_probability_says():
    uncertainty = np.linspace(0, 0.5, 30)
    disagreement = np.arange(30) % 7 == 0
    sizes, draws = DrawSizes(4, 3, 2), 4000
    drawn_times = np.zeros(30)
    for seed in range(draws):
        parts, probability = choose(uncertainty, disagreement, sizes, seed)
        drawn_times += parts > 0
    error = np.sqrt(probability * (1 - probability) / draws)
    assert (np.abs(drawn_times / draws - probability) < 4.5 * error).all()
    assert probability[29] > 1.5 * probability[1], "an uncertain text is drawn more often than a certain one"
    assert probability[7] > 1.5 * probability[8], "and one with a disagreement more often than one without"


def test_an_uneven_draw_gives_an_unbiased_accuracy_once_it_is_weighted():
    chance = np.random.default_rng(0)
    uncertainty = chance.random(400) / 2
    wrong = chance.random(400) < uncertainty  # the model errs where it is unsure
    weighted, plain = [], []
    for seed in range(1000):
        parts, probability = choose(uncertainty, wrong, DrawSizes(20, 40, 10), seed)
        picked = parts > 0
        weighted.append((wrong[picked] / probability[picked]).sum() / 400)
        plain.append(wrong[picked].mean())
    error = np.std(weighted) / np.sqrt(len(weighted))
    assert abs(np.mean(weighted) - wrong.mean()) < 4 * error
    assert np.mean(plain) > wrong.mean() + 0.1, "a plain mean would slander the model"


# the store


def test_the_same_seed_draws_the_same_texts_in_both_databases_and_another_seed_others(tmp_path, postgres):
    drawn_texts = []
    urls = [f"sqlite:///{tmp_path / 'a.db'}", postgres.create("draw_a"), f"sqlite:///{tmp_path / 'b.db'}"]
    for url, seed in zip(urls, (7, 7, 8), strict=True):
        store = open_store(url)
        fill(store)
        draw_texts(store, DrawSizes(10, 10, 5), seed)
        drawn_texts.append([(t.text, t.part, t.probability) for t in texts_to_label(store, 100)])
        store.close()
    assert drawn_texts[0] == drawn_texts[1] != drawn_texts[2]


def test_a_draw_says_from_what_it_was_drawn(store):
    fill(store, 100)
    add_predictions(store, [prediction("no text is kept")])
    draw = draw_texts(store, DrawSizes(10, 0, 0), seed=1)
    assert (draw.number, draw.seed, draw.first, draw.last, draw.population) == (1, 1, 1, 100, 100)
    assert (draw.size, draw.labelled) == (10, 0)
    assert {row.probability for row in drawn_rows(store)} == {0.1}
    assert [row.position for row in drawn_rows(store)] == list(range(10))


def test_no_text_is_drawn_twice(store):
    fill(store, 60)
    for _ in range(3):
        draw_texts(store, DrawSizes(10, 10, 10), seed=0)
    first, second, third = list_draws(store)
    assert first.population == 60
    assert second.population == 60 - first.size and third.population == second.population - second.size
    assert len({row.prediction for row in drawn_rows(store)}) == first.size + second.size + third.size


def test_only_new_predictions_or_those_of_one_model_are_drawn_where_it_is_said(store):
    fill(store, 20)
    seen = last_prediction(store)
    add_predictions(
        store, [prediction(f"new {i}", model_version=f"v{i % 2}") for i in range(10)], store_texts=True
    )
    draw = draw_texts(store, DrawSizes(5, 0, 0), seed=0, after=seen)
    assert (draw.first, draw.last, draw.population) == (seen + 1, seen + 10, 10)
    assert all(each.text.startswith("new") for each in texts_to_label(store))
    assert draw_texts(store, DrawSizes(99, 0, 0), seed=0, model_version="v0").size <= 5


def test_disagreements_are_drawn_and_are_known_as_such(store):
    fill(store, 100)
    draw_texts(store, DrawSizes(0, 0, 4), seed=0)
    asked = texts_to_label(store)
    assert len(asked) == 4 and {each.part for each in asked} == {"disagreement"}
    assert {each.probability for each in asked} == {4 / 10}, "every tenth text has a shadow that disagrees"
    assert all(int(each.text.split()[1]) % 10 == 0 for each in asked)


def test_a_label_says_by_which_draw_and_with_which_probability(store):
    fill(store, 50)
    draw = draw_texts(store, DrawSizes(5, 5, 0), seed=3)
    for asked in texts_to_label(store):
        add_label(store, Feedback(asked.prediction_id, "neg", "anna"))
        (given,) = label_history(store, asked.prediction_id)
        assert (given.draw, given.part, given.drawing_probability) == (1, asked.part, asked.probability)
    read = list(labelled(store))
    assert len(read) == draw.size and {each.draw for each in read} == {1}
    assert list_draws(store)[0].labelled == draw.size
    assert texts_to_label(store) == []


def test_undo_brings_a_text_back(store):
    fill(store, 50)
    draw_texts(store, DrawSizes(5, 0, 0), seed=3)
    first, second, *_ = texts_to_label(store)
    add_label(store, Feedback(first.prediction_id, "neg", "anna"))
    assert texts_to_label(store)[0] == second
    add_label(store, Feedback(first.prediction_id, None, "anna"))
    assert texts_to_label(store)[0] == first
    assert list_draws(store)[0].labelled == 0


def test_a_text_that_somebody_labelled_unasked_counts_in_the_draw_but_nobody_is_asked_again(store):
    fill(store, 20)
    add_label(store, Feedback("id 3", "neg", "a customer"))
    before = list(labelled(store))
    draw_texts(store, DrawSizes(99, 0, 0), seed=0)
    assert "id 3" not in {each.prediction_id for each in texts_to_label(store, 99)}
    assert list_draws(store)[0].labelled == 1
    assert before[0].draw is None
    add_label(store, Feedback("id 4", "neg", "anna"))
    assert [(each.draw, each.drawing_probability) for each in labelled(store)] == [(1, 1.0), (1, 1.0)]


def test_what_was_drawn_later_was_not_known_before(store):
    fill(store, 20)
    add_label(store, Feedback("id 3", "neg", "a customer"))
    add_label(store, Feedback("id 4", "neg", "a customer"))
    draw_texts(store, DrawSizes(99, 0, 0), seed=0)
    (then,) = labelled(store, until=1)
    assert then.draw is None and then.drawing_probability is None
    assert [each.draw for each in labelled(store)] == [1, 1]


def test_whoever_stops_in_the_middle_has_labelled_a_random_part(tmp_path):
    store = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    fill(store, 400)
    draw_texts(store, DrawSizes(400, 0, 0), seed=0)
    first_half = [int(each.text.split()[1]) for each in texts_to_label(store, 200)]
    assert abs(np.mean(first_half) - 199.5) < 4 * 400 / np.sqrt(12 * 400)
    assert sorted(first_half) != first_half
    store.close()


def test_without_a_text_to_draw_one_sentence_says_why(store):
    add_predictions(store, [prediction()])
    with pytest.raises(WorkshopError, match="--store-texts, and each is drawn once"):
        draw_texts(store, DrawSizes(), seed=0)
    assert list_draws(store) == []


def test_a_probability_that_is_no_number_counts_as_uncertain(store):
    odd = prediction("odd", probabilities=(float("nan"), float("nan")))
    add_predictions(store, [odd, *traffic(20)], store_texts=True)
    draw_texts(store, DrawSizes(0, 1, 0), seed=0)
    assert drawn_rows(store)[0].probability > 0


def test_texts_that_wait_for_a_label_go_with_old_predictions(store):
    fill(store, 30)
    draw_texts(store, DrawSizes(30, 0, 0), seed=0)
    add_label(store, Feedback("id 0", "neg", "anna"))
    assert prune(store, Retention(rows=10)).predictions == 19
    assert len(texts_to_label(store, 99)) == 10
    assert [each.prediction_id for each in labelled(store)] == ["id 0"]


def test_draws_at_the_same_time_draw_no_text_twice(store, monkeypatch):
    from workshop_utils.production.store import sampling

    fill(store, 100)
    choose_first, others = sampling.choose, iter([True])

    def interrupted(*arguments):
        if next(others, False):
            draw_texts(store, DrawSizes(10, 0, 0), seed=1)  # somebody else is faster
        return choose_first(*arguments)

    monkeypatch.setattr(sampling, "choose", interrupted)
    draw = draw_texts(store, DrawSizes(10, 0, 0), seed=0)
    assert (draw.number, draw.population) == (2, 90)
    assert len(drawn_rows(store)) == 20


# "I cannot say"


def test_a_skipped_text_is_put_aside_for_one_person_and_others_are_still_asked(store):
    fill(store, 20)
    draw_texts(store, DrawSizes(5, 0, 0), seed=0)
    first, second, *_ = texts_to_label(store)
    assert skip_text(store, first.prediction_id, "anna") is True
    assert texts_to_label(store, asked="anna")[0] == second
    assert texts_to_label(store, asked="ben")[0] == texts_to_label(store)[0] == first


def test_a_skip_is_no_label_is_counted_and_says_how_its_text_was_drawn(store):
    fill(store, 20)
    draw_texts(store, DrawSizes(4, 0, 0), seed=0)
    first, second, *_ = texts_to_label(store)
    for name in ("anna", "ben"):
        skip_text(store, first.prediction_id, name)
    skip_text(store, second.prediction_id, "ben")
    (draw,) = list_draws(store)
    assert (draw.size, draw.labelled, draw.skipped) == (4, 0, 2), "a text counts once, whoever skipped it"
    assert list(labelled(store)) == [] and label_history(store, first.prediction_id) == []
    found = list(skipped_texts(store))
    assert [(each.prediction_id, each.skipped_by) for each in found] == [
        (first.prediction_id, "anna"),
        (first.prediction_id, "ben"),
        (second.prediction_id, "ben"),
    ]
    assert {(each.draw, each.part, each.drawing_probability) for each in found} == {(1, "random", 0.2)}


def test_a_label_of_somebody_else_counts_although_one_person_could_not_say(store):
    fill(store, 20)
    draw_texts(store, DrawSizes(4, 0, 0), seed=0)
    asked = texts_to_label(store)[0]
    skip_text(store, asked.prediction_id, "anna")
    add_label(store, Feedback(asked.prediction_id, "neg", "ben"))
    (draw,) = list_draws(store)
    assert (draw.labelled, draw.skipped) == (1, 0) and list(skipped_texts(store)) == []
    (given,) = label_history(store, asked.prediction_id)
    assert given.drawing_probability == asked.probability == 0.2, "the draw is what it was"
    add_label(store, Feedback(asked.prediction_id, None, "ben"))
    assert list_draws(store)[0].skipped == 1


def test_a_skip_that_is_taken_back_brings_the_text_back(store):
    fill(store, 20)
    draw_texts(store, DrawSizes(4, 0, 0), seed=0)
    asked = texts_to_label(store)[0]
    assert take_skip_back(store, asked.prediction_id, "anna") is False
    for _ in range(2):
        assert skip_text(store, asked.prediction_id, "anna") is True
        assert skip_text(store, asked.prediction_id, "anna") is False, "twice changes nothing"
        assert take_skip_back(store, asked.prediction_id, "ben") is False, "that is anna's"
        assert take_skip_back(store, asked.prediction_id, "anna") is True
        assert texts_to_label(store, asked="anna")[0] == asked
    assert list_draws(store)[0].skipped == 0


def test_only_a_drawn_text_can_be_skipped_and_only_by_somebody(store):
    fill(store, 20)
    draw_texts(store, DrawSizes(4, 0, 0), seed=0)
    drawn_ids = {each.prediction_id for each in texts_to_label(store)}
    others = next(f"id {n}" for n in range(20) if f"id {n}" not in drawn_ids)
    for name in (others, "nobody", ""):
        with pytest.raises(UnknownPrediction):
            skip_text(store, name, "anna")
        assert take_skip_back(store, name, "anna") is False
    with pytest.raises(LabelRefused):
        skip_text(store, drawn_ids.pop(), " ")


def test_a_skipped_text_stays_as_a_labelled_one_does(store):
    fill(store, 30)
    draw_texts(store, DrawSizes(30, 0, 0), seed=0)
    skip_text(store, "id 0", "anna")
    assert prune(store, Retention(rows=10)).predictions == 19
    assert list_draws(store)[0].skipped == 1, "or the estimate would forget that there was one"
    assert prune(store, Retention(rows=10, labelled=True)).predictions == 1
    assert list_draws(store)[0].skipped == 0


def test_skips_bound_what_an_accuracy_of_the_labelled_alone_would_hide(tmp_path):
    """People skip the hard texts, and the model errs on those: the labelled ones flatter it."""
    store = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    fill(store, 400)
    draw_texts(store, DrawSizes(100, 100, 0), seed=0)
    wrong = {f"id {i}" for i in range(400) if i * 37 % 50 < 10}  # where the model is least sure
    asked = texts_to_label(store, 400)
    for number, each in enumerate(asked):
        if each.prediction_id in wrong and number % 3:
            skip_text(store, each.prediction_id, "anna")
        else:
            truth = "neg" if each.prediction_id in wrong else "pos"
            add_label(store, Feedback(each.prediction_id, truth, "anna"))
    known = [(1 / each.drawing_probability, each.correct) for each in labelled(store)]
    unknown = sum(1 / each.drawing_probability for each in skipped_texts(store))
    right, every = sum(w for w, correct in known if correct), sum(w for w, _ in known) + unknown
    told = sum(1 / each.probability for each in asked if each.prediction_id not in wrong) / every
    assert right / sum(w for w, _ in known) > told + 0.05
    assert right / every == pytest.approx(told), "the worst case, and here the true one"
    assert (right + unknown) / every > told + 0.05
    store.close()
