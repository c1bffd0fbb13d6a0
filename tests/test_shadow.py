"""Promotion by people's labels of disagreements: the bets, what counts, the guard, the command, the watch."""

import itertools
import json
import math

import numpy as np
import pytest
from typer.testing import CliRunner

from benchmarks import shadow_promotion as study
from tests.bundles import tfidf_of
from tests.predicted import prediction
from tests.retrained import reviews, tools
from workshop_utils.cli import app
from workshop_utils.errors import WorkshopError
from workshop_utils.paths import ROOT
from workshop_utils.production.deployment import (
    Told,
    live_pointers,
    pointed_version,
    promote,
    promote_challenger,
    read_history,
)
from workshop_utils.production.policy import Policy, ShadowPolicy
from workshop_utils.production.retraining import (
    RetrainRequest,
    judge_shadow,
    promote_by_evidence,
    replay_decision,
    retrain,
    shadow_promotion,
)
from workshop_utils.production.service.label_worth import label_worth
from workshop_utils.production.shadow import (
    PairLabel,
    PairLabels,
    ShadowBets,
    ShadowPair,
    bet_on_win,
    pair_evidence,
    read_pair_labels,
    shadow_evidence,
    weigh_disagreements,
)
from workshop_utils.production.store import (
    DrawSizes,
    Feedback,
    ShadowAnswer,
    add_many_labels,
    add_predictions,
    draw_texts,
    last_label,
    list_decisions,
    open_store,
    texts_to_label,
)
from workshop_utils.production.store.tables import feedback

PAIR = ShadowPair("v1", "v2")
WIN, LOSS, TIE = (False, True, 1.0), (True, False, 1.0), (False, False, 1.0)
CLASSES = ("neg", "neutral", "pos")
EVERYTHING = DrawSizes(1000, 0, 0)


# -- the bets ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("wins", "losses"), [(0, 0), (7, 0), (0, 5), (30, 12), (200, 170)])
def test_the_evidence_is_robbins_mixture_over_all_stakes(wins, losses):
    n = wins + losses
    mixture = sum(math.comb(n + 1, k) for k in range(wins + 1)) / ((n + 1) * math.comb(n, wins))
    found = weigh_disagreements([WIN] * wins + [LOSS] * losses + [TIE] * 3)
    assert found.evidence == pytest.approx(mixture, rel=0.02)
    assert (found.wins, found.losses, found.ties, found.labels) == (wins, losses, 3, n + 3)


@pytest.mark.parametrize("weights", [[1.0] * 10, np.linspace(0.1, 1, 10)])
def test_of_an_equal_challenger_the_mean_evidence_is_one(weights):
    every = [
        weigh_disagreements(zip(won, lost, weights, strict=True)).evidence
        for won in itertools.product([False, True], repeat=10)
        for lost in [[not each for each in won]]
    ]
    assert np.mean(every) == pytest.approx(1)


def test_at_most_one_in_twenty_equal_challengers_ever_reaches_twenty():
    won = np.random.default_rng(0).random((1000, 400, 1)) < 0.5
    capital, ever = np.ones((1000, 1)), np.zeros(1000, dtype=bool)
    for label in range(400):
        capital = bet_on_win(capital, won[:, label])
        ever |= capital.mean(axis=1) >= 20
    assert 0 < ever.mean() <= 0.05


def test_texts_drawn_more_often_do_not_make_an_equal_challenger_look_better():
    """It wins on the unsure half, which is drawn four times as often, and loses as much on the other half."""
    chance = np.random.default_rng(1)
    unsure = chance.random((300, 300, 1)) < 0.8
    won = chance.random(unsure.shape) < np.where(unsure, 0.65, 0.35)
    reached = {}
    for name, weights in (("weighted", np.where(unsure, 0.25, 1.0)), ("plain", np.ones(unsure.shape))):
        capital, ever = np.ones((300, 1)), np.zeros(300, dtype=bool)
        for label in range(300):
            capital = bet_on_win(capital, won[:, label], weights[:, label])
            ever |= capital.mean(axis=1) >= 20
        reached[name] = ever.mean()
    assert reached["weighted"] <= 0.05 and reached["plain"] > 0.5


