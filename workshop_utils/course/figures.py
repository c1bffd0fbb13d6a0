"""Figures that several lessons draw and none of them is about."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import ceil
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd


def show_images(images: Sequence[np.ndarray], titles: Iterable[object], columns: int = 6) -> None:
    """Small grey pictures in rows, each with its title above; dark is a large value.

    Args:
        images: arrays of shape (height, width).
        titles: one for each image.
        columns: pictures in a row.
    """
    rows = ceil(len(images) / columns)
    _, axes = plt.subplots(rows, columns, figsize=(columns * 1.4, rows * 1.7), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for axis, image, title in zip(axes.flat, images, titles, strict=False):
        axis.imshow(image, cmap="gray_r")
        axis.set_title(str(title), fontsize=12, fontweight="normal")
    plt.show()


def show_curves(history: Any) -> pd.DataFrame:
    """Loss and accuracy over the epochs, training beside validation.

    Args:
        history: what ``fit`` of a Keras network returns, trained with validation and accuracy.

    Returns:
        The numbers, three digits each; one row for each epoch, counted from 1.
    """
    curves = pd.DataFrame(history.history)
    curves.index = pd.RangeIndex(1, len(curves) + 1, name="epoch")
    _, axes = plt.subplots(1, 2, figsize=(10, 3.4))
    for axis, name in zip(axes, ("loss", "accuracy"), strict=True):
        axis.plot(curves[name], color="C0", label="training")
        axis.plot(curves[f"val_{name}"], color="C3", label="validation")
        axis.set(xlabel="epoch", title=name)
        axis.xaxis.get_major_locator().set_params(integer=True)
    axes[0].legend()
    plt.show()
    return curves.round(3)


def show_confusion(matrix: np.ndarray) -> None:
    """Counts of a confusion matrix; right answers grey, mistakes coloured, zeros left out.

    Args:
        matrix: one row for each true class, one column for each predicted class.
    """
    classes = range(len(matrix))
    mistakes = np.where((matrix > 0) & ~np.eye(len(matrix), dtype=bool), matrix, np.nan)
    _, axis = plt.subplots(figsize=(5.5, 5))
    axis.imshow(mistakes, cmap="Oranges", vmin=0, vmax=2 * max(1, np.nan_to_num(mistakes).max()))
    for row, column in zip(*matrix.nonzero(), strict=True):
        color = "0.45" if row == column else "black"
        axis.text(column, row, matrix[row, column], ha="center", va="center", color=color)
    axis.set(xlabel="predicted digit", ylabel="true digit", xticks=classes, yticks=classes)
    axis.grid(False)
    plt.show()


def draw_network(layers: Sequence[tuple[str, int]], most: int = 8) -> None:
    """A dense network from left to right: circles for numbers, lines for weights.

    Args:
        layers: the name of each layer and how many numbers it holds; the first one is the input.
        most: circles that are drawn of a large layer; dots stand for the others.
    """
    _, axis = plt.subplots(figsize=(8, 3.8))
    heights = [_heights(size, most) for _, size in layers]
    for place, (left, right) in enumerate(pairwise(heights)):
        for start in left:
            for end in right:
                axis.plot([place, place + 1], [start, end], color="0.8", linewidth=0.6, zorder=1)
    for place, ((name, size), circles) in enumerate(zip(layers, heights, strict=True)):
        axis.scatter([place] * len(circles), circles, s=190, color="C0", edgecolor="white", zorder=2)
        if size > most:
            axis.text(place, 0, "⋮", ha="center", va="center", fontsize=22, zorder=3)
        axis.text(place, 4.6, f"{name}\n{size:,}", ha="center", va="bottom")
    axis.set(xlim=(-0.5, len(layers) - 0.5), ylim=(-4.6, 6.2))
    axis.axis("off")
    plt.show()


def _heights(size: int, most: int) -> list[float]:
    """Where the circles of a layer stand; a gap in the middle where some are left out."""
    if size <= most:
        return list(np.linspace(-3.8, 3.8, size)) if size > 1 else [0.0]
    half = most // 2
    return [*np.linspace(-3.8, -1.1, half), *np.linspace(1.1, 3.8, most - half)]
