# %% [markdown]
# # 05 · Read poems word by word
#
# Who is speaking here? A reader of German poems often knows after two lines, and usually because of a *phrase*: three or
# four words that only one kind of poet would put side by side. In this lesson we build a network that looks for such
# phrases. We add every part that the textbooks recommend, one at a time, and measure which of them is worth its price.
# Several are not.
#
# **You will be able to**
#
# - build a convolutional network over words, with the Sequential and with the functional API, and follow its shapes;
# - measure what dropout, batch normalisation, early stopping and class weights do, and call noise noise;
# - start a network from pre-trained or self-trained word vectors, and say when that pays;
# - compare convolutions with LSTM and GRU in accuracy and in seconds;
# - read from the filters which phrases decided.
#
# **You need** lesson 00's idea of training, and lesson 03's splits and verdicts. Everything else is built in view.
#
# **Reads** the German poems and, for the part on vectors, the English film reviews, bundled or from `make data`, and the
# packaged encoder.
# **Writes** the network to `build/models/05_word_cnn`, its results to `build/results`.

# %% [markdown]
# What you may want to change: how many poems and splits the experiments use, the largest number of words per poem, how long
# and how fast the networks learn, and how many reviews the part on vectors may see.

# %% tags=["parameters"]
source = "auto"
experiment_poems = 400
repeats = 4
longest = 160
epochs = 8
learning_rate = 0.01
reviews_to_learn = 240
seed = 0

# %% [markdown]
# ## The poems, and a split that gives nothing away
#
# What have we got? The original corpus holds poems by **Goethe, Heine and Tucholsky**. The bundled one holds none of
# theirs: its poems were written for this course in three **manners**, *Klassik*, *Volksliedton* and *Kabarett*, that
# learn from such poets. So with the bundled poems we recognise a manner, and nothing here is a statement about
# a poet.

# %%
import numpy as np
import pandas as pd

from workshop_utils.data import load_poems

poems = load_poems(source).drop_duplicates("text", ignore_index=True)
for author, text in poems.groupby("author")["text"].first().items():
    print(f"[{author}]\n{text[:180]}\n")
poems["author"].value_counts().to_frame("poems")

# %% [markdown]
# Poems are printed again and again, in another edition, with a changed line. If one print stands in training and its
# twin in the examination, the network can pass by memory. How many poems have such a twin, as defined in lesson 01 (more
# than four tenths of their runs of five words are shared)? And how many would a careless random split put into the
# examination while their twin is in training?

# %%
from sklearn.model_selection import train_test_split
from workshop_utils.data.duplicates import duplicate_groups

groups = duplicate_groups(poems["text"])
everyone = np.arange(len(poems))
careless = train_test_split(everyone, test_size=0.25, stratify=poems["author"], random_state=seed)
given_away = np.isin(groups[careless[1]], groups[careless[0]])
{
    "poems with a twin": int(len(poems) - (np.bincount(groups) == 1).sum()),
    "given away by a careless split": f"{given_away.sum()} of {len(given_away)}",
}

# %% [markdown]
# In the bundled poems the counts are zero, because nobody has reprinted them. To see that our tool works, we play
# the publisher: one poem is printed again with a changed last verse. In how many of ten splits do the original and its
# copy land on different sides?

# %%
from workshop_utils.data.split import hold_out

some = poems.sample(min(300, len(poems)), random_state=seed)
reprint = some.iloc[[0]].assign(
    text=some["text"].iloc[0].rsplit("\n", 1)[0] + "\nso steht es hier."
)
planted = pd.concat([some, reprint], ignore_index=True)
places = np.arange(len(planted))
torn = {"careless": 0, "hold_out": 0}
for number in range(10):
    held = hold_out(planted["text"], planted["author"], seed=number)
    torn["hold_out"] += int(held[0] != held[-1])
    drawn = train_test_split(places, test_size=0.25, random_state=number)[1]
    torn["careless"] += int((0 in drawn) != (places[-1] in drawn))
torn

# %% [markdown]
# The careless split tears the pair apart every few times; `hold_out` (lesson 02) never does, because it deals out whole
# groups of twins. So it draws our examination. It is sealed until the end; all experiments take place inside
# the training part.

# %%
held = hold_out(poems["text"], poems["author"], seed=seed)
labels = np.unique(poems["author"])
train, test = poems[~held].reset_index(drop=True), poems[held].reset_index(drop=True)
pool = train
if len(train) > experiment_poems:
    pool = train_test_split(
        train, train_size=experiment_poems, stratify=train["author"], random_state=seed
    )[0].reset_index(drop=True)
texts = pool["text"].to_numpy(dtype=object)
codes = np.searchsorted(labels, pool["author"])
{"training": len(train), "examination": len(test), "for experiments": len(pool)}

# %% [markdown]
# ## The bar first
#
# What does counting reach? Three opponents: the majority class; TF-IDF of words with logistic regression (lesson 02); and
# TF-IDF of character runs, as in lesson 04.

# %%
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

runs = {"analyzer": "char_wb", "ngram_range": (2, 5), "lowercase": False, "min_df": 2}
logistic = LogisticRegression(C=10, max_iter=1000)
bar = {
    "majority class": DummyClassifier(),
    "words, TF-IDF": make_pipeline(TfidfVectorizer(), logistic),
    "characters, TF-IDF": make_pipeline(TfidfVectorizer(**runs), logistic),
}
list(bar)

# %% [markdown]
# As in lesson 03 we ask over several splits, always the same for everybody, and on one processor thread, which is faster
# for tables as small as ours.

# %%
from threadpoolctl import threadpool_limits
from workshop_utils.models.tuning import compare, scores, splits