def test_saved_and_continued_anywhere_it_is_the_same_to_the_bit():
    chance = np.random.default_rng(2)
    outcomes = [
        (not won, won, weight)
        for won, weight in zip(chance.random(80) < 0.6, chance.uniform(0.1, 1, 80), strict=True)
    ]
    whole = weigh_disagreements(outcomes)
    for cut in (0, 1, 40, 79):
        first = ShadowBets()
        for outcome in outcomes[:cut]:
            first.add(*outcome)
        bets = ShadowBets.from_json(json.loads(json.dumps(first.to_json())))
        for outcome in outcomes[cut:]:
            bets.add(*outcome)
        assert bets.report() == whole


@pytest.mark.parametrize(
    "told", [{}, {"capital": [1.0]}, {"capital": "x", "wins": 1, "losses": 0, "ties": 0}]
)
def test_a_damaged_state_is_one_sentence(told):
    with pytest.raises(WorkshopError, match="damaged"):
        ShadowBets.from_json({"wins": 0, "losses": 0, "ties": 0} | told)


def test_the_labels_that_would_be_enough_are_enough_and_fewer_are_not():
    bets = ShadowBets()
    for outcome in [WIN] * 16 + [LOSS] * 8 + [TIE] * 6:
        bets.add(*outcome)
    needed = bets.labels_needed()
    assert bets.after(needed) >= 20 > bets.after(needed - 1) and bets.after(0) == bets.evidence
    assert weigh_disagreements([WIN] * 16 + [LOSS] * 8).labels_needed < needed, "ties cost labels"
    assert weigh_disagreements([WIN] * 8).labels_needed == 0
    assert weigh_disagreements([LOSS, WIN]).labels_needed is None and ShadowBets().after(20) is None


@pytest.mark.parametrize(
    "outcome", [(True, True, 1.0), (False, True, 0.0), (False, True, 1.5), (False, True, float("nan"))]
)
def test_what_is_no_bet_is_one_sentence(outcome):
    with pytest.raises(WorkshopError, match=r"leave that text out|above 0 and at most 1"):
        ShadowBets().add(*outcome)


# -- which labels count --------------------------------------------------------------------------------------


@pytest.fixture
def kept(tmp_path):
    """One store; the fixture ``store`` is one in each database."""
    return open_store(f"sqlite:///{tmp_path / 'store.db'}")


def answered(store, rows, pair=PAIR, texts=None):
    """Both models have answered; rows are (champion, challenger). The names of the predictions."""
    records = [
        prediction(
            texts[number] if texts else f"text {number} of {last_label(store)} {pair}",
            model_version=pair.champion,
            label=champion,
            labels=CLASSES,
            probabilities=(0.3, 0.3, 0.4),
            shadow=ShadowAnswer(pair.challenger, CLASSES, challenger, (0.3, 0.3, 0.4)),
        )
        for number, (champion, challenger) in enumerate(rows)
    ]
    add_predictions(store, records, store_texts=True)
    return [record.prediction_id for record in records]


def say(store, names, truths, by="anna"):
    results = list(add_many_labels(store, [Feedback(n, t, by) for n, t in zip(names, truths, strict=True)]))
    assert not [each for each in results if isinstance(each, Exception)], results


def labelled_pair(store, rows, pair=PAIR):
    """Drawn and labelled: rows are (truth, champion, challenger)."""
    names = answered(store, [row[1:] for row in rows], pair)
    draw_texts(store, EVERYTHING, seed=1)
    say(store, names, [row[0] for row in rows])
    return names


def counts(store, **options):
    found = pair_evidence(read_pair_labels(store, PAIR, **options))
    return found.wins, found.losses, found.ties, found.left_out


