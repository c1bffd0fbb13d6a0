# %% [markdown]
# # 01 · Explore product listings
#
# An online shop wants its listings sorted into categories by a program. Before anybody writes that program, somebody
# has to read the listings. That is us, today. Most projects that fail later could have known it from an hour like this
# one: the data was repeated, contradictory, half empty, or about something else than everybody thought.
#
# **You will be able to**
#
# - describe a table of texts by its columns, gaps, classes and lengths;
# - find repeated, contradictory and nearly repeated texts, and do it fast;
# - examine data along six pillars of quality, each with a question, a test and a number;
# - detect the languages in a collection, and say when the detector should not be believed;
# - turn what you found into a cleaned table that a schema guards.
#
# **You need** pandas' basics: selecting columns, filtering rows, `groupby`.
#
# **Reads** `data/products.csv`, the listings of an invented Indian online shop, or the original corpus of 50,425 listings
# where `make data` has put it. Or **your own CSV file**: give its path and two column names in the next cell.
# **Writes** the cleaned table to `build/data`.

# %% tags=["parameters"]
csv = ""
text_column = "description"
label_column = "category"
language_sample = 400
compared_texts = 5000
seed = 0

# %% [markdown]
# ## Read first
#
# We bring the table into a form that will stay the same through the whole course: a column `label` and a column `text`.

# %%
from workshop_utils.data import load_products
from workshop_utils.data.own import own_table

if csv:
    listings = own_table(csv, text_column, label_column)
else:
    listings = load_products().set_axis(["label", "text"], axis="columns")
listings.shape

# %% [markdown]
# Which columns, of which type? And what do the first rows look like?

# %%
listings.dtypes

# %%
import pandas as pd

pd.set_option("display.max_colwidth", 120)
listings.head()

# %% [markdown]
# The first rows of a file are rarely typical, because files tend to be sorted. So let us read a random handful, in full.
# Please do read them. There is no chart that replaces it.

# %%
for label, text in listings.dropna().sample(5, random_state=seed).itertuples(index=False):
    print(f"[{label}] {text[:400]}\n")

# %% [markdown]
# What did you notice? Units glued to words, shouting, a price here, an HTML leftover there, perhaps a sentence that is
# not English. Write down two or three things that surprised you. They are your hypotheses, and the rest of the lesson
# checks whether they are exceptions or the rule.
#
# What does pandas think of the columns as a whole?

# %%
listings.describe()

# %% [markdown]
# Four lines, and three of them already ring a bell. `count` differs from the number of rows, so something is missing.
# `unique` is smaller than `count`, so texts repeat. And the number of unique labels may not be the number of
# categories you expected. We follow each trace.

# %% [markdown]
# ## Six pillars
#
# Data quality is not one thing. It helps to ask six questions, one after the other:
#
# | pillar | question |
# |:--|:--|
# | **comprehensiveness** | Is anything missing? |
# | **uniqueness** | Does anything count twice? |
# | **consistency** | Does the data contradict itself? |
# | **validity** | Is it what it claims to be? |
# | **representativeness** | Does it look like what the program will meet? |
# | **fairness** | Does every group get the same chance? |
#
# We start a score card and fill in one number per pillar.

# %%
score_card = {}

# %% [markdown]
# ## 1. Comprehensiveness: is anything missing?
#
# A text can be missing in two ways: the cell is empty, or it holds only blanks. pandas sees the first kind by itself.

# %%
missing = listings["text"].isna()
blank = listings["text"].str.strip() == ""
score_card["texts missing or blank"] = int((missing | blank).sum())
{
    "missing": int(missing.sum()),
    "blank": int(blank.sum()),
    "label missing": int(listings["label"].isna().sum()),
}

# %% [markdown]
# A blank text is the more dangerous kind: it is not *null*, so every check for nulls lets it pass, and a model will
# happily give a category to nothing at all.

# %% [markdown]
# ## 2. Uniqueness: does anything count twice?
#
# How many rows repeat a text that has been seen before?

# %%
texts = listings.loc[~missing & ~blank, "text"]
exact = texts.duplicated()
f"{exact.mean():.0%} of the texts repeat an earlier one exactly"

# %% [markdown]
# That is a lot, and for product listings it is normal: the same article in five colours, one description. Why does it
# matter? If a text stands in the training part *and* in the test part, the examination contains questions from the
# exercise book, and the mark is worth nothing.
#
# Exact repetition is only the beginning. Do more texts become equal when case and white space are ignored?

