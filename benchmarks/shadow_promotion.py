"""Promotion by what people say of a challenger's disagreements: how often falsely, and after how many labels.

    WORKSHOP_DATA_DIR=… python -m benchmarks.shadow_promotion             # about five minutes
    WORKSHOP_DATA_DIR=… python -m benchmarks.shadow_promotion --orders 40 # a trial

Writes ``benchmarks/results/shadow_promotion.json`` and ``.md``. The models are TF-IDF with logistic
regression; the texts are the original film reviews, half of them positive, and reviews of clothing, most of
which recommend. An *order* is a stream of texts drawn at random, with replacement, from those that no model
has learned from, so the shares of the pool are those of every stream.

Two ways of labelling: *all disagreements* in the order in which they come, with the evidence alone; and *as
the page draws*: of each 1,000 texts, the page's three parts with their drawing probabilities, all of them
labelled, judged by ``judge_shadow`` with its guard after each draw.
"""

import argparse
import json
import math
import time
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from workshop_utils.data import load_reviews
from workshop_utils.files import atomic_write
from workshop_utils.paths import ROOT, corpora_dir
from workshop_utils.production.policy import Policy
from workshop_utils.production.retraining import judge_shadow
from workshop_utils.production.shadow import (
    SHADOW_EVIDENCE,
    PairLabel,
    PairLabels,
    ShadowPair,
    bet_on_win,
    pair_evidence,
)
from workshop_utils.production.store import SHADOW_SIZES
from workshop_utils.production.store.sampling import choose

RESULTS = ROOT / "benchmarks" / "results"
ORDERS = 400
LABELS = 2000  # labelled disagreements after which nobody waits any longer
BLOCK, BLOCKS = 1000, 15  # texts of a draw, and draws
REFUSALS = 5  # after so many refusals by the guard nobody asks again
POLICY = Policy.model_validate({"gate": {"resamples": 500}})
NARROW = Policy.model_validate({"gate": {"resamples": 500}, "shadow": {"recall_points": 10.0}})
WORDS = 80
NAMES = ("negative", "positive")
PARTS = ("random", "uncertain", "disagreement")
CHAMPION_TEXTS = 2000

EQUAL, FLIPPED, FEWER = "equal", "worse: a fifth of its labels flipped", "worse: a quarter of the texts"
SLIGHTLY, BETTER = "better: twice the texts", "better: eight times the texts"
DRIFTED, MAJORITY, SHUFFLED = "better after drift", "always the frequent label", "shuffled labels"


class Pair(NamedTuple):
    """Texts that both models have answered, and the champion's doubt; arrays of shape (n,)."""

    true: np.ndarray
    champion: np.ndarray
    challenger: np.ndarray
    uncertainty: np.ndarray

    def at(self, rows: np.ndarray) -> "Pair":
        """Those of these rows."""
        return Pair(*(each[rows] for each in self))

    def wins(self) -> np.ndarray:
        """1 where only the challenger is right, -1 where only the champion is, 0 elsewhere."""
        return (self.challenger == self.true).astype(int) - (self.champion == self.true)


class Learner(NamedTuple):
    """Counts words and weighs them."""

    words: TfidfVectorizer
    model: LogisticRegression

    @classmethod
    def of(cls, texts: list[str], labels: np.ndarray) -> "Learner":
        """Learn from these."""
        words = TfidfVectorizer(max_features=20_000, sublinear_tf=True, ngram_range=(1, 1))
        return cls(words, LogisticRegression(C=4.0, max_iter=300).fit(words.fit_transform(texts), labels))

    def positive(self, texts: list[str]) -> np.ndarray:
        """The probability of the second label, shape (n,)."""
        return self.model.predict_proba(self.words.transform(texts))[:, 1]


@cache
def films() -> tuple[list[str], np.ndarray]:
    """Film reviews in a fixed random order, cut, each once; labels 0 and 1."""
    frame = load_reviews("full").drop_duplicates("review").sample(frac=1, random_state=0)
    return _cut(frame["review"]), (frame["sentiment"] == "positive").to_numpy().astype(int)


@cache
def clothing() -> tuple[list[str], np.ndarray]:
    """Reviews of clothing, the same way; 1 recommends."""
    frame = pd.read_csv(corpora_dir() / "clothing.csv.gz").dropna(subset=["Review Text"])
    frame = frame.drop_duplicates("Review Text").sample(frac=1, random_state=0)
    return _cut(frame["Review Text"]), frame["Recommended IND"].to_numpy().astype(int)


def _cut(texts: pd.Series) -> list[str]:
    return [" ".join(text.replace("<br />", " ").split()[:WORDS]) for text in texts.astype(str)]