def test_only_labels_by_people_of_drawn_texts_and_of_this_pair_count(store):
    names = answered(store, [("neg", "pos")] * 7)
    say(store, names[:1], ["pos"])  # it came unasked
    draw_texts(store, EVERYTHING, seed=1)
    say(store, names[1:3], ["pos", "neg"])
    say(store, names[3:4], ["pos"])
    say(store, names[3:4], [None])
    say(store, names[4:5], ["pos"])
    say(store, names[4:5], ["neg"], "ben")  # a correction
    say(store, names[5:6], ["pos"], "v2")  # a model's name
    say(store, names[6:], ["pos"])
    with store.writing() as connection:
        connection.execute(
            feedback.update().where(feedback.c.number == last_label(store)).values(source="model")
        )
    labelled_pair(store, [("pos", "neg", "pos")], ShadowPair("v1", "v3"))
    labelled_pair(store, [("pos", "neg", "pos")], ShadowPair("v0", "v2"))
    assert counts(store) == (1, 2, 0, 1)
    assert counts(store, counted="all") == (2, 2, 0, 0)


def test_a_text_that_is_sent_again_and_again_is_one_bet(kept):
    names = answered(kept, [("neg", "pos")] * 30, texts=["the same complaint"] * 29 + ["another"])
    draw_texts(kept, EVERYTHING, seed=1)
    say(kept, names, ["pos"] * 30)
    assert counts(kept) == (2, 0, 0, 28)


def test_where_neither_is_right_it_is_a_tie_and_agreement_is_no_bet(kept):
    labelled_pair(kept, [("neg", "neg", "neg"), ("pos", "neg", "neg"), ("neutral", "neg", "pos")])
    assert counts(kept) == (0, 0, 1, 0)


def test_weights_are_those_of_the_draw_among_disagreements_and_among_all(store):
    names = answered(store, [("neg", "pos")] * 20 + [("pos", "pos")] * 80)
    draw_texts(store, DrawSizes(30, 0, 10), seed=3, model_version="v1", challenger="v2")
    asked = {each.prediction_id: each for each in texts_to_label(store, 100)}
    say(store, list(asked), ["pos"] * len(asked))
    found = read_pair_labels(store, PAIR)
    differing = [each for each in found.labels if each.differs]
    assert {each.bet_weight for each in differing} == {1.0}, "disagreements have all the same probability"
    assert {each.weight for each in found.labels if not each.differs} == {1.0}
    expected = 0.3 / (1 - 0.7 * 0.5)  # at random, or as one of ten of twenty disagreements
    assert [each.weight for each in differing] == pytest.approx([expected] * len(differing))
    assert set(names[:20]) & asked.keys()


def test_the_page_reckons_what_twenty_labels_are_worth(store):
    queue = []
    worth = label_worth(store, "v1", None, queue)
    assert math.isnan(worth.accuracy.value) and worth.evidence is None and len(worth.sentences) == 1
    labelled_pair(store, [("pos", "neg", "pos")] * 6 + [("pos", "pos", "pos")] * 24)
    worth = label_worth(store, "v1", "v2", queue)
    assert worth.accuracy.value == pytest.approx(0.8) == pytest.approx(worth.accuracy_after.value)
    assert worth.accuracy_after.high - worth.accuracy_after.low < worth.accuracy.high - worth.accuracy.low
    assert worth.evidence == shadow_bets(6).evidence and worth.evidence_after == shadow_bets(6).after(20)
    answered(store, [("neg", "pos")] * 100 + [("pos", "pos")] * 100)
    draw_texts(store, DrawSizes(5, 0, 50), seed=1)
    of_little_weight = label_worth(store, "v1", "v2", texts_to_label(store, 20)).accuracy_after
    assert of_little_weight.low < worth.accuracy_after.low, "disagreements say little about the accuracy"
    after_promotion = label_worth(store, "v2", None, texts_to_label(store, 20))
    assert after_promotion == label_worth(store, "v2", None, []), "the queue holds the old champion's texts"


def shadow_bets(wins):
    bets = ShadowBets()
    for _ in range(wins):
        bets.add(*WIN)
    return bets


