# %% [markdown]
# # 00 · Train a first network
#
# In this lesson you build a network that reads handwritten digits. Pictures (**images**) are a good start: you see what
# goes in, you see what comes out, and when the network is wrong you can often see why. The next lessons are about
# text. The same steps come back there.
#
# **You will be able to**
#
# - describe a data set by its shapes, values and class counts;
# - build a network of dense layers in Keras, compile it and train it;
# - predict how a learning curve changes when you change one thing;
# - recognise underfitting and overfitting in a learning curve, and use dropout;
# - find out which mistakes a classifier makes, and how confident it was.
#
# **You need** Python's basics: variables, lists, functions. Where more is used, the text says what it does.
#
# **Reads** the digits that come with scikit-learn, or the 70,000 images of MNIST where `make data` has put them.
# **Writes** its results to `build/results`.

# %% [markdown]
# The next cell holds settings that you can change later. Run it; we explain each when we use it. `seed` fixes the random
# numbers, so that running the notebook again on the same computer gives the same numbers.

# %% tags=["parameters"]
source = "auto"
epochs = 30
batch_size = 32
seed = 0

# %% [markdown] tags=["instructor"]
# **Before you start** ask: who has trained a network before, and on what? Pair those who have with those who have not.
# **Clock** (without exercises): data and baseline done at 10 minutes, first curve at 20, mistakes at 25. Late? Skip the cell on
# class counts, and show the confusion matrix without reading it.

# %% [markdown]
# ## Look at the data first
#
# What do we have? We load the data and look at its shapes. A wrong shape is a common bug, and easy to find early.

# %%
from workshop_utils.data import load_digits

x_train, y_train, x_test, y_test = load_digits(source)
x_train.shape, y_train.shape, x_test.shape, y_test.shape

# %% [markdown]
# Four arrays: images `x` and their **labels** `y`, the right answers, for training and for testing. The first number of a
# shape counts the images, the other two are height and width in pixels. The ten digits are the **classes**. We keep the
# **test set** for judging finished models: nothing is learned from it, and no decision is made with it.
#
# What is an image to a computer?

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
counts.to_frame("images").T

# %% [markdown]
# Nearly. A program that always gives the same answer is right about one time in ten. Every model must beat that.

# %% tags=["claim"]
from workshop_utils.course.claims import claim

even = counts.max() < 1.5 * counts.min()
claim("The digits are nearly equally common", even, learning=False)

# %% [markdown]
# ## A baseline without a network
#
# How far do we get without a network? We average all images of each digit. `y_train == digit` picks the images of one
# digit; `mean(axis=0)` averages them pixel by pixel.

# %% alt="Ten blurred average pictures, one for each digit from 0 to 9"
import numpy as np

averages = np.array([x_train[y_train == digit].mean(axis=0) for digit in range(10)])
show_images(averages, range(10), columns=10)

# %% [markdown]
# You can still read most digits. Which two averages look most alike? Now each test image gets the label of the nearest
# average: subtract pixel by pixel, square, add up.


# %%
def nearest(image):
    distances = [((image - average) ** 2).sum() for average in averages]
    return np.argmin(distances)  # the position of the smallest, which is the digit


guessed = np.array([nearest(image) for image in x_test])
baseline_accuracy = float((guessed == y_test).mean())
baseline_accuracy

# %% [markdown]
# `guessed == y_test` gives True or False for each image; the mean counts True as 1. **Accuracy** is the share of right
# answers. Ten averages already read most digits correctly. This number is our **baseline**: the network must beat it.

# %% tags=["claim"]
claim("Ten averages read most digits correctly", baseline_accuracy > 0.5)

# %% [markdown]
# ## From images to inputs
#
# Our network takes one list of numbers for each image, and it learns best when the numbers are small. So we put the
# rows of pixels one after the other (`reshape`), and divide by the largest value.

