"""The digits data set and its split, as the training script and the demo use it.

The 1797 8x8 pictures of scikit-learn (pixel values 0 to 16, from the UCI repository). Every fifth picture, in a fixed
shuffled order, is held out: it is never seen in training.
"""

import numpy
from sklearn.datasets import load_digits

SHUFFLE_SEED = 20


def load() -> tuple[tuple[numpy.ndarray, numpy.ndarray], tuple[numpy.ndarray, numpy.ndarray]]:
    """Returns (training pictures, labels), (held-out pictures, labels); pictures are float32 [n, 1, 8, 8]."""
    data = load_digits()
    pictures = data.images.astype(numpy.float32)[:, None]
    order = numpy.random.default_rng(SHUFFLE_SEED).permutation(len(pictures))
    held_out, training = order[::5], numpy.delete(order, numpy.s_[::5])
    return (pictures[training], data.target[training]), (pictures[held_out], data.target[held_out])