def test_a_draw_for_a_challenger_takes_disagreements_with_this_one(kept):
    answered(kept, [("neg", "pos")] * 10, ShadowPair("v1", "v0"))
    ours = answered(kept, [("neg", "pos")] * 5 + [("neg", "neg")] * 5)
    draw_texts(kept, DrawSizes(0, 0, 20), seed=1, model_version="v1", challenger="v2")
    assert {each.prediction_id for each in texts_to_label(kept, 50)} == set(ours[:5])


def test_what_was_known_at_a_label_is_read_again_whatever_came_later(kept):
    names = labelled_pair(kept, [("pos", "neg", "pos")] * 4)
    then, until = read_pair_labels(kept, PAIR), last_label(kept)
    say(kept, names[:1], ["neg"])
    early = answered(kept, [("neg", "pos")] * 3)
    say(kept, early, ["pos"] * 3)
    draw_texts(kept, EVERYTHING, seed=5)
    labelled_pair(kept, [("pos", "neg", "pos")] * 4)
    assert read_pair_labels(kept, PAIR, until=until) == then
    assert counts(kept) == (7, 1, 0, 3)


# -- the guard -----------------------------------------------------------------------------------------------


def pair_labels(rows):
    """Labels of (truth, champion, challenger, weight), all drawn at random."""
    return PairLabels(
        PAIR, [PairLabel(n + 1, *row[:3], "random", row[3], 1.0) for n, row in enumerate(rows)], 0, len(rows)
    )


def many(chance, count, positive, champion, challenger):
    """Rows in which both models are right with these chances, given the true label."""
    for _ in range(count):
        truth = "pos" if chance.random() < positive else "neg"
        other = "neg" if truth == "pos" else "pos"
        yield (
            truth,
            *(truth if chance.random() < right(truth) else other for right in (champion, challenger)),
            1.0,
        )


def failed(verdict):
    return [check.name for check in verdict.checks if not check.passed]


@pytest.mark.parametrize("seed", range(3))
def test_a_challenger_that_names_the_frequent_label_has_the_evidence_and_not_the_guard(seed):
    chance = np.random.default_rng(seed)
    rows = list(many(chance, 400, 0.88, lambda _: 0.7, lambda truth: float(truth == "pos")))
    verdict = judge_shadow(pair_labels(rows))
    assert verdict.evidence.reached and not verdict.passed
    assert failed(verdict) == ["not degenerate", "macro-F1 on all texts", "recall of each label"]
    assert (
        "right more often on a frequent label is not enough" in verdict.reason and "'neg'" in verdict.reason
    )
    nearly = [(t, c, "neg" if n % 60 == 0 else said, w) for n, (t, c, said, w) in enumerate(rows)]
    assert not judge_shadow(pair_labels(nearly)).passed


@pytest.mark.parametrize("seed", range(3))
def test_a_better_challenger_passes_on_even_and_on_skewed_labels(seed):
    for positive in (0.5, 0.88):
        rows = many(np.random.default_rng(seed), 400, positive, lambda _: 0.7, lambda _: 0.85)
        verdict = judge_shadow(pair_labels(list(rows)))
        assert (
            verdict.passed and verdict.reason.startswith("Evidence") and verdict.figures["macro_f1_gain"] > 0
        )


def test_a_handful_of_wins_is_not_enough_without_texts_drawn_at_random():
    verdict = judge_shadow(pair_labels([("pos", "neg", "pos", 1.0)] * 9 + [("neg", "neg", "neg", 1.0)] * 3))
    assert verdict.evidence.reached and failed(verdict) == ["enough random labels"]
    assert "12 labelled texts were drawn at random" in verdict.reason and "30 or more" in verdict.reason
    assert judge_shadow(pair_labels([])).reason.startswith("Disagreements: no disagreement has a label")