def pairs() -> dict[str, Pair]:
    """The champions and challengers of the study."""
    texts, labels = films()
    pool = slice(30_000, None)
    learn = slice(0, CHAMPION_TEXTS)
    champion = Learner.of(texts[learn], labels[learn])
    before = champion.positive(texts[pool])
    true = labels[pool]
    other = slice(CHAMPION_TEXTS, 2 * CHAMPION_TEXTS)
    chance = np.random.default_rng(0)
    flipped = np.where(chance.random(CHAMPION_TEXTS) < 0.2, 1 - labels[other], labels[other])
    challengers = {
        EQUAL: (texts[other], labels[other]),
        FLIPPED: (texts[other], flipped),
        FEWER: (texts[CHAMPION_TEXTS : CHAMPION_TEXTS + 500], labels[CHAMPION_TEXTS : CHAMPION_TEXTS + 500]),
        SLIGHTLY: (texts[: 2 * CHAMPION_TEXTS], labels[: 2 * CHAMPION_TEXTS]),
        BETTER: (texts[: 8 * CHAMPION_TEXTS], labels[: 8 * CHAMPION_TEXTS]),
    }
    found = {
        name: _pair(true, before, Learner.of(*given).positive(texts[pool]))
        for name, given in challengers.items()
    }
    found[EQUAL] = _balanced(found[EQUAL])
    goods, recommended = clothing()
    some = 1500
    stream, kept = goods[some:], recommended[some:]
    on_goods = champion.positive(stream)
    adapted = Learner.of([*texts[learn], *goods[:some]], np.concatenate([labels[learn], recommended[:some]]))
    found[DRIFTED] = _pair(kept, on_goods, adapted.positive(stream))
    found[MAJORITY] = _pair(kept, on_goods, np.ones(len(kept)))
    shuffled = Learner.of(goods[:some], chance.permutation(recommended[:some]))
    found[SHUFFLED] = _pair(kept, on_goods, shuffled.positive(stream))
    return found


def _pair(true: np.ndarray, champion: np.ndarray, challenger: np.ndarray) -> Pair:
    doubt = 1 - np.maximum(champion, 1 - champion)
    return Pair(true, (champion >= 0.5).astype(int), (challenger >= 0.5).astype(int), doubt)


def _balanced(pair: Pair) -> Pair:
    """Without so many of the disagreements that both are right equally often: exactly no better."""
    wins = pair.wins()
    over = 1 if wins.sum() > 0 else -1
    (surplus,) = np.nonzero(wins == over)
    out = np.random.default_rng(1).choice(surplus, abs(int(wins.sum())), replace=False)
    return pair.at(np.setdiff1d(np.arange(len(wins)), out))


class Described(NamedTuple):
    """What the pool says about a pair, in points."""

    texts: int
    disagree: float
    wins: float
    accuracy: float
    macro_f1: float


def described(pair: Pair) -> Described:
    """Shares, and what the challenger gains."""
    wins = pair.wins()
    decided = np.abs(wins).sum()
    f1 = [f1_score(pair.true, said, average="macro") for said in (pair.challenger, pair.champion)]
    return Described(
        len(wins),
        100 * float((pair.champion != pair.challenger).mean()),
        100 * float((wins > 0).sum() / decided),
        100 * float(wins.mean()),
        100 * float(f1[0] - f1[1]),
    )


def by_all_disagreements(pair: Pair, orders: int) -> dict[str, Any]:
    """The evidence alone, label by label, over many orders side by side."""
    wins = pair.wins()
    decided = np.abs(wins) > 0
    chance = np.random.default_rng(2)
    won = chance.choice(wins[decided] > 0, (orders, LABELS))
    # texts until the next one on which exactly one is right: nobody labels those in between
    texts = chance.geometric(decided.mean(), (orders, LABELS)).cumsum(axis=1)
    capital, reached = np.ones((orders, 1)), np.full(orders, -1)
    for label in range(LABELS):
        capital = bet_on_win(capital, won[:, label, None])
        reached[(reached < 0) & (capital.mean(axis=1) >= SHADOW_EVIDENCE)] = label
    promoted = reached >= 0
    return {
        "promoted": int(promoted.sum()),
        "labels": _middle(reached[promoted] + 1),
        "random labels": _middle(texts[promoted, reached[promoted]]),
    }


def as_the_page_draws(pair: Pair, orders: int, policy: Policy = POLICY) -> dict[str, Any]:
    """Draw by draw, with weights and guard."""
    ends = [_one_order(pair, order, policy) for order in range(orders)]
    promoted = [end for end in ends if end["promoted"]]
    return {
        "promoted": len(promoted),
        "evidence reached": sum(end["reached"] for end in ends),
        "disagreements": _middle([end["disagreements"] for end in promoted]),
        "labels": _middle([end["labels"] for end in promoted]),
        "texts": _middle([end["texts"] for end in promoted]),
        "refused by": _counted([name for end in ends if not end["promoted"] for name in end["failed"]]),
    }


