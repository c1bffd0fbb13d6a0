# %% [markdown]
# # 00 · Train a first network
#
# In this lesson you build a network that reads handwritten digits. Pictures are a good start: you see what goes in,
# you see what comes out, and when the network is wrong you can often see why. The next lessons are about text.
# Everything you learn here stays true.
#
# **You will be able to**
#
# - describe a data set by its shapes, values and class counts;
# - build a network of dense layers in Keras, compile it and train it;
# - predict how a learning curve changes when you change one thing;
# - recognise underfitting and overfitting in a learning curve, and use dropout;
# - find out which mistakes a classifier makes, and how sure it was.
#
# **You need** Python's basics: variables, lists, functions. Where more is used, the text says what it does.
#
# **Reads** the digits that come with scikit-learn, or the 70,000 pictures of MNIST where `make data` has put them.
# **Writes** its results to `build/results`.

# %% [markdown]
# The next cell holds what you may want to change. An *epoch* is one pass over the training data, a *batch* is the
# number of pictures for one step; both are explained below. `seed` fixes the random numbers, so every run gives the
# same result.

# %% tags=["parameters"]
source = "auto"
epochs = 30
batch_size = 32
seed = 0

# %% [markdown] tags=["instructor"]
# **Before you start** ask: who has trained a network before, and on what? Pair those who have with those who have not.

# %% [markdown]
# ## Look at the data first
#
# What do we have? We load the data and look at its shapes. A wrong shape is the most common bug in machine learning, and
# the cheapest one to find early.

# %%
from workshop_utils.data import load_digits

x_train, y_train, x_test, y_test = load_digits(source)
x_train.shape, y_train.shape, x_test.shape, y_test.shape

# %% [markdown]
# Four arrays: pictures `x` and labels `y`, for training and for testing. The first number of a shape counts the
# pictures, the other two are height and width in pixels. We use the **test set** once, at the end: it must show how the
# network does on pictures that it has never seen.
#
# What is a picture to a computer?

# %%
x_train[0]

# %% [markdown]
# Whole numbers: 0 is empty paper, larger is darker ink. Can you guess the digit? As a picture it is easier.

# %% alt="Twelve small pictures of handwritten digits with their labels above"
import matplotlib.pyplot as plt

from workshop_utils.course.figures import show_images

plt.style.use("workshop_utils.course.house")
show_images(x_train[:12], y_train[:12])

# %% [markdown]
# Some would puzzle a person too, so do not expect 100 %. Are all digits equally common?

# %%
import pandas as pd

counts = pd.Series(y_train).value_counts().sort_index()
counts.to_frame("pictures").T

# %% [markdown]
# Nearly. A program that always gives the same answer is right about one time in ten. Every model must beat that.

# %% tags=["claim"]
from workshop_utils.course.claims import claim

claim("The digits are nearly equally common", counts.max() < 1.5 * counts.min(), learning=False)

# %% [markdown]
# ## A baseline without a network
#
# How far do we get without learning? We average all pictures of each digit. A new picture gets the label of the
# average that is nearest: subtract pixel by pixel, square, add up.

# %% alt="Ten blurred average pictures, one for each digit from 0 to 9"
import numpy as np

averages = np.array([x_train[y_train == digit].mean(axis=0) for digit in range(10)])
show_images(averages, range(10), columns=10)

# %%
distances = np.array([((x_test - average) ** 2).sum(axis=(1, 2)) for average in averages])
baseline_accuracy = float((distances.argmin(axis=0) == y_test).mean())
baseline_accuracy

# %% [markdown]
# **Accuracy** is the share of right answers. Ten averages already read most digits correctly. This number is our
# **baseline**: the network must beat it.

# %% tags=["claim"]
claim("Ten averages read most digits correctly", baseline_accuracy > 0.5)

# %% [markdown]
# ## From pictures to inputs
#
# Our network takes one list of numbers for each picture, and it learns best when the numbers are small. So we put the
# rows of pixels one after the other (`reshape`), and divide by the largest value.

# %%
inputs_train = x_train.reshape(len(x_train), -1) / x_train.max()
inputs_test = x_test.reshape(len(x_test), -1) / x_train.max()
inputs_train.shape, inputs_train.min(), inputs_train.max()

