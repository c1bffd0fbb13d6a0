# %% [markdown]
# # 00 · Train a first network
#
# In this lesson we teach a machine to read handwritten digits. Pictures are a good place to start: you can see what
# goes in, you can see what comes out, and when the machine is wrong you can often see why. From the next lesson on
# the data will be text, and everything you learn here stays true.
#
# **You will be able to**
#
# - describe a data set of images by its shapes, values and class counts;
# - build, train and evaluate a network of two layers in Keras;
# - say what softmax, cross-entropy, gradient descent, epoch and batch mean, each in a sentence;
# - read a learning curve and recognise overfitting in it;
# - use dropout against overfitting, and measure whether it helped.
#
# **You need** Python's basics: lists, functions, a `for` loop. No mathematics beyond a logarithm.
#
# **Reads** the digits that come with scikit-learn, or the 70,000 pictures of MNIST where `make data` has put them.
# **Writes** its results to `build/results`.

# %% [markdown]
# The next cell holds everything you may want to change. `epochs` and `batch_size` will be explained before they
# are used; `seed` makes sure that chance plays the same game each time.

# %% tags=["parameters"]
source = "auto"
epochs = 30
batch_size = 32
seed = 0

# %% [markdown]
# ## Look before you learn
#
# What do we have? We load the data and ask for its shapes before anything else. A wrong shape is the most common
# bug in machine learning, and the cheapest one to find early.

# %%
from workshop_utils.data import load_digits

digits = load_digits(source)
x_train, y_train, x_test, y_test = digits
{name: array.shape for name, array in digits._asdict().items()}

# %% [markdown]
# Four arrays: pictures `x` and their labels `y`, each in a part for training and a part for testing. The first number
# of a shape counts the pictures, the other two are height and width in pixels. The test part stays closed until
# the network has learned, because nobody should be examined with the very questions they practised on.
#
# What is a picture to a computer? Let us print one.

# %%
x_train[0]

# %% [markdown]
# Only whole numbers, where 0 is empty paper and larger is darker ink. Can you already guess the digit? Seen as a
# picture, and next to others, it is easier.

# %% alt="Twelve small pictures of handwritten digits with their labels above"
import matplotlib.pyplot as plt

plt.style.use("workshop_utils.course.house")


