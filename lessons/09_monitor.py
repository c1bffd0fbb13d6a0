# %% [markdown]
# # 09 · Monitor a model in use
#
# A model is trained once, and the world goes on. New topics come up. People use old words in a new way. The model does not
# notice, and answers as confidently as before. You watch a model through five months, build an alarm, and find out what an
# alarm is worth.
#
# **You will be able to**
#
# - tell four ways apart in which a model ages: staleness, data drift, concept drift and model drift;
# - show why a test on every window cries wolf, and write a detector that keeps a promise;
# - say what a promise costs, tell mild from harmful, and write a policy for your own case;
# - draw texts for labelling, and correct the estimate for how they were drawn.
#
# **You need** lesson 02: TF-IDF with logistic regression, a test set, intervals.
#
# **Reads** the bundled film reviews; the original ones have no dates.
# **Writes** your policy to `build/my_policy.toml` and its results to `build/results`.

# %% [markdown]
# We shall simulate streams of labels. `draws` says how often we draw texts for labelling.

# %% tags=["parameters"]
streams = 200
stream_labels = 3000
draws = 500
seed = 0

# %% [markdown] tags=["instructor"]
# **Before you start** ask: who has a model in use, and how would you find out tomorrow that it has become worse? Collect the answers
# on the board; most are one of the four ways. **Clock** (without exercises): the four panels at 6 minutes, the stakes at 12, the months at 20.
# Late? Skip *What is a quiet month worth?*. There is time: *More: drawn again and again* is the best of the optional parts.

# %% [markdown]
# ## A model and five months
#
# The model learns from reviews up to February 2026. A quarter of them is its **test set**. What comes later is new.

# %%
import pandas as pd

from workshop_utils.data import load_reviews
from workshop_utils.data.split import hold_out

reviews = load_reviews("sample").sort_values("written_at", kind="stable")
reviews["month"] = reviews["written_at"].dt.month_name()
old, new = (reviews[reviews["split"] == part] for part in ("reference", "later"))
held = hold_out(old["review"], old["sentiment"], seed=seed)
train, test = old[~held], old[held]
months = dict(list(new.groupby("month", sort=False)))
{"train": len(train), "test": len(test)} | {name: len(part) for name, part in months.items()}

# %% [markdown]
# Now the model of lesson 02. `find_errors` gives 1 for each wrong answer and 0 for each right one.

# %%
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
model = make_pipeline(words, LogisticRegression(C=10, max_iter=1000))
model.fit(train["review"], train["sentiment"])


def find_errors(part):
    return (model.predict(part["review"]) != part["sentiment"]).to_numpy().astype(int)


test_error = float(find_errors(test).mean())
tolerance = test_error + 0.03
{"error on the test set": round(test_error, 3), "tolerated": round(tolerance, 3)}

# %% [markdown]
# A monitor must know what is still fine. We tolerate three points more than on the test set: the **tolerance**.

# %% tags=["claim"]
from workshop_utils.course.claims import claim

claim("The model is right about four in five test reviews", test_error < 0.25)

# %% [markdown]
# ## Four ways to age
#
# | name | what changes | who can see it |
# |:--|:--|:--|
# | **staleness** | nothing but the date | anybody |
# | **data drift** | the texts: new topics, new words | whoever has the new texts |
# | **concept drift** | what the texts mean | whoever has true labels |
# | **model drift** | the model in use: slower, another version, texts cut off | whoever measures the service |
#
# (Some books call any loss of quality model drift.) One number for each of them, month by month. For data drift we ask: how often
# can a classifier tell these texts from training texts? Tossing a coin gives 0.5.

# %%
import time

import numpy as np
from sklearn.model_selection import cross_val_score

domain = make_pipeline(TfidfVectorizer(), LogisticRegression(C=10))


def describe_month(part):
    start = time.perf_counter()
    error = find_errors(part).mean()
    milliseconds = 1000 * (time.perf_counter() - start) / len(part)
    both = pd.concat([part["review"], train["review"].sample(len(part), random_state=seed)])
    apart = cross_val_score(domain, both, np.arange(len(both)) < len(part), cv=5).mean()
    age = (part["written_at"].max() - train["written_at"].max()).days
    return [max(age, 0), apart, error, milliseconds]


# %% alt="Four bar charts over test set and months: days since training rise steadily, texts can be told apart in March and from May on, errors jump in May, milliseconds for a text" picture=true
import matplotlib.pyplot as plt

plt.style.use("workshop_utils.course.house")
names = ["days since training", "told apart from training texts", "errors", "milliseconds a text"]
parts = {"test": test, **months}
ages = pd.DataFrame({name: describe_month(part) for name, part in parts.items()}, names)
ages.T.plot.bar(subplots=True, layout=(2, 2), figsize=(10, 6), legend=False, rot=30)
plt.show()

# %% [markdown]
# Days pass evenly, and do not say whether anything is wrong. The texts are others in March, as before in April, and others
# again from May on: *data drift*. But the errors jump only from May on. March talks about other things in plain words, and the
# model copes; errors are even rarer than in the test set, since no ironic magazine pieces come any more. From May on a new
# community means other things by its words: *concept drift*. The last panel tells of the machine: it moves when
# something else runs there.