# %%
inputs_train = x_train.reshape(len(x_train), -1) / x_train.max()
inputs_test = x_test.reshape(len(x_test), -1) / x_train.max()
inputs_train.shape, float(inputs_train.min()), float(inputs_train.max())

# %% [markdown]
# One row for each image, one column for each pixel, all values between 0 and 1.
#
# ## The network
#
# What will we build? One layer of 64 units between the pixels and ten outputs, one for each digit.

# %% alt="Diagram of a network: pixels on the left, 64 hidden units in the middle, ten outputs on the right, all connected"
from workshop_utils.course.figures import draw_network

pixels = inputs_train.shape[1]
draw_network([("pixels", pixels), ("hidden units", 64), ("digits", 10)])

# %% [markdown]
# A layer is **dense** when each unit is connected with every input. Each line is a **weight**: a number that training
# changes. A unit multiplies each input by its weight, adds everything up, and adds one more number of its own, the **bias**.
# A layer between input and output is called **hidden**.
#
# What happens to each sum is the **activation**. `relu` replaces negative sums by 0. Without it the two layers would be
# one large weighted sum, and one layer can do that alone. `softmax` turns the ten sums of the last layer into ten
# probabilities that add up to 1.
#
# In the next cell, the lines with `os.environ` set up TensorFlow, which does the computing for Keras; you can skip them.
# The network itself is three lines.

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
# Parameters are weights and biases. The last layer has 64 · 10 weights and 10 biases: 650. Check the first layer yourself.
# `None` means: any number of images.
#
# Before training, the weights are random. What does the network answer? (`inputs_train[:1]` is a list with one image: Keras
# always wants a list.)

# %%
model.predict(inputs_train[:1], verbose=0).round(2), int(y_train[0])

# %% [markdown]
# Ten probabilities, none of them meaningful yet. Training needs a number that says how bad an answer is. That is
# **cross-entropy**: minus the logarithm of the probability that the network gave to the *true* digit.

# %%
for probability in (0.99, 0.5, 0.1, 0.01):
    print(probability, round(-np.log(probability), 2))

# %% [markdown]
# The less probability the true digit got, the larger the cost. Blind guessing, 0.1 for each digit, costs 2.3; a confident
# wrong answer costs much more. The mean over all images is the **loss**.
#
# ## Training
#
# `compile` fixes three things: the loss; the **optimizer**, which changes the weights; and the metrics, numbers for us to
# read. Our optimizer, `adam`, moves every weight a little in the direction that makes the loss smaller. This is called
# **gradient descent**. It does so after each **batch** of 32 images. One pass over all batches is an **epoch**.
#
# `fit` trains. It sets the last tenth of the training images aside, the **validation set**, and does not learn from them.
# After each epoch it computes loss and accuracy on them. `options` is a dictionary; `**options` hands each entry to `fit` as a
# named argument, as if we had written `epochs=30, …`. How will loss and accuracy change from epoch to epoch? Guess before you
# run the cell.

# %% alt="Two line charts over the epochs: loss falling and accuracy rising, for training and validation" picture=true
from workshop_utils.course.figures import show_curves

model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
options = {"epochs": epochs, "batch_size": batch_size, "validation_split": 0.1, "verbose": 0}
history = model.fit(inputs_train, y_train, **options)
curves = show_curves(history)
curves.iloc[[0, -1]]

# %% [markdown]
# This figure is called a **learning curve**. Most is learned early; then the curves get flat. At first validation is
# *better* than training: the training value is a mean over the epoch, while the network was still changing; validation
# comes after it. At the end training is a little better. The gap is small, so what the network learned also holds for
# images that it did not train on.
#
# If you run `fit` again, training *continues* with the weights it has. To start anew, run the cell that builds the model
# first.

