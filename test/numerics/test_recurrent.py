"""LSTM, GRU and RNN: directions, layouts, lengths of sequences, initial state, clipping, activations, types, and what each has alone
(peepholes and coupled gates; linear_before_reset)."""

import dataclasses
from collections.abc import Callable

import numpy
import pytest

from arrays import BF16, label, rng, uniform
from harness import Batch, epsilon

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def sigmoid(x):
    return 1 / (1 + numpy.exp(-x))


# name -> function of (x, alpha, beta), whether it takes alpha and beta
ACTIVATIONS = {
    "Sigmoid": (lambda x, a, b: sigmoid(x), 0),
    "Tanh": (lambda x, a, b: numpy.tanh(x), 0),
    "Relu": (lambda x, a, b: numpy.maximum(x, 0), 0),
    "Softsign": (lambda x, a, b: x / (1 + numpy.abs(x)), 0),
    "Softplus": (lambda x, a, b: numpy.log1p(numpy.exp(x)), 0),
    "LeakyRelu": (lambda x, a, b: numpy.where(x < 0, a * x, x), 1),
    "ThresholdedRelu": (lambda x, a, b: numpy.where(x >= a, x, 0), 1),
    "Elu": (lambda x, a, b: numpy.where(x < 0, a * numpy.expm1(x), x), 1),
    "Affine": (lambda x, a, b: a * x + b, 2),
    "ScaledTanh": (lambda x, a, b: a * numpy.tanh(b * x), 2),
    "HardSigmoid": (lambda x, a, b: numpy.clip(a * x + b, 0, 1), 2),
}


@dataclasses.dataclass(frozen=True)
class Step:
    """One step of a cell in float64: from the inputs' part of the gates x[gates, H] without biases, the states, R[gates, H, H], Wb and
    Rb[gates, H], peepholes[3, H], the bounded activations f, g, and h without bounds, and the operator's own attributes."""

    op: str
    gates: int
    functions: tuple[str, ...]
    states: int
    run: Callable


def lstm_step(x, states, r, wb, rb, holes, f, g, h, attributes):
    hidden, cell = states
    gates = x + numpy.einsum("gij,j->gi", r, hidden) + wb + rb
    i = f(gates[0] + holes[0] * cell)
    forget = 1 - i if attributes.get("input_forget") else f(gates[2] + holes[2] * cell)
    cell = forget * cell + i * g(gates[3])
    return f(gates[1] + holes[1] * cell) * h(cell), cell


def gru_step(x, states, r, wb, rb, holes, f, g, h, attributes):
    (hidden,) = states
    z = f(x[0] + r[0] @ hidden + wb[0] + rb[0])
    reset = f(x[1] + r[1] @ hidden + wb[1] + rb[1])
    if attributes.get("linear_before_reset"):
        candidate = g(x[2] + reset * (r[2] @ hidden + rb[2]) + wb[2])
    else:
        candidate = g(x[2] + r[2] @ (reset * hidden) + rb[2] + wb[2])
    return ((1 - z) * candidate + z * hidden,)


def rnn_step(x, states, r, wb, rb, holes, f, g, h, attributes):
    return (f(x[0] + r[0] @ states[0] + wb[0] + rb[0]),)


LSTM = Step("LSTM", 4, ("Sigmoid", "Tanh", "Tanh"), 2, lstm_step)
GRU = Step("GRU", 3, ("Sigmoid", "Tanh"), 1, gru_step)
RNN = Step("RNN", 1, ("Tanh",), 1, rnn_step)
STEPS = (LSTM, GRU, RNN)


def run_direction(cell, x, weights, recurrent, bias, lengths, states, peepholes, reverse, functions, attributes):
    """x[steps, batch, inputs] -> the outputs of all steps, then the last states[batch, H]."""
    steps, batch, _ = x.shape
    size = recurrent.shape[1]
    outputs, last = numpy.zeros((steps, batch, size)), [state.copy() for state in states]
    wb, rb = bias.reshape(2, cell.gates, size)
    for row in range(batch):
        count = steps if lengths is None else lengths[row]
        current = [state[row] for state in last]
        for step in range(count):
            at = count - 1 - step if reverse else step
            current = cell.run((weights @ x[at, row]).reshape(cell.gates, size), current, recurrent.reshape(cell.gates, size, size),
                               wb, rb, peepholes.reshape(3, size), *functions, attributes)
            outputs[at, row] = current[0]
        for state, value in zip(last, current):
            state[row] = value
    return outputs, *last