# %% [markdown]
# One row for each picture, one column for each pixel, all values between 0 and 1. We divided the test pictures by the
# largest value of the *training* pictures: nothing is learned from the test set, not even its largest value.
#
# ## The network
#
# What will we build? One layer of 64 units between the pixels and ten outputs, one for each digit.

# %% alt="Diagram of a network: pixels on the left, 64 hidden units in the middle, ten outputs on the right, all connected"
from workshop_utils.course.figures import draw_network

pixels = inputs_train.shape[1]
draw_network([("pixels", pixels), ("hidden units", 64), ("digits", 10)])

# %% [markdown]
# Each line is a **weight**, a number that training changes. A unit multiplies each input by its weight and adds
# everything up. In the hidden layer, `relu` replaces negative sums by 0; without it, two layers could do no more than
# one. In the last layer, `softmax` turns ten sums into ten probabilities that add up to 1.
#
# In Keras the drawing becomes three lines: the input, and two `Dense` layers.

# %%
import os

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"  # warnings only
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"  # the same rounding on every processor
import keras

keras.utils.set_random_seed(seed)
model = keras.Sequential(
    [
        keras.layers.Input((pixels,)),
        keras.layers.Dense(64, activation="relu"),
        keras.layers.Dense(10, activation="softmax"),
    ]
)
model.summary()

# %% [markdown]
# The last layer has 64 · 10 weights and 10 more, one **bias** for each unit, which is added whatever the inputs are.
# Before training, the weights are random. What does the network answer?

# %%
model.predict(inputs_train[:1], verbose=0).round(2), int(y_train[0])

# %% [markdown]
# Ten probabilities, none of them meaningful yet. Training needs a number that says how bad an answer is. That is
# **cross-entropy**: minus the logarithm of the probability that the network gave to the *true* digit. A certain and
# right answer costs 0. Blind guessing, 0.1 for each digit, costs `-log(0.1)`, about 2.3. The mean over all pictures is the
# **loss**.

# %% alt="A curve that falls from high values near probability zero to zero at probability one; a point marks blind guessing at 0.1"
probability = np.linspace(0.01, 1, 200)
figure, axis = plt.subplots(figsize=(7, 3))
axis.plot(probability, -np.log(probability))
axis.plot(0.1, -np.log(0.1), "o", color="C3", label="blind guessing")
axis.set(xlabel="probability of the true digit", ylabel="cross-entropy")
axis.legend()
plt.show()

# %% [markdown]
# ## Training
#
# `compile` names the loss, the optimizer and what we want to see. (The *sparse* form of cross-entropy takes labels as plain
# numbers.) `adam` changes all weights a little in the direction in which the loss falls: **gradient descent**. It does
# so once for each **batch** of pictures. One pass over all batches is an **epoch**.
#
# `fit` trains. After each epoch it also computes loss and accuracy on a tenth of the training pictures that it does not learn
# from, the **validation set**. How do both develop?

# %%
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
options = {"epochs": epochs, "batch_size": batch_size, "validation_split": 0.1, "verbose": 0}
history = model.fit(inputs_train, y_train, **options)


# %% alt="Two line charts over the epochs: loss falling and accuracy rising, for training and validation"
def show_curves(history, title=""):
    curves = pd.DataFrame(history.history)
    curves.index = np.arange(1, len(curves) + 1)
    figure, axes = plt.subplots(1, 2, figsize=(10, 3.4))
    for axis, name in zip(axes, ("loss", "accuracy"), strict=True):
        axis.plot(curves[name], color="C0", label="training")
        axis.plot(curves[f"val_{name}"], color="C3", label="validation")
        axis.set(xlabel="epoch", title=f"{name} {title}")
    axes[1].legend()
    plt.show()
    return curves.round(3)


curves = show_curves(history)
curves.iloc[[0, -1]]

# %% [markdown]
# This figure is called a **learning curve**. The loss is below blind guessing from the first epochs on. Most is learned
# early; then the curves get flat. Training and validation stay close together, so what the network learned also
# holds for pictures that it has not seen.

