# %% [markdown]
# # 04 · Read poems letter by letter
#
# The bag of words of lesson 02 has forgotten the order of the words, and a word it has never met is nothing to it. In this
# lesson a network reads a poem as what it is on paper: one letter after the other, commas and line ends included. We
# build the network from a single multiplication upwards, and we will see whether it is worth its price.
#
# **You will be able to**
#
# - turn a text into ids of characters and into one-hot vectors, and say what each costs;
# - show why a dense network learns letters by heart and cannot read;
# - compute a convolution by hand, and explain kernel width, pooling and receptive field;
# - replace one-hot vectors by an embedding, and measure what that changes;
# - train, judge, save and load a character network, and say honestly whether it beats the bar.
#
# **You need** lesson 00's idea of training, and intervals from lesson 02. No German: the network knows none either.
#
# **Reads** the German poems in `data/poems.csv`, or the 2,125 poems of the original corpus where `make data` has put them.
# **Writes** the learned network to `build/models/04_character_cnn` and its results to `build/results`.

# %% [markdown]
# Everything you may want to change. `longest` is the number of letters per poem that we can afford at most; the `trial_`
# values belong to the small experiments in the middle, `epochs` and `patience` to the final training.

# %% tags=["parameters"]
source = "auto"
longest = 512
dense_epochs = 15
trial_length = 200
trial_epochs = 10
repeats = 4
epochs = 40
patience = 8
seed = 0

# %% [markdown]
# ## Whose poem is it?
#
# The bundled poems are written in three *manners*: a measured one that learns from the Weimar classics, folk stanzas with an
# ironic turn, and the cabaret of the big city. They are exercises in style, no works of any poet. The original corpus holds the
# real ones: Goethe, Heine and Tucholsky. Which do we have here, and how many of each?

# %%
import numpy as np
import pandas as pd

from workshop_utils.data import load_poems

poems = load_poems(source).rename(columns={"author": "label"}).drop_duplicates("text")
poems = poems.reset_index(drop=True)
poems["label"].value_counts().to_frame("poems")

# %% [markdown]
# Read one of each. All of them write about love, rain and money, so the subject will not tell you who speaks. What does?

# %%
for label, group in poems.groupby("label"):
    print(f"[{label}]\n{group['text'].sample(1, random_state=seed).item()[:260]}\n")

# %% [markdown]
# Perhaps the length of a line, the dashes and dots, an old ending, a Berlin spelling, a small word such as *nich*. Such things stand in
# the letters. That is why poems are a good place to read letter by letter.

# %% [markdown]
# ## Three parts
#
# The test part is held out as in lesson 02: stratified, and near-twins stay on one side. From what is left we take a
# **validation** part, by which we may choose as often as we like. The test part is opened once, near the end.

# %%
from workshop_utils.data.split import hold_out

in_test = hold_out(poems["text"], poems["label"], 4, seed)
test, rest = poems[in_test].reset_index(drop=True), poems[~in_test].reset_index(drop=True)
in_validation = hold_out(rest["text"], rest["label"], 5, seed)
train = rest[~in_validation].reset_index(drop=True)
validation = rest[in_validation].reset_index(drop=True)
labels = np.sort(poems["label"].unique())
y_train, y_validation, y_test, y_rest = (
    np.searchsorted(labels, part["label"]) for part in (train, validation, test, rest)
)
{"training": len(train), "validation": len(validation), "test": len(test)}

# %% [markdown]
# ## The bar first
#
# What does a network have to beat? First the laziest answer, always the most frequent label. Then the bar that lesson 03
# suggested: TF-IDF over runs of two to five characters inside words, capitals kept, and logistic regression. It sees
# letters too, but as a bag of short runs.

# %%
import time
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

majority = np.bincount(y_train).argmax()
start = time.perf_counter()
runs = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), lowercase=False, min_df=2)
bar = make_pipeline(runs, LogisticRegression(C=10, max_iter=1000)).fit(train["text"], y_train)
bar_seconds = time.perf_counter() - start
floor = float((y_validation == majority).mean())
bar_validation = bar.score(validation["text"], y_validation)
{"majority": round(floor, 3), "bar": round(bar_validation, 3), "columns": len(runs.vocabulary_)}

# %% [markdown]
# Those two numbers, measured on the validation part, are our landmarks: guessing, and a strong competitor that trains in seconds. Keep
# both in mind whenever a network below looks good.

# %% [markdown]
# ## An alphabet from the data
#
# A network multiplies numbers, so each character needs a number. Which characters are there? We do not type an alphabet
# from memory, because memory forgets: the dash, the quotation marks „ and “, the line end, the é of a café. We ask the training texts.

# %%
from collections import Counter

counts = Counter("".join(train["text"]))
by_frequency = [character for character, _ in counts.most_common()]
print(len(counts), "characters, the most frequent first:")
print("".join(by_frequency).replace("\n", "⏎").replace(" ", "␣"))

# %% [markdown]
# Small and capital letters are different characters, and so are `s` and `ß`. The blank is the most frequent one or close to it, and the line end is a
# character like any other: a network that sees it can know where a verse stops. How rare is the rarest?

# %%
pd.Series(dict(counts.most_common()[:-7:-1]), name="times in all training poems").to_frame().T

# %% [markdown]
# The rare ones stay in. Each costs one row in a table, and whoever leaves them out tears a hole into every poem that has
# one. Two numbers are reserved: 0 for the **padding** behind short poems, and 1 for whatever the training texts did not
# contain. `train_characters` from the package does exactly this. Does it find the same alphabet?

# %%
from workshop_utils.models.tokenization import encode, train_characters

tokenizer = train_characters(train["text"])
vocabulary = tokenizer.get_vocab_size()
assert set(tokenizer.get_vocab()) == set(counts) | {"[PAD]", "[UNK]"}
line = "Süße Jäger 😴"
encode(tokenizer, [line]), tokenizer.decode(encode(tokenizer, [line])[0], skip_special_tokens=False)