# %%
key = texts.str.split().str.join(" ").str.casefold()
score_card["texts that repeat another"] = int(key.duplicated().sum())
int(exact.sum()), int(key.duplicated().sum())

# %% [markdown]
# `casefold` is `lower` for all the world's letters: it also turns a German ß into ss. The second number is larger:
# some sellers copied a listing and added a blank or shouted it.

# %% [markdown] exercise="most_repeated" part="task"
# ### Exercise 1: The most repeated text
#
# Which text stands in the table most often, and how often? Store the text in `favourite` and the count in `times`.
# Use `texts` as it is, without changing case or blanks.

# %% [markdown] exercise="most_repeated" part="hint"
# A series has a method that counts how often each value occurs, and sorts the counts.

# %% [markdown] exercise="most_repeated" part="hint"
# `texts.value_counts()` has the texts as its index and the counts as its values. You need the first of each.

# %% exercise="most_repeated" part="solution"
### BEGIN SOLUTION
counts = texts.value_counts()
favourite = counts.index[0]
times = int(counts.iloc[0])
### END SOLUTION

# %% [markdown] exercise="most_repeated" part="discussion"
# Read the winner: is it a real listing, or a form letter like "as shown in the picture"? A text that fits every article
# tells a classifier nothing, however often it occurs.

# %% exercise="most_repeated" part="check"
from workshop_utils.course.checks import exercise


@exercise("The most repeated text")
def check(favourite, times, expect):
    expect(isinstance(favourite, str), "`favourite` is a text", "texts are the index")
    expect((texts == favourite).sum() == times, "it occurs that often", "count in `texts`")
    expect(times == texts.value_counts().max(), "none occurs more often", "take the first count")


# %% [markdown]
# ### Nearly the same
#
# What about a copy with one changed size or price? We cut each text into all runs of five words. If two texts share more
# than four tenths of these runs, the resemblance is no accident. Before we trust such a test, we let it find something
# that we have hidden ourselves: a long listing, and its copy with the last words changed.

# %%
from workshop_utils.data.duplicates import near_duplicates

different = key.drop_duplicates()
original = max(different.head(100), key=len)
changed = original.rsplit(maxsplit=2)[0] + " rs. 499"
near_duplicates(pd.Series([original, changed]))

# %% [markdown]
# The pair is found. (Where all texts have fewer than five words there are no runs, and nothing can be found.) Now the
# same question to the whole table: how many pairs, and which one is closest? Twice the texts make four times as many
# pairs, so of a very large table we compare a random part, `compared_texts`.

# %%
compared = different.sample(min(compared_texts, len(different)), random_state=seed).sort_index()
pairs = near_duplicates(compared, share=0.4)
score_card["pairs of near-duplicates"] = len(pairs)
for first, second in pairs[["first", "second"]].head(1).itertuples(index=False):
    print(compared.iloc[first][:300], "\n---\n", compared.iloc[second][:300])
len(pairs)

# %% [markdown]
# Where the answer is 0, as in the bundled listings, these sellers copy a text whole or not at all. In collections from
# many sources the number is often large, and near-duplicates deserve the same care as exact ones.

# %% [markdown]
# ## 3. Consistency: does the data contradict itself?
#
# First contradiction: **the same text under different categories**. A textbook would take each text in turn and look up
# its labels. Let us do so, on a slice, and keep an eye on the clock.

# %%
import time

slice_ = listings.dropna().head(2000)
start = time.perf_counter()
contradictory = [
    text
    for text in slice_["text"].unique()
    if slice_.loc[slice_["text"] == text, "label"].nunique() > 1
]
loop_seconds = time.perf_counter() - start
len(contradictory), round(loop_seconds, 3)

# %% [markdown]
# It works. But for each text it searches the whole table, so twice the rows take four times as long. The question can be
# asked once for all texts: group by text, count the different labels in each group.

# %%
start = time.perf_counter()
labels_per_text = slice_.groupby("text")["label"].nunique()
contradictory_too = labels_per_text.index[labels_per_text > 1]
groupby_seconds = time.perf_counter() - start
speed_up = loop_seconds / groupby_seconds
set(contradictory) == set(contradictory_too), f"{speed_up:.0f} times as fast"

