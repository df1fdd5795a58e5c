"""LSTM: directions, layouts, peepholes, lengths of sequences, clipping, coupled gates, activations, initial state."""

import numpy
import pytest

from arrays import label, rng, uniform
from harness import Batch, epsilon

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def sigmoid(x):
    return 1 / (1 + numpy.exp(-x))


def run_lstm(x, weights, recurrent, bias, lengths, hidden, cell, peepholes, reverse, clip=None, couple=False, functions=(sigmoid, numpy.tanh, numpy.tanh)):
    """One direction in float64: x[steps, batch, inputs] -> outputs of all steps, last hidden and cell state. Gates are i, o, f, c."""
    f, g, h = functions
    steps, batch, _ = x.shape
    size = recurrent.shape[1]
    outputs = numpy.zeros((steps, batch, size))
    hidden, cell = hidden.copy(), cell.copy()
    bound = (lambda value: value) if clip is None else (lambda value: numpy.clip(value, -clip, clip))
    for row in range(batch):
        count = steps if lengths is None else lengths[row]
        for step in range(count):
            at = count - 1 - step if reverse else step
            gates = x[at, row] @ weights.T + hidden[row] @ recurrent.T + bias[: 4 * size] + bias[4 * size:]
            i, o, forget, c = (gates[place * size : (place + 1) * size] for place in range(4))
            i = f(bound(i + peepholes[:size] * cell[row]))
            forget = 1 - i if couple else f(bound(forget + peepholes[2 * size:] * cell[row]))
            cell[row] = forget * cell[row] + i * g(bound(c))
            o = f(bound(o + peepholes[size : 2 * size] * cell[row]))
            hidden[row] = o * h(cell[row])
            outputs[at, row] = hidden[row]
    return outputs, hidden, cell


def add_lstm(batch, generator, steps, rows, inputs, size, direction="forward", lengths=None, state=False, peephole=False, layout=0, clip=None, couple=False,
             constants=(1, 2, 3, 7), activations=None, functions=(sigmoid, numpy.tanh, numpy.tanh)):
    directions = 2 if direction == "bidirectional" else 1
    x = uniform(generator, (steps, rows, inputs))
    weights, recurrent = uniform(generator, (directions, 4 * size, inputs), -0.5, 0.5), uniform(generator, (directions, 4 * size, size), -0.5, 0.5)
    bias = uniform(generator, (directions, 8 * size), -0.5, 0.5)
    hidden, cell = (uniform(generator, (directions, rows, size)) if state else None for _ in range(2))
    holes = uniform(generator, (directions, 3 * size), -0.5, 0.5) if peephole else None
    results = []
    for d in range(directions):
        zeros = numpy.zeros((rows, size))
        results.append(run_lstm(x.astype(float), weights[d].astype(float), recurrent[d].astype(float), bias[d].astype(float), lengths,
                                zeros if hidden is None else hidden[d].astype(float), zeros if cell is None else cell[d].astype(float),
                                numpy.zeros(3 * size) if holes is None else holes[d].astype(float), direction == "reverse" or d == 1, clip, couple, functions))
    outputs, last, last_cell = numpy.stack([r[0] for r in results], 1), numpy.stack([r[1] for r in results]), numpy.stack([r[2] for r in results])
    if layout:
        x, outputs, last, last_cell = x.transpose(1, 0, 2), outputs.transpose(2, 0, 1, 3), last.transpose(1, 0, 2), last_cell.transpose(1, 0, 2)
        hidden, cell = (None if value is None else value.transpose(1, 0, 2) for value in (hidden, cell))
    arrays = [x, weights, recurrent, bias, None if lengths is None else numpy.array(lengths, numpy.int32), hidden, cell, holes]
    while arrays[-1] is None:
        arrays.pop()
    attributes = {"hidden_size": size, "direction": direction, "layout": layout}
    if clip is not None:
        attributes["clip"] = clip
    if couple:
        attributes["input_forget"] = 1
    if activations:
        attributes["activations"] = activations * directions
    # Each step multiplies earlier errors by less than one here; a sum of inputs + size products rounds in each.
    bound = 4 * steps * (inputs + size + 8) * epsilon("float32")
    batch.add(label("LSTM", steps, rows, inputs, size, direction, {**attributes}), "LSTM", arrays,
              [value.astype(numpy.float32) for value in (outputs, last, last_cell)], bound,
              constants=tuple(place for place in constants if place < len(arrays) and arrays[place] is not None), known=(1, 2, 3, 7), **attributes)


def test_sizes(mode):
    batch, generator = Batch(), rng()
    for steps, rows, inputs, size in ((1, 1, 1, 1), (1, 1, 257, 128), (5, 1, 3, 4), (7, 3, 5, 16), (4, 2, 17, 33), (3, 5, 8, 7), (20, 1, 4, 8)):
        add_lstm(batch, generator, steps, rows, inputs, size)
        add_lstm(batch, generator, steps, rows, inputs, size, state=True)
    batch.check(mode)


def test_attributes(mode):
    batch, generator = Batch(), rng()
    for direction in ("forward", "reverse", "bidirectional"):
        for layout in (0, 1):
            add_lstm(batch, generator, 5, 3, 4, 6, direction, state=True, layout=layout)
            add_lstm(batch, generator, 5, 3, 4, 6, direction, lengths=[5, 2, 4], state=True, layout=layout)
        add_lstm(batch, generator, 4, 2, 3, 5, direction, peephole=True)
        add_lstm(batch, generator, 4, 2, 3, 5, direction, clip=0.3, peephole=True)
        add_lstm(batch, generator, 4, 2, 3, 5, direction, couple=True)
        add_lstm(batch, generator, 4, 2, 3, 5, direction, constants=())
        add_lstm(batch, generator, 4, 2, 3, 5, direction, activations=["Tanh", "Sigmoid", "Relu"], functions=(numpy.tanh, sigmoid, lambda x: numpy.maximum(x, 0)))
    batch.check(mode)