# %% tags=["claim"]
of_months = ages.T
apart_of, error_of = of_months[names[1]], of_months[names[2]]
claim(
    "The texts are others in March and from May on, and as before in April",
    apart_of[["March", "May", "June", "July"]].min() > 0.7
    and apart_of[["test", "April"]].max() < 0.6,
    learning=False,
)
claim(
    "March and April have fewer errors than the test set",
    error_of[["March", "April"]].max() < test_error < 0.25,
)
claim(
    "From May on there are far more errors",
    error_of[["May", "June", "July"]].min() > error_of[["March", "April"]].max() + 0.05,
)

# %% [markdown]
# ## An alarm that cries wolf
#
# A picture shows it afterwards. We want an alarm in time. The usual way: after every 100 labels, test at the 95 % level
# whether there were more errors than the tolerance explains. We draw streams in which *nothing ever happens*: each answer is
# wrong with the tolerated probability. In how many of them will this test alarm? Guess.

# %%
from scipy.stats import binom

rng = np.random.default_rng(seed)
quiet = (rng.random((streams, stream_labels)) < tolerance).astype(int)  # a row is a stream
most = binom.isf(0.05, 100, tolerance)  # at most one window in twenty has more errors


def test_windows(errors):
    return errors.reshape(len(errors), -1, 100).sum(axis=2) > most


each, ever = test_windows(quiet).mean(), test_windows(quiet).any(axis=1).mean()
{"windows with an alarm": round(float(each), 3), "streams with an alarm": round(float(ever), 3)}

# %% [markdown]
# Each single test keeps its promise: at most one window in twenty alarms. But you look again and again, and most of the
# streams have raised an alarm for nothing. The level of a test is a promise about *one* look. A monitor looks for ever, so it
# needs another kind of promise.

# %% tags=["claim"]
claim("A single window alarms in one case of twenty or less", each < 0.06, learning=False)
claim("Most quiet streams raise an alarm", ever > 0.55, learning=False)

# %% [markdown]
# ## Bet against the model
#
# Somebody claims: "It is wrong no more often than tolerated." You doubt it, so you **bet**. With each label your capital is
# multiplied by
#
# `1 + stake * (error - tolerance)`
#
# An error makes you richer, a right answer poorer. If the claim is true, you gain nothing on average. If it is false, your
# capital grows faster and faster.
#
# When will the change begin? You do not know. So **add 1 before every label**: a fresh coin that bets from there on. While the
# claim is true, the capital then grows by at most 1 a label, on average. To reach 2,000, it needs 2,000 labels or more, on
# average. So raise the alarm at 2,000: false alarms then come once in 2,000 labels at most, on average. This promise is
# the **average run length**, and you may look after every label.
#
# The best stake depends on how often the model is wrong now, which nobody knows. So bet with several, and take the mean.

# %%
from workshop_utils.production.monitoring import risen_shares

run_length, smallest_rise = 2_000, 0.03
shares = risen_shares(tolerance, smallest_rise)
stakes = (shares - tolerance) / (tolerance * (1 - tolerance))
factors = {"stake": stakes, "factor if right": 1 - stakes * tolerance}
factors["factor if wrong"] = 1 + stakes * (1 - tolerance)
pd.DataFrame(factors, pd.Index(shares.round(3), name="best if so many are wrong")).round(2)

# %% [markdown]
# Small stakes lose little and win slowly. The boldest loses much with every right answer, and finds a disaster within a few
# labels.

# %% tags=["claim"]
by_share = stakes[:, None] * (np.array([0, 1]) - tolerance)
claim(
    "A right answer makes the capital smaller, a wrong one larger",
    (by_share[:, 0] < 0).all() and (by_share[:, 1] > 0).all(),
    learning=False,
)

# %% [markdown] exercise="detector" part="task"
# ## Exercise 1: Write the detector
#
# Write `first_alarm(errors)`. It goes through the labels (1 is an error, 0 a right answer) and returns the number of the
# label with the alarm, counted from 1, or `None`. The capital is an array with one number for each stake, 0 at the start. The
# alarm comes when its *mean* reaches `run_length`.
#
# And store in `boldest` the largest stake that is allowed: with a larger one, a right answer would leave you in debt.

# %% [markdown] exercise="detector" part="hint"
# For a right answer `error` is 0. What is the factor then, and with which stake is it 0? NumPy multiplies all stakes at once,
# so the loop is over the labels only.

# %% [markdown] exercise="detector" part="hint"
# Begin with `capital = np.zeros(len(stakes))`. `enumerate(errors, start=1)` gives the number of each label and its error. In the
# loop: first a fresh coin for every stake, then the factor, then the look.


# %% exercise="detector" part="solution"
def first_alarm(errors):
    ### BEGIN SOLUTION
    capital = np.zeros(len(stakes))
    for number, error in enumerate(errors, start=1):
        capital = (capital + 1) * (1 + stakes * (error - tolerance))
        if capital.mean() >= run_length:
            return number
    return None
    ### END SOLUTION