# %% [markdown]
# The same answer in a fraction of the time, and with every additional row the ratio grows. When a loop over rows feels slow,
# look for the `groupby` in the question. Now the whole table:

# %%
labels_of_text = listings.groupby("text")["label"]
contradictions = listings[labels_of_text.transform("nunique") > 1]
contradictions = contradictions.groupby("text")["label"].unique()
score_card["texts with several labels"] = len(contradictions)
contradictions.reset_index().head(10)

# %% [markdown]
# Which label is right? Sometimes both: an electric kettle is a household article *and* has a plug. Such a row cannot be
# learned, it can only be guessed. When we clean, we will leave these texts out rather than choose for them.
#
# Second contradiction: **one category, several spellings.**

# %%
label_counts = listings["label"].value_counts()
label_counts

# %% [markdown]
# In the bundled listings, the rare labels at the end are no categories. They are typing errors, and each would become a
# class of its own with one or two examples. Can we find out automatically what was meant? We compare each rare label with
# the frequent ones.

# %%
from workshop_utils.data.clean import label_spellings

spellings = label_spellings(listings["label"].dropna())
score_card["misspelt labels"] = int(listings["label"].isin(list(spellings)).sum())
spellings

# %% [markdown]
# Always read such a table before you apply it. A program that corrects labels on its own authority can also merge two
# categories that merely look alike, such as *normal* and *abnormal*. The bundled listings have been read. Of your own
# table nothing is corrected until you write into `corrections` what you have read and found right.

# %%
corrections = {} if csv else spellings

# %% [markdown]
# ## 4. Validity: is it what it claims to be?
#
# A description should be text. Which ones hold leftovers of a web page, such as `&amp;` or `<br>`?

# %%
leftover = texts.str.contains(r"&\w+;|<\w+ ?/?>")
score_card["texts with HTML leftovers"] = int(leftover.sum())
texts[leftover].head(3).str.slice(0, 160).tolist()

# %% [markdown]
# To us they are dirt; to a model `nbsp` is a word like any other, and if one seller exports carelessly, a word that gives
# away the seller. And what about the extremes? The longest texts are worth a look in every data set.

# %%
words = texts.str.split().str.len()
texts[words.nlargest(3).index].str.slice(0, 200).to_frame().assign(words=words.nlargest(3))

# %%
texts[words.nsmallest(5).index].to_frame().assign(words=words.nsmallest(5))

# %% [markdown]
# At each end you may meet a text that no seller wrote for a customer; in the bundled listings there is one. A few are
# harmless. But the longest decide how much memory a network needs, if we let them. We come back to that.

# %% [markdown]
# ## 5. Representativeness: does it look like what the program will meet?
#
# The program will meet new listings, in the shop's own mixture. We cannot see the future, but we can see whether the file
# is even in itself. How are the categories distributed, and does the first half of the file look like the second? We call
# a label frequent that stands on ten rows, or on one in a hundred where that is less. The figure shows at most twenty.

# %% alt="Horizontal bars: number of listings per category"
import matplotlib.pyplot as plt
from workshop_utils.course.fonts import figure_labels

plt.style.use("workshop_utils.course.house")
frequent = label_counts[label_counts >= min(10, 0.01 * len(listings))].index
shown = frequent[:20]
label_counts[shown].set_axis(figure_labels(shown)).iloc[::-1].plot.barh(
    title="Listings per category", xlabel="listings", ylabel=""
)
plt.show()

# %%
half = pd.Series("first half", index=listings.index, name="part of the file").where(
    listings.index < len(listings) / 2, "second half"
)
shares = pd.crosstab(listings["label"], half, normalize="columns").loc[frequent]
shares.round(2)

# %% [markdown]
# Two lessons hide here. The largest category sets the floor for accuracy: a program that always answers with it reaches
# that share without reading a word. And if the two columns differ, the file is sorted, so whoever takes the first 80 %
# for training and the rest for testing examines the model on categories it has never seen. Always shuffle.

# %%
score_card["share of the largest label"] = round(
    float(label_counts.iloc[0] / label_counts.sum()), 2
)
score_card["largest shift between halves"] = round(
    float((shares.iloc[:, 0] - shares.iloc[:, 1]).abs().max()), 2
)