# %% [markdown]
# The umlauts come back whole, and the emoji, which occurs in no training poem, becomes 1, the unknown. That is honest: the network will know that
# *something* stood there.
#
# One trap is invisible. The letter ä can be stored as one code point, or as an a followed by two dots that attach themselves to it. On
# the screen the two look the same (lesson 03). What would an alphabet make of the second form?

# %%
import unicodedata

decomposed = unicodedata.normalize("NFD", "ä")
by_hand = [by_frequency.index(c) + 2 if c in by_frequency else 1 for c in decomposed]
{
    "code points": len(decomposed),
    "without care": by_hand,
    "with NFC": tokenizer.encode(decomposed).ids,
    "one ä": tokenizer.encode("ä").ids,
}

# %% [markdown]
# Without care, every ä from a computer that stores it apart would be read as *a, unknown*. The tokenizer brings each text to the form
# NFC first, so both come out the same. This happens inside the file that we will save with the network, and so nobody who uses the network can
# forget it.

# %% [markdown] exercise="decode" part="task"
# ## Exercise 1: There and back again
#
# Build an alphabet yourself, without the package. `letters` is a list of all characters of `train["text"]`, each once, in
# any order; place 0 holds `""` (the padding) and place 1 holds `"�"` (unknown). Then complete `my_decode`: it turns a row of numbers
# into a text.

# %% [markdown] exercise="decode" part="hint"
# A `set` of one long string holds every character once; `sorted` makes a list of it, and lists can be added.

# %% [markdown] exercise="decode" part="hint"
# `["", "�"] + sorted(set("".join(train["text"])))` is the list. To decode, look up each number in it and join what you find.


# %% exercise="decode" part="solution"
### BEGIN SOLUTION
letters = ["", "�", *sorted(set("".join(train["text"])))]
### END SOLUTION


def my_decode(numbers):
    ### BEGIN SOLUTION
    return "".join(letters[number] for number in numbers)
    ### END SOLUTION


# %% [markdown] exercise="decode" part="discussion"
# Decoding is the cheapest test of a preparation, and few people make it: if the text does not come back, the network has never seen
# it. Try it on a poem before you train on ten thousand. Only what is outside the alphabet is lost, and you can count how often that is.

# %% exercise="decode" part="check"
from workshop_utils.course.checks import exercise


@exercise("There and back again")
def check(letters, my_decode, expect):
    expect(letters[:2] == ["", "�"], "0 is padding and 1 is unknown", "the first two places")
    expect(len(letters) == len(set(letters)), "each character stands once", "use a set")
    expect(set(counts) <= set(letters), "no character is missing", "line ends are characters too")
    numbers = [letters.index(character) for character in train["text"][0]]
    expect(my_decode([*numbers, 0, 0]) == train["text"][0], "a poem comes back", "join the letters")


# %% [markdown]
# ## How long is a poem?
#
# A batch needs rows of one length. Which? As in lesson 01 we look at the share of poems that fit, and take the 95th percentile,
# unless it is more than we can afford.

# %% alt="Rising curve of the share of training poems that fit under a length in characters, with the chosen cap as a dashed line"
import matplotlib.pyplot as plt

plt.style.use("workshop_utils.course.house")
lengths = train["text"].str.len().sort_values()
length = min(int(lengths.quantile(0.95)), longest)
figure, axis = plt.subplots(figsize=(7, 3.2))
axis.plot(lengths, np.arange(1, len(lengths) + 1) / len(lengths))
axis.axvline(length, color="C3", linestyle="--", label=f"cap at {length}")
axis.set(xlabel="characters", ylabel="share of poems that fit", ylim=(0, 1))
axis.set(xlim=(0, lengths.quantile(0.98)))
axis.legend()
plt.show()

# %% [markdown]
# To the left of the dashed line poems stay whole, to the right they lose their end. The curve of the original corpus
# has a long tail of ballads, and there the affordable length decides.

# %%
x_train, x_validation, x_test = (
    encode(tokenizer, part["text"], length) for part in (train, validation, test)
)
{
    "shape": x_train.shape,
    "padding": f"{(x_train == 0).mean():.0%}",
    "unknown in validation": int((x_validation == 1).sum()),
}

# %% [markdown]
# The padding is the price of one length for all. And here or there a poem may hold a character that no training poem has; it is
# read as 1, and nothing breaks.

# %% [markdown]
# ## One-hot: a column of switches for each letter
#
# May we feed these numbers to a network as they are? Then `d` with number 7 would be "more" than `t` with number 5, and two
# t would be worth ten. The numbers are names, not amounts. The plain remedy is **one-hot**: a letter becomes a row of zeros with
# a single 1 at its own place.


# %%
def one_hot(ids):
    return np.eye(vocabulary, dtype=np.float32)[ids]


verse = "Schlaf, schönes Schiff"
verse_ids = encode(tokenizer, [verse])[0]
switches = one_hot(verse_ids)
switches.shape

# %% [markdown]
# One row per letter, one column per character of the alphabet. How does a line of verse look like that?

# %% alt="A grid with the letters of a line of verse from left to right and the alphabet from top to bottom; exactly one cell is dark for each letter"
figure, axis = plt.subplots(figsize=(9, 4.5))
axis.imshow(switches.T[: verse_ids.max() + 2], aspect="auto", cmap="gray_r")
axis.set_xticks(range(len(verse)), verse.replace(" ", "␣"))
axis.set(xlabel="letters of the line", ylabel="number in the alphabet", title="One-hot")
axis.grid(False)
plt.show()

