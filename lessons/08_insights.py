# %% [markdown]
# # 08 · Look behind the metric
#
# "The model is right nine times out of ten." Is that good news? Nobody who has to decide something can answer from this
# number alone. Which tenth goes wrong? For whom? What does it cost? Does the model know when it does not know? And would it
# still be right if a customer typed a little worse? This lesson asks these questions one after the other, and each of them
# has a tool that fits into a few lines.
#
# **You will be able to**
#
# - choose a threshold from what mistakes cost, and repair probabilities that promise too much;
# - explain a single answer in two ways, and test whether an explanation deserves belief;
# - compare slices of the data with honest intervals, and look for bias by swapping names and words;
# - write behavioural tests, attack a model within a budget, and measure a remedy;
# - find wrong labels, tell over- from underfitting, and check that the same input gives the same answer.
#
# **You need** lesson 02's test part and intervals, and an idea of lesson 06's fine-tuning.
#
# **Reads** the film reviews and the product listings, bundled or from `make data`; the DistilBERT of lesson 06 if it was
# made for the same examination, otherwise it trains one in the same way, in two or three minutes.
# **Writes** that one to `build/models/08_distilbert`, and results to `build/results`.

# %% [markdown]
# The first five values set how much text is read and how long a model of our own would learn. The others limit what costs many
# scorings: how many texts are explained and attacked, and how many training texts are attacked to learn from it.

# %% tags=["parameters"]
source = "auto"
train_rows = 900
test_rows = 300
max_length = 96
tune_rows = 900
epochs = 2
learning_rate = 5e-5
explained = 4
attacked = 12
attacked_training = 100
folds = 4
seed = 0

# %% [markdown]
# ## A classifier to look at
#
# First PyTorch, and a few lines that keep the libraries quiet.

# %%
import os
import warnings

warnings.filterwarnings("ignore", message="IProgress not found")
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # threads that wait leave the processor to others
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
import torch
import transformers

transformers.utils.logging.disable_progress_bar()
torch.__version__, f"{torch.get_num_threads()} threads"

# %% [markdown]
# The examination is that of lessons 02 and 06: the same rows are held out, so that the models can be compared.

# %%
import numpy as np
import pandas as pd
from workshop_utils.data import load_reviews
from workshop_utils.data.split import at_most, hold_out

table = load_reviews(source).query("split != 'later'")
table = table.rename(columns={"sentiment": "label", "review": "text"}).reset_index(drop=True)
official = set(table["split"]) == {"train", "test"}
in_test = table["split"].eq("test").to_numpy()
if not official:
    in_test = hold_out(table["text"], table["label"], folds, seed)

# %% [markdown]
# What stands in both parts leaves the training part, and both are drawn down to our limits where they are larger, shuffled, with the
# mixture of labels kept.


# %%
folded = table["text"].str.casefold()
train = at_most(train_rows, table[~in_test & ~folded.isin(set(folded[in_test]))], seed)
test = at_most(test_rows, table[in_test], seed)
labels = ["negative", "positive"]
texts, true = list(test["text"]), test["label"].to_numpy(dtype=object)
{"training": len(train), "examination": len(test)}

# %% [markdown]
# Has lesson 06 left a DistilBERT for exactly this examination? Its card holds a fingerprint of the texts that it was examined
# on. Only if it equals ours do we know that none of our test texts was used for training.

# %%
from workshop_utils.errors import WorkshopError
from workshop_utils.models.bundle import read_card
from workshop_utils.files import sha256_of_texts
from workshop_utils.models.transformer import load_classifier, new_classifier, save_classifier
from workshop_utils.paths import model_folder


def left_by(name, settings):
    try:
        card = read_card(model_folder(name))
    except WorkshopError:
        return None
    same_paper = card.metrics_data_sha256 == sha256_of_texts(texts) and card.labels == labels
    same_settings = settings.items() <= card.metrics.items()
    return load_classifier(model_folder(name)) if same_paper and same_settings else None


# %% [markdown]
# If there is none, we train one here by lesson 06's recipe and keep it, with its settings, for the next start.

# %%
import time
from workshop_utils.models.transformer import Recipe, fine_tune

settings = {"rows": tune_rows, "epochs": epochs, "rate": learning_rate, "length": max_length}
settings = {name: float(value) for name, value in settings.items()}
start, made_by = time.perf_counter(), "lesson 06"
classifier = left_by("06_distilbert", {})
if classifier is None:
    made_by, classifier = "this lesson, before", left_by("08_distilbert", settings)
if classifier is None:
    made_by, learn = "this lesson, now", at_most(tune_rows, train, seed)
    classifier = new_classifier(labels, max_length=max_length, seed=seed)
    recipe = Recipe(epochs=epochs, learning_rate=learning_rate, seed=seed)
    fine_tune(classifier, list(learn["text"]), list(learn["label"]), recipe)
    save_classifier(model_folder("08_distilbert"), classifier, settings, texts)
made_by, f"{time.perf_counter() - start:.0f} seconds"

# %% [markdown]
# And beside it a much simpler witness: TF-IDF of words with logistic regression, on all training texts. It will do
# the experiments for which a model has to be trained again and again.

# %%
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

threads = threadpool_limits(1, user_api="blas")  # small tables: one thread is faster


def counting(**features):
    return make_pipeline(TfidfVectorizer(**features), LogisticRegression(C=10, max_iter=1000))


simple = counting().fit(train["text"], train["label"])
chances, simple_chances = classifier.predict_proba(texts), simple.predict_proba(texts)
answers = {
    "DistilBERT": (np.array(labels, dtype=object)[chances.argmax(axis=1)], 0.0),
    "TF-IDF": (simple.predict(texts), 0.0),
}

# %%
from workshop_utils.models.metrics import results_table

bars = results_table(true, answers, seed=seed).drop(columns="seconds")
bars.round(3)

# %% [markdown]
# That is what a usual report would say: one line per model. `low` and `high` bound macro-F1, and on the bundled test part they lie
# several points apart. DistilBERT is ahead of counting by what lesson 06 has found. From here on we look behind the line.

# %% [markdown]
# ## What does a mistake cost?
#
# A cinema shows on its front page the reviews that the model calls positive. If a *negative* one gets there, guests stay away,
# and the manager says this is five times as bad as leaving out a positive one. Right answers cost nothing:

# %%
from workshop_utils.models.insights import Costs

front_page = Costs(false_positive=5, false_negative=1)
score, wanted = chances[:, 1], true == "positive"
pd.DataFrame(
    {"shown": [front_page.false_positive, 0], "not shown": [0, front_page.false_negative]},
    index=["it is negative", "it is positive"],
)

# %% [markdown]
# This is the **cost matrix**. `score` is the probability of *positive*, and so far we have shown everything above one half. Need it be
# one half? We count for three thresholds.

# %%
by_hand = []
for threshold in (0.5, 0.7, 0.9):
    shown = score >= threshold
    false_positives, false_negatives = (shown & ~wanted).sum(), (~shown & wanted).sum()
    cost = (5 * false_positives + 1 * false_negatives) / len(score)
    by_hand.append((threshold, false_positives, false_negatives, cost))
pd.DataFrame(
    by_hand, columns=["threshold", "false positives", "false negatives", "cost per text"]
).round(3)

# %% [markdown]
# A stricter threshold exchanges dear false positives for cheap false negatives. `threshold_table` in
# `workshop_utils.models.insights.decisions` does this count for every threshold that makes a difference. But *on which texts* may we choose? We
# divide the examination into two halves, choose on one and judge on the other.

# %%
from sklearn.model_selection import train_test_split
from workshop_utils.models.insights import best_threshold, cost_at, threshold_table

everyone = np.arange(len(test))
choose, judge = train_test_split(everyone, test_size=0.5, stratify=true, random_state=seed)
chosen = best_threshold(wanted[choose], score[choose], front_page)
halves = {"chosen here": choose, "judged here": judge}
judged = {name: cost_at(wanted[h], score[h], chosen, front_page) for name, h in halves.items()}
{name: round(cost, 3) for name, cost in judged.items()}

# %% alt="Line chart: cost per text against the threshold, on the half where it is chosen and on the other half; dashed lines at one half, at the chosen threshold and at five sixths"
import matplotlib.pyplot as plt

plt.style.use("workshop_utils.course.house")
figure, axis = plt.subplots(figsize=(8, 3.6))
for name, half in halves.items():
    sweep = threshold_table(wanted[half], score[half], front_page)
    axis.step(sweep["threshold"].clip(upper=1), sweep["cost"], where="mid", label=name)
for place, colour in ((0.5, "C6"), (min(chosen, 1), "C0"), (front_page.threshold, "C3")):
    axis.axvline(place, color=colour, linestyle="--", linewidth=1.5)
axis.set(xlabel="threshold", ylabel="cost per text", title="What each threshold costs")
axis.legend()
plt.show()

# %% [markdown]
# At first both curves fall as the threshold rises, but their lowest points need not agree: the curve is jagged, because each step is a single text. The
# black line is one half, the blue one the threshold chosen on the first half. The orange one was not chosen from data at all: if the
# probabilities are *true*, showing a text pays exactly when it is positive with probability `5 / (5 + 1)` or more.
#
# How much do we fool ourselves by judging on the texts on which we have chosen? One division is an anecdote, so we take
# two hundred.

# %%
rows = []
for number in range(200):
    one, other = train_test_split(everyone, test_size=0.5, stratify=true, random_state=number)
    best = best_threshold(wanted[one], score[one], front_page)
    rules = {"one half": 0.5, "chosen on the other texts": best, "5/6": front_page.threshold}
    row = {name: cost_at(wanted[other], score[other], at, front_page) for name, at in rules.items()}
    row["chosen on the same texts"] = cost_at(wanted[one], score[one], best, front_page)
    rows.append(row)
never = front_page.false_negative * wanted.mean()
mean_costs = pd.DataFrame(rows).mean().sort_values(ascending=False)
pd.concat([mean_costs, pd.Series({"show nothing": never})]).to_frame("cost per text").round(3)

# %% [markdown]
# "Chosen on the same texts" is the cheapest line, and it is a promise that nobody will keep: on other texts the same thresholds cost
# clearly more. That is the price of choosing, and the reason for the second half. The rule that needed no choice is
# a serious competitor, *if* the probabilities can be believed. And compare with the last line before you deliver anything: showing nothing at all is a
# strategy too.

# %% [markdown] exercise="complaints" part="task"
# ### Exercise 1: Find every complaint
#
# Another team answers *negative* reviews. To overlook one costs 10, to read a positive one in vain costs 1. Now the score of a text
# is its probability of being negative. Choose the cheapest threshold on the half `choose` as `complaint_threshold`, and
# store in `complaint_cost` what it costs per text on the half `judge`.

# %% [markdown] exercise="complaints" part="hint"
# Three things turn round: the scores are `chances[:, 0]`, what is wanted is `true == "negative"`, and the costs are a new
# `Costs`.

# %% [markdown] exercise="complaints" part="hint"
# `best_threshold(truth[choose], scores[choose], costs)` and then `cost_at(truth[judge], scores[judge], threshold, costs)`.

# %% exercise="complaints" part="solution"
### BEGIN SOLUTION
complaints = Costs(false_positive=1, false_negative=10)
complaint_threshold = best_threshold(true[choose] == "negative", chances[choose, 0], complaints)
complaint_cost = cost_at(
    true[judge] == "negative", chances[judge, 0], complaint_threshold, complaints
)
### END SOLUTION

# %% [markdown] exercise="complaints" part="discussion"
# The same model, the same answers, and quite another threshold. Without a word about costs nobody can say which of the two is right.
# Look also at how many texts the team now has to read: at this price it may be nearly all of them, and then the honest advice is to read them all.

# %% exercise="complaints" part="check"
from workshop_utils.course.checks import exercise


@exercise("Find every complaint")
def check(complaint_threshold, complaint_cost, expect):
    prices, is_complaint = Costs(1, 10), true == "negative"
    expect(complaint_threshold != chosen, "it is another one", "score and costs turn round")
    mine = cost_at(is_complaint[choose], chances[choose, 0], complaint_threshold, prices)
    least = threshold_table(is_complaint[choose], chances[choose, 0], prices)["cost"].min()
    expect(
        abs(mine - least) < 1e-9,
        "none is cheaper on `choose`",
        "Costs(false_positive=1, false_negative=10)",
    )
    there = cost_at(is_complaint[judge], chances[judge, 0], complaint_threshold, prices)
    expect(abs(complaint_cost - there) < 1e-9, "judged on the other half", "use `judge`")


