# %% [markdown]
# # 06 · Fine-tune a DistilBERT
#
# Every model so far began with nothing and had to learn English from a few hundred reviews. In this lesson we start
# from a network that has read far more than any of us ever will, a small **DistilBERT**, and teach it only our
# question. This is called *fine-tuning*. Everyone does it, so we look closely: what does it cost, what does it gain,
# and when is counting words still the better idea?
#
# **You will be able to**
#
# - read what a tokenizer makes of a review, and say what is lost on the way;
# - count how much of a batch is padding, and get rid of most of it;
# - take one training step apart, in plain PyTorch, and check each number by hand;
# - fine-tune with the Trainer, and compare with the frozen encoder, with a CNN and with TF-IDF;
# - draw a learning curve, and say from it when the transformer earns its place.
#
# **You need** lesson 03's sub-words and lesson 02's bar. If you know lesson 05's word CNN, you will meet it again.
#
# **Reads** the film reviews, bundled or from `make data`, or **your own CSV file**: give its path and two column
# names in the next cell. And the packaged encoder, which needs no network.
# **Writes** the fine-tuned model to `build/models/06_distilbert`, where lessons 07 and 08 find it, and its results to
# `build/results`.

# %% [markdown]
# `train_rows` and `test_rows` are upper limits, so that the lesson takes minutes with any corpus. `max_length` counts
# the pieces of a text that the model may see. `draws` is how often the cheap models draw a smaller training part.

# %% tags=["parameters"]
source = "auto"
csv = ""
text_column = "review"
label_column = "sentiment"
model_name = "packaged"
train_rows = 900
test_rows = 300
max_length = 96
epochs = 2
learning_rate = 5e-5
head_learning_rate = 2e-3
batch_size = 8
draws = 3
folds = 4
seed = 0

# %% [markdown]
# ## What does this machine compute with?
#
# A network is millions of multiplications, and where they happen decides how long we wait. PyTorch takes a GPU if
# there is one. Some processors and most GPUs multiply **bf16** numbers in hardware, which keep 8 binary digits
# instead of the 24 of **float32** and are multiplied faster. Which is it here? (The first lines keep the libraries
# from talking.)

# %%
import os
import warnings

warnings.filterwarnings("ignore", message="IProgress")
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # threads that wait leave the processor to others
import torch
import transformers
from workshop_utils.models.transformer import fast_bf16

transformers.utils.logging.disable_progress_bar()
where = torch.device("cuda" if torch.cuda.is_available() else "cpu")
precision = torch.bfloat16 if fast_bf16() else torch.float32
f"{where.type} with {torch.get_num_threads()} threads, {precision}, PyTorch {torch.__version__}"

# %% [markdown]
# With two threads and `float32`, expect about ten reviews in a second while training; with bf16 about half as many
# again; with a GPU many times more. Nothing else in this lesson changes: the same lines run on all of them.

# %% [markdown]
# ## The same examination as in lesson 02
#
# Same data, same sealed test part, same seed: only then may we compare with the bar that lesson 02 has set.

# %%
from workshop_utils.data import load_reviews
from workshop_utils.data.own import own_training_table