### BEGIN SOLUTION
boldest = 1 / tolerance
### END SOLUTION

# %% [markdown] exercise="detector" part="discussion"
# Six lines, no window, and a promise. It is called an **e-detector**, and this one a Shiryaev–Roberts sum of bets. The package's
# `ErrorDetector` computes the same, and can be saved and go on after a restart. If you do *not* add the coin, you have a test
# that begins with the first label only: the longer the model was good, the poorer you are when it becomes bad.

# %% exercise="detector" part="check"
from workshop_utils.course.checks import exercise
from workshop_utils.production.monitoring import ErrorDetector


@exercise("Write the detector")
def check(first_alarm, boldest, expect):
    left = 1 - boldest * tolerance
    debt = f"a right answer multiplies by {left:.2f} with your stake; the boldest leaves just 0"
    expect(abs(left) < 1e-6, "no right answer leaves a debt", debt)
    right, bad = (first_alarm(np.full(500, error)) for error in (0, 1))
    swapped = "yours alarms where all are right, and not where all are wrong; an error is 1"
    expect(right is None or bad is not None, "it counts errors, not right answers", swapped)
    coin = "yours never alarms, though every answer is wrong; without a fresh coin 0 stays 0"
    never = f"{coin}, and a return at the end of the loop stops it at once"
    expect(bad is not None, "wrong answers raise the alarm", never)
    rates = np.repeat([0.6 * tolerance, tolerance + 0.2], 500)
    changing = np.random.default_rng(seed).random((5, 1000)) < rates
    for stream in [np.ones(500, int), *changing.astype(int)]:
        package = ErrorDetector(tolerance, run_length, smallest_rise)
        package.add_many(stream)
        wanted, got = package.report().alarm_at, first_alarm(stream)
        if got != wanted:
            break
    both = f"yours alarms at label {got or 'none'}, the package's at {wanted}"
    late = f"{both}: do you add a coin before every label"
    expect(got is not None and got <= wanted, "it alarms in time", late)
    soon = f"{both}: first the coin, then the factor, then compare the mean with run_length"
    expect(got == wanted, f"the package's alarms at label {wanted}, too", f"{soon}; count from 1")


# %% exercise="detector" part="mistake" says="without a fresh coin 0 stays 0"
boldest = 1 / tolerance


def first_alarm(errors):
    capital = np.zeros(len(stakes))
    for number, error in enumerate(errors, start=1):
        capital = capital * (1 + stakes * (error - tolerance))
        if capital.mean() >= run_length:
            return number


# %% exercise="detector" part="mistake" says="do you add a coin before every label"
boldest = 1 / tolerance


def first_alarm(errors):
    capital = np.ones(len(stakes))
    for number, error in enumerate(errors, start=1):
        capital = capital * (1 + stakes * (error - tolerance))
        if capital.mean() >= run_length:
            return number


# %% exercise="detector" part="mistake" says="do you add a coin before every label"
boldest = 1 / tolerance


def first_alarm(errors):
    capital = np.zeros(len(stakes))
    for number, error in enumerate(errors, start=1):
        capital = capital * (1 + stakes * (error - tolerance)) + 1
        if capital.mean() >= run_length:
            return number


# %% exercise="detector" part="mistake" says="then compare the mean with run_length"
boldest = 1 / tolerance


def first_alarm(errors):
    capital = np.zeros(len(stakes))
    for number, error in enumerate(errors, start=1):
        capital = (capital + 1) * (1 + stakes * (error - tolerance))
        if capital.max() >= 1 / 0.05:
            return number


# %% exercise="detector" part="mistake" says="and not where all are wrong; an error is 1"
boldest = 1 / tolerance


def first_alarm(errors):
    capital = np.zeros(len(stakes))
    for number, error in enumerate(errors, start=1):
        right = 1 - error
        capital = (capital + 1) * (1 + stakes * (right - tolerance))
        if capital.mean() >= run_length:
            return number


# %% exercise="detector" part="mistake" says="the boldest leaves just 0"
boldest = 10


def first_alarm(errors):
    return len(errors)


# %% [markdown] tags=["instructor"]
# **While they work**: who writes `errors` for `error` in the loop gets an array of another shape; who returns inside the loop in any case
# gets `None` at the first label. Ask the quick ones: what does `run_length = 20_000` change, and what does it cost? That is the next section.

# %% [markdown]
# ## What the promise costs
#
# We draw more streams, with 10 and 15 points more errors than on the test set. `evidence_over_time` is the detector for many streams
# at once; evidence of 1 is the alarm.

# %%
from workshop_utils.production.monitoring import evidence_over_time


def number_of_first(alarmed):
    return np.where(alarmed.any(axis=1), alarmed.argmax(axis=1) + 1, np.inf)


kinds = [quiet, *(rng.random(quiet.shape) < test_error + rise for rise in (0.10, 0.15))]
found = {"test of each 100": [100 * number_of_first(test_windows(x)) for x in kinds]}
for length in (2_000, 20_000, 200_000):
    looks = [evidence_over_time(x, tolerance, length, smallest_rise) for x in kinds]
    found[f"run length {length:,}"] = [number_of_first(look >= 1) for look in looks]