# %% [markdown]
# ## Can the probabilities be believed?
#
# Of all the texts for which the model is "90 % sure", nine of ten should be right. Then it is **calibrated**. We
# sort the answers by their confidence into bins of the same size, and compare.

# %% alt="Reliability diagram: accuracy against confidence in bins with 95 percent intervals, for DistilBERT and TF-IDF; the diagonal is perfect calibration"
from workshop_utils.models.insights import calibration_table

codes = wanted.astype(int)
figure, axis = plt.subplots(figsize=(6.5, 4.2))
axis.plot([0.5, 1], [0.5, 1], color="C6", linestyle=":", linewidth=1.5)
for name, scored in {"DistilBERT": chances, "TF-IDF": simple_chances}.items():
    bins = calibration_table(codes, scored, bins=5)
    around = [bins["accuracy"] - bins["low"], bins["high"] - bins["accuracy"]]
    axis.errorbar(
        bins["confidence"], bins["accuracy"], yerr=around, marker="o", capsize=4, label=name
    )
axis.set(xlabel="confidence", ylabel="accuracy", title="Is it right as often as it says?")
axis.legend(loc="lower right")
plt.show()

# %% [markdown]
# Below the dotted diagonal a model promises too much, above it too little. Mind the intervals: with some sixty texts in a bin they are wide.
# Fine-tuned networks usually promise too much, the more so the longer they are trained. A model that has only seen a few hundred texts once may be too modest.
#
# The remedy has one number. **Temperature scaling** divides the logarithms of the probabilities by a temperature `T` and
# normalises again: above 1 all become softer, below 1 sharper, and the order never changes. `T` is chosen so that the loss is lowest, on
# texts that are not the ones we judge by.

# %%
from workshop_utils.models.insights import apply_temperature, fit_temperature, log_loss
from workshop_utils.models.insights import expected_calibration_error

temperature = fit_temperature(chances[choose], codes[choose])
healed = apply_temperature(chances, temperature)
versions = {"as it comes": chances[judge], f"T = {temperature:.2f}": healed[judge]}
calibration = pd.DataFrame(
    {
        "log loss": {n: log_loss(codes[judge], p) for n, p in versions.items()},
        "calibration error": {
            n: expected_calibration_error(codes[judge], p, 5) for n, p in versions.items()
        },
        "accuracy": {n: (p.argmax(axis=1) == codes[judge]).mean() for n, p in versions.items()},
    }
)
calibration.round(3)

# %% [markdown]
# The **calibration error** is the mean distance from the diagonal. The accuracy is the same to the last digit, because no
# answer changes: temperature repairs what the model says about itself, not what it says. Two cautions. On so few texts
# chance alone produces a calibration error of several points, so a small change of it means nothing. And one number can only
# repair one fault, being too sure or too modest everywhere.

# %% [markdown] exercise="temperature" part="task"
# ### Exercise 2: One number by hand
#
# Complete `loss_at`, so that it returns the log loss of the half `choose` at a temperature. Then try the temperatures in `grid` and
# store the best one in `by_grid`.

# %% [markdown] exercise="temperature" part="hint"
# `apply_temperature(chances[choose], temperature)` gives the changed probabilities, `log_loss(codes[choose], ...)` their
# loss.

# %% [markdown] exercise="temperature" part="hint"
# Python's `min` takes a function to compare by: `min(grid, key=loss_at)`.

# %% exercise="temperature" part="solution"
grid = np.linspace(0.1, 5, 197)


def loss_at(temperature):
    ### BEGIN SOLUTION
    return log_loss(codes[choose], apply_temperature(chances[choose], temperature))
    ### END SOLUTION


### BEGIN SOLUTION
by_grid = min(grid, key=loss_at)
### END SOLUTION

# %% [markdown] exercise="temperature" part="discussion"
# One number, one curve, one valley: a search by hand is as good as an optimizer here. With one temperature *per class* the order could
# change, and with it the answers. That would be another model, and it would have to be examined again.


# %% exercise="temperature" part="check"
@exercise("One number by hand")
def check(loss_at, by_grid, expect):
    same = abs(loss_at(1.0) - log_loss(codes[choose], chances[choose])) < 1e-6
    expect(same, "at T = 1 nothing changes", "the loss is measured on `choose`")
    softer = log_loss(codes[choose], apply_temperature(chances[choose], 3.0))
    expect(abs(loss_at(3.0) - softer) < 1e-6, "it uses the temperature", "apply it first")
    expect(
        all(loss_at(by_grid) <= loss_at(t) for t in grid[::20]), "none is better", "take the least"
    )


# %% [markdown]
# ### Hand the doubtful ones to a person
#
# With probabilities that mean something, a third action becomes possible: *ask somebody*, for 0.3 units. For each text we
# compute what each action is expected to cost, and take the cheapest.

# %%
from workshop_utils.models.insights import cheapest_action

actions, ask = ["do not show", "show", "ask a person"], 0.3
prices = np.array([[0, 5, ask], [1, 0, ask]])
with_person = cheapest_action(healed[judge], prices)
without_person = cheapest_action(healed[judge], prices[:, :2])
paid = {
    "the model decides alone": prices[codes[judge], without_person].mean(),
    "doubtful ones to a person": prices[codes[judge], with_person].mean(),
    "a person reads all": ask,
}
pd.Series(paid, name="cost per text").to_frame().round(3)

# %%
share = np.bincount(with_person, minlength=3) / len(judge)
pd.Series(share, index=actions, name="share of the texts").to_frame().round(2)

# %% [markdown]
# The second table says how much work is left for people. Whether the mixture is the cheapest line of the first one depends on how well the
# probabilities separate: where even their extremes are doubtful, nearly everything is handed over, and the model saves little.

# %% [markdown]
# ## The ten worst texts, read
#
# No tool replaces reading. Which texts found the model most sure of the wrong answer, and through which channel did they come?

