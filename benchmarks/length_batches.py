"""Training on many texts: batches of texts of about the same length, cut to their longest.

A batch is as wide as its longest text. Grouped by length, hardly any padding is computed; in the order of
chance most of a batch can be padding. ``benchmarks/training_speed.py`` measures what that is worth.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from workshop_utils.models.tokenization import pad

if TYPE_CHECKING:
    import keras

Rows = Sequence[Sequence[int]]


def grouped_batches(
    inputs: Sequence[Rows],
    batch_size: int,
    seed: int | None = None,
) -> Iterator[tuple[np.ndarray, list[np.ndarray]]]:
    """Positions of the texts in a batch, and their ids for each input, shape (batch, longest), int32.

    With a seed, texts of similar length are mixed and the batches come in random order; without, texts come
    from short to long.

    Args:
        inputs: for each input of the network the rows of ids, all for the same texts.
    """
    rng = None if seed is None else np.random.default_rng(seed)
    lengths = np.array([len(row) for row in inputs[0]], dtype=float)
    if rng is not None:
        lengths *= rng.normal(1, 0.1, len(lengths))
    order = np.argsort(lengths, kind="stable")
    batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    if rng is not None:
        rng.shuffle(batches)
    for batch in batches:
        rows = [[rows[i] for i in batch] for rows in inputs]
        yield batch, [pad(some, max(1, max(map(len, some)))) for some in rows]


def fit_by_length(
    network: "keras.Model",
    inputs: Sequence[Rows],
    labels: Sequence[int],
    epochs: int,
    learning_rate: float = 1e-3,
    batch_size: int = 64,
    seed: int = 0,
) -> "keras.callbacks.History":
    """Compile and train with Adam, a short warm-up and a cosine decay of the learning rate.

    Graphs are not compiled by XLA (``jit_compile=False``): each new batch width would be compiled anew.
    """
    import keras

    steps = -(-len(labels) // batch_size) * epochs
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, steps - steps // 10, alpha=0.02, warmup_target=learning_rate, warmup_steps=steps // 10
    )
    loss = keras.losses.CategoricalCrossentropy()
    network.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"], jit_compile=False)
    answers = np.eye(network.output_shape[-1], dtype=np.float32)[np.asarray(labels)]
    keras.utils.set_random_seed(seed)
    seeds = iter(np.random.SeedSequence(seed).generate_state(epochs))

    def batches() -> Iterator[tuple]:
        for chosen, ids in grouped_batches(inputs, batch_size, int(next(seeds))):
            yield tuple(ids), answers[chosen]

    stream = _stream(batches, len(inputs), answers.shape[1], steps // epochs)
    return network.fit(stream, epochs=epochs, shuffle=False, verbose=0)


def predict_by_length(network: "keras.Model", inputs: Sequence[Rows], batch_size: int = 256) -> np.ndarray:
    """Class probabilities in the order of the texts, shape (n, classes)."""
    answers = np.empty((len(inputs[0]), network.output_shape[-1]), dtype=np.float32)
    for chosen, ids in grouped_batches(inputs, batch_size):
        answers[chosen] = network.predict_on_batch(ids if len(ids) > 1 else ids[0])
    return answers


def _stream(batches, inputs: int, classes: int, steps: int):
    """A tf.data stream that makes the next batches while the network learns from this one."""
    import tensorflow as tf

    ids = tuple(tf.TensorSpec((None, None), tf.int32) for _ in range(inputs))
    stream = tf.data.Dataset.from_generator(
        batches, output_signature=(ids, tf.TensorSpec((None, classes), tf.float32))
    )
    return stream.apply(tf.data.experimental.assert_cardinality(steps)).prefetch(4)