rows = [[np.isfinite(a).mean(), np.median(b), np.median(c)] for a, b, c in found.values()]
costs = pd.DataFrame(rows, found, ["false alarms", "+10 points", "+15 points"])
costs.round(2)

# %% [markdown]
# The first column is the share of quiet streams with a false alarm; the others are the median number of labels until a true one.
# The windows are quick, and cry wolf. A run length of 2,000 cries about as often in 3,000 labels, as it has said. But you can ask
# for more: each row below cries far less often, and costs *much less* than ten times the delay. So choose the run length by
# the false alarms that you can bear.

# %% tags=["claim"]
ours, crying = costs.iloc[1:], costs["false alarms"]
bounds = [stream_labels / 20_000 + 0.05, stream_labels / 200_000 + 0.03]
claim("The e-detector keeps its promise", (crying.iloc[2:] <= bounds).all(), learning=False)
times = ours.drop(columns="false alarms").pct_change().iloc[1:] + 1
claim(
    "A longer run length alarms later, by far less than ten times",
    (times > 1).all(axis=None) and (times < 4).all(axis=None),
    learning=False,
)
claim("Windows are quick", costs.iloc[0, 1] <= ours.iloc[1, 1], learning=False)
claim(
    "A run length of 2,000 cries about as often as the windows",
    abs(crying.iloc[1] - crying.iloc[0]) < 0.25,
    learning=False,
)
claim(
    "Each longer run length cries wolf far less often",
    (crying.iloc[1:].pct_change().iloc[1:] < -0.5).all(),
    learning=False,
)

# %% [markdown]
# ## From March to July
#
# Back to our model. The labels come in the order in which the reviews were written. When does the alarm come?

# %% alt="Line chart on a logarithmic scale: evidence over the labels of five months stays far below the alarm in March and April, and climbs over it after the beginning of May"
evidence = evidence_over_time(find_errors(new), tolerance, run_length, smallest_rise)
ends = np.cumsum([len(part) for part in months.values()])
figure, axis = plt.subplots(figsize=(9, 3.8))
axis.semilogy(np.arange(1, len(new) + 1), np.minimum(evidence, 100))
axis.axhline(1, color="C3", linestyle="--")
axis.set(xlabel="labels", ylabel="evidence")
axis.set_xticks(ends, [f"end of {name}\n{end}" for name, end in zip(months, ends, strict=True)])
plt.show()
alarm = number_of_first(evidence[None] >= 1)[0]
{"alarm at label": float(alarm), "labels since the end of April": float(alarm - ends[1])}

# %% [markdown]
# Quiet for two months, though the texts of March were new. Then the evidence climbs over the line, before the end of June:
# **harmful**. The model is wrong more often than tolerated, and must be retrained (lesson 10).

# %% tags=["claim"]
claim("No alarm in March and April", alarm > ends[1], learning=False)
claim("The alarm comes before the end of June", ends[1] < alarm <= ends[3])

# %% [markdown]
# ## Before there are labels
#
# Labels come late, texts come at once. Take a new text and a text of the test set. Can a classifier tell which is which? If
# nothing has changed, it can only toss a coin. So let it **predict, then bet, then learn**, pair by pair. When its capital
# reaches the run length, the texts have changed. The package's `InputMonitor` does this, and also watches lengths, languages and
# unknown words. `make_reference` keeps what it compares with.

# %%
from workshop_utils.models.bundle import make_reference, text_traits
from workshop_utils.production.monitoring import InputMonitor


def scored(part):
    texts = list(part["review"])
    return texts, model.predict(texts), model.predict_proba(texts)


texts, _, scores = scored(test)
cut = [False] * len(test)  # our model reads texts whole
reference = make_reference(list(model.classes_), texts, scores, cut, list(train["review"]))


def watch_inputs(part):
    monitor = InputMonitor(reference, run_length, seed)
    for number, review in enumerate(zip(*scored(part), strict=True), start=1):
        monitor.add(number, text_traits(*review))
    return monitor


# %% [markdown]
# Each month gets a monitor of its own. By which words does the classifier tell it from the test set?

# %%
monitors = {name: watch_inputs(part) for name, part in months.items()}
inputs = {}
for name, monitor in monitors.items():
    report = monitor.report()
    at = monitor.alarms["domain classifier"]
    inputs[name] = [report.verdict("data"), at or "–", ", ".join(report.words.new[:6])]
pd.DataFrame(inputs, ["inputs", "alarm at text", "telling words"]).T

# %% [markdown]
# The inputs changed in every month but April, and a few dozen texts show it. In a quiet month the words are chance; read those
# of March and May. Do they tell that March is harmless and May is not? They do not. Changed inputs are a reason to *look*, not to
# retrain.

# %% tags=["claim"]
claim(
    "The inputs changed in every month but April",
    {name: row[0] == "changed" for name, row in inputs.items()}
    == {name: name != "April" for name in months},
    learning=False,
)
first_seen = [row[1] for name, row in inputs.items() if name != "April"]
claim(
    "A few dozen texts show it",
    all(isinstance(at, int) and at <= 100 for at in first_seen),
    learning=False,
)