# %%
surprise = -np.log(np.maximum(chances[everyone, codes], 1e-12))
for i in np.argsort(-surprise, kind="stable")[:10]:
    print(f"[{true[i]}, {test['channel'][i]}; the model gave it {chances[i, codes[i]]:.2f}]")
    print(texts[i][:380], "\n")

# %% [markdown]
# Read them aloud and note a cause for each: irony, a turn in the last sentence, praise for something else, an idiom, a story
# without a verdict, or a label that you would doubt yourself. Compare with the list of lesson 02. Which kinds have gone, and which
# have come? Does one channel stand there more often than it should? A pattern that you see here is a hypothesis; the slices below
# show how to test it.

# %% [markdown]
# ## Why this answer?
#
# ### Leave one word out
#
# The simplest explanation asks the model itself: what does it say without this word? We take the worst of the shorter texts, and
# the five words whose absence changes the most.

# %%
lengths = np.array([len(text.split()) for text in texts])
shortish = np.quantile(lengths, 1 / 3)
moderate = np.flatnonzero((lengths >= 12) & (lengths <= shortish))
case = moderate[surprise[moderate].argmax()]
words = texts[case].split()
shorter = [" ".join(words[:place] + words[place + 1 :]) for place in range(len(words))]
asked = classifier.predict_proba([" ".join(words), *shorter])
winner = asked[0].argmax()
drop = asked[0, winner] - asked[1:, winner]
pd.Series(drop, index=words, name=f"drop of {labels[winner]}").nlargest(5).round(3).to_frame()

# %% [markdown]
# The drop is the word's weight. As coloured text this is easier to read: blue words with a solid line and a plus spoke *for* the answer, orange ones with a
# dashed line and a minus against it. The functions are in `workshop_utils.models.bundle.explain`.

# %%
from IPython.display import HTML, display
from workshop_utils.models.bundle import as_html, leave_one_out

left_out = leave_one_out(classifier.predict_proba, labels, texts[case])
display(HTML(as_html(left_out)))
print(f"[{true[case]}]")

# %% [markdown]
# It is honest, it works with every model, and it has a blind spot: where two words say the same, each can be left out without
# loss, and both seem to be unimportant.
#
# ### Integrated gradients
#
# The second way looks inside. We start from a text that says nothing, `[MASK]` in place of each piece, and walk in small steps to
# the real one. On the way we sum up how strongly each piece pulls the answer (the gradient). **captum** does this for PyTorch
# models. The method makes a promise that can be checked: all weights together are exactly what the text adds to the empty one.

# %%
from workshop_utils.models.transformer import completeness_gap, integrated_gradients

inside = integrated_gradients(classifier, texts[case], steps=24)
display(HTML(as_html(inside)))
gap = completeness_gap(classifier, texts[case], inside)
{"sum of the weights": round(sum(w for _, w in inside.words), 3), "missing": round(gap, 4)}

# %% [markdown]
# What is missing comes from the finite number of steps. Now compare the two pictures. Where they agree, trust grows. Where they
# do not, which one is right? A coloured text always *looks* convincing. So explanations have to be examined as well.

# %% [markdown]
# ### Examination 1: a model that has forgotten everything
#
# If we replace the encoder's layers by random numbers, the model knows nothing, and its explanations have to change. One that does
# not change explains the text and not the model. As a warning we add a fake method, "rare words are important", which never asks
# the model. How similar are the weights before and after (rank correlation)?

# %%
from scipy.stats import spearmanr
from workshop_utils.models.transformer import deletion_curve, randomised
from workshop_utils.models.bundle import Explanation

vectorizer = simple[0]
idf = dict(zip(vectorizer.get_feature_names_out(), vectorizer.idf_, strict=True))


def rare_words(model, text):
    weights = [(word, idf.get(word.strip(".,!?").casefold(), 0.0)) for word in text.split()]
    return Explanation(classifier.predict([text])[0], 1.0, weights, 0)


methods = {
    "leave one out": lambda model, text: leave_one_out(model.predict_proba, labels, text, 400),
    "integrated gradients": lambda model, text: integrated_gradients(model, text, steps=16),
    "rare words (fake)": rare_words,
}

# %% [markdown]
# The sign of a weight belongs to the label that it explains. To compare, all weights are turned so that they speak for *positive*.


# %%
def towards_positive(explanation):
    sign = 1 if explanation.label == "positive" else -1
    return [sign * weight for _, weight in explanation.words]


forgetful = randomised(classifier, seed=seed)
sample = [texts[i] for i in moderate[:explained]]
found = {name: [how(classifier, text) for text in sample] for name, how in methods.items()}
similar = {}
for name, how in methods.items():
    pairs = zip(found[name], [how(forgetful, text) for text in sample], strict=True)
    similar[name] = np.nanmean(
        [abs(spearmanr(towards_positive(a), towards_positive(b)).statistic) for a, b in pairs]
    )
pd.Series(similar, name="similar to itself without a model").to_frame().round(2)

# %% [markdown]
# The fake has failed with full marks: it says the same, whatever the model knows. The real ones depend on the model, as they should; with few texts
# of a few dozen words, a correlation of about 0.2 is what chance gives.
#
# ### Examination 2: delete what was called important
#
# We delete the words with the largest weights, a tenth of the text at a time. If they carried the answer, its probability has to
# fall faster than when words are deleted at random.

# %%
luck, shares = np.random.default_rng(seed), np.linspace(0, 0.5, 6)
found["random order"] = [
    told._replace(words=[(word, luck.random()) for word, _ in told.words])
    for told in found["leave one out"]
]
curves = pd.DataFrame(index=shares)
for name, explanations in found.items():
    pairs = zip(sample, explanations, strict=True)
    fallen = [deletion_curve(classifier.predict_proba, labels, t, e, shares) for t, e in pairs]
    curves[name] = np.mean(fallen, axis=0)

# %% alt="Line chart: mean probability of the explained answer against the share of deleted words, for leave one out, integrated gradients, rare words and random order"
figure, axis = plt.subplots(figsize=(8, 3.6))
curves.plot(ax=axis, marker="o", xlabel="share of words deleted", ylabel="probability")
plt.show()

# %% [markdown]
# The lower a curve, the better the method knows what the model relied on. "Leave one out" has a home advantage, because deleting is what it
# does. Neither examination says that the model's reasons are *good*. They say that these really are its reasons.