def _one_order(pair: Pair, order: int, policy: Policy) -> dict[str, Any]:
    chance = np.random.default_rng([3, order])
    labels: list[PairLabel] = []
    end: dict[str, Any] = {"promoted": False, "reached": False, "failed": []}
    refusals = 0
    for block in range(BLOCKS):
        rows = chance.integers(len(pair.true), size=BLOCK)
        labels += _drawn_labels(pair.at(rows), seed=order * BLOCKS + block, after=len(labels))
        found = PairLabels(ShadowPair("champion", "challenger"), labels, 0, len(labels))
        if not pair_evidence(found).reached:
            continue
        verdict = judge_shadow(found, policy)
        end |= {"reached": True, "failed": [each.name for each in verdict.checks if not each.passed]}
        if verdict.passed:
            differing = sum(each.differs for each in labels)
            return end | {
                "promoted": True,
                "disagreements": differing,
                "labels": len(labels),
                "texts": (block + 1) * BLOCK,
            }
        refusals += 1
        if refusals == REFUSALS:
            break
    return end


def _drawn_labels(texts: Pair, seed: int, after: int) -> list[PairLabel]:
    """One draw as the page makes it, all of it labelled in random order."""
    differs = texts.champion != texts.challenger
    parts, probability = choose(texts.uncertainty, differs, SHADOW_SIZES, seed)
    (rows,) = np.nonzero(parts)
    rows = np.random.default_rng([4, seed]).permutation(rows)
    least = probability[rows].min()
    least_differing = probability[rows][differs[rows]].min(initial=1.0)
    return [
        PairLabel(
            after + place + 1,
            NAMES[texts.true[row]],
            NAMES[texts.champion[row]],
            NAMES[texts.challenger[row]],
            PARTS[parts[row] - 1],
            float(least / probability[row]),
            float(least_differing / probability[row]) if differs[row] else 1.0,
        )
        for place, row in enumerate(rows)
    ]


def _middle(values: Any) -> float | None:
    return float(np.median(values)) if len(values) else None


def _counted(names: list[str]) -> dict[str, int]:
    return {name: names.count(name) for name in sorted(set(names))}


def study(orders: int) -> dict[str, Any]:
    """All pairs, both ways."""
    _, recommended = clothing()
    found: dict[str, Any] = {"orders": orders, "frequent": 100 * float(recommended.mean()), "pairs": {}}
    for name, pair in pairs().items():
        began = time.perf_counter()
        found["pairs"][name] = {
            "pool": described(pair)._asdict(),
            "all": by_all_disagreements(pair, orders),
            "drawn": as_the_page_draws(pair, orders),
        }
        if name == DRIFTED:
            found["narrow"] = as_the_page_draws(pair, orders, NARROW)
        print(f"{name}: {time.perf_counter() - began:.0f} s", flush=True)
    return found


BOUNDS = {
    f"{EQUAL}: promoted by all disagreements": (0, 0.05),
    f"{EQUAL}: promoted as the page draws": (0, 0.05),
    f"{FLIPPED}: promoted by all disagreements": (0, 0.05),
    f"{FLIPPED}: promoted as the page draws": (0, 0.05),
    f"{FEWER}: promoted by all disagreements": (0, 0.05),
    f"{FEWER}: promoted as the page draws": (0, 0.05),
    f"{SLIGHTLY}: promoted by all disagreements": (0.9, 1),
    f"{SLIGHTLY}: promoted as the page draws": (0.9, 1),
    f"{BETTER}: promoted by all disagreements": (0.95, 1),
    f"{BETTER}: promoted as the page draws": (0.95, 1),
    f"{DRIFTED}: promoted as the page draws": (0.9, 1),
    f"{MAJORITY}: promoted by all disagreements, without the guard": (0.9, 1),
    f"{MAJORITY}: promoted as the page draws": (0, 0),
    f"{SHUFFLED}: promoted as the page draws": (0, 0),
    f"{SLIGHTLY}: labels of a random sample, for each labelled disagreement": (3, math.inf),
}


def measures(found: dict[str, Any]) -> dict[str, float]:
    """What :data:`BOUNDS` bound, by the same names."""
    values = {}
    for bound in BOUNDS:
        name, what = next((n, bound[len(n) + 2 :]) for n in found["pairs"] if bound.startswith(f"{n}: "))
        pair = found["pairs"][name]
        if "random sample" in what:
            values[bound] = pair["all"]["random labels"] / pair["all"]["labels"]
        else:
            values[bound] = pair["drawn" if "page" in what else "all"]["promoted"] / found["orders"]
    return values