def show_digits(images, titles, columns=6):
    rows = -(-len(images) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(columns * 1.4, rows * 1.7), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for axis, image, title in zip(axes.flat, images, titles, strict=False):
        axis.imshow(image, cmap="gray_r")
        axis.set_title(title, fontsize=12)


show_digits(x_train[:12], y_train[:12])

# %% [markdown]
# Some are neat, some would make a postman pause. Keep that in mind when we ask for 100 % later on.
#
# One more look before we build anything: are all digits equally common? If nine tenths of the pictures were ones, a
# program that always answers "one" would look clever.

# %%
import pandas as pd

pd.Series(y_train).value_counts().sort_index().to_frame("pictures").T

# %% [markdown]
# Nearly equal. So the laziest program, the one that always gives the same answer, is right about one time in ten.
# That is the floor.

# %% [markdown]
# ## A baseline without a network
#
# A network has to earn its place, so we first ask how far plain averaging gets. We average all pictures of each digit
# into one blurred "typical" picture, and then label a new picture by the typical one that is nearest to it.

# %% alt="Ten blurred average pictures, one for each digit from 0 to 9"
import numpy as np

typical = np.array([x_train[y_train == digit].mean(axis=0) for digit in range(10)])
show_digits(typical, range(10), columns=10)

# %% [markdown]
# The averages are blurred but readable. Distance here means: subtract pixel by pixel, square, add up.

# %%
distances = np.array([((x_test - picture) ** 2).sum(axis=(1, 2)) for picture in typical])
baseline_accuracy = float((distances.argmin(axis=0) == y_test).mean())
baseline_accuracy

# %% [markdown]
# **Accuracy** is the share of right answers. Ten averages and a subtraction already read most digits correctly. This
# number, not zero and not one in ten, is what the network must beat.

# %% [markdown]
# ## From pictures to inputs
#
# Our network takes a plain list of numbers per picture, and it learns best when these numbers are small. So we lay
# the rows of pixels end to end, and divide by the largest value that occurs.

# %%
largest = x_train.max()
inputs_train = x_train.reshape(len(x_train), -1) / largest
inputs_test = x_test.reshape(len(x_test), -1) / largest
inputs_train.shape, float(inputs_train.min()), float(inputs_train.max())

# %% [markdown]
# One row per picture, one column per pixel, all values between 0 and 1. Notice that we divided the test pictures by
# the largest value of the *training* pictures: even such a small fact must not be learned from the test part.

# %% [markdown]
# ## Three ideas, one at a time
#
# ### Softmax: from scores to probabilities
#
# The last layer of our network will produce ten scores, one per digit. Scores may be negative and add up to anything.
# **Softmax** turns them into probabilities: raise *e* to each score, then divide by the sum.

# %%
scores = np.array([2.0, 1.0, 0.1, -1.0])
probabilities = np.exp(scores) / np.exp(scores).sum()
probabilities.round(3), float(probabilities.sum())

# %% [markdown]
# The order stays, all values are positive, and they add up to 1. A score that is larger by 1 always becomes a
# probability that is larger by the factor *e*, about 2.7.

# %% [markdown]
# ### Cross-entropy: the price of an answer
#
# Learning needs a number that says how bad an answer was. **Cross-entropy** looks only at the probability that the
# network gave to the *true* digit and charges minus its logarithm. What does that price look like?

# %% alt="A curve that falls from high values near probability zero to zero at probability one"
chance = np.linspace(0.01, 1, 200)
figure, axis = plt.subplots(figsize=(7, 3.2))
axis.plot(chance, -np.log(chance))
axis.set(xlabel="probability given to the true digit", ylabel="price", title="Cross-entropy")
plt.show()

# %% [markdown]
# Sure and right costs nothing. Unsure costs a little. Sure and *wrong* costs a lot, and ever more the surer it was.
# The average price over all pictures is called the **loss**, and training means: make the loss smaller.

# %% [markdown]
# ### Gradient descent: which way is down?
#
# A network has thousands of adjustable numbers, its **weights**. Imagine for a moment that it had only one. Then the
# loss is a curve over that weight, and we stand somewhere on it in fog: we cannot see the valley, but we can feel the
# slope under our feet. So we take a step downhill, feel again, and step again.


# %%
def loss(weight):
    return (weight - 3) ** 2 + 1


def slope(weight):
    return 2 * (weight - 3)


path = [-1.0]
for _ in range(8):
    path.append(path[-1] - 0.2 * slope(path[-1]))
np.round(path, 2)

# %% [markdown]
# The steps get shorter by themselves, because the slope gets flatter near the bottom at 3. The number 0.2 is the
# **learning rate**: the length of a step for a given slope.

# %% alt="A bowl-shaped curve with nine points stepping down its left side towards the lowest point"
weights = np.linspace(-2, 8, 100)
figure, axis = plt.subplots(figsize=(7, 3.2))
axis.plot(weights, loss(weights), color="0.6")
axis.plot(path, [loss(weight) for weight in path], "o-")
axis.set(xlabel="weight", ylabel="loss", title="Eight steps downhill")
plt.show()

# %% [markdown]
# With thousands of weights it is the same walk in a landscape of thousands of dimensions. Keras computes all the
# slopes for us; together they are called the **gradient**.

# %% [markdown] exercise="cross_entropy" part="task"
# ## Exercise 1: What does this answer cost?
#
# A network looks at a picture of a **7** and answers with the ten probabilities below, for the digits 0 to 9. Compute
# the cross-entropy of this single answer, by the definition above, and store it in `price`.

# %% [markdown] exercise="cross_entropy" part="hint"
# Only one of the ten probabilities matters. Which one belongs to the true digit?

# %% [markdown] exercise="cross_entropy" part="hint"
# `answer[7]` is the probability of the digit 7, and `np.log` is the natural logarithm. Mind the minus sign.

# %% exercise="cross_entropy" part="solution"
answer = np.array([0.01, 0.30, 0.02, 0.02, 0.02, 0.01, 0.01, 0.55, 0.03, 0.03])
### BEGIN SOLUTION
price = -np.log(answer[7])
### END SOLUTION

# %% [markdown] exercise="cross_entropy" part="discussion"
# The price is about 0.6. Had the network guessed blindly, with 0.1 for each digit, it would have paid 2.3, so this
# answer is much better than guessing, although the network was not sure. Remember 2.3: a loss near it means that a
# network for ten classes has learned nothing yet.

# %% exercise="cross_entropy" part="check"
from workshop_utils.course.checks import exercise


@exercise("What does this answer cost?")
def check(price, expect):
    expect(np.ndim(price) == 0, "the price is one number", "only the true digit counts")
    expect(price > 0, "a price is positive", "turn the sign of the logarithm")
    expect(abs(price - 0.598) < 0.001, "it prices the true digit", "take the entry at position 7")


# %% [markdown]
# ## The network in ten lines
#
# Now we build it. `Sequential` stacks layers, so that each one takes what the layer before it gives. A `Dense` layer
# multiplies every input by a weight, adds everything up, and does so once per unit. `relu` replaces negative sums
# by zero; without such a bend between them, two layers could do no more than one.

# %%
import os

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"  # warnings only
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"  # the same rounding on every processor
import keras

keras.utils.set_random_seed(seed)
model = keras.Sequential(
    [
        keras.layers.Input((inputs_train.shape[1],)),
        keras.layers.Dense(64, activation="relu"),
        keras.layers.Dense(10, activation="softmax"),
    ]
)
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])