threads = threadpool_limits(1)
parts = splits(codes, repeats, seed=seed)
bar_scores = scores(bar, texts, pool["author"], parts)
bar_scores.mean().round(3)

# %% [markdown]
# Both kinds of counting are far above the floor, in a few seconds. This is what a network of words has to live up to,
# with a few hundred poems to learn from. Keep your hopes modest.

# %% [markdown]
# ## From words to ids
#
# A network reads numbers, so every word of the training poems gets one, its **id**. `train_words` from
# `workshop_utils.models.tokenization` collects the vocabulary: small letters, punctuation marks as words of their own, 0 for
# padding, 1 for words that are unknown. What becomes of a verse?

# %%
from workshop_utils.models.tokenization import encode, train_words

learn, check_part = parts[0]
words = train_words(texts[learn])
verse = texts[check_part[0]].splitlines()[0] + " 😴"
encoding = words.encode(verse)
pd.DataFrame({"word": encoding.tokens, "id": encoding.ids}).T

# %% [markdown]
# Frequent words have small ids. A word that the training poems do not hold becomes `[UNK]`, id 1; the emoji is one for
# certain. How much of the fresh poems is lost in this way?

# %%
fresh = encode(words, texts[check_part])
known = set(words.get_vocab())
split_words = TfidfVectorizer(lowercase=True).build_analyzer()
different = {word for text in texts[check_part] for word in split_words(text)}
{
    "vocabulary": words.get_vocab_size(),
    "unknown running words": f"{(fresh == 1).sum() / (fresh > 0).sum():.0%}",
    "unknown among the different words": f"{np.mean([w not in known for w in different]):.0%}",
}

# %% [markdown]
# German glues and bends its words, and poets like rare ones, so of the *different* words in fresh poems a very large
# part has never been seen. Among the *running* words it is far less, since "und" comes again and again. Still: whatever
# is special in a poem, its rare word, is exactly what this network cannot read. Keep that in mind when we
# come to sub-words.
#
# How long should a row be? The lengths decide (lesson 01): the 95th percentile, but no more than `longest`.

# %% alt="Histogram of the number of words and signs per poem, with the chosen cap as a dashed line"
import matplotlib.pyplot as plt

plt.style.use("workshop_utils.course.house")
lengths = (encode(words, texts[learn]) > 0).sum(axis=1)
cap = int(min(np.quantile(lengths, 0.95), longest))
figure, axis = plt.subplots(figsize=(7, 3.2))
axis.hist(lengths.clip(max=4 * cap), bins=30, color="C5")
axis.axvline(cap, color="C3", linestyle="--")
axis.set(xlabel="words and signs", ylabel="poems", title=f"Cap at {cap}")
plt.show()

# %% [markdown]
# Everything right of the dashed line loses its end. Nineteen of twenty bundled poems stay whole; the long poems of the
# original corpus lose more, which is the price of training in minutes.
#
# Each split learns its vocabulary anew from its own training part, because the words of the fresh poems are not ours to
# know.

# %%
tokenizers, encoded = [], []
for learn, _ in parts:
    tokenizers.append(train_words(texts[learn]))
    encoded.append(encode(tokenizers[-1], texts, cap))
size = max(tokenizer.get_vocab_size() for tokenizer in tokenizers)
encoded[0].shape, size

# %% [markdown]
# ## A network in five layers
#
# The idea: a small window glides over the poem, and wherever it stands, it looks at five neighbouring words. A **filter** is
# a pattern for such a window, and it answers high where the words fit. Then we only keep each filter's highest answer in
# the whole poem: *did the phrase occur, wherever it was?*

# %%
import os

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"  # warnings only
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"  # the same rounding on every processor
import keras

keras.utils.set_random_seed(seed)

# %% [markdown]
# Four layers that we stack, and the input as the fifth.

# %%
layers = [
    keras.layers.Embedding(size, 32),
    keras.layers.Conv1D(64, 5, padding="same", activation="relu"),
    keras.layers.GlobalMaxPooling1D(),
    keras.layers.Dense(len(labels), activation="softmax"),
]
network = keras.Sequential([keras.layers.Input((cap,), dtype="int32"), *layers])
step = keras.optimizers.Adam(learning_rate)
network.compile(step, "sparse_categorical_crossentropy", metrics=["accuracy"])
network.count_params()

# %% [markdown]
# What does each layer make of one poem? We send it through by hand, layer by layer, and look at nothing but the shapes.

# %%
signal = encoded[0][:1]
shapes = {"ids": signal.shape}
for layer in network.layers:
    signal = layer(signal)
    shapes[layer.name] = tuple(signal.shape)
pd.DataFrame({"shape": shapes, "weights": {layer.name: layer.count_params() for layer in layers}})

# %% [markdown]
# Read it from top to bottom. One poem is a row of ids. `Embedding` looks up 32 numbers for each id: a table with one row per
# word, and nearly all weights of the network live there. `Conv1D` answers 64 times at each place, once per filter.
# `GlobalMaxPooling1D` drops the places and keeps the highest answer of each filter. `Dense` turns these 64 numbers into a
# probability for each class. `padding="same"` adds empty places at both ends, so that there are as many windows as words.

# %% [markdown] exercise="conv_weights" part="task"
# ## Exercise 1: How many weights has a convolution?
#
# Compute the number of weights of the `Conv1D` layer from its window of 5 words, the 32 numbers per word and its 64 filters,
# and store it in `conv_weights`. Then the same for a window of 7 in `wider_weights`.

# %% [markdown] exercise="conv_weights" part="hint"
# A filter is a pattern for a whole window: it has one weight for each number of each word under it.

# %% [markdown] exercise="conv_weights" part="hint"
# One filter has 5 times 32 weights and, like every unit in lesson 00, one bias. The length of the poem plays no part.