# %% [markdown]
# ## Mild or harmful?
#
# Both views together give the **verdict**. Errors above the tolerance are *harmful*. Changed inputs without such an alarm are *mild*:
# buy labels, so that you know. Neither is *quiet*.

# %%
harmful = [(evidence[:end] >= 1).any() for end in ends]
changed = [row[0] == "changed" for row in inputs.values()]
verdicts = pd.Series(np.select([harmful, changed], ["harmful", "mild"], "quiet"), list(months))
verdicts.to_frame("verdict").T

# %% [markdown]
# `workshop monitor` gives these verdicts about the texts and labels that a service has stored.

# %% tags=["claim"]
claim(
    "March is mild, and April is quiet",
    [verdicts["March"], verdicts["April"]] == ["mild", "quiet"],
    learning=False,
)
claim("By the end of June it is harmful", verdicts["June"] == verdicts["July"] == "harmful")

# %% [markdown]
# ## What is a quiet month worth?
#
# No alarm in April. Does this prove that the model is fine? We ask for its accuracy, with an interval that holds however often
# one looks. And if a model is just as good as on its test set, how many labels tell that its error is below the tolerance?

# %%
from workshop_utils.production.monitoring import LabelTally, labels_needed

tally, april = LabelTally(tuple(model.classes_)), months["April"]
for true, answer in zip(april["sentiment"], model.predict(april["review"]), strict=True):
    tally.add(true, answer)
accuracy, needed = tally.accuracy(), labels_needed(tolerance, test_error)
{name: round(x, 3) for name, x in accuracy._asdict().items()} | {"labels needed": needed}

# %% [markdown]
# April was a good month, and still its interval is more than ten points wide. To tell two errors apart that differ by three
# points takes more than a year of such months. So a quiet month is good news, but no proof. "No alarm" means: nothing was found
# *with these labels*.

# %% tags=["claim"]
wide = accuracy.high - accuracy.low > 0.1
claim("April was a good month", accuracy.value > max(1 - tolerance, 0.8))
claim("Its interval is more than ten points wide", wide, learning=False)
year = needed is None or needed > 12 * len(april)
claim("It takes more than a year of such months", year, learning=False)

# %% [markdown]
# Tolerance and run length are decisions of people. They stand in a small file, a **policy**. The classroom's begins:

# %%
from workshop_utils.files import atomic_write
from workshop_utils.paths import home
from workshop_utils.production.policy import CLASSROOM_POLICY, read_policy

print(CLASSROOM_POLICY.read_text(encoding="utf-8").partition("[concept]")[0])


def performance_policy(text):
    return read_policy(atomic_write(home() / "my_policy.toml", text)).performance


# %% [markdown] exercise="policy" part="task"
# ## Exercise 2: Your own policy
#
# A shop can live with **5 points** more errors than on the test set. It gets **150 labels a month**, and wants no more than **one
# false alarm in two years**, on average. Write its policy into `policy_text`: a part `[performance]` with `tolerance_points` and
# `run_length`. (`performance_policy(policy_text)` says what it does not understand.) And store in `to_buy` how many labels would tell that
# the error is below *this* tolerance, if it still is `test_error`.

# %% [markdown] exercise="policy" part="hint"
# A run length counts labels, not months. The name says in which unit the tolerance is.

# %% [markdown] exercise="policy" part="hint"
# A text of several lines stands between three quotation marks. `labels_needed` takes two shares from 0 to 1: first the tolerance, as
# we computed ours from `test_error`, then the error that you expect.

# %% exercise="policy" part="solution"
### BEGIN SOLUTION
policy_text = """
[performance]
tolerance_points = 5.0
run_length = 3600
"""
to_buy = labels_needed(test_error + 0.05, test_error)
### END SOLUTION

# %% [markdown] exercise="policy" part="discussion"
# Compare with the labels that three points need: a wider tolerance is much cheaper to check, since the number of labels grows with
# one over the *square* of the distance. And the run length costs delay, as you have seen. There is no right answer without
# knowing what a mistake costs the shop, and what a label costs.


# %% exercise="policy" part="check"
@exercise("Your own policy")
def check_policy(policy_text, to_buy, expect):
    mine = performance_policy(policy_text)
    points, labels = mine.tolerance_points, mine.run_length
    expect(points == 5, "it tolerates 5 points", f"yours is {points:g} points; 5 points are 5.0")
    months_of = f"yours is {labels:g} labels; two years have 24 months of 150 labels"
    expect(labels == 3600, "one false alarm in two years", months_of)
    wanted = labels_needed(test_error + 0.05, test_error)
    shares_of = f"yours is {to_buy}; the tolerance is the test error and 5 points, as a share"
    expect(to_buy == wanted, f"{wanted} labels tell", f"{shares_of}; it comes first")