def test_the_recall_bound_is_the_policys():
    rows = (
        [("a", "a", "a", 1.0)] * 40
        + [("b", "b", "a", 1.0)] * 12
        + [("a", "b", "a", 1.0)] * 40
        + [("b", "b", "b", 1.0)] * 28
    )
    assert failed(judge_shadow(pair_labels(rows))) == ["recall of each label"]
    assert judge_shadow(pair_labels(rows), Policy.model_validate({"shadow": {"recall_points": 35.0}})).passed


def test_any_name_of_a_label_is_judged(kept):
    odd = ["a", "a\0", "ä\ud800", "", "<b>"]
    rows = [(odd[n % 5], odd[(n + 1) % 5] if n % 3 else odd[n % 5], odd[n % 5], 1.0) for n in range(100)]
    verdict = judge_shadow(pair_labels(rows))
    assert verdict.passed and verdict.evidence.wins == 66


# -- the command ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundles")
    return [tfidf_of(*reviews(seed, 40), folder / str(seed)) for seed in (1, 2, 3)]


@pytest.fixture
def deployment(bundles, tmp_path):
    folder = tmp_path / "deployment"
    for bundle, pointer in zip(bundles, ("current", "challenger"), strict=False):
        promote(bundle, folder, Told("a test", "to see"), pointer)
    return folder


@pytest.fixture
def command(deployment, tmp_path, monkeypatch):
    monkeypatch.setenv("WORKSHOP_DATABASE_URL", f"sqlite:///{tmp_path / 'store.db'}")

    def run(*arguments):
        found = CliRunner().invoke(app, [*map(str, arguments), "--deployment", str(deployment)])
        if found.exception is not None and not isinstance(found.exception, SystemExit):
            raise found.exception
        return found.exit_code, " ".join(found.output.split())

    return run


def better(deployment):
    """Labels by which the challenger of this deployment is better."""
    pointers = live_pointers(deployment)
    rows = many(np.random.default_rng(1), 120, 0.5, lambda _: 0.6, lambda _: 0.9)
    return ShadowPair(pointers["current"], pointers["challenger"]), [row[:3] for row in rows]


def test_the_command_says_how_many_labels_are_missing_and_promotes_when_they_have_come(
    command, deployment, kept
):
    pair, rows = better(deployment)
    code, said = command("promote", "--shadow")
    assert code == 4 and "no disagreement has a label" in said
    labelled_pair(kept, rows[:30], pair)
    code, said = command("promote", "--shadow", "--by", "Änne")
    assert (
        code == 4
        and "more labelled disagreements would bring the evidence" in said
        and pointed_version(deployment) == pair.champion
    )
    labelled_pair(kept, rows[30:], pair)
    code, said = command("promote", "--shadow", "--by", "Änne", "--reason", "the new season")
    assert code == 0 and f"{pair.challenger} is the champion; before it was {pair.champion}" in said
    assert live_pointers(deployment) == {"current": pair.challenger, "challenger": None, "waiting": None}
    line = [each for each in read_history(deployment).changes if each.action == "promote"][-1]
    assert line.by == "Änne" and line.reason.startswith("the new season Evidence")
    assert line.figures["evidence"] >= 20 and line.figures["wins"] > line.figures["losses"]
    assert "evidence" in command("history")[1]
    assert command("promote", "--shadow")[0] == 3

    decisions = list_decisions(kept, "shadow")
    assert [each.outcome for each in decisions] == ["refused", "refused", "promoted"]
    assert all(each.reason.startswith(f"{pair.challenger} beside {pair.champion}: ") for each in decisions)
    for decision in decisions:
        code, said = command("replay", decision.number)
        assert code == 0 and "the same verdict" in said
    with kept.writing() as connection:
        connection.execute(feedback.update().values(label="neg"))
    found = replay_decision(kept, decisions[-1].number, deployment)
    assert not found.same and "Then: " in found.differences[0]