# %% exercise="conv_weights" part="solution"
### BEGIN SOLUTION
conv_weights = (5 * 32 + 1) * 64
wider_weights = (7 * 32 + 1) * 64
### END SOLUTION

# %% [markdown] exercise="conv_weights" part="discussion"
# The window glides, so the same weights are used at every place, and a longer poem costs time but no weights. Compare with
# the embedding table: the vocabulary is what makes a text network large.

# %% exercise="conv_weights" part="check"
from workshop_utils.course.checks import exercise


@exercise("How many weights has a convolution?")
def check(conv_weights, wider_weights, expect):
    expect(
        conv_weights >= 5 * 32 * 64, "each filter sees the whole window", "5 words of 32 numbers"
    )
    expect(conv_weights != 5 * 32 * 64, "not only the words have weights", "each filter has a bias")
    expect(conv_weights == layers[1].count_params(), "Keras counts the same", "(5 * 32 + 1) * 64")
    expect(wider_weights - conv_weights == 2 * 32 * 64, "two more words", "only the 5 becomes a 7")


# %% [markdown]
# Now it learns. `fit` from `workshop_utils.models.cnn.train` is Keras's `fit` with a line of progress, and gives the history as a
# table. The fresh poems of the first split are examined after each epoch.

# %%
from workshop_utils.models.cnn import fit

learn, check_part = parts[0]
fresh = (encoded[0][check_part], codes[check_part])
history = fit(
    network, encoded[0][learn], codes[learn], epochs=2 * epochs, validation=fresh, seed=seed
)
history.iloc[[0, epochs // 2, epochs, -1]].round(3)

# %% alt="Two line charts over the epochs: loss and accuracy for training and validation poems"
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6))
history[["loss", "val_loss"]].plot(ax=left, title="Loss", ylim=(0, None))
history[["accuracy", "val_accuracy"]].plot(ax=right, title="Accuracy", ylim=(None, 1.02))
plt.show()

# %% [markdown]
# The training curve reaches the top: every training poem is known by heart. The curve of the fresh poems goes along for a
# few epochs, flattens far below, and stays there. The gap between the two is what we have to work on, and the usual remedies
# are the next part of this lesson.

# %% [markdown]
# ## Windows side by side: the functional API
#
# Is a telling phrase three words long, or seven? We need not choose: three convolutions can read the same
# words **in parallel**. `Sequential` cannot say that, it only knows "then". In the **functional API** a layer is
# called like a function on what another one returned, and any drawing without circles can be built.

# %%
ids = keras.Input((None,), dtype="int32")
embedded = keras.layers.Embedding(size, 32)(ids)
highest = []
for width in (3, 5, 7):
    signal = keras.layers.Conv1D(32, width, padding="same", activation="relu")(embedded)
    highest.append(keras.layers.GlobalMaxPooling1D()(signal))
joined = keras.layers.Concatenate()(highest)
probabilities = keras.layers.Dense(len(labels), activation="softmax")(joined)
by_hand = keras.Model(ids, probabilities)
by_hand.output_shape, by_hand.count_params()

# %% [markdown]
# Ten lines, and the last one closes the frame: from `ids` to `probabilities`. With `None` as its length it takes poems of
# any length. As a drawing:

# %% alt="Drawing of the network: ids lead to the embedding, from there to three convolutions of width 3, 5 and 7, each to its maximum, all joined and led to the softmax"
boxes = {"ids": (0, 1), "Embedding": (1, 1), "join": (4, 1), "softmax": (5, 1)}
boxes |= {f"Conv1D {width}": (2, row) for row, width in enumerate((7, 5, 3))}
boxes |= {f"maximum {width}": (3, row) for row, width in enumerate((7, 5, 3))}
arrows = [("ids", "Embedding"), ("join", "softmax")]
for width in (3, 5, 7):
    conv, top = f"Conv1D {width}", f"maximum {width}"
    arrows += [("Embedding", conv), (conv, top), (top, "join")]
figure, axis = plt.subplots(figsize=(12, 3))
for start, end in arrows:
    axis.annotate("", boxes[end], boxes[start], arrowprops={"arrowstyle": "->", "shrinkB": 46})
for name, place in boxes.items():
    axis.text(*place, name, ha="center", va="center", bbox={"boxstyle": "round", "facecolor": "w"})
axis.set(xlim=(-0.4, 5.5), ylim=(-0.5, 2.5))
axis.axis("off")
plt.show()

# %% [markdown]
# There is one flaw in it. Short poems are padded with zeros, and the padding has a row in the embedding table like any word. So
# the windows at the end of a short poem see "words" that are not there. Does the answer depend on how much padding stands
# behind a poem?


# %%
def effect_of_filling(network):
    changes = []
    for text in texts[:20]:
        alone = encode(tokenizers[0], [text])
        padded = np.pad(alone, [(0, 0), (0, 50)])
        changes.append(np.abs(np.asarray(network(alone)) - np.asarray(network(padded))).max())
    return float(max(changes))


effect_of_filling(by_hand)

# %% [markdown]
# It does, a little in a network that has learned nothing yet, and that will not do: a poem's answer must not depend on the longest poem beside it. The remedy is a **mask**:
# multiply by 1 where there is a word and by 0 where there is padding, before and after each convolution. With this mask, and
# with two remedies against learning by heart that we are about to examine, the same network is `word_cnn` in
# `workshop_utils.models.cnn.networks`. Are the weights as many, and is the flaw gone?

# %%
from workshop_utils.models.cnn import word_cnn

masked = word_cnn(size, len(labels), dimensions=32, filters=32, seed=seed)
padding_by_hand, padding_masked = effect_of_filling(by_hand), effect_of_filling(masked)
masked.count_params() == by_hand.count_params(), padding_masked