# %% exercise="policy" part="mistake" says="5 points are 5.0"
policy_text = "[performance]\ntolerance_points = 0.05\nrun_length = 3600\n"
to_buy = labels_needed(test_error + 0.05, test_error)

# %% exercise="policy" part="mistake" says="two years have 24 months of 150 labels"
policy_text = "[performance]\ntolerance_points = 5.0\n"
to_buy = labels_needed(test_error + 0.05, test_error)

# %% exercise="policy" part="mistake" says="run_length"
policy_text = "[performance]\ntolerance_points = 5.0\nrun_length = 24\n"
to_buy = labels_needed(test_error + 0.05, test_error)

# %% exercise="policy" part="mistake" says="the tolerance is the test error and 5 points"
policy_text = "[performance]\ntolerance_points = 5.0\nrun_length = 3600\n"
to_buy = labels_needed(tolerance, test_error)

# %% [markdown]
# ## Which texts?
#
# Labels cost money, so which texts should people label? Those about which the model is *unsure* teach most. We draw 100 of the new texts with
# a probability that grows with the uncertainty. What do their labels say about the error? For once we know all labels.

# %%
wrong, size = find_errors(new), len(new)
uncertainty = 1 - model.predict_proba(new["review"]).max(axis=1)
chance = uncertainty / uncertainty.sum()  # of each text to be drawn; all together 1
drawn = rng.choice(size, 100, p=chance)
many = [wrong[rng.choice(size, 100, p=chance)].mean() for _ in range(draws)]
pd.Series({"100 unsure texts, on average": np.mean(many), "all texts": wrong.mean()}).round(3)

# %% [markdown]
# Where a model is unsure, it is wrong more often. So on average the estimate is far too high. But we know with which
# probability each text was drawn, and this is enough to put it right: what had twice the chance counts half.

# %% tags=["claim"]
claim("On average the estimate is far too high", np.mean(many) > wrong.mean() + 0.04)

# %% [markdown] exercise="correct" part="task"
# ## Exercise 3: Correct for the drawing
#
# At random, each text would have the chance `1 / size`. Text `i` had the chance `chance[i]`. Weigh each drawn label by the ratio of the
# two, and store the mean of the weighted errors of `drawn` in `corrected`.

# %% [markdown] exercise="correct" part="hint"
# `chance[drawn]` and `wrong[drawn]` belong to the drawn texts. Which texts must count less than 1?

# %% [markdown] exercise="correct" part="hint"
# The weight is what the chance would have been, divided by what it was.

# %% exercise="correct" part="solution"
### BEGIN SOLUTION
weights = (1 / size) / chance[drawn]
corrected = (weights * wrong[drawn]).mean()
### END SOLUTION

# %% [markdown] exercise="correct" part="discussion"
# One draw of 100 texts still errs by some points, like every sample. But it errs to both sides now: *More: drawn again and again* shows it. Keep the
# probability with each label; the labelling page of the service does.


# %% exercise="correct" part="check"
@exercise("Correct for the drawing")
def check_corrected(corrected, expect):
    share = isinstance(corrected, float) and 0 <= corrected <= 1
    expect(share, "it is a share", "the mean of the weighted errors is one number from 0 to 1")
    plain = abs(corrected - wrong[drawn].mean()) > 1e-9
    expect(plain, "it is not the plain mean", "multiply each error by the weight of its text")
    ratio = size * chance[drawn]
    turned = abs(corrected - (ratio * wrong[drawn]).mean()) > 1e-9
    expect(turned, "unsure texts count less", "yours makes them count more; turn the ratio round")
    good = [(wrong[drawn] / ratio).mean(), np.average(wrong[drawn], weights=1 / ratio)]
    right = min(abs(corrected - value) for value in good) < 1e-9
    own = "each drawn text needs its own chance, chance[drawn]; take the mean, round nothing"
    expect(right, f"{corrected:.3f}; true is {wrong.mean():.3f}", own)


# %% exercise="correct" part="mistake" says="multiply each error by the weight of its text"
corrected = wrong[drawn].mean()

# %% exercise="correct" part="mistake" says="turn the ratio round"
corrected = (chance[drawn] * size * wrong[drawn]).mean()

# %% exercise="correct" part="mistake" says="one number from 0 to 1"
corrected = (wrong[drawn] / chance[drawn]).mean()

# %% [markdown] tags=["more"]
# ## More: drawn again and again
#
# One draw is an anecdote. We repeat it, with texts at random beside it.

# %% tags=["more"]
estimates = {"random": [], "unsure, plain mean": [], "unsure, corrected": []}
for _ in range(draws):
    anyone, unsure = rng.choice(size, 100), rng.choice(size, 100, p=chance)
    estimates["random"].append(wrong[anyone].mean())
    estimates["unsure, plain mean"].append(wrong[unsure].mean())
    estimates["unsure, corrected"].append((wrong[unsure] / (size * chance[unsure])).mean())
drawing = pd.DataFrame(estimates).agg(["mean", "std"]).T
bias = drawing["mean"] - wrong.mean()
drawing.assign(bias=bias).round(3)