# %% [markdown]
# ## 6. Fairness: does every group get the same chance?
#
# Who writes these listings? One group we can recognise by machine: sellers who do not write in English. If a category has
# hardly any of them, the model will serve them badly. **lingua** recognises languages from short texts. It compares the
# letter sequences of a text with those of each candidate language, in *high accuracy mode* unless told otherwise.

# %%
from lingua import Language, LanguageDetectorBuilder

candidates = "ENGLISH HINDI MARATHI BENGALI TAMIL TELUGU URDU".split()
candidates += "FRENCH GERMAN SPANISH PORTUGUESE ITALIAN".split()
detector = LanguageDetectorBuilder.from_languages(
    *(getattr(Language, name) for name in candidates)
).build()
detector.detect_language_of("Pure cotton bedsheet with two pillow covers").name

# %% [markdown]
# Detection costs time, so we take a random sample, work in portions, and let the detector use all processor cores. The bar
# tells how far it is.

# %%
from tqdm import tqdm

sample = texts.drop_duplicates().sample(min(language_sample, texts.nunique()), random_state=seed)
detected = []
for begin in tqdm(range(0, len(sample), 50), desc="languages", mininterval=1):
    detected += detector.detect_languages_in_parallel_of(sample.iloc[begin : begin + 50].tolist())
languages = pd.Series(
    [language.name.title() if language else "none" for language in detected], sample.index
)
languages.value_counts()

# %% [markdown]
# Do we believe it? Never believe a detector before you have read what it claims. Here are up to two texts for each language
# other than English, and how sure the detector was.

# %%
foreign = sample[languages != "English"].groupby(languages).head(2)
surest = [detector.compute_language_confidence_values(text)[0].value for text in foreign]
pd.DataFrame(
    {"claimed": languages[foreign.index], "sure": surest, "text": foreign.str.slice(0, 90)}
).round(2)

# %% [markdown]
# Now it gets interesting. Some rows really are in another language. Hindi in its own script, Devanagari, is recognised
# without doubt. But Hindi typed in Latin letters, *"ghar ke liye best"*, is a language the detector does not know, so it
# answers with some other one, and often with less confidence. And a few rows are no language at all, such as a list of
# model numbers; yet the detector may be quite sure of its answer. It never says "this is not a text".

# %% [markdown] exercise="devanagari" part="task"
# ### Exercise 2: Hindi you can see
#
# Letters in Devanagari have code points from `\u0900` to `\u097f`. Compute, for **all** of `texts`, what share holds at
# least one of them, and store it in `devanagari_share`, a number between 0 and 1.

# %% [markdown] exercise="devanagari" part="hint"
# `texts.str.contains(...)` takes a regular expression. A range of letters is written in square brackets.

# %% [markdown] exercise="devanagari" part="hint"
# The expression is `"[\u0900-\u097f]"`. The mean of a series of True and False is the share of True.

# %% exercise="devanagari" part="solution"
### BEGIN SOLUTION
devanagari_share = texts.str.contains("[\u0900-\u097f]").mean()
### END SOLUTION

# %% [markdown] exercise="devanagari" part="discussion"
# A script is a fact, a language is a guess: whenever you can ask for a fact instead, do. Compare your number with the
# detector's share of Hindi. Most of these listings *mix* Hindi and English, and then one label per text is simply the wrong
# question.


# %% exercise="devanagari" part="check"
@exercise("Hindi you can see")
def check(devanagari_share, expect):
    found = sum(any("\u0900" <= letter <= "\u097f" for letter in text) for text in texts)
    expect(0 <= devanagari_share <= 1, "a share lies between 0 and 1", "take the mean, not the sum")
    expect(
        abs(devanagari_share - found / len(texts)) < 1e-9,
        "it is the share of all texts",
        "use all of `texts`",
    )


# %% [markdown]
# And now the question of this pillar: are all categories equally multilingual?

# %%
by_label = (
    (languages != "English").groupby(listings.loc[sample.index, "label"]).agg(["mean", "size"])
)
score_card["share not English in sample"] = round(float((languages != "English").mean()), 3)
by_label.loc[by_label.index.isin(frequent)].round(3)

# %% [markdown]
# With so few rows in each cell the differences may well be chance, so we do not make a story of them. What we do take along
# is a promise: when the model is ready, we will measure its accuracy separately for these texts (lesson 08 does so).