def page(found: dict[str, Any]) -> str:
    """The results in words."""
    orders = found["orders"]

    def share(count: int) -> str:
        return f"{100 * count / orders:.1f} %"

    def told(value: float | None) -> str:
        return "–" if value is None else f"{value:,.0f}"

    pools, alone, drawn = [], [], []
    for name, pair in found["pairs"].items():
        pool, by_all, as_drawn = pair["pool"], pair["all"], pair["drawn"]
        pools.append(
            f"| {name} | {pool['texts']:,} | {pool['disagree']:.1f} % | {pool['wins']:.1f} % "
            f"| {pool['accuracy']:+.1f} | {pool['macro_f1']:+.1f} |"
        )
        alone.append(
            f"| {name} | {share(by_all['promoted'])} | {told(by_all['labels'])} "
            f"| {told(by_all['random labels'])} |"
        )
        refused = ", ".join(f"{why} {count}" for why, count in as_drawn["refused by"].items()) or "–"
        drawn.append(
            f"| {name} | {share(as_drawn['evidence reached'])} | {share(as_drawn['promoted'])} "
            f"| {told(as_drawn['disagreements'])} | {told(as_drawn['labels'])} | {told(as_drawn['texts'])} "
            f"| {refused} |"
        )
    bounds = [
        f"| {name} | {value:,.3g} | {low:,.3g} to {high:,.3g} |"
        for (name, value), (low, high) in zip(measures(found).items(), BOUNDS.values(), strict=True)
    ]
    slightly, better = (found["pairs"][name]["all"] for name in (SLIGHTLY, BETTER))
    narrow = found["narrow"]["promoted"]
    equal, majority, drifted = (found["pairs"][name] for name in (EQUAL, MAJORITY, DRIFTED))
    sizes, frequent = SHADOW_SIZES, found["frequent"]
    return f"""# What promotion by the shadow's disagreements is worth

Made by `python -m benchmarks.shadow_promotion`; do not edit. {orders} orders of real texts for each pair,
TF-IDF models; a challenger is promoted at evidence {SHADOW_EVIDENCE:.0f}. What the pools say of the pairs:

| challenger | texts | disagreements | won, where one is right | accuracy | macro-F1 |
|:--|--:|--:|--:|--:|--:|
{chr(10).join(pools)}

*Won*: it is the challenger that is right. Accuracy and macro-F1: points more than the champion's. The *equal*
pair lacks so many disagreements that both are right equally often, so it lies just where a false promotion is
most likely.

## Bounds

| what | measured | allowed |
|:--|--:|--:|
{chr(10).join(bounds)}

## All disagreements are labelled as they come, and the evidence decides alone

| challenger | promoted | labelled disagreements, median | a random sample needs, median |
|:--|--:|--:|--:|
{chr(10).join(alone)}

At most {LABELS:,} labelled disagreements an order. A *random sample* with the same test, which is paired and
sequential, needs a label for each text until as many disagreements have come. The challenger that has learned
from twice the texts is promoted after a median of {told(slightly["labels"])} labels in place of
{told(slightly["random labels"])}, that of eight times the texts after {told(better["labels"])} in place of
{told(better["random labels"])}. An equal one is promoted in {share(equal["all"]["promoted"])} of the orders.

## As the labelling page draws, with the guard

Of each {BLOCK:,} texts {sizes.random} at random, {sizes.uncertain} uncertain ones and {sizes.disagreement}
disagreements, all of them labelled, judged after each draw, {BLOCKS} draws at most.

| challenger | evidence reached | promoted | disagreements | all labels | texts | orders refused by |
|:--|--:|--:|--:|--:|--:|:--|
{chr(10).join(drawn)}

Where {frequent:.0f} % of the texts have one label, a challenger that always names it reaches the evidence in
{share(majority["all"]["promoted"])} of the orders: it is right more often. The guard lets
{share(majority["drawn"]["promoted"])} through. A challenger that has adapted to the same texts passes in
{share(drifted["drawn"]["promoted"])}; with a bound of {NARROW.shadow.recall_points:.0f} points on recall in
place of {POLICY.shadow.recall_points:.0f} it would be {share(narrow)}, because a champion that names the rare
label too often finds much of it. An equal one is promoted in {share(equal["drawn"]["promoted"])}, where
uncertain texts, drawn more often, count less.
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--orders", type=int, default=ORDERS, help="fewer for a trial")
    told = parser.parse_args()
    began = time.perf_counter()
    found = study(told.orders)
    print(f"{time.perf_counter() - began:.0f} s in all", flush=True)
    path = RESULTS / "shadow_promotion.json"
    atomic_write(path, json.dumps(found, indent=1) + "\n")
    atomic_write(path.with_suffix(".md"), page(found))
    print(json.dumps(measures(found), indent=1))


if __name__ == "__main__":
    main()