# %% [markdown] tags=["more"]
# `bias` is how far the estimate is off on average, `std` how much it varies from draw to draw. Random texts need no correction. Unsure
# texts without one are wrong by many points, however many you buy. Corrected, they are right on average, and you get the texts
# that teach most.

# %% tags=["claim", "more"]
without = bias[["random", "unsure, corrected"]].abs().max() < 0.01
claim("Random and corrected labels have no bias", without, learning=False)
claim("Without correction the bias is many points", bias["unsure, plain mean"] > 0.04)

# %% [markdown] tags=["more"]
# ## More: people who write unasked
#
# Some labels come by themselves: people complain. Suppose that they tell of an error three times as often as of a right
# answer. What does the error seem to be?

# %% tags=["more"]
tells = rng.random(quiet.shape) < np.where(quiet == 1, 0.3, 0.1)
{
    "true error": round(float(quiet.mean()), 3),
    "among those told": round(float(quiet[tells].mean()), 3),
}

# %% [markdown] tags=["more"]
# Far too high again, and here nobody knows the probabilities, so nobody can correct it. Use such labels to learn from, and
# drawn ones to estimate with. The policy's `labels = "drawn"` says so.

# %% tags=["claim", "more"]
claim("Unasked labels say far too much", quiet[tells].mean() > quiet.mean() + 0.1, learning=False)

# %% [markdown] tags=["more"]
# ## More: what the model answers
#
# Between texts and labels there is a third thing to watch: the answers. If suddenly all are *positive*, something is wrong, and it
# needs no label to see it. This is **prediction drift**.

# %% tags=["more"]
answered = {}
for name, monitor in monitors.items():
    scores = model.predict_proba(months[name]["review"])
    positive, sure = (scores[:, 1] > 0.5).mean(), scores.max(axis=1).mean()
    answered[name] = [monitor.report().verdict("prediction"), round(positive, 2), round(sure, 2)]
pd.DataFrame(answered, ["answers", "share of positive", "mean confidence"]).T

# %% [markdown] tags=["more"]
# No verdict changes in any month. Compare May with April: the model has become much worse, and is *more* sure of itself. A model does not know that
# it is wrong. Prediction drift finds broken inputs rather than changed meanings.

# %% tags=["claim", "more"]
of_answers = pd.DataFrame(answered).T
claim("Prediction drift is quiet all the time", set(of_answers[0]) == {"quiet"}, learning=False)
surer = of_answers.loc["May", 2] > of_answers.loc["April", 2]
claim("In May it is more sure than in April", surer, learning=False)

# %% [markdown] tags=["more"]
# ## More: errors on texts that look the same
#
# Is the model worse because *other* texts arrive, or because the *same* texts mean something else? The domain classifier says how much
# a text looks like the test set, from 0 to 1. With this as a weight we watch the errors again.

# %% tags=["more"]
from workshop_utils.production.monitoring import ConceptMonitor

same_looking = {}
for name, part in months.items():
    concept = ConceptMonitor(tolerance, run_length)
    labels = zip(*scored(part), find_errors(part), strict=True)
    for number, (*review, error) in enumerate(labels, start=1):
        concept.add(bool(error), monitors[name].similarity(number, text_traits(*review)))
    told = concept.report()
    same_looking[name] = [told.verdict, round(told.alike), round(told.error, 3)]
pd.DataFrame(same_looking, ["concept", "labels that look the same", "error on these"]).T

# %% [markdown] tags=["more"]
# Of March few texts look the same, of April most. In the months from May on, even texts that look like the old ones are wrong more than twice as often as in
# April. New texts would call for more data; new meanings call for new labels of the same kind of text.

# %% tags=["claim", "more"]
alike = pd.DataFrame(same_looking).T
claim(
    "Fewer texts of March look the same than of April",
    alike.loc["March", 1] < alike.loc["April", 1],
    learning=False,
)
claim(
    "From May on same-looking texts are wrong more than twice as often",
    alike.loc[["May", "June", "July"], 2].min() > 2 * alike.loc["April", 2],
)

# %% [markdown] tags=["more"]
# ## More: the service itself
#
# Model drift is watched in the same way: an **objective** allows a share of slow answers, and bets are made that there are more. Here
# one text in a hundred may take longer than 300 milliseconds. After 5,000 texts the service becomes slower.

# %% tags=["more"]
from workshop_utils.production.monitoring import Objective, OperationsMonitor

service = OperationsMonitor(Objective(latency_ms=300, fast_share=0.99), run_length=100_000)
milliseconds = rng.lognormal(np.log(np.repeat([60, 140], 5_000)), 0.5)
for each_text in milliseconds:
    service.add(float(each_text))
latency = service.report().latency
{"verdict": latency.verdict, "alarm at text": latency.alarm_at, "slow texts": latency.bad}

# %% [markdown] tags=["more"]
# No alarm while the objective is kept, and one soon after. Here a long run length costs little, because every request counts as a
# label, and there are many. The remedy is not retraining: look at the machine, the version and the length of the texts.

# %% tags=["claim", "more"]
claim(
    "The alarm comes soon after the service becomes slower",
    latency.alarm_at is not None and 5_000 < latency.alarm_at < 6_500,
    learning=False,
)