# %% [markdown]
# Like the paper roll of a barrel organ: one hole per moment. Equal letters have equal columns, so you can see
# that the first and the last word begin alike. Nearly everything is empty. What does that emptiness cost for all poems, and does the type of the numbers matter?

# %%
cells = len(poems) * length
cost = {
    "one-hot, float32": cells * switches.nbytes // len(verse),
    "one-hot, uint8": cells * switches.astype(np.uint8).nbytes // len(verse),
    "ids, int32": cells * x_train.itemsize,
    "ids, uint8": cells * x_train.astype(np.uint8).itemsize,
}
table = pd.Series(cost, name="megabytes").to_frame() / 1e6
table["times as large"] = table["megabytes"] / (cost["ids, int32"] / 1e6)
table.round(2)

# %% [markdown]
# One-hot costs as many times more as there are characters in the alphabet. Smaller types help both sides (as long as the
# alphabet has no more than 256 characters, one byte names them all), but the ratio stays. So we store ids, and let the network make
# one-hot rows batch by batch, when they are needed.

# %% [markdown]
# ## A dense network, and why it cannot read
#
# The simple way first. Lay the one-hot rows of a poem end to end, as we did with the pixels of a digit, and connect
# everything with 64 units. How many weights is that?

# %%
import os

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"  # warnings only
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"  # the same rounding on every processor
import keras
from keras import layers

keras.backend.backend(), keras.__version__

# %% [markdown]
# Keras runs on TensorFlow here. A function builds the network, because we will need it for two lengths.


# %%
def dense_network(places):
    keras.utils.set_random_seed(seed)
    ids = keras.Input((places,), dtype="int32")
    flat = layers.Flatten()(keras.ops.one_hot(ids, vocabulary))
    hidden = layers.Dense(64, activation="relu")(flat)
    model = keras.Model(ids, layers.Dense(len(labels), activation="softmax")(hidden))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


dense = dense_network(length)
f"{dense.count_params():,} weights for {len(train):,} poems"

# %% [markdown]
# Thousands of weights for every poem: such a network can store the poems instead of understanding them. Does it? `fit` from the
# package trains with one line of progress and returns the history as a table.

# %%
from workshop_utils.models.cnn import fit

examined = (x_validation, y_validation)
whole_history = fit(dense, x_train, y_train, dense_epochs, examined, batch_size=16, seed=seed)
whole_history.iloc[[0, 1, -1]].round(3)

# %% [markdown]
# It knows every training poem, as expected. But on the validation part it is above guessing. Has it learned to read after all? Let us be
# suspicious. It sees where the text ends and the padding begins, so it could simply *measure* the poem. How far does one get with
# nothing but the number of characters?

# %%
from sklearn.tree import DecisionTreeClassifier


def measured(texts):
    return texts.str.len().to_numpy()[:, None]


ruler = DecisionTreeClassifier(max_leaf_nodes=4).fit(measured(train["text"]), y_train)
by_length = ruler.score(measured(validation["text"]), y_validation)
{
    "guessing": round(floor, 3),
    "length only": round(by_length, 3),
    "dense": round(float(whole_history["val_accuracy"].iloc[-1]), 3),
}

# %% [markdown]
# A ruler is already better than guessing. And a poem that starts at its beginning gives away more: the first verse ends at about the same
# place in all poems of one metre. To see whether the network *reads*, we hide both: each poem becomes an
# excerpt of a hundred characters from a random place.

# %%
chance = np.random.default_rng(seed)


def excerpts(texts, size=100):
    starts = [chance.integers(max(1, len(text) - size + 1)) for text in texts]
    return [text[start : start + size] for text, start in zip(texts, starts, strict=True)]


short_train, short_validation = excerpts(train["text"]), excerpts(validation["text"])
e_train, e_validation = (encode(tokenizer, part, 100) for part in (short_train, short_validation))
dense_short = dense_network(100)
hidden_part = (e_validation, y_validation)
short_history = fit(dense_short, e_train, y_train, dense_epochs, hidden_part, batch_size=16)
short_history.iloc[[0, 1, -1]].round(3)

# %% [markdown]
# Look at `val_accuracy`. Is a hundred characters too little for anybody? The bar, trained on the same excerpts, gives the measure.

# %%
from sklearn.base import clone

short_bar = clone(bar).fit(short_train, y_train)
bar_excerpts = short_bar.score(short_validation, y_validation)
dense_excerpts = float(short_history["val_accuracy"].tail(3).mean())
{"dense": round(dense_excerpts, 3), "bar": round(bar_excerpts, 3)}

# %% alt="Three curves over the epochs: training accuracy rises to one, validation on whole poems stays in the middle, validation on excerpts stays near the dashed line of guessing; a dotted line shows the bar on the same excerpts"
figure, axis = plt.subplots(figsize=(8, 3.8))
axis.plot(short_history["accuracy"], label="training, excerpts")
axis.plot(whole_history["val_accuracy"], label="validation, whole poems", color="C1")
axis.plot(short_history["val_accuracy"], label="validation, excerpts", color="C3")
axis.axhline(floor, color="0.4", linestyle="--", label="majority class")
axis.axhline(bar_excerpts, color="0.4", linestyle=":", label="the bar, excerpts")
axis.set(xlabel="epoch", ylabel="accuracy", ylim=(0, 1.03), title="Dense network on one-hot")
axis.legend(fontsize=10, ncols=2, loc="lower right")
plt.show()

# %% [markdown]
# Now the mask is off. The training curve climbs to the ceiling, and on excerpts it has not seen the network stays far below the bar (on the bundled poems it is hardly better than guessing), while
# counting runs of letters still hears the voice in the very same hundred characters. It is the gap that lesson 00 called overfitting, but this time
# dropout would not cure it. The reason lies in how a dense layer looks at a line: the `s` at place 17 and the `s` at place 18 go
# through *different* weights. What it learns about one says nothing about the other.
#
# If that is true, a tiny change must confuse it. We take the very excerpts it knows by heart, and put one blank in front of
# each. No person would even notice.