def test_the_guard_refuses_on_the_command_too_and_the_policy_counts(command, deployment, kept, tmp_path):
    pair, _ = better(deployment)
    rows = many(np.random.default_rng(2), 300, 0.9, lambda _: 0.7, lambda truth: float(truth == "pos"))
    labelled_pair(kept, [row[:3] for row in rows], pair)
    code, said = command("promote", "--shadow")
    assert code == 4 and "FAIL Macro-F1 on all texts" in said and "pass Disagreements" in said
    (tmp_path / "policy.toml").write_text("[shadow]\nevidence = 1e6\nfewest_random = 400\n", encoding="utf-8")
    code, said = command("promote", "--shadow", "--policy", tmp_path / "policy.toml")
    assert code == 4 and "FAIL Enough random labels" in said and "1,000,000 is enough" in said


@pytest.mark.parametrize("arguments", [["x"], ["--approve"], ["--challenger"]])
def test_the_shadow_stands_alone(command, arguments):
    assert command("promote", "--shadow", *arguments)[0] == 2


def test_the_same_labels_are_decided_once(deployment, kept):
    pair, rows = better(deployment)
    labelled_pair(kept, rows[:20], pair)
    first = promote_by_evidence(kept, deployment)
    labelled_pair(kept, rows[:5], ShadowPair("v8", "v9"))
    assert promote_by_evidence(kept, deployment).decision == first.decision
    labelled_pair(kept, rows[20:30], pair)
    assert promote_by_evidence(kept, deployment).decision != first.decision
    assert shadow_evidence(kept, deployment).labels > 0


def test_killed_between_decision_and_pointer_the_same_command_completes_it(deployment, kept, monkeypatch):
    pair, rows = better(deployment)
    labelled_pair(kept, rows, pair)

    def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(shadow_promotion, "promote_challenger", die)
        promote_by_evidence(kept, deployment)
    assert pointed_version(deployment) == pair.champion
    done = promote_by_evidence(kept, deployment)
    assert (done.outcome, done.decision) == ("promoted", 1) and len(list_decisions(kept, "shadow")) == 1
    (deployment / "challenger").write_text(
        f"{pair.challenger}\n", encoding="utf-8"
    )  # the last step was killed
    assert promote_by_evidence(kept, deployment).outcome == "nothing"
    assert live_pointers(deployment)["challenger"] is None


def test_a_challenger_that_was_judged_beside_another_champion_is_not_promoted(deployment, bundles):
    pointers = live_pointers(deployment)
    promote(bundles[2], deployment, Told("Ben", "meanwhile"))
    with pytest.raises(WorkshopError, match="run it again"):
        promote_challenger(deployment, Told("a test"), pointers["current"], pointers["challenger"])


def test_while_labels_decide_about_a_challenger_no_other_takes_its_place(deployment, kept):
    policy = Policy.model_validate({"retraining": {"approval": "shadow"}})
    found = retrain(RetrainRequest(deployment, policy), kept, tools())
    assert found.outcome == "nothing" and "promote --shadow" in found.reason
    assert "promote --shadow" not in retrain(RetrainRequest(deployment, Policy()), kept, tools()).reason


# -- the study -----------------------------------------------------------------------------------------------


def test_the_study_is_inside_its_bounds_and_its_page_is_of_the_same_numbers():
    path = study.RESULTS / "shadow_promotion.json"
    found = json.loads(path.read_text(encoding="utf-8"))
    values = study.measures(found)
    assert found["orders"] >= 400 and values.keys() == study.BOUNDS.keys()
    assert not {
        name: values[name] for name, (low, high) in study.BOUNDS.items() if not low <= values[name] <= high
    }
    assert path.with_suffix(".md").read_text(encoding="utf-8") == study.page(found)


def test_the_page_about_the_choice_names_the_policys_bounds():
    page, rules = (ROOT / "docs" / "decisions" / "shadow.md").read_text(encoding="utf-8"), ShadowPolicy()
    assert f"ever reaches {rules.evidence:g} (Ville)" in page and rules.evidence == study.SHADOW_EVIDENCE
    assert (
        f"is wide, {rules.recall_points:g} points" in page
        and rules.fewest_random == 30
        and "thirty labels" in page
    )