# %% [markdown] tags=["more"]
# ## More: River's detectors beside ours
#
# The library [River](https://riverml.xyz) has well-known drift detectors. They look for a *change* in the stream, and know nothing of a
# tolerance. We give them the same labels of the five months, with their usual settings.

# %% tags=["more"]
from river.drift import ADWIN, PageHinkley
from river.drift.binary import DDM


def river_alarm(detector, errors):
    for number, error in enumerate(errors.tolist(), start=1):
        detector.update(error)
        if detector.drift_detected:
            return number
    return None


makers = {"ADWIN": ADWIN, "Page-Hinkley": PageHinkley, "DDM": DDM}
rivers = {name: river_alarm(make(), find_errors(new)) for name, make in makers.items()}
rivers | {"ours": int(alarm) if np.isfinite(alarm) else None, "end of April": int(ends[1])}

# %% [markdown] tags=["more"]
# A number is the label of the first alarm, `None` is no alarm at all; one before the end of April is false. How often is each of them
# wrong on quiet streams?

# %% tags=["more"]
calm = (rng.random((100, stream_labels)) < test_error).astype(int)
false_ones = {
    name: np.mean([river_alarm(make(), x) is not None for x in calm])
    for name, make in makers.items()
}
ours = number_of_first(evidence_over_time(calm, tolerance, run_length, smallest_rise) >= 1)
{name: round(float(share), 2) for name, share in false_ones.items()} | {
    "ours": round(float(np.isfinite(ours).mean()), 2)
}

# %% [markdown] tags=["more"]
# DDM is as early as ours or earlier, and cries wolf in more of the quiet streams. ADWIN and Page-Hinkley are silent there, and later here. Each can be
# tuned until its false alarms are as rare as you like, but no setting *says* how rare. `benchmarks/results/monitoring_labels.md` does this
# tuning, on the same streams for all, and shows the delays side by side, whoever wins.

# %% tags=["claim", "more"]
claim(
    "DDM is no later than ours, and cries wolf more often",
    (rivers["DDM"] or 999) <= alarm and false_ones["DDM"] > np.isfinite(ours).mean(),
    learning=False,
)
claim(
    "ADWIN and Page-Hinkley are silent on quiet streams, and later on ours",
    all(false_ones[n] < 0.05 and (rivers[n] or 999) > alarm for n in ("ADWIN", "Page-Hinkley")),
    learning=False,
)

# %% [markdown] tags=["more"]
# ## More: real reviews, two years
#
# Does this happen outside a classroom? A TF-IDF model learned from Amazon's reviews before 2005, and met those of the next two years. The
# figures are from a study of this course; the original reviews are not needed here.

# %% tags=["more"]
import json

from workshop_utils.paths import ROOT

study = ROOT / "benchmarks" / "results" / "monitoring_labels.json"
amazon = json.loads(study.read_text(encoding="utf-8"))["amazon"]
quarters = pd.DataFrame(amazon["error by quarter"], ["error", "reviews"]).T
print(f"test error {amazon['test error']:.3f}, tolerance {amazon['tolerance']:.3f}")
quarters.round(3)

# %% [markdown] tags=["more"]
# The error is above the tolerance from the first quarter on, and stays there without rising further: the model was old when it began. A test
# set that is drawn at random from the past says how good a model *was*. Test it on the latest months as well (lesson 10).

# %% tags=["claim", "more"]
claim(
    "The error is above the tolerance in every quarter, and does not rise",
    quarters["error"].min() > amazon["tolerance"]
    and quarters["error"].iloc[-4:].mean() < quarters["error"].iloc[:4].mean(),
    learning=False,
)

# %% [markdown]
# ## What we learned
#
# - A model ages in four ways. Changed inputs are a reason to look; only labels show whether it has become worse.
# - A test promises something about one look. Who looks for ever needs a run length. It costs delay, and six lines keep it.
# - Mild: the inputs have changed, buy labels. Harmful: too many errors, retrain. Quiet: nothing was found *with these labels*.
# - Draw texts as you like, if each label keeps its probability.
#
# **If your numbers differ**: with another seed, the test set, its error and the alarm move. The error should lie between 0.08
# and 0.24, and the alarm between May and July.

# %%
from workshop_utils.course.results import record

assert 0.08 < test_error < 0.24
assert ends[1] < alarm <= ends[4], "quiet in March and April, and an alarm afterwards"
crying, keeping = costs["false alarms"].iloc[[0, 2]]
assert crying > keeping, "windows cry wolf"
record("09_monitor", labels_until_alarm=int(alarm - ends[1]), windows=crying, detector=keeping)

# %% [markdown]
# **Read on**: Shin, Ramdas and Rinaldo, *E-detectors*, New England Journal of Statistics in Data Science, 2024; Podkopaev and Ramdas,
# *Tracking the risk of a deployed model*, ICLR 2022; Gama and others, *A survey on concept drift adaptation*, ACM Computing Surveys 46, 2014.
#
# **Next**: lesson 10 buys labels, retrains, and lets the new model in only if it is better.