# %%
def probabilities(network, ids):
    return keras.ops.convert_to_numpy(network(ids))


def moved(ids):
    blank = tokenizer.token_to_id(" ")
    return np.pad(ids, ((0, 0), (1, 0)), constant_values=blank)[:, :-1]


before = probabilities(dense_short, e_train).argmax(axis=1)
after = probabilities(dense_short, moved(e_train)).argmax(axis=1)
dense_shift = {
    "right before": float((before == y_train).mean()),
    "right after one blank": float((after == y_train).mean()),
    "answers changed": float((before != after).mean()),
}
{name: round(share, 3) for name, share in dense_shift.items()}

# %% [markdown]
# One blank, and most of what it knew is gone, on the very texts it had learned by heart. It never learned what a poem sounds like; it learned which
# letter stands at which place in *these* texts. We need a network that learns what `sch` is *once*, and then finds it everywhere.

# %% [markdown]
# ## Convolution on one line of verse
#
# ### By hand
#
# Make a small stencil, three letters long, with switches just like the text: `s`, then `c`, then `h`. Lay it on the first three
# letters, multiply cell by cell, add everything up. The sum is the number of letters that agree. Then slide it on by one.

# %%
stencil = one_hot(encode(tokenizer, ["sch"])[0])
first_window = switches[:3]
stencil.shape, float((first_window * stencil).sum())

# %% [markdown]
# The line begins with `Sch`, with a capital. Two of three letters agree. Now every place in turn.

# %%
width = len(stencil)
places = len(switches) - width + 1
response = np.array([(switches[i : i + width] * stencil).sum() for i in range(places)])
response

# %% alt="Bars over the letters of a line of verse: the response of the stencil is 3 where sch begins, 2 at each capital Sch, and low elsewhere"
figure, axis = plt.subplots(figsize=(9, 3.2))
axis.bar(range(places), response, color=["C3" if value == width else "C5" for value in response])
axis.set_xticks(range(len(verse)), verse.replace(" ", "␣"))
axis.set(xlabel="the stencil begins at this letter", ylabel="response", title="A stencil for sch")
plt.show()

# %% [markdown]
# The full response stands where `sch` begins, and only there. At each `Sch` two letters agree. That is all a **convolution** is: slide,
# multiply, add. In the language of networks the stencil is a **filter** or *kernel*, its length the **kernel width**, and its numbers are
# weights. The same few weights look at every place of the line; this is called *weight sharing*, and it is what the dense network lacked.
#
# ### The same in Keras
#
# `Conv1D` should do the very same. We give it our stencil as weights instead of letting it learn. Its kernel has the shape (width,
# switches, filters), and its bias is added to every response. With a bias of -2 and `relu`, only a full match stays above zero.

# %%
detector = layers.Conv1D(filters=1, kernel_size=3)
plain = keras.ops.convert_to_numpy(detector(switches[None]))
detector.set_weights([stencil[:, :, None], np.zeros(1)])
by_keras = keras.ops.convert_to_numpy(detector(switches[None]))[0, :, 0]
detector.set_weights([stencil[:, :, None], np.array([-2.0])])
strict = keras.ops.convert_to_numpy(keras.ops.relu(detector(switches[None])))[0, :, 0]
bool(np.allclose(by_keras, response)), strict

# %% [markdown]
# The same numbers, and with the bias a clean detector. How many weights does it have? Width times alphabet, plus one, whatever
# the length of the poem. Compare that with the millions of the dense network.

# %%
{"one filter": detector.count_params(), "dense network": dense.count_params()}

# %% [markdown]
# Why does a network with such filters not mind the blank in front? The response moves along with the text. We can see it on
# our line.

# %%
moved_line = one_hot(encode(tokenizer, [" " + verse])[0])
moved_response = keras.ops.convert_to_numpy(detector(moved_line[None]))[0, :, 0] + 2
[int(value) for value in response], [int(value) for value in moved_response]

# %% [markdown] exercise="slide" part="task"
# ## Exercise 2: Many stencils at once
#
# A layer has not one filter but dozens. Complete `slide`: `signal` has the shape (letters, switches), `kernels` the shape
# (width, switches, filters), and the answer the shape (letters - width + 1, filters). Use NumPy only.

# %% [markdown] exercise="slide" part="hint"
# Start with the list of windows, `signal[i : i + width]` for every place. For one window, the answer is one number per filter.

# %% [markdown] exercise="slide" part="hint"
# `np.tensordot(window, kernels, axes=2)` multiplies a window with all kernels and adds over width and switches. Collect the results with
# `np.array([...])`.


# %% exercise="slide" part="solution"
def slide(signal, kernels):
    ### BEGIN SOLUTION
    width = len(kernels)
    windows = [signal[i : i + width] for i in range(len(signal) - width + 1)]
    return np.array([np.tensordot(window, kernels, axes=2) for window in windows])
    ### END SOLUTION


# %% [markdown] exercise="slide" part="discussion"
# In mathematics a convolution turns the stencil round before it slides; what networks do is called cross-correlation there. As the weights
# are learned, it makes no difference, and the wrong name has stayed. A processor does not slide either: it lays all windows
# side by side and makes one large multiplication of it. The numbers are the same.


# %% exercise="slide" part="check"
@exercise("Many stencils at once")
def check(slide, expect):
    one = np.asarray(slide(switches, stencil[:, :, None]))
    expect(
        one.shape == (len(verse) - 2, 1), "the shape is right", "one row per place, one per filter"
    )
    expect(np.allclose(one[:, 0], response), "sch is found", "multiply and add over both axes")
    many = layers.Conv1D(7, 4)
    wanted = keras.ops.convert_to_numpy(many(switches[None]))[0]
    kernels = keras.ops.convert_to_numpy(many.kernel)
    expect(
        np.allclose(slide(switches, kernels), wanted, atol=1e-5), "Keras agrees", "width is 4 now"
    )