# %% [markdown]
# As many weights, and the answers stay the same up to rounding.

# %% [markdown] exercise="width_two" part="task"
# ## Exercise 2: A window of two
#
# Build a network `four_windows` with the functional API: like `by_hand`, but with four parallel convolutions of width **2**, 3,
# 5 and 7, and with 16 filters each. You need not train it.

# %% [markdown] exercise="width_two" part="hint"
# Only the loop and one number of `by_hand` change. Mind that every layer is *called* on something.

# %% [markdown] exercise="width_two" part="hint"
# Start a new list before the loop, `for width in (2, 3, 5, 7):`, and put the maximum of each `Conv1D(16, width, …)` into it.
# Then join, classify, and close with `keras.Model(ids, …)`.

# %% exercise="width_two" part="solution"
### BEGIN SOLUTION
maxima = []
for width in (2, 3, 5, 7):
    signal = keras.layers.Conv1D(16, width, padding="same", activation="relu")(embedded)
    maxima.append(keras.layers.GlobalMaxPooling1D()(signal))
answer = keras.layers.Dense(len(labels), activation="softmax")(keras.layers.Concatenate()(maxima))
four_windows = keras.Model(ids, answer)
### END SOLUTION

# %% [markdown] exercise="width_two" part="discussion"
# If you called the layers on `embedded` of the cell above, both networks now *share* one embedding table: training one changes
# the other. The functional API allows that on purpose. For a network of its own, make a new `Embedding` layer.


# %% exercise="width_two" part="check"
@exercise("A window of two")
def check(four_windows, expect):
    found = [layer for layer in four_windows.layers if isinstance(layer, keras.layers.Conv1D)]
    widths = sorted(layer.kernel_size[0] for layer in found)
    expect(widths == [2, 3, 5, 7], "the windows are 2, 3, 5 and 7 words wide", f"found {widths}")
    expect({layer.filters for layer in found} == {16}, "16 filters each", "the first number")
    chances = np.asarray(four_windows(encoded[0][:3]))
    expect(chances.shape == (3, len(labels)), "one probability per class", "the last Dense layer")
    expect(np.allclose(chances.sum(axis=1), 1, atol=1e-4), "they add up to 1", "softmax")


# %% [markdown]
# ## Which part earns its place?
#
# Textbooks recommend quite a few additions. **Dropout** switches units off at random (lesson 00). **Batch
# normalisation** shifts and scales each filter's answers to mean 0 and spread 1 within the batch, then lets the network
# choose another scale. **Early stopping** keeps a few training poems aside and stops when the loss on them no
# longer falls. Does each of them help *here*?
#
# We ask by **ablation**: one network as the base, and variants in which one thing differs. First the examination of a single
# network on one split. For early stopping the poems to watch come from the *training* part: whoever stops on the
# examination's own poems has peeked.


# %%
def examine(network, ids, codes, part, number, epochs=epochs, patience=None):
    learn, check_part = part
    options = {"epochs": epochs, "seed": number}
    if patience:
        learn, watched = train_test_split(
            learn, test_size=0.15, stratify=codes[learn], random_state=number
        )
        options |= {"patience": patience, "validation": (ids[watched], codes[watched])}
    fit(network, ids[learn], codes[learn], **options)
    said = np.asarray(network(ids[check_part])).argmax(axis=1)
    return float((said == codes[check_part]).mean())


# %% [markdown]
# Then the variants. Each is a change to the base: widths 3, 5 and 7, 32 filters each, dropout one half, no batch normalisation, a fixed
# number of epochs. "One window" gets three times the filters, so that it is not smaller in answers, only in widths.


# %%
def build(number, **changes):
    settings = {"dimensions": 32, "filters": 32, "dropout": 0.5, "seed": number} | changes
    return word_cnn(size, len(labels), **settings)


variants = {
    "base": ({}, {}),
    "one window of 5": ({"kernels": [5], "filters": 96}, {}),
    "no dropout": ({"dropout": 0.0}, {}),
    "batch normalisation": ({"batch_norm": True}, {}),
    "early stopping": ({}, {"epochs": 3 * epochs, "patience": 3}),
}

# %% [markdown]
# One thing to save our time. Before the first step Keras translates a network into a graph, and for small networks
# this takes longer than the training itself. So each variant is translated once, and for every further training it starts
# anew: fresh random weights, and an optimizer that has forgotten everything.


# %%
def start_anew(network, fresh):
    network.set_weights(fresh.get_weights())
    for variable in network.optimizer.variables:
        variable.assign(keras.ops.zeros_like(variable))
    network.optimizer.learning_rate = learning_rate


networks = {name: build(0, **changes) for name, (changes, _) in variants.items()}
networks["early stopping"] = networks["base"]  # the same network, stopped in another way

# %% [markdown]
# And the loop: for each split, train each variant, with the split's number as seed. So the noise that we see
# holds both kinds of luck, other poems and other starting weights. It takes about a minute.

# %%
rows = []
for number, part in enumerate(parts):
    row = {}
    for name, (changes, how) in variants.items():
        start_anew(networks[name], build(number, **changes))
        row[name] = examine(networks[name], encoded[number], codes, part, number, **how)
    rows.append(row)
measured = pd.DataFrame(rows).rename_axis("split")
ablation = compare(measured, parts)
ablation

# %% [markdown]
# Read each row against its noise. If you have expected that every addition helps: this is what a few hundred poems can say. A
# difference that is smaller than the noise is not zero, but nobody has the right to build on it. Where the verdict is
# *worse*, look for a reason, and often there is one even where the noise is too large for a verdict. Batch normalisation
# answers with a running average of what it has seen, of which each step replaces one hundredth: after a few dozen steps
# half of it is still the starting value, which is a likely reason for its low mean. Early stopping has to learn from fewer poems, because some of them have
# become watchmen, and it pays back in another coin: nobody has to choose the number of epochs.
#
# So we keep the base as it is, dropout included, although the table does not prove its worth: it has done no harm that stands out,
# and the curves above show learning by heart. And we keep in mind that the table can only tell large effects. How large? As large as its `noise` column.