# %% [markdown]
# ## For which texts is it worse?
#
# An average hides its parts. We cut the examination into **slices** and ask for each how it differs from the rest: by length, by
# channel, by what is mentioned.

# %%
from workshop_utils.models.insights import length_bins, mentions, slice_table

right = answers["DistilBERT"][0] == true
thirds = [int(shortish), int(np.quantile(lengths, 2 / 3))]
slices = {
    "length": length_bins(texts, edges=thirds),
    "channel": test["channel"],
    "children": mentions(texts, ["child", "children", "kid", "kids", "son", "daughter"]),
    "actors": mentions(texts, ["actor", "actors", "actress", "cast", "acting"]),
    "but, though": mentions(texts, ["but", "though", "although", "however", "yet"]),
}
by_slice = slice_table(right, slices)
by_slice.round(2)

# %% alt="Accuracy of each slice with its 95 percent interval, and the accuracy of all texts as a dashed line"
drawn = by_slice.dropna(subset=["low"]).iloc[::-1]
names = drawn["slice"] + ": " + drawn["value"].astype(str)
around = [drawn["accuracy"] - drawn["low"], drawn["high"] - drawn["accuracy"]]
figure, axis = plt.subplots(figsize=(9, 4.5))
axis.errorbar(drawn["accuracy"], names, xerr=around, fmt="o", capsize=4)
axis.axvline(right.mean(), color="C3", linestyle="--")
axis.set(xlabel="accuracy with 95 % interval", title="Slices")
axis.grid(visible=False, axis="y")
plt.show()

# %% [markdown]
# Look at the widths first. A slice of forty texts has an interval of nearly thirty points, and with a dozen slices one of them looks bad by
# chance. The column `p` is corrected for this: only where it is small has something been found. Where it is not, you
# have a reason to collect more texts of that kind, not a finding. Slices under twenty texts get no interval at all.
#
# On the bundled reviews one slice is found: the channel `magazine`, one text in ten. It holds small literary pieces, often ironic,
# whose verdict is not said in plain words, and there the model is hardly better than a coin. In the other channels it is better than
# the average. What follows is a decision: collect such texts, hand this channel to a person, or say in the model's card that it is
# not for it.
#
# ### Languages
#
# The bundled reviews are all in English, so this examination can say nothing about other languages: what is not in the test
# part is not tested. The product listings of lesson 01 *are* mixed, and lesson 01 promised to look. A bag of words learns the
# categories, and each listing is judged by a model that has not seen it (**cross-validation**, near-twins kept together); **lingua** says which texts are not in English.

# %%
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from workshop_utils.data import load_products
from workshop_utils.data.clean import clean, label_spellings
from workshop_utils.data.duplicates import duplicate_groups

listings = load_products(source).rename(columns={"category": "label", "description": "text"})
listings = clean(listings, label_spellings(listings["label"]))
listings = at_most(4 * test_rows, listings, seed)
apart = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
twins = duplicate_groups(listings["text"])
said = cross_val_predict(counting(), listings["text"], listings["label"], groups=twins, cv=apart)
{"listings": len(listings), "accuracy": round(float((said == listings["label"]).mean()), 3)}

# %%
from lingua import Language, LanguageDetectorBuilder

tongues = "ENGLISH HINDI FRENCH GERMAN SPANISH".split()
detector = LanguageDetectorBuilder.from_languages(*(getattr(Language, one) for one in tongues))
spoken = detector.build().detect_languages_in_parallel_of([t[:150] for t in listings["text"]])
spoken = [one.name.title() if one else "unknown" for one in spoken]
english = ["English" if one == "English" else "another" for one in spoken]
languages = slice_table(said == listings["label"], {"language": english, "one by one": spoken})
languages.round(2)

# %% [markdown]
# The promise is kept, and the answer is mostly about the intervals: there are few such listings. And lingua calls a text English
# if most of it is; a brand name and a handful of Hindi words in Latin letters do not make it Hindi. For a verdict we would have to collect
# listings in these languages on purpose.

# %% [markdown] exercise="own_slice" part="task"
# ### Exercise 3: A slice of your own
#
# Go back to the ten worst texts and choose a suspicion, something that one can see in a text. Write `my_slice`, a list with `True`
# or `False` for each of `texts`. Then store the `slice_table` of `right` for it in `my_table`. Both parts should hold at
# least 20 texts, or there is no interval.

# %% [markdown] exercise="own_slice" part="hint"
# Anything that can be computed from a text will do: `"!" in text`, `text.isascii()`, a word by `mentions`, a number.

# %% [markdown] exercise="own_slice" part="hint"
# `my_slice = ["!" in text for text in texts]`, then `slice_table(right, {"mine": my_slice})`.

# %% exercise="own_slice" part="solution"
### BEGIN SOLUTION
endings = [text[-100:] for text in texts]
my_slice = list(mentions(endings, ["not", "but", "never", "no", "nothing", "didn't", "still"]))
my_table = slice_table(right, {"a turn at the end": my_slice})
### END SOLUTION

# %% [markdown] exercise="own_slice" part="discussion"
# Does the difference's interval hold zero? Then you have learned that the test part is too small for your suspicion, or that it is wrong. And
# if it does not: you formed the suspicion by reading *these* texts, so it must look true on them. Only fresh texts can confirm it.