# %% [markdown]
# `compile` names the three ideas from above: the loss is cross-entropy (the *sparse* form takes labels as plain
# numbers), the optimizer walks downhill (`adam` is gradient descent that adapts the step to each weight), and
# accuracy is reported for us humans, because a loss is hard to feel.
#
# How many weights did we just create?

# %%
model.summary()

# %% [markdown] exercise="count_weights" part="task"
# ## Exercise 2: Where do the weights come from?
#
# The summary counts the parameters of each layer. Work out the number for the *last* layer yourself, from the 64 units
# that feed it and the 10 units it has, and store it in `last_layer_weights`. Do not copy the number: compute it.

# %% [markdown] exercise="count_weights" part="hint"
# Every one of the 10 units has its own weight for each of the 64 inputs.

# %% [markdown] exercise="count_weights" part="hint"
# And every unit has one more number, its *bias*, which is added whatever the inputs are.

# %% exercise="count_weights" part="solution"
### BEGIN SOLUTION
last_layer_weights = 64 * 10 + 10
### END SOLUTION

# %% [markdown] exercise="count_weights" part="discussion"
# 650. Do the same for the first layer and you see that nearly all weights sit there, because every pixel is connected with
# each of the 64 units, and the last layer has only ten units. In texts this becomes dramatic: a vocabulary has tens of
# thousands of words, and the first layer is where most weights of a text model live.


# %% exercise="count_weights" part="check"
@exercise("Where do the weights come from?")
def check(last_layer_weights, expect):
    expect(last_layer_weights >= 640, "each pair has a weight", "64 inputs, 10 units")
    expect(last_layer_weights != 640, "not only pairs have one", "each unit has a bias")
    expect(last_layer_weights == 650, "Keras counts the same", "add pairs and biases")


# %% [markdown]
# ## Training: epochs and batches
#
# We could look at all pictures before each step. But a rough idea of the slope is good enough, and much cheaper, so
# each step looks at a small **batch** of pictures only. One pass over all batches is an **epoch**. Where there are very
# many pictures we can afford larger batches, so that an epoch has about 300 steps at most. How many will it take?