# %% [markdown]
# ## Uneven classes and their weights
#
# Our classes are equally common. What if they were not? As in lesson 02 we thin out one of them: of the last class only every
# fifth *training* poem stays. The examination remains even, so that the rare class counts as much as the others. **Class weights**
# let each poem of a rare class count as much more in the loss as it is rarer.

# %%
rare = len(labels) - 1


def thin_out(learn, every=5):
    of_rare = codes[learn] == rare
    return np.sort(np.concatenate([learn[~of_rare], learn[of_rare][::every]]))


def class_weights(codes):
    counts = np.bincount(codes)
    return {number: len(codes) / (len(counts) * count) for number, count in enumerate(counts)}


uneven = [thin_out(learn) for learn, _ in parts]
weights = class_weights(codes[uneven[0]])
{labels[number]: round(float(weight), 2) for number, weight in weights.items()}

# %% [markdown] exercise="class_weights" part="task"
# ## Exercise 3: Weights by hand
#
# An inbox holds 900 messages that are no complaint (class 0), 90 mild ones (class 1) and 10 angry ones (class 2). Compute
# the class weights by hand as a dictionary `inbox`, such that every class has the same total weight and all 1,000 weights
# add up to 1,000.

# %% [markdown] exercise="class_weights" part="hint"
# Three classes share a total of 1,000. How much is one class's share, and over how many messages is it spread?

# %% [markdown] exercise="class_weights" part="hint"
# The weight of a class is `1000 / (3 * its count)`. Class 0 gets less than 1.

# %% exercise="class_weights" part="solution"
### BEGIN SOLUTION
inbox = {0: 1000 / (3 * 900), 1: 1000 / (3 * 90), 2: 1000 / (3 * 10)}
### END SOLUTION

# %% [markdown] exercise="class_weights" part="discussion"
# Each angry message now pulls ninety times as hard as a harmless one. With ten of them, a single wrong label among these
# ten shakes the whole network. Weights cannot invent examples; they only change who is heard.


# %% exercise="class_weights" part="check"
@exercise("Weights by hand")
def check(inbox, expect):
    counts = {0: 900, 1: 90, 2: 10}
    expect(set(inbox) == set(counts), "there is a weight for each class", "the keys are 0, 1 and 2")
    totals = [inbox[number] * count for number, count in counts.items()]
    expect(max(totals) - min(totals) < 1e-6, "all classes pull alike", "weight times count")
    expect(abs(sum(totals) - 1000) < 1e-6, "together they weigh 1,000", "divide by 3 as well")


# %% [markdown]
# Now the network: how many of the rare poems does it find, without and with weights, and what happens to the accuracy?

# %%
network = networks["base"]
found = {"as it comes": [], "class weights": []}
even = {name: [] for name in found}
for number, ((_, check_part), learn) in enumerate(zip(parts, uneven, strict=True)):
    for name in found:
        start_anew(network, build(number))
        weights = class_weights(codes[learn]) if name == "class weights" else None
        settings = {"epochs": epochs, "seed": number, "class_weight": weights}
        fit(network, encoded[number][learn], codes[learn], **settings)
        said = np.asarray(network(encoded[number][check_part])).argmax(axis=1)
        even[name].append((said == codes[check_part]).mean())
        found[name].append((said == rare)[codes[check_part] == rare].mean())

# %%
marks = {"accuracy": even, "rare found": found}
by_weight = pd.concat({mark: compare(pd.DataFrame(rows), parts) for mark, rows in marks.items()})
by_weight

# %% [markdown]
# The upper half is accuracy on the even examination, the lower half the share of rare poems that were found. As it comes, the
# network says the rare name far too seldom. The weights make it say it more often; whether that is worth the errors it makes
# elsewhere is what the upper half and its noise say.

# %% [markdown]
# ## LSTM and GRU: reading from left to right
#
# A convolution sees windows. A **recurrent** layer reads one word after the other and carries a memory along. The **LSTM** has
# gates that decide what to keep and what to forget, the **GRU** does the same with fewer of them. `mask_zero=True` tells them
# to skip the padding. Are they better, and what do they cost?


# %%
def recurrent(layer):
    keras.utils.set_random_seed(seed)
    layers = [keras.layers.Input((None,), dtype="int32")]
    layers += [keras.layers.Embedding(size, 32, mask_zero=True), layer(32)]
    layers += [keras.layers.Dropout(0.5), keras.layers.Dense(len(labels), activation="softmax")]
    network = keras.Sequential(layers)
    network.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return network


# %%
import time

readers = {"LSTM": recurrent(keras.layers.LSTM), "GRU": recurrent(keras.layers.GRU)}
rows = {}
for name, network in {"CNN": networks["base"], **readers}.items():
    start = time.perf_counter()
    reached = []
    for number in range(2):
        start_anew(network, keras.models.clone_model(network))
        reached.append(examine(network, encoded[number], codes, parts[number], number))
    rows[name] = {"accuracy": np.mean(reached), "seconds": (time.perf_counter() - start) / 2}
recurrent_table = pd.DataFrame(rows).T
recurrent_table.round(2)