def functions_of(names, alphas, betas, clip):
    """f, g and h; f and g with bounded arguments. Takes from `alphas` and `betas` what the names need."""
    def bounded(function, alpha, beta):
        return lambda x: function(x if clip is None else numpy.clip(x, -clip, clip), alpha, beta)

    result = []
    for name in names:
        function, parameters = ACTIVATIONS[name]
        result.append((function, alphas.pop(0) if parameters > 0 else 0, betas.pop(0) if parameters > 1 else 0))
    f, g, h = result + [result[0]] * (3 - len(result))
    return bounded(*f), bounded(*g), lambda x: h[0](x, h[1], h[2])


def add(batch, generator, cell, steps, rows, inputs, size, direction="forward", lengths=None, state=False, peephole=False, bias=True, layout=None,
        constants=(1, 2, 3, 7), activations=None, alphas=(), betas=(), clip=None, dtype="float32", outputs=(True, True, True), **attributes):
    """One node; `activations` holds the names for all directions, `outputs` which of the outputs are wanted."""
    directions = 2 if direction == "bidirectional" else 1
    x = uniform(generator, (steps, rows, inputs), dtype=dtype)
    weights, recurrent = (uniform(generator, (directions, cell.gates * size, width), -0.5, 0.5, dtype) for width in (inputs, size))
    biases = uniform(generator, (directions, 2 * cell.gates * size), -0.5, 0.5, dtype) if bias else None
    states = [uniform(generator, (directions, rows, size), dtype=dtype) if state else None for _ in range(cell.states)]
    holes = uniform(generator, (directions, 3 * size), -0.5, 0.5, dtype) if peephole else None
    names, alpha, beta = activations or list(cell.functions) * directions, list(alphas), list(betas)
    results = []
    for d in range(directions):
        def part(array, shape):
            return numpy.zeros(shape) if array is None else array[d].astype(float)

        functions = functions_of(names[d * len(cell.functions) : (d + 1) * len(cell.functions)], alpha, beta, clip)
        results.append(run_direction(
            cell, x.astype(float), part(weights, ()), part(recurrent, ()), part(biases, 2 * cell.gates * size), lengths,
            [part(value, (rows, size)) for value in states], part(holes, 3 * size), direction == "reverse" or d == 1, functions, attributes))
    expected = [numpy.stack([result[0] for result in results], 1)]
    expected += [numpy.stack([result[place] for result in results]) for place in range(1, 1 + cell.states)]
    if layout:
        x, expected[0] = x.transpose(1, 0, 2), expected[0].transpose(2, 0, 1, 3)
        expected[1:] = [value.transpose(1, 0, 2) for value in expected[1:]]
        states = [None if value is None else value.transpose(1, 0, 2) for value in states]
    arrays = [x, weights, recurrent, biases, None if lengths is None else numpy.array(lengths, numpy.int32), *states]
    if peephole:
        arrays.append(holes)
    while arrays[-1] is None:
        arrays.pop()
    given = {"hidden_size": size, "direction": direction, "layout": layout, "clip": clip, "activations": activations,
             "activation_alpha": list(alphas) or None, "activation_beta": list(betas) or None}
    attributes.update({key: value for key, value in given.items() if value is not None})
    # Each step multiplies earlier errors by less than one here; a sum of inputs + size products rounds in each.
    bound = 4 * steps * (inputs + size + 8) * epsilon(dtype)
    batch.add(label(cell.op, steps, rows, inputs, size, numpy.dtype(dtype).name, lengths, attributes), cell.op, arrays,
              [value.astype(dtype) if wanted else None for value, wanted in zip(expected, outputs)], bound,
              constants=tuple(place for place in constants if place < len(arrays) and arrays[place] is not None), known=(1, 2, 3, 7), **attributes)


VARIANTS = [(LSTM, {}), (GRU, {"linear_before_reset": 0}), (GRU, {"linear_before_reset": 1}), (RNN, {})]
SIZES = ((1, 1, 1, 1), (1, 1, 257, 128), (5, 1, 3, 4), (7, 3, 5, 16), (4, 2, 17, 33), (3, 5, 8, 7), (20, 1, 4, 8), (2, 1, 6, 100))


@pytest.fixture(params=VARIANTS, ids=lambda variant: " ".join([variant[0].op, *map(str, variant[1].values())]))
def variant(request):
    return request.param


def test_sizes(mode, variant):
    batch, generator = Batch(), rng()
    cell, own = variant
    for size in SIZES:
        add(batch, generator, cell, *size, **own)
        add(batch, generator, cell, *size, state=True, **own)
    batch.check(mode)


