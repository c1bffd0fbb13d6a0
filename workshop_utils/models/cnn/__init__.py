"""Convolutional networks in Keras: built, trained, saved, and what their filters listen to."""

from workshop_utils.models.cnn.activations import ngrams_by_class, top_activating_ngrams
from workshop_utils.models.cnn.networks import character_cnn, word_cnn
from workshop_utils.models.cnn.store import SavedNetwork, load_network, save_network
from workshop_utils.models.cnn.train import fit

__all__ = [
    "SavedNetwork",
    "character_cnn",
    "fit",
    "load_network",
    "ngrams_by_class",
    "save_network",
    "top_activating_ngrams",
    "word_cnn",
]