# %% exercise="own_slice" part="check"
@exercise("A slice of your own")
def check(my_slice, my_table, expect):
    expect(len(my_slice) == len(texts), "one value per text", "make it in a loop over `texts`")
    expect(set(my_slice) <= {True, False}, "each is True or False", "write a condition")
    expect(
        min(sum(my_slice), len(texts) - sum(my_slice)) >= min(20, len(texts) // 10),
        "both parts are large enough",
        "widen it",
    )
    expect(
        my_table["texts"].sum() == len(texts), "the table counts all texts", "pass `right` first"
    )


# %% [markdown]
# ## Does a name matter?
#
# Slices tell what happens to the texts that we have. **Swapping** tells what *would* have happened: change one thing in the same
# text that must not matter, and look at the answer. First names in four sentences, one neutral and three with a verdict:

# %%
from workshop_utils.models.insights import film_words

frames = [
    "{} plays the doctor.",
    "{} is wonderful in it, and I was moved.",
    "I saw it with {}, and we were bored.",
    "The film by {} is all right.",
]
people = film_words("names").items()
named = [(group, f.format(one)) for group, names in people for one in names for f in frames]
named = pd.DataFrame(named, columns=["names", "text"])
named["positive"] = classifier.predict_proba(list(named["text"]))[:, labels.index("positive")]
named["sentence"] = frames * (len(named) // len(frames))
by_name = named.groupby(["names", "sentence"])["positive"].mean().unstack()
by_name.assign(mean=by_name.mean(axis=1)).sort_values("mean").round(3)

# %% [markdown]
# Each cell is the mean over eight names. Read *down* a column: the sentence is the same, so differences come from the names alone. Is a
# difference between groups larger than between names of one group?

# %%
each = named.assign(name=np.repeat(np.arange(len(named) // len(frames)), len(frames)))
each = each.groupby(["names", "name"])["positive"].mean()
name_gap = {
    "between groups, largest": np.ptp(each.groupby("names").mean()),
    "between single names, spread": each.groupby("names").std().mean(),
}
{name: round(float(size), 3) for name, size in name_gap.items()}

# %% [markdown]
# And on the real texts: wherever a review holds a word for a gender or an origin, all of them are swapped. Nearly every review holds
# a *he* or a *her*, so for gender a part of the texts is enough.

# %%
from workshop_utils.models.insights import swapped_gap

swapped = {
    "gender": swapped_gap(classifier.predict_proba, labels, texts[:120], film_words("gender")),
    "origin": swapped_gap(classifier.predict_proba, labels, texts, film_words("origin")),
}
pd.DataFrame(swapped.values(), index=list(swapped)).drop(columns=["text", "changed"]).round(3)

# %% [markdown]
# `mean` is how far the probability moves, `flipped` the share of texts whose answer changes, and `tilt` whether one side is liked
# more: it is negative if the swap from the first to the second word makes an answer worse. A tilt near zero with a `mean` well above it says that words matter
# but in no particular direction. A model can pass all this and still be unfair: we have only asked about the words that we thought of.

# %% [markdown]
# ## Tests of behaviour
#
# Software has unit tests. So can a model, with texts in place of function calls. Three kinds: **MFT**, simple texts whose answer
# nobody disputes; **INV**, changes that must not matter; **DIR**, changes that must move the answer in one direction. `film_suite` holds
# about 180 of them.

# %%
from workshop_utils.models.insights import run_suite
from workshop_utils.models.insights import film_suite

suite = film_suite()
behaviour = run_suite(classifier.predict_proba, labels, suite)
counted = run_suite(simple.predict_proba, labels, suite)
failing = behaviour[["test", "kind", "cases"]].assign(
    **{"DistilBERT": behaviour["share"], "TF-IDF": counted["share"]},
    worst=behaviour["worst"].str.slice(0, 60),
)
failing.round(2)

# %% [markdown]
# The two middle columns are the shares of *failed* cases. This table is more useful than an accuracy: it says **what** a model cannot do. A bag of words
# can only guess where order decides ("what follows but", "then and now"), and where an encoder fails there as well, it has
# not yet learned to use the order either. Names and typing errors should have low numbers. Put such a suite beside your code, and let it grow with each
# error that a user reports.

# %% [markdown] exercise="own_test" part="task"
# ### Exercise 4: A test of your own
#
# Write `my_test`, a `Behaviour` of kind `"INV"` with at least five cases, about something of which you think that it must not matter. A case is
# a line with `{before|after}`. Store `run_suite(classifier.predict_proba, labels, [my_test])` in `my_result`.

# %% [markdown] exercise="own_test" part="hint"
# `cases("...")` turns lines into cases, for example `We paid {ten|twelve} euros and loved it.`

# %% [markdown] exercise="own_test" part="hint"
# `Behaviour("prices", "INV", cases(lines))`, where `lines` is a text between triple quotation marks with one case a line.

# %% exercise="own_test" part="solution"
from workshop_utils.models.insights import Behaviour, cases

### BEGIN SOLUTION
lines = """
We paid {ten|twelve} euros and loved it.
It lasts {90|110} minutes, and I was bored.
Seen on {Monday|Friday}: a beautiful film.
The hall was {half empty|half full}, the story is stupid.
A friend from {Leeds|Lyon} recommended it, and it is great.
"""
my_test = Behaviour("numbers and places", "INV", cases(lines))
my_result = run_suite(classifier.predict_proba, labels, [my_test])
### END SOLUTION

# %% [markdown] exercise="own_test" part="discussion"
# Was every change really without meaning? "Half empty" might hint at a bad film. Disputes about such cases are the most valuable part of
# writing tests: they say what the model is supposed to do, before anybody trains it.


# %% exercise="own_test" part="check"
@exercise("A test of your own")
def check(my_test, my_result, expect):
    expect(my_test.kind == "INV", "it is an invariance test", 'the second argument is "INV"')
    expect(len(my_test.cases) >= 5, "there are five cases or more", "one case on each line")
    expect(all(c.changed for c in my_test.cases), "each case has a change", "write {before|after}")
    expect(my_result["cases"].sum() == len(my_test.cases), "all cases ran", "pass [my_test]")


# %% [markdown]
# ## Under attack
#
# Typing errors by accident are one thing. Somebody who *wants* a wrong answer is another: they try a change, look at the answer,
# and keep what works. They may change at most five words, by synonyms or by slips of the finger, so that a person would hardly
# notice. One such attack on a text that was right:

# %%
from workshop_utils.models.insights import attack, attack_table, character_moves, word_moves

victims = [i for i in moderate if right[i]][:attacked]
victims = victims or list(moderate[:attacked])
moves = {"words": word_moves, "characters": character_moves}
attempts = {
    name: [
        attack(classifier.predict_proba, labels, texts[i], true[i], how, seed=seed) for i in victims
    ]
    for name, how in moves.items()
}
one = max(attempts["characters"], key=lambda run: (run.flipped, -len(run.changes)))
print(one.text[:400], "\n", one.changes, f"{one.before:.2f} → {one.after:.2f}")

# %%
attack_table(attempts).round(2)

# %% [markdown]
# `accuracy` was before, `under_attack` is after. The average number of changed words in the successful attacks is small. The bundled synonyms know sixty words only, so
# the attack by words has little to work with; a larger dictionary would do more harm. How does it depend on the budget?

# %%
budgets = {}
for name, runs in attempts.items():
    needed = np.array([len(run.changes) if run.flipped else 99 for run in runs])
    at_first = np.array([run.right for run in runs])
    budgets[name] = {b: float((at_first & (needed > b)).mean()) for b in range(6)}
pd.DataFrame(budgets).rename_axis("words changed at most").round(2)

# %% [markdown]
# ### Adversarial training, a measured remedy
#
# The textbook remedy: attack the training texts, add the attacked versions with their true labels, train again. For this we need a
# model that trains in a moment, so TF-IDF stands in for DistilBERT. And it has a rival: do not count words but *runs of
# characters*, of which a slip of the finger damages only some. Every model is attacked anew, on its own weaknesses.

# %%
runs_of_letters = {"analyzer": "char_wb", "ngram_range": (2, 4), "min_df": 2, "sublinear_tf": True}
targets = moderate[: 4 * attacked]


def attacked_by_letters(model, chosen_texts, chosen_labels, budget=3):
    names = list(model.classes_)
    pairs = zip(chosen_texts, chosen_labels, strict=True)
    return [
        attack(model.predict_proba, names, text, label, character_moves, budget, 150, seed)
        for text, label in pairs
    ]


def examine(model):
    runs = attacked_by_letters(model, [texts[i] for i in targets], true[targets])
    row = attack_table({"letters": runs}).iloc[0]
    return {"accuracy": (model.predict(texts) == true).mean(), "under attack": row["under_attack"]}


# %%
short = train[train["text"].str.split().str.len() <= shortish].head(attacked_training)
remedies = {}
for name, features in {"words": {}, "characters": runs_of_letters}.items():
    plain = counting(**features).fit(train["text"], train["label"])
    remedies[name] = examine(plain)
    damaged = [run.text for run in attacked_by_letters(plain, short["text"], short["label"])]
    more = pd.concat([train[["text", "label"]], short.assign(text=damaged)[["text", "label"]]])
    hardened = counting(**features).fit(more["text"], more["label"])
    remedies[f"{name}, with attacked texts"] = examine(hardened)
remedies = pd.DataFrame(remedies).T
remedies.round(3)

# %% [markdown]
# Compare each line with the one below it. To a bag of words a misspelt word is an unknown word, and there are endlessly many
# misspellings, so attacked training texts can help little: the next attack finds others. The change of *features*, from words to characters, is a
# remedy of another kind. Look at the accuracy column too: robustness that is paid for with accuracy on honest texts is a trade, and
# somebody has to want it. The intervals of these numbers are as wide as ever.

# %% [markdown]
# ## Are the labels right?
#
# So far we have trusted the labels. To see whether wrong ones can be found, we make some: one training label in twelve is
# flipped, and we remember where.

# %%
label_rng = np.random.default_rng(seed)
truth = train["label"].eq("positive").astype(int).to_numpy()
planted = label_rng.random(len(train)) < 1 / 12
noisy = np.where(planted, 1 - truth, truth)
{"training labels": len(noisy), "flipped": int(planted.sum())}

# %% [markdown]
# Every text is judged by a model that has not seen it (cross-validation). **cleanlab** compares these out-of-fold
# probabilities with the labels, and asks where the contradiction is larger than the model's usual doubt.

# %%
from cleanlab.filter import find_label_issues

out_of_fold = cross_val_predict(counting(), train["text"], noisy, cv=5, method="predict_proba")
suspects = find_label_issues(noisy, out_of_fold, n_jobs=1)
noise_table = {
    "suspected": suspects.sum(),
    "of them planted (precision)": planted[suspects].mean() if suspects.any() else 0.0,
    "by guessing": planted.mean(),
    "planted ones found (recall)": suspects[planted].mean(),
}
{name: round(float(value), 2) for name, value in noise_table.items()}

# %% [markdown]
# Clearly better than guessing, and far from certain: most suspects are innocent, because the model suspects every text that it finds
# hard. So the list is for *reading*, not for deleting. Does deleting help all the same?

# %%
cleaned = {"true labels": (train["text"], truth), "with flipped labels": (train["text"], noisy)}
cleaned["suspects deleted"] = (train["text"][~suspects], noisy[~suspects])
cleaned["planted ones deleted"] = (train["text"][~planted], noisy[~planted])
after_noise = {
    name: float((counting().fit(x, y).predict(texts) == codes).mean())
    for name, (x, y) in cleaned.items()
}
pd.Series(after_noise, name="accuracy").to_frame().round(3)

# %% [markdown]
# The differences are of the size of the noise. If you like to go hunting in texts with other faults: the bundled product
# listings hold ten plausible label errors, their rows are named in `data/products_planted.csv`. Clean the table, look for
# suspects in the same way, and read the first thirty.

# %% [markdown]
# ## Too little or too much: curves
#
# **Underfitting** is a model that cannot even learn the training texts; **overfitting** is one that learns them by heart. Both are
# visible when one compares training with validation texts. For TF-IDF, `C` says how freely the weights may grow, and we look at the loss. The number of
# texts is the other screw, and there we look at the accuracy.

# %% alt="Two line charts for TF-IDF with logistic regression: loss on training and validation texts against C, and accuracy against the number of training texts"
from sklearn.model_selection import learning_curve, validation_curve

given = (counting(), train["text"], train["label"])
freedom = np.logspace(-3, 4, 8)
over_c = {"param_name": "logisticregression__C", "param_range": freedom}
in_c = validation_curve(*given, **over_c, cv=3, scoring="neg_log_loss")
sizes, *in_size = learning_curve(*given, train_sizes=np.linspace(0.1, 1, 5), cv=3)
figure, (by_c, by_size) = plt.subplots(1, 2, figsize=(11, 3.8))
for kind, losses, accuracies in zip(("training", "validation"), in_c, in_size, strict=True):
    by_c.plot(freedom, -losses.mean(axis=1), marker="o", label=kind)
    by_size.plot(sizes, accuracies.mean(axis=1), marker="o", label=kind)
by_c.set(xscale="log", xlabel="C", ylabel="log loss", title="How free are the weights?")
by_size.set(xlabel="training texts", ylabel="accuracy", title="How much is there to read?")
by_c.legend()
plt.show()

# %% [markdown]
# Left, from left to right: at first both losses stand near `log(2)`, the loss of guessing, and not even the training texts are learned: underfitting. Then both
# fall. In the end the training loss goes to zero, while the validation loss has turned and rises: overfitting. The accuracy
# hardly notices (try `scoring="accuracy"`); what suffers first is the trust in the probabilities. Right: the training texts are known by heart, however many
# there are, and validation climbs towards them. Where it still rises at its right end, more texts help more than more tuning. The curves of lesson 00 were
# drawn over epochs and are read in the same way.

# %% [markdown]
# ## The same again?
#
# Two kinds of consistency. *The same seed gives the same model*: we fine-tune a DistilBERT for two steps on a few short texts, twice with
# one seed, and compare every weight, bit for bit.

# %%
tiny = Recipe(epochs=1, batch_size=8, per_device_batch_size=8)
first = at_most(16, train, seed)


def trained(number):
    copy = new_classifier(labels, max_length=24, seed=number)
    fine_tune(copy, list(first["text"]), list(first["label"]), tiny._replace(seed=number))
    return copy.model.state_dict()


one, again = trained(seed), trained(seed)
same_model = all(torch.equal(one[name], again[name]) for name in one)
{"weights": sum(part.numel() for part in one.values()), "all equal": same_model}

# %% [markdown]
# All of them, dropout and the order of the texts included: on one machine, with the same versions and number of threads. Elsewhere the order of additions differs, and with it the last digits.
#
# *The same text gives the same score*, alone or among others. Texts of one batch are padded to the same length, and sums are
# divided otherwise among the threads. By how much do the scores of a batch of twelve differ from those of the texts alone? And if
# each text gets a batch of its own?

# %%
few = texts[:12]
alone = np.concatenate([classifier.predict_proba([text]) for text in few])
neighbours = {
    size: float(np.abs(classifier.predict_proba(few, batch_size=size) - alone).max())
    for size in (12, 1)
}
pd.Series(neighbours, name="largest difference").rename_axis("texts per batch").to_frame()

# %% [markdown]
# In company the scores move in their last digits. That is harmless until a score lies exactly at a threshold and a customer asks why the
# same text got two answers. One by one the difference is zero, to the last bit. So the service of lesson 11 scores each
# text alone; in int8, where the company a text keeps matters far more, there is no other way.

# %% [markdown]
# ## What we learned
#
# - A threshold follows from costs. Chosen on the texts on which it is judged, it flatters itself. Temperature repairs
#   confidence without touching an answer, and what is doubtful can be handed to a person.
# - Leave-one-out asks the model, integrated gradients look inside. An explanation that survives random weights explains nothing.
# - An average hides its parts: here, a channel that the model cannot read. Slices have intervals, and who looks at many finds one
#   that is bad by chance. What is not in the test part is not tested.
# - Behavioural tests say what a model cannot do. Attacks find the few words that turn an answer; a remedy counts when it has been attacked
#   itself.
# - cleanlab finds wrong labels far better than guessing, and its list is for reading.
# - Training and validation both bad is underfitting, training far better is overfitting. Same seed, same model; same text, same score, if it is scored alone.
#
# **If your numbers differ**: the DistilBERT here is as good as its training, and thresholds, temperature and failed tests follow it.
# On the bundled reviews its accuracy should lie between 0.82 and 0.96, and the channel `magazine` should be its worst
# slice. What holds for every model is
# asserted too: choosing flatters itself, a temperature changes no answer, gradients add up, the fake explanation is unmasked,
# wrong labels are found clearly more often than by guessing, the seed decides, and a text that is scored alone always gets the
# same score.

# %%
reached = bars.set_index("model")["accuracy"]
assert 0.65 < reached["TF-IDF"] < 0.92, "counting is where lesson 02 left it"
assert mean_costs["chosen on the same texts"] <= mean_costs["chosen on the other texts"]
assert calibration["accuracy"].nunique() == 1, "a temperature changes no answer"
assert gap < 0.1, "the weights add up"
assert similar["rare words (fake)"] > 0.99 > similar["integrated gradients"]
assert noise_table["of them planted (precision)"] > 1.3 * noise_table["by guessing"]
assert same_model and neighbours[1] == 0 <= neighbours[12] < 1e-4
assert (remedies["under attack"] <= 1).all() and len(behaviour) == len(suite)
if len(test) >= 200 and not official:
    hardest = by_slice.loc[by_slice["accuracy"].idxmin()]
    assert hardest["value"] == "magazine" and hardest["p"] < 0.05, "the hard slice is found"

# %%
from workshop_utils.course.results import record

if len(test) >= 200:
    assert 0.8 < reached["DistilBERT"] < 0.97, "it has learned"
    shares = pd.Series(answers["DistilBERT"][0]).value_counts(normalize=True)
    assert len(shares) == 2 and shares.min() > 0.15, (
        "it calls neither everything positive nor nothing"
    )
marks = {"distilbert": reached["DistilBERT"], "tfidf": reached["TF-IDF"]}
marks |= {
    "cost_half": mean_costs["one half"],
    "cost_chosen": mean_costs["chosen on the other texts"],
}
marks |= {"temperature": temperature, "failed_cases": float(behaviour["share"].mean())}
marks |= {"label_precision": noise_table["of them planted (precision)"]}
record("08_insights", test_texts=len(test), made_by=made_by, **marks)

# %% [markdown]
# **Read on**: Elkan, *The foundations of cost-sensitive learning*, IJCAI 2001; Guo and others, *On calibration of modern neural networks*, ICML
# 2017; Sundararajan and others, *Axiomatic attribution for deep networks*, ICML 2017; Adebayo and others, *Sanity checks for saliency maps*,
# NeurIPS 2018; Ribeiro and others, *Beyond accuracy: behavioral testing of NLP models with CheckList*, ACL 2020; Northcutt and others,
# *Confident learning*, JAIR 70, 2021.
#
# **Next**: lesson 09 watches a model in use, where there are no labels at first.