# %% tags=["claim"]
claim("The validation loss ends far below blind guessing", curves["val_loss"].iloc[-1] < 1)
early = curves["val_accuracy"].iloc[len(curves) // 3]
late = curves["val_accuracy"].iloc[-1]
claim("Most is learned in the first third", early - 0.1 > 0.8 * (late - 0.1) > 0.1)
apart = curves["accuracy"].iloc[-1] - curves["val_accuracy"].iloc[-1]
claim("Training and validation stay close together", apart < 0.08)

# %% [markdown] exercise="build" part="task"
# ## Exercise 1: Build and train one yourself
#
# Build a network with **two** hidden layers of 32 units, both with `relu`, and the same output layer. Call it
# `mine`. Compile it as above. Train it for 10 epochs, with `validation_split=0.1` and `verbose=0`, and keep what `fit`
# returns in `my_history`.

# %% [markdown] exercise="build" part="hint"
# `keras.Sequential([...])` takes the input and one entry for each layer. Copy the cell above and change it.

# %% [markdown] exercise="build" part="hint"
# You need three lines: `mine = keras.Sequential([...])` with three `Dense` layers, `mine.compile(...)`, and
# `my_history = mine.fit(...)`. The output layer must have as many units as there are digits.

# %% exercise="build" part="solution"
keras.utils.set_random_seed(seed)
### BEGIN SOLUTION
mine = keras.Sequential(
    [
        keras.layers.Input((pixels,)),
        keras.layers.Dense(32, activation="relu"),
        keras.layers.Dense(32, activation="relu"),
        keras.layers.Dense(10, activation="softmax"),
    ]
)
mine.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
my_history = mine.fit(inputs_train, y_train, epochs=10, validation_split=0.1, verbose=0)
### END SOLUTION

# %% [markdown] exercise="build" part="discussion"
# A deeper network is not better by itself. Compare `my_history.history["val_accuracy"][-1]` with the curve above, after as
# many epochs: on these small pictures the two hardly differ.

# %% exercise="build" part="check"
from workshop_utils.course.checks import exercise


@exercise("Build and train one yourself")
def check(mine, my_history, expect):
    layers = [layer for layer in mine.layers if isinstance(layer, keras.layers.Dense)]
    units = [layer.units for layer in layers]
    names = [layer.activation.__name__ for layer in layers]
    shown = ", ".join(f"{n} ({name})" for n, name in zip(units, names, strict=True))
    expect(
        units[-1:] == [10], "ten outputs", f"your Dense layers are {shown}; digits need 10 outputs"
    )
    expect(units == [32, 32, 10], "two hidden layers of 32", f"your Dense layers are {shown}")
    expect(names[:2] == ["relu"] * 2, "relu in the hidden layers", f"yours are {shown}")
    expect(
        names[2] == "softmax",
        "softmax at the end",
        f"yours ends with {names[2]}, so outputs do not add up to 1",
    )
    expect(
        hasattr(my_history, "history"), "fit's result is kept", "store what `mine.fit(...)` returns"
    )
    ran = my_history.history
    expect(
        "val_accuracy" in ran, "it was validated", "metrics in compile and validation_split in fit"
    )
    expect(len(ran["loss"]) == 10, "ten epochs", f"yours trained for {len(ran['loss'])}")
    expect(my_history.model is mine, "it is this network's history", "train `mine`, not `model`")


# %% exercise="build" part="mistake" says="ends with linear"
keras.utils.set_random_seed(seed)
dense = keras.layers.Dense
mine = keras.Sequential(
    [keras.layers.Input((pixels,)), dense(32, "relu"), dense(32, "relu"), dense(10)]
)
mine.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
my_history = mine.fit(inputs_train, y_train, epochs=10, validation_split=0.1, verbose=0)

# %% exercise="build" part="mistake" says="your Dense layers are 64 (relu), 10 (softmax)"
mine, my_history = model, history

# %% exercise="build" part="mistake" says="yours trained for 1"
keras.utils.set_random_seed(seed)
mine = keras.Sequential(
    [
        keras.layers.Input((pixels,)),
        keras.layers.Dense(32, activation="relu"),
        keras.layers.Dense(32, activation="relu"),
        keras.layers.Dense(10, activation="softmax"),
    ]
)
mine.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
my_history = mine.fit(inputs_train, y_train, validation_split=0.1, verbose=0)

# %% [markdown] tags=["instructor"]
# **While they work** ask at two or three tables: what would happen without `relu`? What does `validation_split` take away
# from training? **Break** after this exercise if the group is slow.

# %% [markdown]
# ## Testing
#
# Now we use the test set, once. Does the network beat the averages?

# %%
test_loss, test_accuracy = model.evaluate(inputs_test, y_test, verbose=0)
{"averages": round(baseline_accuracy, 3), "network": round(test_accuracy, 3)}

# %% [markdown]
# It does. But one number hides a lot. Which digits does it confuse?

# %% tags=["claim"]
claim("The network beats the averages clearly", test_accuracy > baseline_accuracy + 0.02)

# %% [markdown]
# A **confusion matrix** counts, for each true digit (row), what the network read (column). Right answers stand on the
# diagonal. We leave them grey, so that only mistakes have a colour.

# %% alt="Confusion matrix: grey counts on the diagonal, a few coloured mistakes beside it, all other cells blank"
from sklearn.metrics import confusion_matrix

answers = model.predict(inputs_test, verbose=0)
predicted = answers.argmax(axis=1)
matrix = confusion_matrix(y_test, predicted)
mistakes = matrix * (1 - np.eye(10, dtype=int))
figure, axis = plt.subplots(figsize=(5.5, 5))
axis.imshow(np.where(mistakes > 0, mistakes, np.nan), cmap="Oranges", vmin=0)
for row, column in zip(*matrix.nonzero(), strict=True):
    color = "0.6" if row == column else "black"
    axis.text(column, row, matrix[row, column], ha="center", va="center", color=color)
axis.set(xlabel="read as", ylabel="true digit", xticks=range(10), yticks=range(10))
axis.grid(False)
plt.show()

# %% [markdown]
# Most pairs are never confused. Numbers say *how many*; pictures say *why*. We look at the mistakes it was surest
# about, with the probability that it gave to its wrong answer.

# %% tags=["claim"]
claim("Most pairs of digits are never confused", (mistakes > 0).sum() < 45)

# %% alt="The surest wrong answers as pictures, each with the true digit, the digit read and its probability above"
wrong = np.flatnonzero(predicted != y_test)
surest = wrong[np.argsort(-answers[wrong].max(axis=1))][:6]
titles = [f"{y_test[i]} read as {predicted[i]}\n{answers[i].max():.0%} sure" for i in surest]
show_images(x_test[surest], titles)

# %% [markdown]
# How many of these would you have read correctly? Some are the network's fault, some the writer's. And note how sure it
# was: a high probability is not a guarantee. Looking at the worst mistakes is the cheapest way to learn about your data. We
# do it after every model of this course.

# %% tags=["claim"]
claim("It was very sure of its worst mistake", answers[surest[0]].max() > 0.8)
claim("It is right in more than nine of ten", test_accuracy > 0.9)

# %% [markdown] exercise="underfit" part="task"
# ## Exercise 2: Change one thing, and guess first
#
# What if the hidden layer had only **2** units instead of 64? Guess before you train: will the *training* accuracy
# after the last epoch be `"higher"`, `"lower"` or `"the same"`? Store the word in `guess`. Then build that network as
# `tiny`, compile it as before, train it with the same `options`, keep the result in `tiny_history`, and look at
# `show_curves(tiny_history)`.

# %% [markdown] exercise="underfit" part="hint"
# Change one number only. Everything the outputs learn must pass through the two units.

# %% [markdown] exercise="underfit" part="hint"
# `keras.layers.Dense(2, activation="relu")` is the hidden layer; `tiny.fit(inputs_train, y_train, **options)` passes
# the options on.

# %% exercise="underfit" part="solution"
keras.utils.set_random_seed(seed)
### BEGIN SOLUTION
guess = "lower"
tiny = keras.Sequential(
    [
        keras.layers.Input((pixels,)),
        keras.layers.Dense(2, activation="relu"),
        keras.layers.Dense(10, activation="softmax"),
    ]
)
tiny.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
tiny_history = tiny.fit(inputs_train, y_train, **options)
### END SOLUTION

# %% [markdown] exercise="underfit" part="discussion"
# Lower, and by far: two units cannot hold what tells ten digits apart. Training and validation are close together, but both
# are low. That is **underfitting**: the network is too small, or has not trained long enough.


# %% exercise="underfit" part="check"
@exercise("Change one thing, and guess first")
def check(guess, tiny, tiny_history, expect):
    hidden = [layer.units for layer in tiny.layers if isinstance(layer, keras.layers.Dense)]
    expect(
        guess in ("higher", "lower", "the same"),
        "a guess",
        f"one of the three words, not {guess!r}",
    )
    expect(
        hidden == [2, 10],
        "only one number changed",
        f"your Dense layers have {hidden} units, not [2, 10]",
    )
    expect(
        hasattr(tiny_history, "history"),
        "fit's result is kept",
        "store what `tiny.fit(...)` returns",
    )
    small, large = (h.history["accuracy"] for h in (tiny_history, history))
    same = len(small) == len(large)
    expect(
        same,
        "as many epochs",
        f"yours has {len(small)} epochs, the other {len(large)}: pass **options",
    )
    gain = small[-1] - large[-1]
    truth = "the same" if abs(gain) < 0.01 else "higher" if gain > 0 else "lower"
    verdict = "as you guessed" if guess == truth else f"you guessed {guess}"
    found = f"training accuracy is {small[-1]:.2f} with 2 units, {large[-1]:.2f} with 64"
    expect(True, f"{found}: {truth}, {verdict}", "")


# %% exercise="underfit" part="mistake" says="yours has 1 epochs"
guess = "lower"
keras.utils.set_random_seed(seed)
dense = keras.layers.Dense
tiny = keras.Sequential([keras.layers.Input((pixels,)), dense(2, "relu"), dense(10, "softmax")])
tiny.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
tiny_history = tiny.fit(inputs_train, y_train, verbose=0)

# %% exercise="underfit" part="mistake" says="your Dense layers have [64, 10] units"
guess, tiny, tiny_history = "lower", model, history

# %% exercise="underfit" part="mistake" says="not 'less'"
guess, tiny, tiny_history = "less", model, history

# %% [markdown]
# ## When a network learns by heart
#
# The opposite is **overfitting**. To see it we make life hard: a much larger network, only 600 pictures, and labels of
# which some are wrong. For three pictures in ten we draw a random digit as the label.

# %%
rng = np.random.default_rng(seed)
few, fresh = inputs_train[:600], inputs_train[700:1300]
noisy, right = y_train[:600].copy(), y_train[700:1300]
changed = rng.random(600) < 0.3
noisy[changed] = rng.integers(0, 10, changed.sum())
f"{(noisy == y_train[:600]).mean():.0%} of the labels are right"

# %% [markdown]
# We train on the noisy labels. After each epoch we validate on 600 other pictures, whose labels are right.

# %%
keras.utils.set_random_seed(seed)
large = keras.Sequential(
    [
        keras.layers.Input((pixels,)),
        keras.layers.Dense(512, activation="relu"),
        keras.layers.Dense(512, activation="relu"),
        keras.layers.Dense(10, activation="softmax"),
    ]
)
large.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
hard = {"epochs": 40, "batch_size": 64, "validation_data": (fresh, right), "verbose": 0}
large_history = large.fit(few, noisy, **hard)

# %% alt="Two line charts: training loss falls to zero while validation loss rises; training accuracy climbs, validation accuracy falls"
large_curves = show_curves(large_history, "of the large network")
large_curves.iloc[[0, 4, 9, 39]]

# %% [markdown]
# Compare this learning curve with the first one. The accuracy on the *noisy* training labels rises above the share of labels
# that are right: the network learns the wrong labels by heart. The validation accuracy rises first and then falls, and
# the validation loss goes up. That is overfitting.

# %% tags=["claim"]
known, share = large_curves["accuracy"].iloc[-1], (noisy == y_train[:600]).mean()
claim("It learns wrong labels by heart", known > share + 0.1)
best, end = large_curves["val_accuracy"].max(), large_curves["val_accuracy"].tail(5).mean()
claim(
    "The validation accuracy is good at its best, and then falls", best > 0.7 and best - end > 0.03
)
lowest, last = large_curves["val_loss"].min(), large_curves["val_loss"].iloc[-1]
claim("The validation loss falls first and then goes up", lowest < 1 and last > lowest + 0.03)

# %% [markdown] exercise="dropout" part="task"
# ## Exercise 3: Make it forget
#
# **Dropout** switches each unit off with a certain probability, anew for every batch. No unit can rely on another one, so it
# is hard to store single pictures. Build the large network again as `calm`, with a `keras.layers.Dropout(0.5)` after each hidden layer. Compile it, and
# train it on `few` and `noisy` with the options `hard`. Keep the result in `calm_history` and show its curves.

# %% [markdown] exercise="dropout" part="hint"
# Dropout is a layer of its own. In the list it stands behind the `Dense` layer whose units it switches off.

# %% [markdown] exercise="dropout" part="hint"
# The list has six entries: input, dense, dropout, dense, dropout, and the output. No dropout behind the output.

# %% exercise="dropout" part="solution"
keras.utils.set_random_seed(seed)
### BEGIN SOLUTION
calm = keras.Sequential(
    [
        keras.layers.Input((pixels,)),
        keras.layers.Dense(512, activation="relu"),
        keras.layers.Dropout(0.5),
        keras.layers.Dense(512, activation="relu"),
        keras.layers.Dropout(0.5),
        keras.layers.Dense(10, activation="softmax"),
    ]
)
calm.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
calm_history = calm.fit(few, noisy, **hard)
### END SOLUTION

# %% [markdown] exercise="dropout" part="discussion"
# The training accuracy is lower now, and that is good: three labels in ten were drawn at random. The validation accuracy ends
# higher than without dropout. It is no cure-all: stopping at the best epoch would have helped as well (lesson 05),
# and right labels would have helped most of all.


# %% exercise="dropout" part="check"
@exercise("Make it forget")
def check(calm, calm_history, expect):
    kinds = [type(layer).__name__ for layer in calm.layers]
    wanted = ["Dense", "Dropout", "Dense", "Dropout", "Dense"]
    expect("Dropout" in kinds, "there is dropout", f"your layers are {', '.join(kinds)}")
    expect(kinds == wanted, "it follows both hidden layers", f"your layers are {', '.join(kinds)}")
    rates = [layer.rate for layer in calm.layers if isinstance(layer, keras.layers.Dropout)]
    expect(rates == [0.5, 0.5], "half of the units", f"your rates are {rates}")
    expect(
        hasattr(calm_history, "history"),
        "fit's result is kept",
        "store what `calm.fit(...)` returns",
    )
    ran = calm_history.history
    expect("val_accuracy" in ran, "it was validated on fresh pictures", "pass **hard to fit")
    expect(
        len(ran["loss"]) == 40,
        "forty epochs",
        f"yours trained for {len(ran['loss'])}: pass **hard to fit",
    )
    ends = [np.mean(h.history["val_accuracy"][-5:]) for h in (large_history, calm_history)]
    expect(
        ends[1] > ends[0],
        f"it ends at {ends[1]:.2f} instead of {ends[0]:.2f}",
        "train on `few` and `noisy`",
    )


# %% exercise="dropout" part="mistake" says="your layers are Dense, Dense, Dropout, Dense"
dense, dropout = keras.layers.Dense, keras.layers.Dropout
calm = keras.Sequential(
    [dense(512, "relu"), dense(512, "relu"), dropout(0.5), dense(10, "softmax")]
)
calm.build((None, pixels))
calm_history = large_history

# %% exercise="dropout" part="mistake" says="your rates are [0.1, 0.1]"
dense, dropout = keras.layers.Dense, keras.layers.Dropout
hidden = [dense(512, "relu"), dropout(0.1), dense(512, "relu"), dropout(0.1)]
calm = keras.Sequential([keras.layers.Input((pixels,)), *hidden, dense(10, "softmax")])
calm_history = large_history

# %% exercise="dropout" part="mistake" says="pass **hard to fit"
keras.utils.set_random_seed(seed)
dense, dropout = keras.layers.Dense, keras.layers.Dropout
hidden = [dense(512, "relu"), dropout(0.5), dense(512, "relu"), dropout(0.5)]
calm = keras.Sequential([keras.layers.Input((pixels,)), *hidden, dense(10, "softmax")])
calm.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
calm_history = calm.fit(few, noisy, epochs=2, verbose=0)

# %% [markdown] tags=["more"]
# ## More: which way is down?
#
# How does the optimizer find smaller losses? Imagine a network with only one weight. Then the loss is a curve over that
# weight, and its **slope** says in which direction it falls. So we take a step against the slope, look again, and step again. The
# number 0.2 is the **learning rate**: the length of a step for a given slope.


# %% tags=["more"]
def loss(weight):
    return (weight - 3) ** 2 + 1


def slope(weight):
    return 2 * (weight - 3)


path = [-1.0]
for _ in range(8):
    path.append(path[-1] - 0.2 * slope(path[-1]))
np.round(path, 2)

# %% [markdown] tags=["more"]
# The steps get shorter by themselves, because the slope gets smaller near the lowest point at 3.

# %% tags=["more"] alt="A bowl-shaped curve with nine points stepping down its left side towards the lowest point"
weights = np.linspace(-2, 8, 100)
figure, axis = plt.subplots(figsize=(7, 3.2))
axis.plot(weights, loss(weights), color="0.6")
axis.plot(path, [loss(weight) for weight in path], "o-")
axis.set(xlabel="weight", ylabel="loss", title="Eight steps downhill")
plt.show()

# %% tags=["claim", "more"]
steps = np.abs(np.diff(path))
claim("Each step is shorter than the one before", (np.diff(steps) < 0).all(), learning=False)

# %% [markdown] tags=["more"]
# With thousands of weights it is the same in thousands of dimensions. Keras computes all slopes for us; together they are
# called the **gradient**. Try a learning rate of 1.1 in the cell above: what happens, and why?

# %% [markdown] tags=["more"]
# ## More: softmax by hand
#
# The last layer computes ten sums, which may be negative. Softmax raises *e* to each of them and divides by the total.

# %% tags=["more"]
sums = np.array([2.0, 1.0, 0.1, -1.0])
softmax = np.exp(sums) / np.exp(sums).sum()
softmax.round(3), softmax.sum()

# %% [markdown] tags=["more"]
# The order stays, all values are positive, and they add up to 1. A sum that is larger by 1 becomes a probability that is
# larger by the factor *e*, about 2.7.

# %% [markdown]
# ## What we learned
#
# - Shapes, values and class counts come before anything else; so does a baseline.
# - A dense network multiplies, adds and bends. Softmax makes probabilities; cross-entropy measures how bad they are;
#   gradient descent makes the loss smaller, batch by batch and epoch by epoch.
# - Both curves low: underfitting. Training high and validation falling: overfitting. Dropout is one remedy.
# - After the number, look at the worst mistakes, and at how sure the network was.
#
# **If your numbers differ**: with other versions or another processor the last digits change. The network's accuracy
# should lie between 0.93 and 1, and it should beat the averages. The next cell makes sure, and keeps the results.

# %%
from workshop_utils.course.results import record

assert 0.93 < test_accuracy <= 1
assert test_accuracy > baseline_accuracy
record(
    "00_first_network",
    training_images=len(x_train),
    averages_accuracy=baseline_accuracy,
    network_accuracy=test_accuracy,
)

# %% [markdown]
# **Read on**: the [guide to the Sequential model](https://keras.io/guides/sequential_model/) in the Keras
# documentation; Srivastava and others, *Dropout: A Simple Way to Prevent Neural Networks from Overfitting*, Journal of
# Machine Learning Research 15, 2014.
#
# **Next**: lesson 01 looks at text, the way a person would: by reading it.