# %% [markdown]
# The same poems, the same number of epochs. The recurrent networks take longer, because each step has to wait for the one before,
# while all windows of a convolution can be computed at once; and on a CPU the skipping of the padding keeps them from
# their fastest form. In accuracy they stay behind within these epochs (from two splits only, so take the order of the two for
# luck). A likely reason: what tells a manner is *which* phrases occur, and that is just what the maximum asks, while a
# recurrent layer has to carry it to the end of the poem. Where order over long distances decides, the picture can be another.

# %% [markdown]
# ## Vectors that somebody else has trained
#
# Nearly all weights of our network are in its table of words, and a few hundred poems are little to fill it with. Could somebody else have padded
# it? For English, yes: the packaged encoder (lessons 03 and 06) brings vectors of some thirty thousand sub-words, learned
# from very many texts. We try them on film reviews, and on few of them, since that is where help is needed.

# %%
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from workshop_utils.data import load_reviews
from workshop_utils.models.transformer import packaged_encoder

folder = packaged_encoder()
vectors = load_file(folder / "model.safetensors")["embeddings.word_embeddings.weight"]
wordpiece = Tokenizer.from_file(str(folder / "tokenizer.json"))
wordpiece.no_truncation()
wordpiece.no_padding()
reviews = load_reviews(source).query("split in ('reference', 'train')")
reviews = reviews.sample(min(len(reviews), 600), random_state=seed)
review_codes = (reviews["sentiment"] == "positive").to_numpy().astype(int)
wordpiece.encode("A wonderfully sappy film 😴").tokens, vectors.shape

# %% [markdown]
# The encoder's own tokenizer must cut the texts, because a vector belongs to *its* id; id 0 is padding there as well. Of a long
# review we keep head and tail, since the verdict often stands at the end. We need only the rows of sub-words that occur, and
# **PCA** turns 384 columns into the 64 that hold most of their differences. Finally we scale them, since a network expects
# starting values that are neither tiny nor huge.

# %%
from sklearn.decomposition import PCA

raw = encode(wordpiece, reviews["review"], min(longest, 96), "head_tail")
used = np.unique(np.append(raw, 0))
review_ids = np.searchsorted(used, raw).astype("int32")
pretrained = PCA(64, random_state=seed).fit(vectors).transform(vectors[used])
pretrained *= 0.1 / pretrained.std()
review_ids.shape, pretrained.shape

# %% [markdown]
# Three starts: random vectors; pre-trained ones that stay as they are (**frozen**); pre-trained ones that may change (**trainable**).
# Freezing is one line: a layer with `trainable = False` gets no updates.


# %%
def start_from(number, vectors=None, frozen=False):
    settings = {"dimensions": 64, "filters": 32, "seed": number}
    network = word_cnn(len(used), 2, vectors=vectors, **settings)
    table = next(x for x in network.layers if isinstance(x, keras.layers.Embedding))
    table.trainable = not frozen
    network.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return network


starts = {
    "from scratch": {},
    "pre-trained, frozen": {"vectors": pretrained, "frozen": True},
    "pre-trained, trainable": {"vectors": pretrained},
}
drawn = {"train_size": min(reviews_to_learn, 300), "test_share": 0.4, "seed": seed}
review_parts = splits(review_codes, min(repeats, 3), **drawn)

# %%
free, frozen = start_from(0), start_from(0, frozen=True)
rows = []
for number, part in enumerate(review_parts):
    row = {}
    for name, how in starts.items():
        network = frozen if "frozen" in how else free
        start_anew(network, start_from(number, **how))
        row[name] = examine(network, review_ids, review_codes, part, number)
    rows.append(row)
by_counting = {"words, TF-IDF": bar["words, TF-IDF"]}
counted = scores(by_counting, reviews["review"], reviews["sentiment"], review_parts)
english = compare(pd.concat([pd.DataFrame(rows), counted], axis=1), review_parts)
english

# %% [markdown]
# Nearly everybody expects a clear win here, and on the bundled reviews there is none: no pre-trained start is better than
# the random one beyond the noise. Two reasons. The noise is wide, because each split learns from few reviews, and a
# small gain would hide in it. And the vectors are not what they seem: *boring* and *exciting* are neighbours in this table
# (lesson 03), and it was made to be read by the layers above it, which we have cut off. Lesson 06 keeps those layers.

# %% [markdown]
# ## Vectors from our own poems
#
# For German we have no such table at hand. But vectors can be made from any texts: count how often two words stand close
# to each other, compare that with what chance would give, and keep the directions that hold most of it. In the formula,
# **PPMI** (positive pointwise mutual information):
#
# ```
# PPMI(a, b) = max(0, log(together(a, b) * all / (often(a) * often(b))))
# ```


# %%
from scipy import sparse


def neighbours(ids, size, window=4):
    together = sparse.csr_array((size, size))
    for step in range(1, window + 1):
        left, right = ids[:, :-step].ravel(), ids[:, step:].ravel()
        there = (left > 0) & (right > 0)
        pair = (left[there], right[there])
        together += sparse.csr_array((np.ones(there.sum()), pair), shape=(size, size))
    return (together + together.T).tocoo()


# %% [markdown]
# `left` and `right` are all pairs of words at one distance, and the sparse table counts them. Now the formula, and a
# singular value decomposition (**SVD**) that keeps 32 directions.


# %%
from sklearn.decomposition import TruncatedSVD


def own_vectors(ids, size, dimensions=32):
    together = neighbours(ids, size)
    often = np.asarray(together.sum(axis=0)).ravel()
    chance = often[together.row] * often[together.col] / often.sum()
    ppmi = np.maximum(np.log(together.data / chance), 0)
    table = sparse.csr_array((ppmi, (together.row, together.col)), shape=(size, size))
    found = TruncatedSVD(dimensions, random_state=0).fit_transform(table)
    return found * 0.05 / found.std()


# %% [markdown]
# Only the *training* poems of a split may be counted. Which words are neighbours of a frequent one, by the angle?