# %% [markdown]
# ## Pooling: from a line of responses to one number
#
# A filter answers at every place, and the poem should get *one* answer. The simplest summary is the largest response, **global max
# pooling**: does `sch` occur at all? Another is the mean, **average pooling**: how much of it is there? What does each of them
# notice, and what does it lose?


# %%
def summaries(text):
    answer = detector(one_hot(encode(tokenizer, [text]))) + 2
    found = keras.ops.convert_to_numpy(keras.ops.relu(answer - 2))
    return {"line": text, "maximum": found.max(), "average": found.mean()}


lines = ["Der Wind fasst nach den Türen", "Es rauscht und will nicht enden"]
lines += ["Und endet nicht, es rauscht", "Es rauscht und lauscht und huscht"]
pd.DataFrame([summaries(text) for text in lines]).round(3)

# %% [markdown]
# The maximum tells lines with `sch` from a line without, and nothing more: it does not know the *place* (second and third line) nor the *count*
# (fourth). The average notices the count, but in a long poem a single find is thinned out to almost nothing. Which loss hurts
# more? That is a question for an experiment. We come to it in a minute.

# %% [markdown]
# ## An embedding is a one-hot row times a matrix
#
# Before that, a way to save. A row with a single 1, multiplied by a matrix, picks one row of the matrix. So instead of making
# the long row and multiplying, we can simply look the row up. That is what the layer `Embedding` does. Really the same?

# %%
keras.utils.set_random_seed(seed)
embedding = layers.Embedding(vocabulary, 16)
looked_up = keras.ops.convert_to_numpy(embedding(verse_ids))
matrix = keras.ops.convert_to_numpy(embedding.embeddings)
bool(np.allclose(looked_up, switches @ matrix)), switches.shape, looked_up.shape

# %% [markdown]
# The same numbers, without the zeros. The matrix starts at random and is learned like any weight, so letters that do similar work may get
# similar rows. A letter has now 16 numbers instead of a whole alphabet of switches, and every filter becomes smaller by the same
# factor. How much does a batch of poems save?

# %%
batch = x_train[:16]
as_switches = keras.ops.convert_to_numpy(keras.ops.one_hot(batch, vocabulary))
as_vectors = keras.ops.convert_to_numpy(embedding(batch))
memory = {"one-hot": as_switches.nbytes / 1e6, "embedding": as_vectors.nbytes / 1e6}
{name: f"{megabytes:.2f} megabytes" for name, megabytes in memory.items()}

# %% [markdown]
# ## The network, piece by piece
#
# Now we put the parts together: vectors for letters, convolution, pooling, softmax. One more detail matters. Behind a short poem stands padding, and
# padding is no letter. A **mask**, 1 where there is text and 0 behind it, is multiplied on before and after each convolution, so
# that padding can never answer.


# %%
def small_network(seed, start="embedding", pooling="maximum", convolutions=1):
    keras.utils.set_random_seed(seed)
    ids = keras.Input((None,), dtype="int32")
    mask = keras.ops.expand_dims(keras.ops.cast(ids > 0, "float32"), -1)
    turn = layers.Embedding(vocabulary, 16) if start == "embedding" else None
    signal = (turn(ids) if turn else keras.ops.one_hot(ids, vocabulary)) * mask
    for _ in range(convolutions):
        signal = layers.Conv1D(64, 5, padding="same", activation="relu")(signal) * mask
    if pooling == "maximum":
        pooled = keras.ops.max(signal, axis=1)
    else:
        pooled = keras.ops.sum(signal, axis=1) / keras.ops.sum(mask, axis=1)
    answer = layers.Dense(len(labels), activation="softmax")(pooled)
    return keras.Model(ids, answer)


# %% [markdown]
# `padding="same"` adds zeros at both ends, so that the line keeps its length. How many weights does each form have?

# %%
forms = {
    "embedding, maximum": {},
    "one-hot, maximum": {"start": "one-hot"},
    "embedding, average": {"pooling": "average"},
    "two convolutions": {"convolutions": 2},
}
{name: small_network(seed, **form).count_params() for name, form in forms.items()}

# %% [markdown]
# Thousands of weights instead of millions. One-hot costs weights, and so does the second convolution. And time? We train
# each form on the same few poems, once to warm up, and take the faster of two more epochs.


# %%
def seconds_per_epoch(form):
    network = small_network(seed, **form)
    network.compile("adam", "sparse_categorical_crossentropy")
    times = []
    for _ in range(3):
        start = time.perf_counter()
        network.fit(x_train[:160], y_train[:160], batch_size=16, verbose=0)
        times.append(time.perf_counter() - start)
    return min(times[1:])


seconds = {name: seconds_per_epoch(form) for name, form in forms.items()}
{name: round(value, 2) for name, value in seconds.items()}

# %% [markdown]
# The first convolution has less to multiply after an embedding, but everything behind it stays the same, so the gain in time is smaller than the
# gain in memory. The second convolution is the most expensive part: it reads 64 numbers for each letter.
#
# ### How far does a second convolution see?
#
# A filter of width 5 sees five letters. A second one on top sees five responses, each of which has seen five letters. Together, how
# many letters can influence one answer? We measure it: change one letter in the middle of a line, and count the places at which anything changes.


# %%
def places_touched(convolutions):
    network = small_network(seed, convolutions=convolutions)
    convolved = [layer for layer in network.layers if isinstance(layer, layers.Conv1D)][-1]
    look_inside = keras.Model(network.input, convolved.output)
    changed = np.full((2, 41), 5)
    changed[1, 20] = 6
    one, other = probabilities(look_inside, changed)
    return int((np.abs(one - other).max(axis=-1) > 0).sum())