def test_attributes(mode, variant):
    batch, generator = Batch(), rng()
    cell, own = variant
    for direction in ("forward", "reverse", "bidirectional"):
        for layout in (0, 1):
            add(batch, generator, cell, 5, 3, 4, 6, direction, state=True, layout=layout, **own)
            add(batch, generator, cell, 5, 3, 4, 6, direction, lengths=[5, 2, 4], state=True, layout=layout, **own)
        add(batch, generator, cell, 4, 3, 4, 9, direction, lengths=[0, 4, 1], **own)
        add(batch, generator, cell, 4, 2, 3, 5, direction, clip=0.3, **own)
        add(batch, generator, cell, 4, 2, 3, 5, direction, bias=False, **own)
        add(batch, generator, cell, 4, 2, 3, 5, direction, constants=(), **own)
        add(batch, generator, cell, 4, 2, 3, 5, direction, outputs=(True, False, False), **own)
        add(batch, generator, cell, 4, 2, 3, 5, direction, lengths=[4, 2], outputs=(False, True, False), **own)
    batch.check(mode)


def test_lstm_attributes(mode):
    batch, generator = Batch(), rng()
    for direction in ("forward", "reverse", "bidirectional"):
        add(batch, generator, LSTM, 4, 2, 3, 5, direction, peephole=True)
        add(batch, generator, LSTM, 4, 2, 3, 5, direction, clip=0.3, peephole=True)
        add(batch, generator, LSTM, 4, 2, 3, 5, direction, input_forget=1)
    batch.check(mode)


def test_activations(mode, variant):
    """Every activation in every place; the other places and the other direction have others, so that parameters are counted right."""
    batch, generator = Batch(), rng()
    cell, own = variant
    count = len(cell.functions)
    for name in ACTIVATIONS:
        for place in range(2 * count):
            names = list(cell.functions) * 2
            names[place] = name
            parameters = [0.4, 0.3][: ACTIVATIONS[name][1]]
            add(batch, generator, cell, 3, 2, 3, 5, "bidirectional", activations=names, alphas=parameters[:1], betas=parameters[1:], **own)
    names = [["Affine", "LeakyRelu", "HardSigmoid", "ScaledTanh", "Elu", "Affine"][place] for place in range(2 * count)]
    taken = [ACTIVATIONS[name][1] for name in names]
    add(batch, generator, cell, 3, 2, 3, 5, "bidirectional", activations=names, clip=0.7, **own,
        alphas=[0.2 + 0.1 * place for place in range(sum(number > 0 for number in taken))],
        betas=[0.5 - 0.1 * place for place in range(sum(number > 1 for number in taken))])
    batch.check(mode)


def test_activations_of_huge_arguments(mode):
    """No overflow on the way: weights are zero, so that the biases are the arguments."""
    batch = Batch()
    arguments = numpy.array([-1000, -100, -20, 0, 20, 100, 1000], numpy.float32)
    size = len(arguments)
    bias = numpy.concatenate([arguments, numpy.zeros(size, numpy.float32)])[None]
    zeros = [numpy.zeros(shape, numpy.float32) for shape in ((1, 1, 1), (1, size, 1), (1, size, size))]
    for name in ("Sigmoid", "Tanh", "Relu", "Softsign", "Softplus"):
        x = arguments.astype(float)
        exact = numpy.logaddexp(x, 0) if name == "Softplus" else ACTIVATIONS[name][0](x, 0, 0)
        batch.add(name, "RNN", [*zeros, bias], exact.astype(numpy.float32).reshape(1, 1, 1, size), 4 * epsilon("float32") * numpy.maximum(exact, 1),
                  constants=(1, 2, 3), known=(1, 2, 3), hidden_size=size, activations=[name])
    batch.check(mode)


def test_types(mode, variant):
    cell, own = variant
    batch, generator = Batch(opset=22), rng()
    for dtype in ("float64", "float16", BF16):
        add(batch, generator, cell, 3, 2, 5, 19, "bidirectional", lengths=[3, 2], state=True, dtype=dtype, **own)
        add(batch, generator, cell, 2, 1, 4, 16, dtype=dtype, clip=0.5, **own)
    batch.check(mode)


def test_groups_of_batch_items(mode, variant):
    """A few items share each weight that is read: full groups, and every number that can be left over."""
    cell, own = variant
    batch, generator = Batch(), rng()
    for rows in range(1, 10):
        lengths = [(3 * row) % 4 for row in range(rows)]
        add(batch, generator, cell, 3, rows, 3, 37, "bidirectional", lengths=lengths, state=True, **own)
    batch.check(mode)


def test_shared_steps(mode, variant):
    """So many units that threads share a step; the number is no multiple of any vector, and each direction has its own functions."""
    cell, own = variant
    batch, generator = Batch(), rng()
    size = 580 if cell is RNN else 331
    for direction in ("forward", "reverse", "bidirectional"):
        add(batch, generator, cell, 3, 5, 2, size, direction, lengths=[3, 0, 2, 3, 1], state=True, **own)
    names = [*cell.functions, *("Softsign" for _ in cell.functions)]
    add(batch, generator, cell, 3, 1, 2, size, "bidirectional", activations=names, **own)
    batch.check(mode)