# %%
batch_size = max(batch_size, len(inputs_train) // 300)
steps_per_epoch = -(-len(inputs_train) // batch_size)
steps_per_epoch, steps_per_epoch * epochs

# %% [markdown]
# While it trains, the network is examined after each epoch on a tenth of the training pictures that it does not learn
# from, the **validation** part. `fit` returns what happened, epoch by epoch.

# %%
history = model.fit(
    inputs_train, y_train, epochs=epochs, batch_size=batch_size, validation_split=0.1, verbose=0
)
curves = pd.DataFrame(history.history, index=pd.RangeIndex(1, epochs + 1, name="epoch"))
curves.iloc[[0, 1, 2, epochs // 2, -1]].round(3)

# %% [markdown]
# Remember the price of blind guessing, 2.3? The first line should already be below it. Tables are exact, but a
# **learning curve** shows the story at a glance.

# %% alt="Two line charts over the epochs: loss falling and accuracy rising, for training and validation"
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6))
curves[["loss", "val_loss"]].plot(ax=left, title="Loss", ylabel="loss", ylim=(0, None))
right.set(title="Accuracy", ylabel="accuracy")
curves[["accuracy", "val_accuracy"]].plot(ax=right, ylim=(None, 1))
plt.show()

# %% [markdown]
# Steep at first, then flat: most is learned in the first epochs. Training and validation stay close together here,
# which means that what the network learned also holds for pictures it has not seen.

# %% [markdown]
# ## The examination
#
# Now, once, we open the test part.

# %%
test_loss, test_accuracy = model.evaluate(inputs_test, y_test, verbose=0)
{"baseline": round(baseline_accuracy, 3), "network": round(test_accuracy, 3)}

# %% [markdown]
# The network beats the averages. What does it actually say about one picture? Ten probabilities, and we take the
# digit with the largest.

# %%
answers = model.predict(inputs_test, verbose=0)
predicted = answers.argmax(axis=1)
answers[0].round(3), int(predicted[0]), int(y_test[0])

# %% [markdown]
# ### Which digits are mixed up?
#
# One number hides a lot. A **confusion matrix** counts, for each true digit (row), what it was taken for (column).
# Everything off the diagonal is a mistake.

# %% alt="Confusion matrix of the ten digits with nearly all counts on the diagonal"
from sklearn.metrics import ConfusionMatrixDisplay

figure, axis = plt.subplots(figsize=(6, 5.5))
ConfusionMatrixDisplay.from_predictions(y_test, predicted, ax=axis, colorbar=False)
axis.grid(False)
plt.show()

# %% [markdown]
# ### The worst mistakes
#
# Numbers say *how many*, pictures say *why*. We sort the wrong answers by how sure the network was, and look the
# surest of them in the eye.

# %% alt="The surest wrong answers as pictures, each with the true and the predicted digit above"
wrong = np.flatnonzero(predicted != y_test)
surest_first = wrong[np.argsort(-answers[wrong].max(axis=1))][:12]
titles = [f"{y_test[i]} read as {predicted[i]}" for i in surest_first]
show_digits(x_test[surest_first], titles)

# %% [markdown]
# Be honest: how many of these would you have read correctly? Some are the network's fault, some the writer's, and now
# and then the label itself is wrong. Looking at the worst mistakes is the cheapest way to learn something about your
# data, and we will do it after every model of this course.

# %% [markdown] exercise="confused_pair" part="task"
# ## Exercise 3: The most confused pair
#
# Find the mistake that happens most often on the test pictures: which digit is it really, and which one does the
# network read? Store the two digits in `true_digit` and `read_as`.

# %% [markdown] exercise="confused_pair" part="hint"
# `sklearn.metrics.confusion_matrix(y_test, predicted)` gives the table above as an array. Right answers are on its
# diagonal, so set the diagonal to zero first: `np.fill_diagonal`.

# %% [markdown] exercise="confused_pair" part="hint"
# `table.argmax()` counts through the table row by row; `np.unravel_index(table.argmax(), table.shape)` turns the
# count into row and column.

# %% exercise="confused_pair" part="solution"
from sklearn.metrics import confusion_matrix

table = confusion_matrix(y_test, predicted)
### BEGIN SOLUTION
np.fill_diagonal(table, 0)
true_digit, read_as = np.unravel_index(table.argmax(), table.shape)
true_digit = int(true_digit)
read_as = int(read_as)
### END SOLUTION

# %% [markdown] exercise="confused_pair" part="discussion"
# Does the pair surprise you? Usually the two digits share most of their strokes. With few test pictures the winner may
# have only two or three cases, so another seed can crown another pair: a ranking of rare events is mostly chance.


# %% exercise="confused_pair" part="check"
@exercise("The most confused pair")
def check(true_digit, read_as, expect):
    mistakes = confusion_matrix(y_test, predicted)
    np.fill_diagonal(mistakes, 0)
    expect({true_digit, read_as} <= set(range(10)), "both are digits", "row and column number")
    expect(true_digit != read_as, "the pair is a mistake", "set the diagonal to zero")
    expect(
        mistakes[true_digit, read_as] == mistakes.max(), "none is more frequent", "true digit = row"
    )


# %% [markdown]
# ## When a network learns by heart
#
# Training went almost too well. To see what usually goes wrong we make life harder: a much larger network, only 600
# pictures, and a tired clerk who typed a random digit for three labels in ten. Real labels are often no better.

# %%
few = slice(0, 600)
fresh = slice(700, 1300)
clerk = np.random.default_rng(seed)
typed = y_train[few].copy()
tired = clerk.random(600) < 0.3
typed[tired] = clerk.integers(0, 10, tired.sum())
f"{(typed == y_train[few]).mean():.0%} of the labels are right"

# %% [markdown]
# We train on the typed labels, and examine after each epoch on 600 other pictures whose labels are right.


# %%
def train_on_typed(dropout):
    keras.utils.set_random_seed(seed)
    layers = [keras.layers.Input((inputs_train.shape[1],))]
    for _ in range(2):
        layers += [keras.layers.Dense(512, activation="relu")]
        layers += [keras.layers.Dropout(dropout)]
    large = keras.Sequential([*layers, keras.layers.Dense(10, activation="softmax")])
    large.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    examined = (inputs_train[fresh], y_train[fresh])
    options = {"epochs": 40, "batch_size": 64, "validation_batch_size": 600}
    fitted = large.fit(inputs_train[few], typed, validation_data=examined, verbose=0, **options)
    return pd.DataFrame(fitted.history, index=pd.RangeIndex(1, 41, name="epoch"))


by_heart = train_on_typed(dropout=0.0)
by_heart.iloc[[0, 4, 9, 19, 39]].round(3)

# %% [markdown]
# Read the table from top to bottom. The accuracy on the *typed* labels keeps rising, far above the share of labels that
# are right: the network learns even the clerk's slips by heart. And `val_accuracy`, the part that matters, rises
# first and then **falls**. That is **overfitting**: learning the examples instead of the task.
#
# A remedy with a plain idea is **dropout**. During training, each unit is switched off with a certain probability,
# anew for every batch. No unit can rely on a particular neighbour, so it is hard to store single pictures, while
# what many pictures have in common survives.

# %%
with_dropout = train_on_typed(dropout=0.5)

# %% alt="Accuracy on fresh pictures over the epochs: without dropout it rises and then falls, with dropout it stays higher"
figure, axis = plt.subplots()
axis.plot(by_heart["val_accuracy"], color="C3", label="without dropout")
axis.plot(with_dropout["val_accuracy"], color="C0", label="with dropout")
axis.set(xlabel="epoch", ylabel="accuracy", title="On fresh pictures, labels right")
axis.legend()
plt.show()

# %% [markdown]
# Both lines come from the same pictures, the same labels, the same number of epochs. What does the comparison look like
# in numbers, at the best epoch and at the end?

# %%
curves_by_name = {"without dropout": by_heart, "with dropout": with_dropout}
comparison = pd.DataFrame(
    {
        name: {
            "typed labels, end": curve["accuracy"].tail(5).mean(),
            "fresh pictures, best epoch": curve["val_accuracy"].max(),
            "fresh pictures, end": curve["val_accuracy"].tail(5).mean(),
        }
        for name, curve in curves_by_name.items()
    }
)
comparison.round(3)

# %% [markdown]
# Dropout gives up some accuracy on the typed labels, many of which are wrong anyway, and keeps more on fresh pictures. It
# is no cure-all: the best epoch without dropout is not far behind, so *stopping early* would have helped as well
# (lesson 05 does that), and honest labels would have helped most of all.

# %% [markdown]
# ## What we learned
#
# - A data set is described by its shapes, its values and its class counts, before anything else.
# - A baseline tells what a model has to beat. Here plain averages were already good.
# - Softmax makes probabilities of scores; cross-entropy prices them; gradient descent makes the price smaller, batch
#   by batch and epoch by epoch.
# - Overfitting is learning the examples instead of the task: the training curve rises on while the validation curve
#   falls. Dropout is one remedy.
# - After the number, look at the worst mistakes.
#
# **If your numbers differ**: with other versions or another processor the last digits change. The network's accuracy
# should lie between 0.93 and 1, and it should beat the averages. The next cell makes sure, and keeps the results.

# %%
from workshop_utils.course.results import record

assert 0.93 < test_accuracy <= 1
assert test_accuracy > baseline_accuracy
end = comparison.loc["fresh pictures, end"]
best = comparison.loc["fresh pictures, best epoch"]
assert end["without dropout"] < best["without dropout"] - 0.03, "overfitting is visible"
assert end["with dropout"] > end["without dropout"], "dropout helps"
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
# **Next**: lesson 01 leaves pictures behind and looks at text, the way a person would: by reading it.