# %% [markdown]
# ## How long is a text?
#
# One property decides more about a network than any other: length. We count words and characters.

# %%
lengths = pd.DataFrame({"words": words, "characters": texts.str.len()})
lengths.describe(percentiles=[0.5, 0.9, 0.95, 0.99]).round(0).astype(int)

# %% alt="Left: box plots of words per text for each category on a logarithmic axis. Right: share of texts that fit under a cap"
import seaborn as sns

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4))
known = listings.loc[texts.index, "label"].where(lambda label: label.isin(shown))
sns.boxplot(x=words, y=known, order=shown, ax=left, color="C5", fliersize=2)
scale = "log" if words.max() > 10 * words.min() else "linear"
left.set(xscale=scale, xlabel=f"words ({scale} scale)", ylabel="", title="Length per category")
left.set_yticks(range(len(shown)), figure_labels(shown))
curve = words.value_counts(normalize=True).sort_index().cumsum()
curve.plot(ax=right, xlim=(0, words.quantile(0.995)), ylim=(0, 1), title="Where to cap")
right.set(xlabel="words", ylabel="share of texts that fit")
plt.show()

# %% [markdown]
# Texts in one batch must have the same length, so short ones are padded and long ones are truncated. Without a cap the single
# longest text would decide: everything else would be mostly padding. Read the right figure like this: go up to the
# share of texts you want to keep whole, then right to the curve, then down to the cap.

# %%
cap = int(words.quantile(0.95))
padding = {
    name: 1 - words.clip(upper=limit).sum() / (limit * len(words))
    for name, limit in [("no cap", words.max()), (f"cap at {cap}", cap)]
}
{name: f"{share:.0%} padding" for name, share in padding.items()}

# %% [markdown]
# A cap at the 95th percentile leaves nineteen of twenty texts whole and saves most of the computation. Whether the cut-off
# tails held anything worth knowing is a question for an experiment, and lesson 03 makes it.

# %% [markdown]
# ## Clean, and prove it
#
# Now we act on what we found, step by step, and count what each step costs. First: rows without text or label go, and
# misspelt labels are mended. What still differs only in case or blanks becomes one label.

# %%
from workshop_utils.data.tables import merge_spellings

step = listings.dropna()
labels, notes = merge_spellings(step["label"].replace(corrections).tolist())
step = step.assign(label=labels)
rows_left = {"all rows": len(listings), "text and label present": len(step)}

# %% [markdown]
# Then the texts themselves: resolve HTML entities, bring letters to one Unicode form (lesson 03 explains it), reduce every
# run of blanks to one. What is empty now was never a text.

# %%
from workshop_utils.data.clean import tidy_text

step = step.assign(text=tidy_text(step["text"]))
step = step[step["text"] != ""]
rows_left["not blank"] = len(step)

# %% [markdown]
# Finally texts that contradict themselves go altogether, and of every repeated text one copy stays.

# %%
key = step["text"].str.casefold()
step = step[step["label"].groupby(key).transform("nunique") == 1]
rows_left["no contradictions"] = len(step)
clean_listings = step[~step["text"].str.casefold().duplicated()].reset_index(drop=True)
rows_left["each text once"] = len(clean_listings)
pd.Series(rows_left, name="rows").to_frame()

# %% [markdown]
# These steps are in `workshop_utils.data.clean` from now on. Is the function really what we just did by hand?

# %%
from workshop_utils.data.clean import clean

clean(listings, corrections).equals(clean_listings)

# %% [markdown]
# A table that is clean today can be dirty again with tomorrow's export. So we write down what "clean" means as a
# **schema**, and let pandera check every table against it.

# %%
import pandera.pandas as pa

schema = pa.DataFrameSchema(
    {
        "label": pa.Column(str, pa.Check.isin(list(frequent))),
        "text": pa.Column(str, pa.Check.str_contains(r"\S"), unique=True),
    }
)

# %% [markdown]
# Does the schema notice anything? It should reject the raw table and accept the clean one. (Labels that are rare and
# resemble no other are left out first, if your table has such: nobody can learn a category from a handful of rows.)


# %%
def verdict(table):
    try:
        schema.validate(table, lazy=True)
    except pa.errors.SchemaErrors as error:
        return f"rejected, {len(error.failure_cases):,} findings"
    return "accepted"


