"""The networks that courses of 2019 built on poems, rebuilt from their description for comparison.

Both are trained as they were then: padding is read like text, no dropout, no validation.
"""

import keras


def character_net(characters: int, classes: int, seed: int) -> keras.Model:
    """One-hot characters, convolutions of 64 and 128 filters with kernel 3, Adadelta at its rate of then."""
    keras.utils.set_random_seed(seed)
    layers = [
        keras.layers.Input((None,), dtype="int32"),
        keras.layers.CategoryEncoding(characters, output_mode="one_hot"),
        keras.layers.Conv1D(64, 3, activation="relu"),
        keras.layers.MaxPooling1D(3),
        keras.layers.Conv1D(128, 3, activation="relu"),
        keras.layers.GlobalMaxPooling1D(),
        keras.layers.Dense(classes, activation="softmax"),
    ]
    return _compiled(layers, keras.optimizers.Adadelta(1.0))


def word_net(words: int, classes: int, seed: int) -> keras.Model:
    """Embedded words in 96 dimensions, one convolution of 96 filters with kernel 3, Adam."""
    keras.utils.set_random_seed(seed)
    layers = [
        keras.layers.Input((None,), dtype="int32"),
        keras.layers.Embedding(words, 96),
        keras.layers.Conv1D(96, 3, activation="relu"),
        keras.layers.GlobalMaxPooling1D(),
        keras.layers.Dense(classes, activation="softmax"),
    ]
    return _compiled(layers, "adam")


def _compiled(layers: list, optimizer) -> keras.Model:
    network = keras.Sequential(layers)
    network.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return network