if csv:
    rows = 2 * (train_rows + test_rows)
    most = max(2, min(50, train_rows // 12))  # labels; of more, the most frequent
    table = own_training_table(csv, text_column, label_column, 5 * folds, rows, most, seed)
    table["split"] = "reference"
else:
    table = load_reviews(source).query("split != 'later'")
    table = table.rename(columns={"sentiment": "label", "review": "text"})
table = table[["label", "text", "split"]].reset_index(drop=True)

# %% [markdown]
# The original corpus comes with its own test part; of other data we hold out the same one as in lesson 02.

# %%
from workshop_utils.data.split import hold_out

official = set(table["split"]) == {"train", "test"}
in_test = table["split"].eq("test").to_numpy()
if not official:
    in_test = hold_out(table["text"], table["label"], folds, seed)

# %% [markdown]
# Training texts that also stand in the test part go, and both parts are drawn down to our limits if they are larger,
# with the mixture of labels kept. Of every label a dozen texts stay for training, if it has as many.


# %%
import pandas as pd


def at_most(rows, frame, seed=0, least=2):
    share = min(1, rows / len(frame))
    drawn = []
    for _, part in frame.groupby("label"):
        count = min(len(part), max(least, round(share * len(part))))
        drawn.append(part.sample(count, random_state=seed))
    return pd.concat(drawn).sample(frac=1, random_state=seed).reset_index(drop=True)


folded = table["text"].str.casefold()
train = table[~in_test & ~folded.isin(set(folded[in_test]))]
train = at_most(train_rows, train, seed, least=12)
test = at_most(test_rows, table[in_test], seed)
labels = sorted(train["label"].unique())
true = test["label"].to_numpy(dtype=object)
{"training": len(train), "examination": len(test), "labels": labels}

# %% [markdown]
# `at_most` is in `workshop_utils.data.split` from now on.
#
# ### The bar first
#
# What must be beaten? TF-IDF with logistic regression, on exactly these rows. `answers` collects, as in lesson 02,
# what each model said and the seconds that it took.

# %%
import time
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from workshop_utils.data.words import WORD


def counting(min_df=2, **how):
    vectorizer = TfidfVectorizer(min_df=min_df, **how or {"token_pattern": WORD})
    return make_pipeline(vectorizer, LogisticRegression(C=10, max_iter=2000))


start = time.perf_counter()
said = counting().fit(train["text"], train["label"]).predict(test["text"])
answers = {"TF-IDF + logistic": (said.astype(object), time.perf_counter() - start)}
f"{(said == true).mean():.3f} in {answers['TF-IDF + logistic'][1]:.2f} seconds"

# %% [markdown]
# A fraction of a second. If you have run lesson 02, its table lies under `build`. Does it agree with us?

# %%
from workshop_utils.models.metrics import baselines_path, read_baselines

if baselines_path().is_file() and not csv:
    print(read_baselines()[["model", "accuracy", "macro_f1"]].round(3).to_string(index=False))
else:
    print("Lesson 02 has left no table here; the line above is our bar.")

# %% [markdown]
# Lesson 02 chooses its `C` by cross-validation and may have had other rows, so a point more or less is no
# contradiction. The order of things is what counts: whatever follows takes minutes, and has to be worth them.

# %% [markdown]
# ## What the tokenizer does to a review
#
# A pretrained network has its own way of reading, and it is fixed: the **tokenizer** that it was trained with.
# `new_classifier` loads the encoder, its tokenizer, and puts a new, untrained layer on top for our labels. We come to
# the network later. First, what becomes of a sentence with a rare word, umlauts, an emoji and a number?

# %%
from workshop_utils.models.transformer import new_classifier

classifier = new_classifier(labels, model_name, max_length, seed=seed)
tokenizer = classifier.tokenizer
sentence = "Schön, but UNWATCHABLE after the ninth naïve buffalo 😭 2/10"
ids = tokenizer(sentence)["input_ids"]
pd.DataFrame({"piece": tokenizer.convert_ids_to_tokens(ids), "id": ids}).T

# %% [markdown]
# Read the table slowly, there is a lot in it.
#
# - Words that the vocabulary knows stay whole. Others fall into pieces, and `##` says "this continues the piece
#   before me". These are the **sub-words** of lesson 03, in the variant WordPiece.
# - Capitals are gone, and so are the dots on the `ö` and the `ï`: an *uncased* tokenizer takes accents away.
# - The emoji has become `[UNK]`, unknown.
# - At the front stands `[CLS]`, at the end `[SEP]`. Nobody wrote them. The network was trained to find them there,
#   and `[CLS]` is the place where our new layer will look for the verdict.
#
# What is lost can be made visible. We turn the ids back into text:

# %%
tokenizer.decode(ids, skip_special_tokens=True)

# %% [markdown]
# In German, *schön* is beautiful and *schon* means already. For English reviews we can live with that. And how often
# does the `[UNK]` occur? The tokenizer also tells from which characters each piece was made, so we can look up what
# it could not read in our training reviews.

# %%
from collections import Counter

unknown = Counter()
for text in train["text"]:
    read = tokenizer(text, return_offsets_mapping=True)
    places = zip(read["input_ids"], read["offset_mapping"], strict=True)
    unknown.update(text[a:b] for number, (a, b) in places if number == tokenizer.unk_token_id)
unknown.most_common(8)

# %% [markdown]
# In the bundled reviews it is emoji, and only a few. Still, look which: tears of laughter and tears of grief both
# arrive at the network as the *same* id. A person would call that a rather important difference. If your texts come
# from a chat, count first, and consider writing emoji out as words.

# %% [markdown]
# ### How long are the texts, and what is cut?
#
# The network's work grows with every piece, and it can read at most 512. So there is a limit, and longer texts are
# cut. Who is concerned?

# %% alt="Histogram of the number of pieces per training review, with the limit of the lesson as a dashed line"
import matplotlib.pyplot as plt

plt.style.use("workshop_utils.course.house")
whole = [each.ids for each in tokenizer.backend_tokenizer.encode_batch(list(train["text"]))]
lengths = np.array([len(row) for row in whole])
figure, axis = plt.subplots(figsize=(7, 3.2))
axis.hist(lengths.clip(max=512), bins=40, color="C5")
axis.axvline(max_length, color="C3", linestyle="--")
axis.set(xlabel="pieces, [CLS] and [SEP] included", ylabel="training reviews")
plt.show()

# %% [markdown]
# The same as numbers, for ours and a few other limits: which share of the reviews loses something, and which share of
# all pieces is left?

# %%
limits = pd.DataFrame(index=pd.Index(sorted({32, 64, 128, 256, max_length}), name="limit"))
limits["reviews cut"] = [(lengths > limit).mean() for limit in limits.index]
limits["pieces left"] = [lengths.clip(max=limit).sum() / lengths.sum() for limit in limits.index]
limits.round(2)

# %% [markdown]
# A smaller limit saves time, nearly in proportion to the pieces left. But *what* do we lose? Here is the review that
# stands at the median of those that are cut: first what is kept when we take only the **head**, then what is lost.

# %%
from workshop_utils.models.tokenization import truncate

long = np.flatnonzero(lengths > min(max_length, np.quantile(lengths, 0.9), lengths.max() - 1))
middle = whole[long[np.argsort(lengths[long], kind="stable")[len(long) // 2]]]
limit = len(middle) // 2
for name, part in {"HEAD": middle[:limit], "LOST": middle[limit:]}.items():
    print(f"{name}: {tokenizer.decode(part, skip_special_tokens=True)}\n")

# %% [markdown]
# Reviewers often give their verdict at the very end. So the **tail** should be worth as much as the head, and half of
# each, `truncation="head_tail"`, may be better than either. That is an opinion; let us ask the data. TF-IDF costs nothing, so it
# can be our taster: we count the *pieces* that are left by each way of cutting, on six splits of the training part,
# with limits so tight that it matters, and with ours.

# %%
from workshop_utils.models.tuning import compare, scores, splits


def counting_truncated(length, truncation):
    return counting(analyzer=lambda row: truncate(row, length, truncation))


ways = {
    f"{truncation}, {length}": counting_truncated(length, truncation)
    for length in sorted({32, 64, max_length})
    for truncation in ("head", "tail", "head_tail")
}
ways["everything"] = counting_truncated(10**6, "head")
parts = splits(train["label"], 6, seed=seed)
compare(scores(ways, whole, train["label"], parts), parts)

# %% [markdown]
# Compare three lines at a time. On the bundled reviews the tail is far ahead of the head at every limit: these writers
# tell what the film is about and judge at the end. Half of each lies between the two. It is no magic, only the cautious
# choice of somebody who does not know where the verdict stands. At our own limit, where about half of the reviews are
# cut, the tail alone is as good as reading everything, and half of each stays a few points behind. Other writers judge
# in their first sentence, so `new_classifier` keeps both ends unless told otherwise.

# %% [markdown] exercise="windows" part="task"
# ### Exercise 1: Read it all, in windows
#
# There is a third way with long texts: read all of it, one **window** after the other, and combine the answers. Write
# `windows(ids, length, step)`. It returns a list of lists: the first window holds the first `length` ids, the next
# one begins `step` ids later, and so on, until a window has reached the end of the text. The last one may be shorter.
# A short text is one window, and so is an empty one.

# %% [markdown] exercise="windows" part="hint"
# Where do the windows begin? At 0, `step`, 2 · `step`, … The last beginning is the first one from which the end can
# be reached.

# %% [markdown] exercise="windows" part="hint"
# `range(0, max(1, len(ids) - length + step), step)` gives all beginnings. Try it with 10 ids, length 4 and step 3.


# %% exercise="windows" part="solution"
def windows(ids, length, step):
    ### BEGIN SOLUTION
    beginnings = range(0, max(1, len(ids) - length + step), step)
    return [ids[begin : begin + length] for begin in beginnings]
    ### END SOLUTION


# %% [markdown] exercise="windows" part="discussion"
# Windows that overlap (a step smaller than the length) make sure that no phrase is torn apart. The price: a text of
# four windows costs as much as four texts. And a new question arises: is the verdict the *mean* of the windows, or
# the most decided one? Nobody wrote a label for each window, so training gets harder too. Head and tail is the modest
# answer, and it is often enough.

# %% exercise="windows" part="check"
from workshop_utils.course.checks import exercise


@exercise("Read it all, in windows")
def check(windows, expect):
    ten = list(range(10))
    expect(
        windows(ten, 20, 10) == [ten],
        "a short text is one window",
        "then there is one beginning, 0",
    )
    expect(windows([], 4, 2) == [[]], "an empty text is one empty window", "max(1, …) beginnings")
    expect(windows(ten, 4, 3)[1] == [3, 4, 5, 6], "the second begins one step later", "0, step, …")
    found = windows(ten, 4, 3)
    expect(found[-1][-1] == 9, "the last window reaches the end", "is a beginning missing?")
    expect(len(found) == 3, "it stops once the end is reached", f"3 windows, not {len(found)}")
    expect(windows(ten, 4, 4)[-1] == [8, 9], "the last one may be shorter", "slices do that alone")


# %% [markdown]
# ## Filling, and how to get rid of it
#
# Texts travel through the network in **batches**, and a batch is a rectangle. So short texts are padded with the
# id of `[PAD]`, and the **attention mask** says what is text (1) and what is padding (0). As a picture, for the first
# sixteen training reviews:

# %% alt="Attention mask of sixteen reviews: each row is dark as far as the text reaches and light where there is padding, and the rows are of very different lengths"
rows = classifier.rows(train["text"])
batch = tokenizer.pad({"input_ids": rows[:16]}, return_tensors="pt")
figure, axis = plt.subplots(figsize=(9, 3.2))
axis.imshow(batch["attention_mask"], aspect="auto", cmap="Blues", vmin=0, vmax=1.4)
axis.set(xlabel="place", ylabel="review", title="Dark: text. Light: padding")
axis.grid(False)
plt.show()

# %% [markdown]
# The light part is computed like the rest and then thrown away. How much is it, over all training reviews? Three ways
# to make batches: pad everything to the limit, as many tutorials do; pad each batch to *its* longest text; and
# the same after sorting the texts by length.


# %%
def computed(lengths, size=batch_size):
    """Pieces that are computed when these texts, in this order, are cut into batches."""
    parts = [lengths[begin : begin + size] for begin in range(0, len(lengths), size)]
    return sum(max(part) * len(part) for part in parts)


sizes = np.array([len(row) for row in rows])
work = {
    "all to max_length": len(sizes) * max_length,
    "each batch to its longest": computed(sizes),
    "batches of similar length": computed(np.sort(sizes)),
}
padding = pd.DataFrame({"pieces computed": work})
padding["share of padding"] = (1 - sizes.sum() / padding["pieces computed"]).round(3)
padding

# %% [markdown]
# The texts are the same, the answers are the same, and the last line computes hardly anything in vain. The middle one
# gains little or nothing on the bundled reviews: among eight of them there is nearly always one that reaches the
# limit, and it sets the width for all. For training there is a catch: sorted texts would come in the same order in
# each epoch, short ones first, and always in the same company. So one mixes a little, and that is exercise 2.

# %% [markdown] exercise="by_length" part="task"
# ### Exercise 2: Similar, but not always the same
#
# Write `batches(lengths, size, seed)`. It returns a list of batches, each a list of positions. Every position occurs
# once; no batch holds more than `size`; texts in a batch have similar lengths, so that less than a tenth of the work
# is padding; and another seed gives another order of the batches.

# %% [markdown] exercise="by_length" part="hint"
# Sort the positions by length, cut the sorted list into batches, then shuffle the *batches*.

# %% [markdown] exercise="by_length" part="hint"
# `np.argsort(lengths)` gives the positions in order; `np.random.default_rng(seed)` has a `permutation` for the order
# of the batches. To mix also *within* the batches, multiply each length by a little chance before sorting:
# `chance.normal(1, 0.05, len(lengths))`.


# %% exercise="by_length" part="solution"
def batches(lengths, size, seed):
    ### BEGIN SOLUTION
    chance = np.random.default_rng(seed)
    order = np.argsort(np.array(lengths) * chance.normal(1, 0.03, len(lengths)))
    found = [order[begin : begin + size].tolist() for begin in range(0, len(order), size)]
    return [found[number] for number in chance.permutation(len(found))]
    ### END SOLUTION


# %% [markdown] exercise="by_length" part="discussion"
# The Trainer of transformers does something similar when it is told `train_sampling_strategy="group_by_length"`: it
# shuffles everything, takes a few large heaps, and sorts within each heap. Batches of similar texts are not quite as
# random as before: if long reviews were mostly negative, whole batches would be. Check such a thing before you group.


# %% exercise="by_length" part="check"
@exercise("Similar, but not always the same")
def check(batches, expect):
    found = batches(sizes, 16, 1)
    everyone = sorted(position for batch in found for position in batch)
    expect(everyone == list(range(len(sizes))), "every text comes once", "is the rest missing?")
    expect(max(map(len, found)) <= 16, "no batch is too large", "cut in steps of `size`")
    total = sum(sizes[batch].max() * len(batch) for batch in found)
    spare = 1 - sizes.sum() / total
    limit = max(0.1, 1.2 * float(padding["share of padding"].iloc[-1]))
    expect(spare < limit, "hardly any padding", f"the share of padding is {spare:.2f}")
    expect(found != batches(sizes, 16, 2), "another seed, another order", "use `seed`")
    expect(
        found == batches(sizes, 16, 1), "the same seed, the same order", "make the generator anew"
    )


# %% [markdown]
# And is it true that padding changes nothing? We send one short review through the encoder three times: alone, padded
# to the limit *with* its mask, and padded *without* a mask. Then we look at the numbers at `[CLS]`.

# %%
encoder = classifier.model.distilbert
one = classifier.rows([sentence])
alone = torch.tensor(one)
padded = tokenizer.pad(
    {"input_ids": one}, padding="max_length", max_length=max_length, return_tensors="pt"
)
with torch.inference_mode():
    at_start = encoder(alone).last_hidden_state[:, 0]
    masked = encoder(**padded).last_hidden_state[:, 0]
    bare = encoder(padded["input_ids"]).last_hidden_state[:, 0]
with_mask = float((masked - at_start).abs().max())
without_mask = float((bare - at_start).abs().max())
with_mask, without_mask

# %% [markdown]
# With the mask, the difference is rounding. Without it, the network reads dozens of `[PAD]` as if somebody had
# written them, and the result is another one. A forgotten mask gives no error message, only a model that is somewhat
# worse whenever a text stands next to a longer one.

# %% [markdown]
# ## What the encoder gives back
#
# In lesson 05 an embedding was a table: one row for each word, whatever stands around it. The encoder has such a
# table too, but behind it lie layers of **attention**, in which each place looks at all others and takes from them
# what it needs. So the same word should come out differently in different company. Does it? We take "cold" from four
# sentences.

# %%
company = [
    "The whole film left me cold.",
    "His acting is cold and empty.",
    "The cinema was cold and I had no coat.",
    "We drank cold beer on a hot day.",
]
read = tokenizer(company, padding=True, return_tensors="pt")
with torch.inference_mode():
    states = encoder(**read).last_hidden_state
cold = states[read["input_ids"] == tokenizer.convert_tokens_to_ids("cold")]
cold = torch.nn.functional.normalize(cold, dim=1)
print(tuple(states.shape), "texts, places, numbers per place")
pd.DataFrame((cold @ cold.T).numpy(), company, ["film", "acting", "cinema", "beer"]).round(2)

# %% [markdown]
# In a table of word vectors, all sixteen numbers would be 1. Here the beer is some way off, so the company does
# matter. But the cold cinema is as near to the cold acting as any other: temperature and heart are not kept apart.
# Reading in context does not mean that a network makes the distinction which *you* have in mind. It makes those that
# helped in its training.

# %% [markdown]
# ## Frozen: the encoder as it is
#
# The cheapest way to use such a network: don't train it at all. We send every review through once, keep the numbers
# that come out, and put logistic regression on them. Two candidates for "the numbers": those at `[CLS]`, and the
# **mean** over all places of the text, padding left out.


# %%
def features(texts, batch_size=32):
    rows = classifier.rows(texts)
    order = np.argsort([len(row) for row in rows], kind="stable")
    first, mean = np.empty((2, len(rows), encoder.config.dim), dtype=np.float32)
    for begin in range(0, len(order), batch_size):
        chosen = order[begin : begin + batch_size]
        padded = {"input_ids": [rows[i] for i in chosen]}
        padded = tokenizer.pad(padded, return_tensors="pt").to(where)
        with torch.inference_mode():
            states = encoder.to(where)(**padded).last_hidden_state
        mask = padded["attention_mask"].unsqueeze(-1)
        first[chosen] = states[:, 0].cpu()
        mean[chosen] = ((states * mask).sum(1) / mask.sum(1)).cpu()
    return {"[CLS]": first, "mean": mean}


# %% [markdown]
# This is the only place where it costs anything, and it costs once: the features can be kept for every experiment to
# come.

# %%
start = time.perf_counter()
read_train, read_test = features(train["text"]), features(test["text"])
reading = time.perf_counter() - start
f"{(len(train) + len(test)) / reading:.0f} reviews per second, {reading:.0f} seconds"

# %% [markdown]
# How strongly the weights are held back (`C`) is chosen by cross-validation on the training part, as always. Which of
# the two is better, and do they beat counting?

# %%
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler
from workshop_utils.models.metrics import results_table, paired_difference

ladder = {"logisticregression__C": [0.001, 0.01, 0.1, 1.0]}
for name in read_train:
    start = time.perf_counter()
    simple = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    search = GridSearchCV(simple, ladder, cv=4).fit(read_train[name], train["label"])
    said = search.predict(read_test[name]).astype(object)
    answers[f"frozen, {name}"] = (said, reading + time.perf_counter() - start)
results_table(true, answers, seed=seed).round(3)

# %% [markdown]
# Did you expect that? On the bundled reviews both lose to counting words, and cost a hundred times as much. The mean is
# better than `[CLS]`, because the packaged encoder was trained to be read by its mean. But even so, a network that has
# read half a library is of less use than a list of words. Why? It was trained to put sentences *about the same thing*
# close to each other. So we ask it for the nearest neighbour of a review.

# %%
unit = read_train["mean"] / np.linalg.norm(read_train["mean"], axis=1, keepdims=True)
similar = unit @ unit.T
np.fill_diagonal(similar, -1)
nearest = similar.argmax(axis=1)
label_of = train["label"].to_numpy()
pair = similar.max(axis=1).argmax()
for i in (pair, nearest[pair]):
    print(f"[{label_of[i]}] {train['text'][i][:300]}\n")
print(f"same label as the nearest neighbour: {(label_of == label_of[nearest]).mean():.0%}")

# %% [markdown]
# They are about the same things. They need not be of the same opinion, and the last line says how often two
# neighbours are: compare it with what a coin would give. "The film was wonderful" and "the film was terrible" are
# close neighbours, because both speak about a film, and the encoder was taught to bring such sentences together. The
# verdict is in these numbers too, somewhere, since the frozen models are better than the coin. But it is not what the
# numbers are *for*. To make it so, we must let the encoder change.

# %% [markdown]
# ## One training step, taken apart
#
# Now we let the encoder change. Everything that training does is in one step, repeated: take a batch, compute the
# answers, measure how wrong they are, find out for each weight in which direction it should move, move it a little.
# We do each of them by hand.
#
# **The batch**: ids, mask, and the right answers as class numbers.

# %%
model = classifier.model.to(where)
first = train.head(8)
padded = {"input_ids": classifier.rows(first["text"])}
batch = tokenizer.pad(padded, return_tensors="pt").to(where)
wanted = torch.tensor(classifier.numbers(first["label"])).to(where)
{name: tuple(part.shape) for name, part in {**batch, "wanted": wanted}.items()}

# %% [markdown]
# **Forward**: the batch goes through the network. What comes out is one number per class, the **logits**, and softmax
# turns them into probabilities. The new layer has never been trained. What should its probabilities look like?

# %%
model.train()
torch.manual_seed(seed)
logits = model(**batch).logits
chances = torch.softmax(logits, dim=-1)
tuple(logits.shape), chances[:3].tolist()

# %% [markdown]
# Close to one over the number of classes, for every text: the model shrugs. `model.train()` has switched dropout on,
# as in lesson 00.
#
# **The loss**: minus the logarithm of the probability that the model gave to the *right* class, averaged over the
# batch. It is called cross-entropy. If all classes get the same probability, the loss must be the logarithm of their
# number. Is it?

# %%
by_hand = -chances[range(len(first)), wanted].log().mean()
loss = torch.nn.functional.cross_entropy(logits, wanted)
shrug = float(np.log(len(labels)))
loss_at_start = float(loss.detach())
float(by_hand.detach()), loss_at_start, shrug

# %% [markdown]
# Remember `log(2)`, about 0.693, for two classes. A training that *stays* there has learned nothing, and one that
# *starts* far away from it has a fault in its labels or its last layer. It is the cheapest test there is.
#
# **Backward**: PyTorch has written down every multiplication on the way, and now goes the way back. Afterwards each
# weight has a **gradient**: how the loss would change if this weight grew. How large are they, in each part of the
# network?

# %%
loss.backward()


def part_of(name):
    return ".".join(name.removeprefix("distilbert.").split(".")[: 3 if "layer" in name else 1])


sizes_by_part = Counter()
for name, weight in model.named_parameters():
    sizes_by_part[part_of(name)] += float(weight.grad.square().sum())
gradient = sum(sizes_by_part.values()) ** 0.5
{name: round(total**0.5, 4) for name, total in sizes_by_part.items()} | {"all": gradient}

# %% [markdown]
# The two new layers, a hundredth of all weights, have the largest gradients. Everything below them is told less: what
# arrives there has been multiplied with the small random weights of the new layers. Keep that in mind, it will matter
# in a moment. The Trainer will also look at `all`: a gradient longer than 1 is shortened to 1, so that one odd batch
# cannot throw the network off.
#
# **Update**: the optimizer moves every weight against its gradient. AdamW divides each gradient by its own recent
# size first, so in the very first step each weight moves by the same amount, whatever its gradient. By how much?

# %%
before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, fused=True)
optimizer.step()
optimizer.zero_grad()
moves = [(w.detach() - before[name]).abs().max() for name, w in model.named_parameters()]
f"largest move: {float(max(moves)):.2e}, learning rate: {learning_rate:.2e}"

# %% [markdown]
# By the learning rate. That is what the number *means*: how far a weight may go in one step. (A very large weight
# moves a trifle further, because weight decay pulls it towards zero.) `fused=True` goes over the weights once instead
# of once per operation; it changes the time and not the result.
#
# **Evaluate**: dropout off, no gradients, and the same eight reviews again. Has the step helped?


# %%
def loss_now():
    model.eval()
    with torch.inference_mode():
        return float(torch.nn.functional.cross_entropy(model(**batch).logits, wanted))


after = loss_now()
model.load_state_dict(before, strict=False)
untouched = loss_now()
{"before": round(untouched, 4), "after one step": round(after, 4)}

# %% [markdown]
# A little lower. One step, eight reviews, and we know every number in it.
#
# ### The loop
#
# Training is this, again and again. Before one spends minutes on a thousand reviews, it is wise to ask: can it learn
# *eight* by heart? If it cannot, something is broken. We take the time of the three parts as well.


# %%
def learn_by_heart(optimizer, steps=5):
    model.load_state_dict(before, strict=False)
    found = [loss_now()]
    model.train()
    for _ in range(steps):
        clock = [time.perf_counter()]
        loss = torch.nn.functional.cross_entropy(model(**batch).logits, wanted)
        clock.append(time.perf_counter())
        loss.backward()
        clock.append(time.perf_counter())
        optimizer.step()
        optimizer.zero_grad()
        clock.append(time.perf_counter())
        spent.append(np.diff(clock))
    return [*found, loss_now()]


# %% [markdown]
# First with one learning rate for the whole network, ours.

# %%
spent = []
optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, fused=True)
one_rate = learn_by_heart(optimizer)
shares = pd.Series(np.median(spent, axis=0), ["forward", "backward", "update"]).to_frame("seconds")
shares["share"] = shares["seconds"] / shares["seconds"].sum()
print(f"loss {one_rate[0]:.3f}, then {one_rate[1]:.3f}")
print(f"{len(first) / shares['seconds'].sum():.0f} reviews per second")
shares.round(2)

# %% [markdown]
# It can: the loss falls from step to step. And the times: the way back costs nearly twice the way there, because for
# each layer two products are needed, one for the weights and one for the layer below. The update costs the same for
# eight reviews as for eighty. So a network that only answers is about three times as fast as one that learns. bf16 or
# a GPU would shorten the first two lines; the update stays, since the weights themselves are kept in float32.
#
# ### Two learning rates
#
# Now the trap into which nearly everyone falls once. Two kinds of weights sit in this network: an encoder that has
# been trained for weeks and should move gently, and a new layer of small random numbers that knows nothing. With one
# gentle rate for both, what does the new layer do? We need not train the encoder to find out, because its frozen
# features at `[CLS]` are at hand: we train the new layer alone on them, over all training reviews, for four epochs,
# which takes a few seconds.

# %%
at_cls = torch.from_numpy(read_train["[CLS]"])
classes = torch.from_numpy(classifier.numbers(train["label"]))
tuple(at_cls.shape), tuple(classes.shape)

# %% [markdown]
# The same layers as in the model, and the same loop.


# %%
def new_layer_alone(rate):
    torch.manual_seed(seed)
    inner = torch.nn.Linear(at_cls.shape[1], at_cls.shape[1])
    outer = torch.nn.Linear(at_cls.shape[1], len(labels))
    layer = torch.nn.Sequential(inner, torch.nn.ReLU(), outer)
    optimizer = torch.optim.AdamW(layer.parameters(), lr=rate)
    losses = []
    for _ in range(4):
        for some in torch.randperm(len(at_cls)).split(batch_size):
            loss = torch.nn.functional.cross_entropy(layer(at_cls[some]), classes[some])
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            losses.append(float(loss.detach()))
    return pd.Series(losses)


# %% alt="Loss over the steps of four epochs for the new layer alone: with the encoder's learning rate it stays near the logarithm of the number of classes, with the higher rate it falls below"
figure, axis = plt.subplots(figsize=(8, 3.4))
threads = torch.get_num_threads()
torch.set_num_threads(1)  # for so small a layer, threads cost more than they save
alone_losses = {rate: new_layer_alone(rate) for rate in (learning_rate, head_learning_rate)}
torch.set_num_threads(threads)
for (rate, losses), style in zip(alone_losses.items(), ("--", "-"), strict=True):
    axis.plot(losses.rolling(50, min_periods=5).mean(), style, label=f"learning rate {rate:g}")
axis.axhline(shrug, color="grey", linestyle=":", label="knows nothing")
axis.axvline(len(train) / batch_size, color="grey", linewidth=0.8, label="first epoch ends")
axis.set(xlabel="step", ylabel="loss, mean of 50 steps")
axis.legend()
plt.show()

# %% [markdown]
# With the encoder's rate the new layer hardly leaves the dotted line in the first epoch. Its weights start small, and
# we have just seen how far a weight may go in one step. The higher rate is less steady, and it learns. Now think of
# the encoder below. What it is told comes *through* this layer, and as long as the layer knows nothing, the encoder
# learns little from it. (`head_learning_rate = 5e-5` in the parameters shows what that costs.)
#
# And why not a higher rate for all? Because it destroys what the encoder knows: a training can stay near `log(2)` to the
# end. Nothing warns you; the run takes its time and ends like any other. So look at the loss of every run, and try more
# than one seed before you praise or blame a recipe.
#
# So there are **two rates**: a gentle one for what is already good, a high one for what is new. And a third group
# rests. The word vectors are half of all weights, and most words occur in a handful of our reviews; leaving them as
# they are costs nothing that we could measure, and saves memory. `optimizer` in `workshop_utils.models.transformer.finetune` makes
# the groups, and `Recipe` holds our choices. Eight reviews by heart, once more:

# %%
from workshop_utils.models.transformer import Recipe, optimizer

recipe = Recipe(epochs, learning_rate, head_learning_rate, batch_size, batch_size, seed=seed)
two_rates = optimizer(classifier, recipe)
after_two = learn_by_heart(two_rates)
print(f"loss with one rate: {one_rate[1]:.3f}, with two: {after_two[1]:.3f}")
resting = sum(w.numel() for w in model.parameters() if not w.requires_grad)
groups = [(sum(w.numel() for w in g["params"]), g["lr"]) for g in two_rates.param_groups]
names = ["encoder", "new layer", "word vectors"]
pd.DataFrame([*groups, (resting, 0.0)], index=names, columns=["weights", "learning rate"])

# %% [markdown]
# The same five steps, and only a fraction of the loss is left.

# %% [markdown]
# ## The Trainer
#
# The loop above has to grow: mix the reviews anew in each epoch, group them by length, warm the learning rate up and
# let it fall, clip large gradients, watch the loss on reviews that are not trained on, keep the best state, stop when
# nothing gets better, use bf16 and the GPU when they are there. All of it has been written, and tested by very many
# people: `Trainer` in transformers. We only choose. `Recipe` holds our choices, and `arguments` says them in the
# words of transformers.

# %%
from workshop_utils.models.transformer import arguments

chosen = arguments("never-written", recipe, validate=False)
meaning = {
    "num_train_epochs": "how often every review is read",
    "warmup_steps": "share of the steps in which the rate rises; after them it falls",
    "per_device_train_batch_size": "reviews that are computed at once",
    "gradient_accumulation_steps": "so many of them make one update",
    "train_sampling_strategy": "batches of similar length, in random order",
    "max_grad_norm": "a longer gradient is shortened to this",
    "bf16": "the fast short numbers, where the machine has them",
}
pd.DataFrame({"value": {n: getattr(chosen, n) for n in meaning}, "what it says": meaning})

# %% [markdown]
# Most are old acquaintances. `gradient_accumulation_steps` lets a small machine have large batches: gradients of
# several small batches are added up before the weights move, so memory depends on the small batch only.
#
# One choice does not stand in the table. DistilBERT comes with dropout in two places: on what a layer passes on, and
# within the attention. We switch the second one off. It draws a random number for every *pair* of places, which costs
# time and memory, the more the longer the texts (`benchmarks/results/finetuning.md` has the figures).
#
# How long should it train? The Trainer can watch reviews of the training part and stop when their loss rises: **early
# stopping**, which lesson 07 looks at closely. The watched reviews are lost for learning, and a few dozen of them are a noisy
# guide. We have few labels, so we spend all of them on learning and fix the number of epochs before we start. What must
# never be watched is the *examination*: whoever stops where it looks best has peeked.
#
# A fresh model, because the one above knows eight reviews by heart. The Trainer wants a folder, which we throw away
# afterwards.

# %%
import tempfile
from workshop_utils.models.transformer import history, make_trainer
from workshop_utils.quiet import quiet

classifier = new_classifier(labels, model_name, max_length, seed=seed)
start = time.perf_counter()
with tempfile.TemporaryDirectory() as folder, quiet():
    to_learn = (list(train["text"]), list(train["label"]))
    trainer = make_trainer(classifier, to_learn, folder, recipe)
    trainer.train()
fine_tuning = time.perf_counter() - start
course = history(trainer)
print(f"{fine_tuning:.0f} seconds, {len(train) * len(course) / fine_tuning:.0f} reviews per second")
course.round(3)

# %% [markdown]
# `loss` is the mean over the steps of an epoch, with dropout. It falls. That says that the network learns these reviews, and
# nothing yet about others.
#
# These lines, with nothing added, are `fine_tune` in `workshop_utils.models.transformer.finetune`. Next, the envelope. What does
# the fine-tuned model say to the held-out reviews?

# %%
start = time.perf_counter()
chances = classifier.predict_proba(list(test["text"]))
said = np.array(labels, dtype=object)[chances.argmax(axis=1)]
answers["DistilBERT, fine-tuned"] = (said, fine_tuning + time.perf_counter() - start)
bars = results_table(true, answers, seed=seed)
bars.round(3)

# %% alt="Horizontal bars: macro-F1 of TF-IDF, the two frozen encoders and the fine-tuned DistilBERT, each with its 95 percent interval"
from workshop_utils.models.metrics import plot_results

figure, axis = plt.subplots(figsize=(9, 2.8))
plot_results(bars, axis)
axis.set(title="Held-out texts", ylabel="")
plt.show()

# %% [markdown]
# The intervals are wide, so we compare in pairs: the fine-tuned model minus each of the others, on the same texts.

# %%
tuned = answers["DistilBERT, fine-tuned"][0]
versus = pd.DataFrame(
    {
        name: paired_difference(true, other, tuned, seed=seed)
        for name, (other, _) in answers.items()
        if other is not tuned
    },
    index=["difference", "low", "high"],
).T
versus.round(3)

# %% [markdown]
# Read the lines against zero. On the bundled reviews the fine-tuned model beats both frozen ones by more than the
# noise: this is what it is worth to let the encoder change. It is ahead of TF-IDF too. `difference` says by how much, and
# `low`, whether by more than the noise. Both have learned from the same reviews, so where does the lead come from?
#
# - The encoder has **read English before**. It need not learn from our labels that *dull* is close to *tedious*. TF-IDF
#   knows only words that stand in at least two of our reviews.
# - It reads words **in their order and context**. "Not a single minute was boring" is, for TF-IDF, a text with *boring*.
#
# One split is one answer. Over twelve of them this recipe leads TF-IDF by 5.8 points, at least 2.7 with 95 % confidence
# (`benchmarks/results/bundled_reviews.md`). The price stands in the table above: minutes instead of a fraction of a
# second. Whoever sells you a transformer should be asked for both.

# %% [markdown]
# ## When does the transformer earn its place?
#
# One number of reviews gives one answer. The useful question is another: how does it *go on*? A **learning curve**
# trains the same models on more and more labelled reviews. Beside TF-IDF we want the word CNN of lesson 05. Two
# frameworks in one notebook would be in each other's way, so here is the same network in PyTorch: embedding, three
# convolutions side by side, the highest answer of each filter, a linear layer.


# %%
class WordCnn(torch.nn.Module):
    def __init__(self, vocabulary, classes, dimensions=32, filters=32, widths=(3, 5, 7)):
        super().__init__()
        self.embed = torch.nn.Embedding(vocabulary, dimensions, padding_idx=0)
        self.embed.weight.data *= 0.1
        self.slides = torch.nn.ModuleList(
            torch.nn.Conv1d(dimensions, filters, width, padding=width // 2) for width in widths
        )
        self.drop = torch.nn.Dropout(0.5)
        self.classify = torch.nn.Linear(filters * len(widths), classes)

    def forward(self, ids):
        text = (ids > 0).unsqueeze(1)
        signal = self.drop(self.embed(ids)).transpose(1, 2)
        highest = [(torch.relu(slide(signal)) * text).amax(dim=2) for slide in self.slides]
        return self.classify(self.drop(torch.cat(highest, dim=1)))


# %% [markdown]
# If you know the Keras version: `__init__` lists the layers, `forward` is the drawing, and what Keras calls
# `padding="same"` we count ourselves. `* text` is the mask of lesson 05. One line is easily missed: PyTorch starts an
# embedding with numbers that are some thirty times as large as those of Keras, and a few epochs cannot get the better
# of so much noise. Without `*= 0.1` this network is hardly better than a coin on few reviews. The same drawing is not
# yet the same network.
#
# Its training is the loop from above, in full, and long texts are cut as for the encoder. A small part is read more
# often, so that every network makes at least some hundred steps.


# %%
from workshop_utils.models.tokenization import encode, train_words


def learn_cnn(frame, number):
    torch.manual_seed(number)
    words = train_words(frame["text"])
    ids = torch.from_numpy(encode(words, frame["text"], max_length, "head_tail")).long()
    wanted = torch.from_numpy(classifier.numbers(frame["label"]))
    network = WordCnn(words.get_vocab_size(), len(labels))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.003)
    for _ in range(max(6, 3600 // len(ids))):
        for chosen in torch.randperm(len(ids)).split(32):
            loss = torch.nn.functional.cross_entropy(network(ids[chosen]), wanted[chosen])
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
    return words, network.eval()


# %% [markdown]
# And the examination, for each of the three. A model is a function here: it takes training rows and a number for its
# seed, and returns what it says to the test part.


# %%
from workshop_utils.models.transformer import fine_tune


def by_counting(frame, number):
    min_df = 2 if len(frame) > 50 else 1  # few texts share few words
    return counting(min_df).fit(frame["text"], frame["label"]).predict(test["text"])


def by_cnn(frame, number):
    words, network = learn_cnn(frame, number)
    with torch.inference_mode():
        ids = torch.from_numpy(encode(words, test["text"], max_length, "head_tail")).long()
        return np.array(labels)[network(ids).argmax(dim=1)]


def by_distilbert(frame, number):
    fresh = new_classifier(labels, model_name, max_length, seed=number)
    fine_tune(fresh, list(frame["text"]), list(frame["label"]), recipe._replace(seed=number))
    return fresh.predict(list(test["text"]))


# %% [markdown]
# Which reviews fall into a small part is luck, so the cheap models draw `draws` parts of each size. DistilBERT is
# expensive: one part of the middle size, and for the full size the training that we have already paid for.

# %%
steps = sorted({max(4 * len(labels), len(train) // part) for part in (9, 4, 1)})
measured = []


def examine(name, model, size, number):
    frame = at_most(size, train.sample(frac=1, random_state=number), seed)
    start = time.perf_counter()
    right = float((model(frame, number) == true).mean())
    spent = time.perf_counter() - start
    measured.append({"model": name, "reviews": len(frame), "accuracy": right, "seconds": spent})


# %% [markdown]
# The cheap ones first, on one thread, because for networks this small several threads cost more than they save.

# %%
threads = torch.get_num_threads()
torch.set_num_threads(1)
for size in steps:
    for number in range(draws):
        examine("TF-IDF", by_counting, size, number)
        examine("word CNN", by_cnn, size, number)
torch.set_num_threads(threads)
pd.DataFrame(measured).groupby(["model", "reviews"]).mean().round(3)

# %% [markdown]
# Seconds for the CNN, next to nothing for TF-IDF. And now DistilBERT, on a quarter of the reviews, which takes a
# while.

# %%
examine("DistilBERT", by_distilbert, steps[-2], seed)
full = {"model": "DistilBERT", "reviews": len(train), "seconds": fine_tuning}
measured.append(full | {"accuracy": float((tuned == true).mean())})
curve = pd.DataFrame(measured).groupby(["model", "reviews"]).mean()
curve.round(3)

# %% alt="Learning curve: accuracy on the held-out texts over the number of labelled reviews, one line each for TF-IDF, word CNN and DistilBERT, with the spread of the draws as a vertical line"
figure, axis = plt.subplots(figsize=(8, 4))
spread = pd.DataFrame(measured).groupby(["model", "reviews"])["accuracy"].std().fillna(0)
styles = {"TF-IDF": "o-", "word CNN": "s--", "DistilBERT": "D-."}
for name, style in styles.items():
    line = curve.loc[name, "accuracy"]
    axis.errorbar(line.index, line, spread.loc[name], fmt=style, capsize=4, label=name)
axis.axhline(pd.Series(true).value_counts(normalize=True).max(), color="grey", linestyle=":")
axis.set(xscale="log", xlabel="labelled reviews", ylabel="accuracy")
axis.set_xticks(steps, steps)
axis.xaxis.set_minor_formatter("")
axis.legend()
plt.show()

# %% [markdown]
# How to read such a figure: a line that still rises says "label more", a flat one says "think of something else", and
# where two lines cross, the better model changes. On the bundled reviews DistilBERT is ahead with all of our reviews. With
# a quarter of them it is behind: a few dozen steps are not enough to turn an encoder around (and it is a single training).
# So somewhere between the two the lines cross. The vertical lines say how much luck there is in which reviews one happens
# to have. The CNN has to learn English from our reviews alone, as TF-IDF does, but with many more weights.
#
# And with more labels than we have? On the original corpus, this is the accuracy in per cent. It comes from
# `benchmarks/results/learning_curve.md`: one run each, hours of computing, TF-IDF of words and pairs, a larger CNN.
#
# | labelled reviews | TF-IDF | word CNN | DistilBERT |
# |---:|---:|---:|---:|
# | 500 | 80.99 | 82.27 | 87.08 |
# | 2,000 | 85.90 | 87.77 | 88.90 |
# | 8,000 | 89.12 | 90.37 | 90.36 |
# | 25,000 | 90.52 | 91.45 | 92.90 |
#
# So from how many labels on? There, from the smallest number on, 500, read in six passes: what the encoder knew before is
# worth most where labels are few, if there are steps enough to use it. The lead shrinks while the others learn more
# words, and with 8,000 reviews, of which time allowed one pass only, the CNN is level. For fewer than 500 this table says
# nothing. And how good is good enough, for how much computing, no table says.

# %% [markdown]
# ## Errors, by loss
#
# The loss of a single review says how much the model would have to apologise for it. Sort by it, take the largest,
# and read aloud. Whoever skips this step learns about his data from his customers.

# %%
losses = -np.log(np.maximum(chances[range(len(test)), classifier.numbers(true)], 1e-9))
test_lengths = np.array(
    [len(row) for row in classifier._replace(max_length=512).rows(test["text"])]
)
worst = np.argsort(-losses, kind="stable")[:6]
for i in worst:
    mark = " (cut)" if test_lengths[i] > max_length else ""
    print(f"[{true[i]}, taken for {tuned[i]}; loss {losses[i]:.2f}]{mark}")
    print(test["text"][i][:600], "\n")

# %% [markdown]
# What would a person have understood? On the bundled reviews you will meet some of these:
#
# - **irony**: "Well that was thrilling", "Brilliant. Thanks a lot";
# - **praise of one thing only**: the posters, the music, the gas lamps, and then the film;
# - **a story instead of a verdict**: the evening with an aunt was fabulous, the film was not;
# - and some that are **nearly plain**. "The script is terrible" asks for no subtlety. A model of this size, after this
#   little training, just misses it, or the sentence was cut away.
#
# Now look at the losses. A loss of 4 means that the truth was given a probability below two per cent. In lesson 02
# the worst errors of counting were made half in doubt; this model is *sure* when it is wrong. Anyone who wants to
# hand doubtful texts to a person has to know that, and lesson 08 takes it up.

# %% [markdown] exercise="own_sentences" part="task"
# ### Exercise 3: Your own sentences
#
# Write five short reviews of your own, each with its label, as a dictionary `mine` from text to label. At least one
# of them must hold a negation ("not", "n't", "never", "no"). Then ask both models: store in `counted` and in `read`
# how many of the five TF-IDF and the fine-tuned `classifier` get right. `taster` is a fitted TF-IDF model.

# %% [markdown] exercise="own_sentences" part="hint"
# Both have a method `predict` that takes a list of texts. `list(mine)` are the texts, `list(mine.values())` the
# labels.

# %% [markdown] exercise="own_sentences" part="hint"
# `(taster.predict(list(mine)) == list(mine.values())).sum()` counts the right answers of one.

# %% exercise="own_sentences" part="solution"
taster = counting().fit(train["text"], train["label"])
### BEGIN SOLUTION
mine = {
    "I have seldom laughed so much.": labels[-1],
    "Not a single minute of it was boring.": labels[-1],
    "Could have been good. Was not.": labels[0],
    "Two hours that nobody will give back to me.": labels[0],
    "My aunt walked out, I stayed, and I am glad I did.": labels[-1],
}
counted = int((taster.predict(list(mine)) == list(mine.values())).sum())
read = int((classifier.predict(list(mine)) == list(mine.values())).sum())
### END SOLUTION

# %% [markdown] exercise="own_sentences" part="discussion"
# Five sentences prove nothing about the models, but they tell a lot about *you*: what you believe to be hard. Change
# one word at a time and look when the answer turns over. Lesson 08 makes such tests systematic: with many sentences,
# and with an expectation for each change.


# %% exercise="own_sentences" part="check"
@exercise("Your own sentences")
def check(mine, counted, read, expect):
    expect(len(mine) == 5, "there are five", f"{len(mine)} different texts")
    expect(set(mine.values()) <= set(labels), "the labels are known", f"only {labels}")
    negated = [t for t in mine if {"not", "never", "no"} & set(t.lower().split()) or "n't" in t]
    expect(negated, "one of them has a negation", "not, n't, never or no, as a word of its own")
    wanted = list(mine.values())
    expect(counted == (taster.predict(list(mine)) == wanted).sum(), "TF-IDF is counted", "predict")
    expect(read == (classifier.predict(list(mine)) == wanted).sum(), "DistilBERT too", "predict")


# %% [markdown]
# ## Save, load, and say it in plain words
#
# A fine-tuned network is worth nothing without its tokenizer, its limit, its way of cutting, and the names of its
# classes. `save_classifier` keeps all of them in one folder, with a card. Does the loaded one answer like the one
# that we have trained?

# %%
from workshop_utils.models.transformer import load_classifier, save_classifier
from workshop_utils.paths import model_folder

marks = bars.set_index("model").loc["DistilBERT, fine-tuned", ["accuracy", "macro_f1"]]
folder = model_folder("06_distilbert")
save_classifier(folder, classifier, metrics=dict(marks), test_texts=list(test["text"]))
loaded = load_classifier(folder)
probe = list(test["text"][:20])
same = float(np.abs(loaded.predict_proba(probe) - classifier.predict_proba(probe)).max())
sorted(path.name for path in folder.iterdir()), same

# %% [markdown]
# No pickle is among the files, only numbers and JSON, so nobody can hide a program in them. And a prediction, as we
# would tell it to the person who asked:


# %%
def in_words(text):
    chance = loaded.predict_proba([text])[0]
    best = int(chance.argmax())
    sure = {0.95: "I am almost certain", 0.8: "I think", 0.0: "I am not sure, but I would guess"}
    begin = next(words for limit, words in sure.items() if chance[best] >= limit)
    return f"{begin} that this is {labels[best]} ({chance[best]:.0%})."


print(in_words("The first half hour is slow, and then I forgot that I was sitting in a cinema."))

# %% [markdown]
# Would you have said the same? Many models fall for the slow half hour and miss that somebody forgot the cinema
# around him. And "almost certain" is our translation of a number, and whether the number deserves it is an open
# question: networks like to be too sure of themselves. Lesson 08 measures it. At last, texts that nobody has prepared
# for it.

# %%
unkind = ["", "😭😭😭", "हिन्दी में एक समीक्षा", "good " * 3000, "\ud800"]
told = pd.DataFrame(loaded.predict_proba(unkind), columns=labels).round(2)
told.insert(0, "text", [ascii(text[:12]) for text in unkind])
told

# %% [markdown]
# It has an answer for everything, and never says "I cannot read this", not even to a language of which it knows the
# letters at best. An empty text is two pieces, `[CLS]` and `[SEP]`; three tears in a row are a single `[UNK]`.
# Whoever puts such a model to work has to check, outside of the model, whether there was anything to read.

# %% [markdown]
# ## What we learned
#
# - A tokenizer is part of the model. Ours knows no capitals, no accents and few emoji; what it drops, no layer can
#   bring back.
# - Batches of similar length save most of the padding, and a mask makes the rest harmless. A long text keeps its head
#   and its tail.
# - A training step is batch, forward, loss, backward, update. The loss starts at the logarithm of the number of
#   classes, and the learning rate is how far a weight moves.
# - The Trainer is this loop with everything that one forgets. A new layer needs a higher rate than the encoder.
# - The frozen encoder knows what a text is *about*; what it is *for*, it learns by fine-tuning. Then it beats counting,
#   because it has read English before and reads words in their order. It costs minutes instead of a second.
# - A learning curve says when a model earns its place. One number of reviews does not.
#
# **If your numbers differ**: processors round differently, and fine-tuning makes much of small differences. On the
# bundled reviews the fine-tuned model should have an accuracy between 0.86 and 0.94, ahead of the frozen one and of TF-IDF,
# which lies between 0.79 and 0.88. Another seed moves both by some points. What must hold everywhere is asserted: the
# order of the three, the mask, the loss at the start, the step that lowers it, and the loaded model that answers like
# the saved one.

# %%
assert with_mask < 1e-4 < without_mask, "a mask makes padding harmless"
little = padding["share of padding"].is_monotonic_decreasing
assert csv or little, "similar lengths need little padding"
assert csv or abs(float(loss_at_start) - shrug) < 0.1, "an untrained model shrugs"
assert csv or after < untouched, "one step lowers the loss on its own batch"
assert same < 1e-5, "saved and loaded, the model gives the same answers"
assert np.isfinite(told[labels].to_numpy()).all(), "every text gets an answer"

# %%
from workshop_utils.course.results import record

score = bars.set_index("model")["accuracy"]
names = {
    "tfidf": "TF-IDF + logistic",
    "frozen": "frozen, mean",
    "distilbert": "DistilBERT, fine-tuned",
}
reached = {short: score[name] for short, name in names.items()}
reached["word_cnn"] = curve.loc[("word CNN", len(train)), "accuracy"]
if not csv and len(train) >= 600:
    assert 0.8 < reached["distilbert"] < 0.97, "it has learned"
    assert reached["distilbert"] > reached["frozen"], "letting the encoder change is worth it"
    assert course["loss"].is_monotonic_decreasing, "the loss falls from epoch to epoch"
    assert official or reached["distilbert"] > reached["tfidf"], "it is ahead of counting"
record("06_distilbert", test_texts=len(test), fine_tuning_seconds=fine_tuning, **reached)

# %% [markdown]
# **Read on**: Sanh, Debut, Chaumond and Wolf, *DistilBERT, a distilled version of BERT*, 2019; Devlin and others,
# *BERT*, NAACL 2019, for `[CLS]`, `[SEP]` and WordPiece; Sun, Qiu, Xu and Huang, *How to Fine-Tune BERT for Text
# Classification?*, CCL 2019, for head and tail; Mosbach, Andriushchenko and Klakow, *On the Stability of Fine-tuning
# BERT*, ICLR 2021; the [documentation of the Trainer](https://huggingface.co/docs/transformers/main_classes/trainer).
#
# **Next**: lesson 07 looks for a better recipe, and asks what the search itself costs.