# %% tags=["claim"]
claim("The validation loss ends far below blind guessing", curves["val_loss"].iloc[-1] < 1)
early = curves["val_accuracy"].iloc[len(curves) // 3]
late = curves["val_accuracy"].iloc[-1]
claim("Most is learned in the first third", early - 0.1 > 0.8 * (late - 0.1) > 0.1)
first = curves.iloc[0]
claim(
    "At first validation is better than training", first["val_accuracy"] > first["accuracy"] + 0.05
)
gap = curves["accuracy"].iloc[-1] - curves["val_accuracy"].iloc[-1]
claim("The gap is small at the end", -0.02 < gap < 0.08)

# %% [markdown] exercise="build" part="task"
# ## Exercise 1: Build and train one yourself
#
# Build a network with **two** hidden layers of 32 units, both with `relu`, and the same output layer. Call it
# `mine`. Compile it as above. Train it for 10 epochs, with `validation_split=0.1` and `verbose=0`, and keep what `fit`
# returns in `my_history`.

# %% [markdown] exercise="build" part="hint"
# Copy the cell with `keras.Sequential` from *The network*, without the `os` lines, and change it.

# %% [markdown] exercise="build" part="hint"
# You need three statements: `mine = keras.Sequential([...])` with three `Dense` layers, `mine.compile(...)`, and
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
# A deeper network is not better by itself. Compare `my_history.history["val_accuracy"][-1]` with
# `curves.loc[10, "val_accuracy"]`. The validation set is small: a difference of 1 or 2 % says nothing.

# %% exercise="build" part="check"
from workshop_utils.course.checks import exercise


@exercise("Build and train one yourself")
def check(mine, my_history, expect):
    layers = [layer for layer in mine.layers if isinstance(layer, keras.layers.Dense)]
    units = [layer.units for layer in layers]
    names = [layer.activation.__name__ for layer in layers]
    shown = ", ".join(f"{n} ({name})" for n, name in zip(units, names, strict=True))
    yours = f"your Dense layers are {shown}"
    expect(units[-1:] == [10], "ten outputs", f"{yours}; ten digits need 10 outputs")
    expect(units == [32, 32, 10], "two hidden layers of 32", yours)
    expect(names[:2] == ["relu"] * 2, "relu in the hidden layers", yours)
    expect(names[2] == "softmax", "softmax at the end", f"yours ends with {names[2]}")
    kept = hasattr(my_history, "history")
    expect(kept, "fit's result is kept", "store what `mine.fit(...)` returns, without `.history`")
    another = "`my_history` is from another network: did the cell above end with an error?"
    expect(my_history.model is mine, "it is this network's history", another)
    ran = my_history.history
    expect("accuracy" in ran, "accuracy was measured", 'metrics=["accuracy"] in compile')
    expect("val_loss" in ran, "it was validated", "validation_split=0.1 in fit")
    count = len(ran["loss"])
    expect(count == 10, "ten epochs", f"yours trained for {count}; write epochs=10 in fit")


# %% exercise="build" part="mistake" says="yours ends with linear"
keras.utils.set_random_seed(seed)
dense = keras.layers.Dense
mine = keras.Sequential(
    [keras.layers.Input((pixels,)), dense(32, "relu"), dense(32, "relu"), dense(10)]
)
mine.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
my_history = mine.fit(inputs_train, y_train, epochs=10, validation_split=0.1, verbose=0)

# %% exercise="build" part="mistake" says="your Dense layers are 64 (relu), 10 (softmax)"
mine, my_history = model, history

# %% exercise="build" part="mistake" says="yours trained for 1; write epochs=10 in fit"
keras.utils.set_random_seed(seed)
dense = keras.layers.Dense
hidden = [dense(32, "relu"), dense(32, "relu")]
mine = keras.Sequential([keras.layers.Input((pixels,)), *hidden, dense(10, "softmax")])
mine.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
my_history = mine.fit(inputs_train, y_train, validation_split=0.1, verbose=0)

# %% exercise="build" part="mistake" says="from another network"
dense = keras.layers.Dense
hidden = [dense(32, "relu"), dense(32, "relu")]
mine = keras.Sequential([keras.layers.Input((pixels,)), *hidden, dense(10, "softmax")])
my_history = history

# %% [markdown] tags=["instructor"]
# **While they work** ask at two or three tables: what would happen without `relu`? (Two linear layers equal one; on the small
# digits that is about as good, so say *can do no more*, not *is worse*.) What does `validation_split` take away? (The last tenth.)
# **Usual trouble**: `fit` run twice goes on training; `options` without its stars gives a TypeError about 'int' and 'dict'; `x_train` in
# place of `inputs_train` gives "expected shape"; a list forgotten in `Sequential(...)` gives "Argument name must be a string".

# %% [markdown] exercise="underfit" part="task"
# ## Exercise 2: Change one thing, and guess first
#
# What if the hidden layer had only **4** units instead of 64? Before you train, guess the *training* accuracy after the
# last epoch. Store your guess, a number from 0 to 1, in `guess`. Then build that network as `tiny`, compile it as before,
# and train it with the same `options`. Keep the result in `tiny_history`, and look at `show_curves(tiny_history)`.

# %% [markdown] exercise="underfit" part="hint"
# Change one number only. Everything that the outputs get must pass through the four units.

# %% [markdown] exercise="underfit" part="hint"
# `keras.layers.Dense(4, activation="relu")` is the hidden layer; `tiny.fit(inputs_train, y_train, **options)` passes
# the options on.

# %% exercise="underfit" part="solution"
keras.utils.set_random_seed(seed)
### BEGIN SOLUTION
guess = 0.7
tiny = keras.Sequential(
    [
        keras.layers.Input((pixels,)),
        keras.layers.Dense(4, activation="relu"),
        keras.layers.Dense(10, activation="softmax"),
    ]
)
tiny.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
tiny_history = tiny.fit(inputs_train, y_train, **options)
### END SOLUTION

# %% [markdown] exercise="underfit" part="discussion"
# Lower. Training and validation are close together, and both are low. That is **underfitting**: the network is too small, or
# it has not trained long enough. Which of the two is it here? Train for 200 epochs and see.


# %% exercise="underfit" part="check"
@exercise("Change one thing, and guess first")
def check(guess, tiny, tiny_history, expect):
    number = isinstance(guess, int | float) and 0 <= guess <= 1
    expect(number, "a guess", f"a number from 0 to 1, such as 0.5, not {guess!r}")
    layers = [layer for layer in tiny.layers if isinstance(layer, keras.layers.Dense)]
    found = ", ".join(f"{layer.units} ({layer.activation.__name__})" for layer in layers)
    wanted = "4 (relu), 10 (softmax)"
    yours = f"your Dense layers are {found}; the task wants {wanted}"
    expect(found == wanted, "only one number changed", yours)
    own = getattr(tiny_history, "model", None) is tiny
    expect(own, "it is this network's history", "write `tiny_history = tiny.fit(...)`")
    ran = tiny_history.history
    expect("accuracy" in ran, "accuracy was measured", 'metrics=["accuracy"] in compile')
    count = len(ran["accuracy"])
    stars = f"yours trained for {count}; write **options, with two stars, in fit"
    expect(count == epochs, f"{epochs} epochs", stars)
    got, before = ran["accuracy"][-1], history.history["accuracy"][-1]
    found = f"training accuracy {got:.2f} (64 units: {before:.2f}); your guess was {guess:.2f}"
    expect(got < before, found, "train on inputs_train and y_train")


# %% exercise="underfit" part="mistake" says="not 'lower'"
guess, tiny, tiny_history = "lower", model, history

# %% exercise="underfit" part="mistake" says="your Dense layers are 64 (relu), 10 (softmax)"
guess, tiny, tiny_history = 0.7, model, history

# %% exercise="underfit" part="mistake" says="write `tiny_history = tiny.fit(...)`"
guess, dense = 0.7, keras.layers.Dense
tiny = keras.Sequential([keras.layers.Input((pixels,)), dense(4, "relu"), dense(10, "softmax")])
tiny_history = history

# %% exercise="underfit" part="mistake" says="yours trained for 1; write **options, with two stars, in fit"
guess, dense = 0.7, keras.layers.Dense
tiny = keras.Sequential([keras.layers.Input((pixels,)), dense(4, "relu"), dense(10, "softmax")])
tiny.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
tiny_history = tiny.fit(inputs_train, y_train, verbose=0)

# %% [markdown]
# ## Testing
#
# The network is finished. Now we judge it on the test set, as we did the averages. Does it beat them?

# %%
test_loss, test_accuracy = model.evaluate(inputs_test, y_test, verbose=0)
{"averages": round(baseline_accuracy, 3), "network": round(test_accuracy, 3)}

# %% [markdown]
# It does, clearly. But one number hides a lot. Which digits does it confuse? A **confusion matrix** counts, for each true
# digit (row), what was predicted (column). Right answers stand on the diagonal; only mistakes have a colour.

# %% tags=["claim"]
claim("The network beats the averages clearly", test_accuracy > baseline_accuracy + 0.02)
claim("It is right in more than nine of ten", test_accuracy > 0.9)

# %% alt="Confusion matrix: grey counts on the diagonal, a few coloured mistakes beside it, all other cells blank"
from sklearn.metrics import confusion_matrix

from workshop_utils.course.figures import show_confusion

answers = model.predict(inputs_test, verbose=0)  # ten probabilities for each image
predicted = answers.argmax(axis=1)  # the digit with the largest one
matrix = confusion_matrix(y_test, predicted)
show_confusion(matrix)

# %% [markdown]
# Every coloured cell is a mistake; most cells are empty. Read one aloud: row 4, column 8 counts fours that were predicted
# to be eights. Which digit takes part in most mistakes? Look along its row and down its column.
#
# Numbers say *how many*; pictures say *why*. We look at the mistakes with the highest **confidence**, the probability that
# the network gave to its wrong answer.

# %% tags=["claim"]
mistakes = matrix * (1 - np.eye(10, dtype=int))
claim("Most pairs of digits are never confused", (mistakes > 0).sum() < 45)

# %% alt="The most confident wrong answers as pictures, each with the true digit, the predicted digit and its probability above"
wrong = np.flatnonzero(predicted != y_test)
confident = wrong[np.argsort(-answers[wrong].max(axis=1))][:6]
titles = [f"{y_test[i]}, predicted {predicted[i]}\n{answers[i].max():.0%}" for i in confident]
show_images(x_test[confident], titles)

# %% [markdown]
# How many of these would you have read correctly? Is it the network's fault, or the writer's? About the first one it was very
# sure; a high probability is not a guarantee. How often is it right when it is sure?

# %% tags=["claim"]
claim("It was very sure of its worst mistake", answers[confident[0]].max() > 0.8)

# %%
sure = answers.max(axis=1) > 0.9
int(sure.sum()), round(float((predicted[sure] == y_test[sure]).mean()), 3)

# %% [markdown]
# When the network is more than 90 % sure, it is nearly always right. Looking at the worst mistakes is a quick way to learn
# about your data and your model. We do it again in later lessons.

# %% tags=["claim"]
claim(
    "When it is more than 90 % sure, it is nearly always right",
    (predicted[sure] == y_test[sure]).mean() > 0.97,
)

# %% [markdown] tags=["instructor"]
# Which digit takes part in most mistakes? On the small digits, with seed 0, it is the 8. **Before the next figure** ask: can the
# validation accuracy be higher than the training accuracy? Take votes. (Yes: some training labels are wrong there.)

# %% [markdown]
# ## When a network memorises
#
# The opposite of underfitting is **overfitting**. To see it we make the task difficult: a much larger network, only 600
# images, and labels of which some are wrong. `few` are the first 600 training images, `fresh` are 600 others. For about
# three in ten of the few we draw a random digit as the label.

# %%
few, few_labels = inputs_train[:600], y_train[:600]
fresh, fresh_labels = inputs_train[600:1200], y_train[600:1200]
rng = np.random.default_rng(seed)
changed = rng.random(600) < 0.3  # True for about three in ten
noisy = few_labels.copy()
noisy[changed] = rng.integers(0, 10, changed.sum())
f"{(noisy == few_labels).mean():.0%} of the labels are right"

# %% [markdown]
# Why not 70 %? A random digit is the right one in one case of ten, and the draw itself is random. We train on the noisy
# labels and validate on the fresh images, whose labels are right. These are experiments, so the test set stays out of them.

# %% alt="Two line charts: training loss keeps falling while validation loss falls, then rises; training accuracy climbs, validation accuracy rises, then falls below it"
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
validation = (fresh, fresh_labels)
hard = {"epochs": 40, "batch_size": 64, "validation_data": validation, "verbose": 0}
large_history = large.fit(few, noisy, **hard)
large_curves = show_curves(large_history)

# %% [markdown]
# Two things look strange. First, validation is *better* than training for many epochs. The reason is the labels: the
# validation labels are all right, but about a quarter of the training labels are wrong, and a network that reads well
# disagrees with those. Second, the training accuracy then rises above the share of right labels, which we printed above.
# This is only possible if the network **memorises** wrong labels. Meanwhile the validation accuracy falls, and the
# validation loss goes up again. That is **overfitting**.

# %% tags=["claim"]
known, share = large_curves["accuracy"].iloc[-1], (noisy == few_labels).mean()
claim("It memorises wrong labels", known > share + 0.1)
ahead = (large_curves["val_accuracy"] > large_curves["accuracy"]).sum()
claim("Validation is better than training for many epochs", ahead >= 10)
best, end = large_curves["val_accuracy"].max(), large_curves["val_accuracy"].tail(5).mean()
claim(
    "The validation accuracy is good at its best, and then falls", best > 0.7 and best - end > 0.03
)
lowest, last = large_curves["val_loss"].min(), large_curves["val_loss"].iloc[-1]
claim("The validation loss falls first and then goes up", lowest < 1 and last > lowest + 0.03)

# %% [markdown] exercise="dropout" part="task"
# ## Exercise 3: Add dropout
#
# **Dropout** switches each unit off with a certain probability, anew for every batch. No unit can rely on another one, so it
# is hard to memorise single images. Copy the cell that builds `large`; call the network `calm`, and add a
# `keras.layers.Dropout(0.5)` after each hidden layer. Compile it, and train it on `few` and `noisy` with the options `hard`. Keep
# the result in `calm_history` and show its curves.

# %% [markdown] exercise="dropout" part="hint"
# Dropout is a layer of its own. In the list it comes after the `Dense` layer whose units it switches off.

# %% [markdown] exercise="dropout" part="hint"
# The list has six entries: input, dense, dropout, dense, dropout, and the output. No dropout after the output.

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
# The training accuracy is lower now, and that is good: about a quarter of the labels are wrong, and it no longer memorises them.
# The validation accuracy ends higher than without dropout. It does not solve everything: stopping at the best epoch would
# have helped as well (lessons 04 and 05), and right labels would have helped most of all.


# %% exercise="dropout" part="check"
@exercise("Add dropout")
def check(calm, calm_history, expect):
    kinds = [type(layer).__name__ for layer in calm.layers]
    yours = f"your layers are {', '.join(kinds)}"
    expect("Dropout" in kinds, "there is dropout", yours)
    wanted = ["Dense", "Dropout", "Dense", "Dropout", "Dense"]
    expect(kinds == wanted, "one dropout layer after each hidden layer", yours)
    rates = [layer.rate for layer in calm.layers if isinstance(layer, keras.layers.Dropout)]
    expect(rates == [0.5, 0.5], "half of the units", f"your rates are {rates}")
    units = [layer.units for layer in calm.layers if isinstance(layer, keras.layers.Dense)]
    expect(units == [512, 512, 10], "as many units as before", f"yours has {units}")
    own = getattr(calm_history, "model", None) is calm
    expect(own, "it is this network's history", "write `calm_history = calm.fit(...)`")
    ran, before = calm_history.history, large_history.history
    expect("val_accuracy" in ran, "it was validated", "add **hard to fit, metrics to compile")
    count = len(ran["loss"])
    expect(count == 40, "40 epochs", f"yours trained for {count}; write **hard in fit")
    steps, right = calm_history.params["steps"], large_history.params["steps"]
    expect(steps == right, "600 images", f"{steps} batches an epoch, not {right}: train on `few`")
    got, old = ran["accuracy"][-1], before["accuracy"][-1]
    found = f"training accuracy {got:.2f}, without dropout {old:.2f}"
    expect(got < old, found, f"training accuracy is {got:.2f}: are your labels `noisy`?")
    ends = [np.mean(run["val_accuracy"][-5:]) for run in (ran, before)]
    found = f"validation accuracy {ends[0]:.2f}, without dropout {ends[1]:.2f}"
    expect(ends[0] > ends[1], found, "validate with **hard")


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

# %% exercise="dropout" part="mistake" says="are your labels `noisy`?"
keras.utils.set_random_seed(seed)
dense, dropout = keras.layers.Dense, keras.layers.Dropout
hidden = [dense(512, "relu"), dropout(0.5), dense(512, "relu"), dropout(0.5)]
calm = keras.Sequential([keras.layers.Input((pixels,)), *hidden, dense(10, "softmax")])
calm.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
calm_history = calm.fit(few, few_labels, **hard)

# %% exercise="dropout" part="mistake" says="train on `few`"
keras.utils.set_random_seed(seed)
dense, dropout = keras.layers.Dense, keras.layers.Dropout
hidden = [dense(512, "relu"), dropout(0.5), dense(512, "relu"), dropout(0.5)]
calm = keras.Sequential([keras.layers.Input((pixels,)), *hidden, dense(10, "softmax")])
calm.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
calm_history = calm.fit(inputs_train[:1280], y_train[:1280], **hard)

# %% [markdown] tags=["more"]
# ## More: which way is down?
#
# How does the optimizer find smaller losses? Imagine a network with only one weight. Then the loss is a curve over that
# weight, and its **slope** says in which direction it falls. So we take a step against the slope, look again, and step
# again. The **learning rate** is the length of a step for a given slope.


# %% tags=["more"]
def loss(weight):
    return (weight - 3) ** 2 + 1


def slope(weight):
    return 2 * (weight - 3)


learning_rate = 0.2
path = [-1.0]
for _ in range(8):
    path.append(path[-1] - learning_rate * slope(path[-1]))
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
shorter = (np.diff(steps) < 0).all()
claim("Each step is shorter than the one before", shorter, learning=False)

# %% [markdown] tags=["more"]
# With thousands of weights it is the same in thousands of dimensions. Keras computes all slopes for us; together they are
# called the **gradient**. Set `learning_rate` to 1.1 and run both cells again: what happens, and why?

# %% [markdown] tags=["more"]
# ## More: softmax by hand
#
# The last layer computes ten sums, which may be negative. Softmax raises *e* to each of them and divides by the total.

# %% tags=["more"]
sums = np.array([2.0, 1.0, 0.1, -1.0])
softmax = np.exp(sums) / np.exp(sums).sum()
softmax.round(3), float(softmax.sum())

# %% [markdown] tags=["more"]
# The order stays, all values are positive, and they add up to 1. A sum that is larger by 1 becomes a probability *e* times
# as large, about 2.7 times.

# %% [markdown]
# ## What we learned
#
# - Shapes, values and class counts come before anything else; so does a baseline.
# - A dense network multiplies, adds, and sets negative sums to 0. Softmax makes probabilities; cross-entropy measures how bad
#   they are; gradient descent makes the loss smaller, batch by batch and epoch by epoch.
# - Both curves low: underfitting. Training high and validation falling: overfitting. Dropout is one method against it.
# - After the number, look at the worst mistakes, and at how confident the network was.
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