# %%
own = [own_vectors(encoded[number][learn], size) for number, (learn, _) in enumerate(parts)]


def nearest(word, count=6):
    unit = own[0] / np.maximum(np.linalg.norm(own[0], axis=1, keepdims=True), 1e-9)
    order = np.argsort(-(unit @ unit[tokenizers[0].token_to_id(word)]), kind="stable")
    return [tokenizers[0].id_to_token(int(i)) for i in order[1 : count + 1]]


{word: nearest(word) for word in ("ich", "der", "nacht", "herz") if tokenizers[0].token_to_id(word)}

# %% [markdown]
# Here and there a neighbour makes sense, *bin* and *hab* beside *ich*; most do not. A few hundred poems are less than twenty
# thousand words, and word vectors usually come from billions. Do they help the network anyway? And **sub-words** (lesson 03), which leave nothing unknown,
# do they? In `train_subwords`, too, id 0 is padding.

# %%
from workshop_utils.models.tokenization import encode_rows, pad, train_subwords


def subword_ids(learn, size=1000):
    tokenizer = train_subwords(texts[learn], size)
    rows = encode_rows(tokenizer, texts)
    return pad(rows, min(int(np.quantile([len(row) for row in rows], 0.95)), 2 * longest))


def pieces_cnn(number):
    return word_cnn(1000, len(labels), dimensions=32, filters=32, seed=number)


subword_ids(parts[0][0]).shape

# %% [markdown]
# The rows have become longer, with far fewer different ids. Both candidates, on the splits of the ablation:

# %%
words_cnn, cut = networks["base"], pieces_cnn(0)
rows = []
for number, part in enumerate(parts):
    start_anew(words_cnn, build(number, vectors=own[number]))
    row = {"own vectors": examine(words_cnn, encoded[number], codes, part, number)}
    start_anew(cut, pieces_cnn(number))
    row["sub-words"] = examine(cut, subword_ids(part[0]), codes, part, number)
    rows.append(row)
columns = [measured[["base"]], pd.DataFrame(rows), bar_scores]
starting_points = compare(pd.concat(columns, axis=1), parts)
starting_points

# %% [markdown]
# The last three rows are the bar of the beginning, on the same splits. Our own vectors change next to nothing: what could be counted
# in so few poems, the network finds out by itself. Sub-words know every word, and yet a window of seven *pieces* sees only
# three or four words; one thing is paid with the other (on the original poems they have the better mean, still within the
# noise). Both were good ideas, both are smaller than the noise here, and so the simplest stays.

# %% [markdown]
# ## The final network, and the examination
#
# We train the base once more, now on all training poems, with early stopping on a sixth of them, because the right
# number of epochs for this amount of text is something we do not know.

# %%
final_words = train_words(train["text"])
final_ids = encode(final_words, train["text"], cap)
final_codes = np.searchsorted(labels, train["author"])
learn, watched = train_test_split(
    np.arange(len(train)), test_size=0.15, stratify=final_codes, random_state=seed
)
final = word_cnn(final_words.get_vocab_size(), len(labels), dimensions=32, filters=32, seed=seed)
final.optimizer.learning_rate = learning_rate
start = time.perf_counter()
watch = (final_ids[watched], final_codes[watched])
options = {"epochs": 4 * epochs, "validation": watch, "patience": 4, "seed": seed}
history = fit(final, final_ids[learn], final_codes[learn], **options)
final_seconds = time.perf_counter() - start
history.tail(5).round(3)

# %% [markdown]
# The table shows the last epochs; the weights of the *best* one have come back. Now the envelope is opened, once: all models
# sit the same paper, and the bar table of lesson 02 says how they did, with 95 % intervals.

# %%
from workshop_utils.models.metrics import results_table, paired_difference, plot_results

true = test["author"].to_numpy(dtype=object)
answers = {}
for name, model in bar.items():
    start = time.perf_counter()
    said = model.fit(train["text"], train["author"]).predict(test["text"])
    answers[name] = (np.asarray(said, dtype=object), time.perf_counter() - start)
test_ids = encode(final_words, test["text"], cap)
chances = final.predict(test_ids, verbose=0)
answers["word CNN"] = (labels[chances.argmax(axis=1)].astype(object), final_seconds)
bars = results_table(true, answers, seed=seed)
bars.round(3)

# %% alt="Horizontal bars: macro-F1 of majority class, two TF-IDF models and the word network, each with its 95 percent interval"
figure, axis = plt.subplots(figsize=(9, 3))
plot_results(bars, axis)
axis.set(title="Held-out poems", ylabel="")
plt.show()

# %% [markdown]
# Who has won? The intervals are wide, so we compare in pairs, as lesson 02 taught: the network minus each of the others.

# %%
versus = pd.DataFrame(
    {
        name: paired_difference(true, said, answers["word CNN"][0], seed=seed)
        for name, (said, _) in answers.items()
        if name != "word CNN"
    },
    index=["difference", "low", "high"],
).T
versus.round(3)

# %% [markdown]
# With the majority class there is no contest. Against the two ways of counting, look where zero lies. On the bundled poems both
# intervals hold it: the network has not beaten them, and with so small an examination nobody can say that it is worse
# either. On the original corpus, with five times as many held-out poems, words remain a draw, but the characters are ahead by more
# than the noise. And there is the price: the winner is trained in a moment and has nothing to choose. If you had to deliver
# something tomorrow, deliver the characters.
#
# This is no verdict on convolutions. It is what some hundreds of poems allow, and it is why the bar comes first.

# %% [markdown]
# ## What have the filters learned?
#
# Each filter has one favourite: the window of the training poems to which it answers most strongly. And the last layer says for which
# class a filter speaks. Together they are the nearest thing to an explanation that this network can give. First the
# answers at every place, before the maximum:

# %%
pools = [layer for layer in final.layers if isinstance(layer, keras.layers.GlobalMaxPooling1D)]
listen = keras.Model(final.input, [pool.input for pool in pools])
responses = np.asarray(listen(final_ids[:100])[0])
text, place, one = np.unravel_index(responses.argmax(), responses.shape)
window = final_ids[text, max(place - 1, 0) : place + 2]
responses.shape, [final_words.id_to_token(int(number)) for number in window if number]

# %% [markdown]
# Among the first hundred poems and all filters of width 3, this window got the highest answer. The answer at a place belongs to the words from one before to one
# after it. For all widths and all filters, the same is `top_activating_ngrams` in `workshop_utils.models.cnn.activations`, and `ngrams_by_class`
# sorts them by the weight that the last layer gives to each filter.

# %%
from workshop_utils.models.cnn import top_activating_ngrams, ngrams_by_class

phrases = top_activating_ngrams(final, final_ids, final_words)
deciding = ngrams_by_class(final, phrases, labels, count=6)
deciding.round(2)

# %% [markdown]
# Read them aloud. In the bundled poems *Kabarett* is heard in the dialect of the big city, "nich" and "is"; *Volksliedton* in its heart, its
# tears and its little adverbs; *Klassik* in longer breaths, with commas and semicolons in the middle of the window. Some
# phrases you would have chosen yourself, others are an accident of a single poem. A favourite is not a proof: it says
# what a filter likes best, not what it usually meets. Does it explain why counting keeps up? Perhaps: most favourites are rare phrases,
# known by heart, where the runs of characters have learned endings and spellings that occur in every second poem.

# %% [markdown]
# ## Save, load, and be unkind
#
# A network is only useful together with its tokenizer, its cap and the names of its classes. `save_network` keeps all of them in
# one folder. Does the loaded one give the same answers?

# %%
from workshop_utils.models.cnn import load_network, save_network
from workshop_utils.paths import model_folder

marks = {"accuracy": bars.set_index("model")["accuracy"]["word CNN"]}
folder = save_network(
    model_folder("05_word_cnn"),
    final,
    final_words,
    labels,
    cap,
    metrics=marks,
    test_texts=test["text"],
)
again = load_network(folder)
same = np.abs(again.predict_proba(list(test["text"])) - chances).max()
sorted(path.name for path in folder.iterdir()), float(same)

# %% [markdown]
# And texts that nobody has prepared for it?

# %%
unkind = ["", "😴😴👩‍💻", "हिन्दी में एक कविता", "und " * 5000]
told = pd.DataFrame(again.predict_proba(unkind), columns=labels).round(2)
told.insert(0, "text", [text[:20] for text in unkind])
told

# %% [markdown]
# No error, and that is a danger of its own: the network has an opinion about nothing at all, about pictures, about a
# language that it cannot read, and about one word said five thousand times. To the empty text it says what its biases
# say; Hindi is a row of `[UNK]`. Whoever serves such a model has to ask how much of a text it knows before believing the
# answer.

# %% [markdown]
# ## What we learned
#
# - An embedding looks up a row for each word, a convolution glides a window over the rows, the maximum asks whether a phrase
#   occurred anywhere. With the functional API, windows of several widths stand side by side; a mask hides the padding.
# - An ablation changes one thing at a time, over several splits and seeds. Dropout, batch normalisation, early stopping, own
#   vectors and sub-words: with a few hundred poems, their effects are smaller than the noise.
# - Class weights make a network name the rare class more often. They do not invent examples.
# - Recurrent networks are slower on a processor, and here not better.
# - Filters can be read, by their favourite phrases.
# - The network has not beaten TF-IDF of characters. A bar is there to tell you so.
#
# **If your numbers differ**: with the same data and versions the same seeds give the same numbers on one machine; elsewhere the accuracies
# of networks move by about the spread, and a verdict near its limit may change. What should hold is asserted:
# the final network's accuracy lies between 0.6 and 0.95, far above the majority class; groups keep twins together; the mask hides the padding; and
# a loaded network answers like the saved one.

# %%
assert torn["hold_out"] == 0 < torn["careless"], "groups keep twins together"
assert padding_masked < 1e-5 < padding_by_hand, "the mask hides the padding"
assert same < 1e-5, "saved and loaded, the network gives the same answers"
assert np.isfinite(told[list(labels)].to_numpy()).all(), "every text gets an answer"

# %%
from workshop_utils.course.results import record

score = bars.set_index("model")["accuracy"]
assert 0.6 < score["word CNN"] < 0.95, "the network has learned"
assert score["word CNN"] > score["majority class"] + 0.1
reached = {"majority": score["majority class"], "words_tfidf": score["words, TF-IDF"]}
reached |= {"characters_tfidf": score["characters, TF-IDF"], "word_cnn": score["word CNN"]}
reached |= {f"reviews_{name}": english["mean"][name] for name in english.index[:3]}
reached = {
    name.replace(", ", "_").replace("-", "").replace(" ", "_"): v for name, v in reached.items()
}
record("05_word_cnn", test_poems=len(test), word_cnn_seconds=final_seconds, **reached)

# %% [markdown]
# **Read on**: Kim, *Convolutional neural networks for sentence classification*, EMNLP 2014; Zhang and Wallace, *A sensitivity analysis of
# convolutional neural networks for sentence classification*, IJCNLP 2017, for which settings matter; Levy and Goldberg, *Neural word embedding as
# implicit matrix factorization*, NeurIPS 2014, for PPMI and SVD; the [guide to the functional API](https://keras.io/guides/functional_api/).
#
# **Next**: lesson 06 takes an encoder that reads every word in its context.