rare_labels = ~clean_listings["label"].isin(frequent)
clean_listings = clean_listings[~rare_labels].reset_index(drop=True)
{"raw": verdict(listings), "clean": verdict(clean_listings)}

# %% [markdown] exercise="own_rule" part="task"
# ### Exercise 3: A rule of your own
#
# Nobody can tell a category from two words. Build `strict`, a pandera **column** for the texts that has the two rules above
# (at least one visible sign, all different) and a third one: at least three words.

# %% [markdown] exercise="own_rule" part="hint"
# `pa.Column(str, [check1, check2], unique=True)` takes a list of checks. A check can be made from any function of the series.

# %% [markdown] exercise="own_rule" part="hint"
# `pa.Check(lambda text: text.str.split().str.len() >= 3)` is the third rule.

# %% exercise="own_rule" part="solution"
### BEGIN SOLUTION
three_words = pa.Check(lambda text: text.str.split().str.len() >= 3)
strict = pa.Column(str, [pa.Check.str_contains(r"\S"), three_words], unique=True)
### END SOLUTION

# %% [markdown] exercise="own_rule" part="discussion"
# A schema is a contract. Put into it what you would want to be woken up for, and nothing else: a rule that is broken every
# day teaches people to ignore rules.


# %% exercise="own_rule" part="check"
def accepts(column, values):
    try:
        pa.DataFrameSchema({"text": column}).validate(pd.DataFrame({"text": values}))
    except (pa.errors.SchemaError, pa.errors.SchemaErrors):
        return False
    return True


@exercise("A rule of your own")
def check(strict, expect):
    expect(accepts(strict, ["a b c", "d e f g"]), "it accepts three words", "count with split")
    expect(not accepts(strict, ["a b", "d e f"]), "it rejects two words", "ask for three")
    expect(not accepts(strict, ["a b c", "a b c"]), "it rejects a repetition", "keep unique=True")


# %% [markdown]
# ## The score card
#
# Six pillars, one page. This is what you would bring to the meeting.

# %%
pd.Series(score_card, name="found", dtype=object).to_frame()

# %% [markdown]
# ## What this means for the model
#
# - **Clean before you split**, and split so that no text has a twin on the other side. Otherwise the repeated texts turn the
#   examination into a memory test.
# - **The bar** is the share of the largest category. Because the categories are uneven, we will report macro-F1 next to
#   accuracy: the mean over categories, in which a small one counts as much as a large one.
# - **Cap the length** near the 95th percentile, and measure what it costs.
# - **Expect a ceiling below 100 %.** Some listings fit two categories, a few labels are wrong, and some texts hardly say what
#   they sell.
# - **Languages**: the model must not break on Hindi, in either script, and its accuracy there must be watched separately.

# %% [markdown]
# ## What we learned
#
# - Read first, count then. Every number in this lesson started as something we noticed while reading.
# - Six pillars turn "look at the data" into six questions with answers.
# - A `groupby` asks a question of all rows at once; a loop asks it again and again.
# - A detector's answer is a claim. Its confidence, and your own eyes, decide whether you believe it.
# - A schema keeps clean data clean.
#
# **If your numbers differ**: with the bundled listings everything but the seconds should be equal. The ratio between loop
# and `groupby` depends on the machine, and is larger than 5. The next cell makes sure, saves the clean table and keeps the
# results.

# %%
from workshop_utils.course.results import record
from workshop_utils.paths import home

assert csv or verdict(listings).startswith("rejected"), "the raw listings have faults"
assert verdict(clean_listings) == "accepted", "no text is blank or comes twice"
assert csv or speed_up > 5, "groupby should beat the loop"
(home() / "data").mkdir(parents=True, exist_ok=True)
clean_listings.to_csv(home() / "data" / "clean_listings.csv", index=False)
record(
    "01_explore_text",
    rows=len(listings),
    missing_or_blank=score_card["texts missing or blank"],
    repeated=score_card["texts that repeat another"],
    clean_rows=len(clean_listings),
    groupby_speed_up=round(speed_up),
)

# %% [markdown]
# **Read on**: Gebru and others, *Datasheets for Datasets*, Communications of the ACM 64, 2021, whose questions
# `data/README.md` answers for the data of this course; the [pandera documentation](https://pandera.readthedocs.io).
#
# **Next**: lesson 02 asks how far counting words gets us, before any network.