touched = {count: places_touched(count) for count in (1, 2)}
touched

# %% [markdown]
# This is the **receptive field**: with one convolution as wide as the kernel, with two nearly twice as wide. So a second layer could recognise an ending
# together with the beginning of the next word. Whether that helps is another question.

# %% [markdown] exercise="receptive" part="task"
# ## Exercise 3: How far can it see?
#
# Complete `receptive_field`: it takes the kernel widths of stacked convolutions, for example `[5, 5]`, and returns the number
# of letters that one answer of the last layer depends on. Then choose `three_widths`, a list of three odd widths that sees exactly 15 letters.

# %% [markdown] exercise="receptive" part="hint"
# The first layer sees as many letters as it is wide. How many *new* letters does each further layer add at its two ends together?

# %% [markdown] exercise="receptive" part="hint"
# A layer of width w adds w - 1 letters. Start with 1, a single letter, and add that for every layer.


# %% exercise="receptive" part="solution"
def receptive_field(widths):
    ### BEGIN SOLUTION
    return 1 + sum(width - 1 for width in widths)
    ### END SOLUTION


### BEGIN SOLUTION
three_widths = [3, 5, 9]
### END SOLUTION

# %% [markdown] exercise="receptive" part="discussion"
# A single convolution of width 15 sees the same letters. What is the difference? It has more weights and one bend (`relu`) instead of three.
# Pooling or steps between the layers make the field grow by multiplication instead of addition; that is how networks for pictures
# see a whole face. Change the kernel width 5 in `small_network` to 3 or 9 and run the trial below again: is the difference larger than its noise?


# %% exercise="receptive" part="check"
@exercise("How far can it see?")
def check(receptive_field, three_widths, expect):
    expect(receptive_field([5]) == 5, "one layer sees its width", "start with one letter")
    expect(receptive_field([5, 5]) == touched[2], "two layers see what we measured", "add w - 1")
    expect(receptive_field([1, 1, 1]) == 1, "width 1 adds nothing", "add w - 1, not w")
    odd = len(three_widths) == 3 and all(width % 2 for width in three_widths)
    expect(odd, "there are three odd widths", "for example 3, 5 and 7")
    expect(sum(three_widths) - 2 == 15, "they see 15 letters", "the widths add up to 17")


# %% [markdown]
# ## Three questions, one experiment
#
# Does an embedding lose anything against one-hot? Maximum or average? One convolution or two? From lesson 03 we know how *not* to ask: once. So
# each form is trained on several splits and seeds, the same for all, and compared in pairs. The test part stays closed;
# to save time, the trial reads only the beginning of each poem. First, one run.

# %%
trial_ids = encode(tokenizer, rest["text"], trial_length)
fast = {"learning_rate": 0.003}


def one_run(form, number, train_part, held_part):
    network = small_network(number, **form)
    network.compile(
        keras.optimizers.Adam(**fast), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    held = (trial_ids[held_part], y_rest[held_part])
    x, y = trial_ids[train_part], y_rest[train_part]
    history = fit(network, x, y, trial_epochs, held, batch_size=16, seed=number)
    return history["val_accuracy"].tail(3).mean()


# %% [markdown]
# `learning_rate` is three times the usual one: our networks are small, and the larger steps save half of the epochs. The accuracy is the
# mean of the last three epochs, because a single epoch wobbles.

# %%
from workshop_utils.models.tuning import compare

trial_parts, rows = [], []
for number in range(seed, seed + repeats):
    held = hold_out(rest["text"], rest["label"], 4, number)
    trial_parts.append((np.flatnonzero(~held), np.flatnonzero(held)))
    rows.append({name: one_run(form, number, *trial_parts[-1]) for name, form in forms.items()})
trial = pd.DataFrame(rows)
verdicts = compare(trial, trial_parts)
verdicts

# %% alt="Points for each form of the network: validation accuracy on every split, with lines that join the same split"
figure, axis = plt.subplots(figsize=(8, 3.6))
axis.plot(trial.T.to_numpy(), "o-", color="C5", linewidth=1)
axis.plot(trial.mean().to_numpy(), "_", color="C3", markersize=30, markeredgewidth=3, label="mean")
axis.set_xticks(range(len(forms)), [name.replace(", ", ",\n") for name in forms])
axis.set(ylabel="validation accuracy", ylim=(0, 1), title="The same splits for all forms")
axis.legend()
plt.show()

# %% [markdown]
# Read the column `verdict`. *Smaller than the noise* means that this experiment cannot tell, and with a few hundred poems and a few
# splits the noise is wide. Then the cheaper form wins, and we have measured which that is: the embedding takes less memory than one-hot, one
# convolution less time than two. The average tends to fall behind the maximum: in two
# hundred letters a single find is thinned out to almost nothing. So we make a rule before we go on: a second convolution only if it is *better* beyond the noise.

# %%
stacked = 2 if verdicts.loc["two convolutions", "verdict"] == "better" else 1
stacked

# %% [markdown]
# ## The final network
#
# `character_cnn` from the package is our small network with dropout before the last layer. It reads whole poems up to the cap. Training stops when the
# validation loss has not fallen for `patience` epochs, and the weights of the best epoch come back: **early stopping**.

# %%
from workshop_utils.models.cnn import character_cnn

network = character_cnn(
    vocabulary, len(labels), dimensions=16, filters=64, kernel=5, layers=stacked, seed=seed
)
network.optimizer.learning_rate = 0.003
start = time.perf_counter()
options = {"patience": patience, "batch_size": 16, "seed": seed}
history = fit(network, x_train, y_train, epochs, examined, **options)
cnn_seconds = time.perf_counter() - start
best_epoch = int(history["val_loss"].idxmin())
best_epoch, history.loc[best_epoch].round(3).to_dict()

# %% alt="Training and validation accuracy of the character network over the epochs, with dashed lines for guessing and the bar and a vertical line at the best epoch"
figure, axis = plt.subplots(figsize=(8, 3.6))
axis.plot(history["accuracy"], label="training")
axis.plot(history["val_accuracy"], label="validation", color="C3")
axis.axvline(best_epoch, color="0.7", linewidth=1, label="best epoch")
axis.axhline(floor, color="0.4", linestyle="--", label="majority class")
axis.axhline(bar_validation, color="0.4", linestyle=":", label="the bar")
axis.set(xlabel="epoch", ylabel="accuracy", ylim=(0, 1.03), title="Character network")
axis.legend(ncols=2, loc="lower right")
plt.show()

# %% [markdown]
# Put this figure next to that of the dense network. Here the validation curve climbs along: what the filters learn on one poem holds for
# another. A gap remains, for a few hundred poems are few.
#
# ### Does one blank confuse it?

# %%
before = probabilities(network, x_train).argmax(axis=1)
after = probabilities(network, moved(x_train)).argmax(axis=1)
cnn_shift = float((before != after).mean())
{
    "dense on excerpts, changed": round(dense_shift["answers changed"], 3),
    "convolution, changed": cnn_shift,
}

# %% [markdown]
# Hardly a poem is read differently (a poem that is cut at the cap loses its last letter, and the first letters have a new neighbour).
#
# ### Does padding confuse it?
#
# Alone, a poem needs no padding; beside an epic it gets a thousand zeros. The answer must be the same, up to rounding, or a user would get
# different answers for the same poem on different days.

# %%
short = encode(tokenizer, [train["text"][0]])
padded = np.pad(short, ((0, 0), (0, 1000)))
padding_difference = float(
    np.abs(probabilities(network, short) - probabilities(network, padded)).max()
)
assert padding_difference < 1e-5, "padding changes no answer"
short.shape, padded.shape, padding_difference

# %% [markdown]
# ## What do the filters listen to?
#
# Our stencil for `sch` was made by hand. The network has made its own. For each label we take the filters that speak most strongly for it, by
# the weight that the last layer gives them, and ask for the strings in the training poems at which they answer loudest.

# %%
convolutions = [layer for layer in network.layers if isinstance(layer, layers.Conv1D)]
look_inside = keras.Model(network.input, convolutions[-1].output)
sample_ids = x_train[:400]
loudness = np.where(sample_ids[..., None] > 0, probabilities(look_inside, sample_ids), -np.inf)
reach = 2 * len(convolutions)


def favourites(filter_number, top=6):
    found = []
    for flat in np.argsort(-loudness[..., filter_number], axis=None)[:200]:
        row, place = np.unravel_index(flat, sample_ids.shape)
        window = sample_ids[row, max(0, place - reach) : place + reach + 1]
        found.append(tokenizer.decode(window).replace("\n", "⏎").replace(" ", "␣"))
    return list(dict.fromkeys(found))[:top]


# %%
voices = network.layers[-1].get_weights()[0]
rows = []
for code, label in enumerate(labels):
    contrast = voices[:, code] - np.delete(voices, code, axis=1).max(axis=1)
    for filter_number in np.argsort(-contrast)[:3]:
        rows.append((label, filter_number, "  ".join(favourites(filter_number))))
pd.set_option("display.max_colwidth", None)
pd.DataFrame(rows, columns=["speaks for", "filter", "favourite strings"])

# %% [markdown]
# ␣ is a blank, ⏎ the end of a line. Read them aloud. Some filters love a small word or an ending, some a sign or the turn of a line, and
# some seem to love nothing in particular. That is normal: filters work in teams, and with few poems many of them have
# caught a coincidence. On the original corpus look out for dashes, three dots and apostrophes. Part of that is the poet, and part the *edition* with its typography: a network takes any hint it gets.

# %% [markdown]
# ## The examination
#
# Now, once, the test part. The majority class, the bar and the network sit the same paper.

# %%
from workshop_utils.models.metrics import results_table, plot_results

true = labels[y_test]
answers = {"majority class": (np.full(len(test), labels[majority], dtype=object), 0.0)}
start = time.perf_counter()
bar_said = labels[bar.predict(test["text"])]
between = time.perf_counter()
said = probabilities(network, x_test)
cnn_said = labels[said.argmax(axis=1)]
cnn_seconds += time.perf_counter() - between
answers["character runs + logistic"] = (bar_said, bar_seconds + between - start)
answers["character network"] = (cnn_said, cnn_seconds)
bars = results_table(true, answers, seed=seed)
bars.round(3)

# %% alt="Horizontal bars: macro-F1 of majority class, character runs with logistic regression and the character network, each with its 95 percent interval"
figure, axis = plt.subplots(figsize=(9, 2.8))
plot_results(bars, axis)
axis.set(title="Who reads poems best?", ylabel="")
plt.show()

# %% [markdown]
# The network has learned something, that is beyond doubt: its interval lies far above the majority class. But did it beat the bar? Same
# paper, so we compare in pairs.

# %%
from workshop_utils.models.metrics import bootstrap_interval, paired_difference

accuracy = bootstrap_interval(true, cnn_said, "accuracy", seed=seed)
against_bar = paired_difference(true, bar_said, cnn_said, "accuracy", seed=seed)
outcome = "noise"
if against_bar.low > 0 or against_bar.high < 0:
    outcome = "better" if against_bar.value > 0 else "worse"
{
    "network": [round(number, 3) for number in accuracy],
    "minus the bar": [round(number, 3) for number in against_bar],
    "verdict": outcome,
    "times as slow": round(cnn_seconds / bar_seconds),
}

# %% [markdown]
# Read `minus the bar` with its interval. On the bundled poems the network does **not** beat the bar: there are fewer than three hundred
# poems to learn from, and counting runs of letters is a hard opponent on so little text. It takes longer as well. And the test part is so
# small that even a lag of several points can be smaller than the noise: *noise* is no excuse to call the two equal. The original corpus has about
# five times as many poems, and longer ones. There the network reads far better, the bar too, and the larger test part can tell them apart: the
# network is clearly behind.
#
# Was the effort in vain? As a classifier for so few poems, yes: take the bar. But every part of it comes again,
# in lesson 05 on words, and inside the large networks of lesson 06, which start with an embedding that was learned on far more text than ours.
#
# ### Which labels are mixed up?

# %% alt="Confusion matrix of the character network on the test poems, with most counts on the diagonal"
from sklearn.metrics import ConfusionMatrixDisplay

figure, axis = plt.subplots(figsize=(5.5, 4.5))
ConfusionMatrixDisplay.from_predictions(true, cnn_said, ax=axis, colorbar=False, cmap="Blues")
axis.grid(False)
plt.show()

# %% [markdown]
# The diagonal holds most poems. Look at the fullest cell beside it: which pair is it, and would you have
# guessed it? The surest mistakes tell more than the counts.

# %%
wrong = np.flatnonzero(cnn_said != true)
surest = wrong[np.argsort(-said.max(axis=1)[wrong], kind="stable")][:2]
for i in surest:
    print(f"[{true[i]}, taken for {cnn_said[i]}: {said[i].max():.2f}; the bar says {bar_said[i]}]")
    print(test["text"][i][:500], "\n")

# %% [markdown]
# Read both poems aloud and decide for yourself. Is it the network's fault, or has the writer borrowed another voice here? Does the bar, which
# has read the same letters, make the same mistake? Where both are wrong, the letters themselves may mislead; where only one is, the two could
# help each other.

# %% [markdown]
# ## Keep it
#
# A network without its tokenizer is worthless: the numbers would mean other letters. So `save_network` writes both into one folder, with a
# card that says which labels, which length, and how good it was.

# %%
from workshop_utils.models.cnn import load_network, save_network
from workshop_utils.paths import model_folder

folder = save_network(
    model_folder("04_character_cnn"),
    network,
    tokenizer,
    labels,
    max_length=length,
    metrics={"accuracy": accuracy.value},
    test_texts=test["text"],
)
{path.name: f"{path.stat().st_size / 1e3:.0f} kB" for path in sorted(folder.iterdir())}

# %% [markdown]
# Does it answer the same when it comes back from the disk? We ask a line with umlauts and an emoji, once through the network in memory
# and once through the loaded one. And a text that is even stranger: an empty one.

# %%
loaded = load_network(folder)
questions = ["Süße Träume über müden Straßen 😴", ""]
in_memory = probabilities(network, encode(tokenizer, questions, length))
from_disk = loaded.predict_proba(questions)
assert np.allclose(in_memory, from_disk, atol=1e-6)
pd.DataFrame(from_disk, index=questions, columns=loaded.labels).round(3)

# %% [markdown]
# The same answers. Notice the empty line: the network has an opinion about nothing at all, simply what its last layer says when all filters
# are silent. A service has to catch such texts before they reach the network; lesson 11 does.

# %% [markdown]
# ## What we learned
#
# - An alphabet comes from the data. Unicode form NFC first, unknown characters get a number of their own, and a text must survive the
#   way there and back.
# - One-hot is clear and wasteful, an embedding is the same multiplication without the zeros.
# - A dense network learns which letter stands at which place. One blank is enough to confuse it, because it shares no weights between
#   places. Where it seemed to read, it had measured: check what a model may be using before you believe it.
# - A convolution slides, multiplies and adds. Pooling makes one number of many and loses place, count, or single finds.
# - Stacking widens the receptive field. Whether one more layer helps is a question of measurement, and on few poems the answer is lost
#   in the noise.
# - On few poems counting runs of characters is hard to beat. A network has to earn its place.
#
# **If your numbers differ**: seconds depend on the machine, and accuracies on versions and processors. The dense network should
# know nearly all its excerpts and lose most of them by one blank; the character network should be right on 50 to
# 95 % of the test poems, and clearly more often than the majority class. The next cell makes sure and records the results.

# %%
from workshop_utils.course.results import record

assert np.allclose(by_keras, response), "Conv1D slides, multiplies and adds"
assert dense_shift["right before"] > 0.95 > 0.6 > dense_shift["right after one blank"]
assert dense_excerpts < bar_excerpts - 0.05, "a dense network does not read"
assert cnn_shift < dense_shift["answers changed"] / 2, "a convolution does not mind a blank"
assert touched == {1: 5, 2: 9} and padding_difference < 1e-5
assert 0.5 < accuracy.value < 0.95 and accuracy.low > (true == labels[majority]).mean()
assert memory["embedding"] < memory["one-hot"] / 4
results = {"dense_excerpts": dense_excerpts, "bar_excerpts": bar_excerpts}
results |= {"bar": bars["accuracy"][1], "network": accuracy.value}
results |= {"minus_bar": against_bar.value, "verdict": outcome, "convolutions": stacked}
record("04_character_cnn", characters=len(counts), test_poems=len(test), **results)

# %% [markdown]
# **Read on**: Zhang, Zhao and LeCun, *Character-level Convolutional Networks for Text Classification*, NeurIPS 2015; Dumoulin and Visin,
# *A guide to convolution arithmetic for deep learning*, 2016, for widths, steps and fields in pictures; the
# [Keras documentation of Conv1D](https://keras.io/api/layers/convolution_layers/convolution1d/).
#
# **Next**: lesson 05 gives the same idea whole words, and several kernels side by side.
