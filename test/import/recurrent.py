"""nn.lstm, nn.gru and nn.rnn with numpy, one step after another in float64."""

import numpy as np

from attributes import segments, word


def activation(kind, alpha, beta):
    return [lambda x: 1 / (1 + np.exp(-x)), np.tanh, lambda x: np.maximum(x, 0), lambda x: alpha * x + beta,
            lambda x: np.where(x < 0, alpha * x, x), lambda x: np.where(x > alpha, x, 0), lambda x: alpha * np.tanh(beta * x),
            lambda x: np.clip(alpha * x + beta, 0, 1), lambda x: np.where(x < 0, alpha * np.expm1(x), x), lambda x: x / (1 + abs(x)),
            lambda x: np.log1p(np.exp(x))][kind]


def recurrence(attributes, projected, recurrent, states, lengths, gates, functions, step):
    """Runs a cell over a sequence in float64. `step(d, x, weights, states, functions)` gets one step's gates[gates, H], R^T, the states, and
    the activations; it returns the next states, the first of which is what the sequence collects."""
    directions, hidden = recurrent.shape[0], recurrent.shape[1]
    steps, batch = projected.shape[:2]
    dtype = projected.dtype
    projected = projected.astype(np.float64).reshape(steps, batch, directions, gates, hidden)
    sequence = np.zeros((steps, directions, batch, hidden))
    last = [state.astype(np.float64).copy() for state in states]
    for d in range(directions):
        kinds = [activation(attributes["activations"][functions * d + i], attributes["alpha"][functions * d + i],
                            attributes["beta"][functions * d + i]) for i in range(functions)]
        backward = word(attributes["direction"]) == "reverse" or d == 1
        for item in range(batch):
            count = int(lengths[0][item]) if lengths else steps
            current = [state[d, item] for state in last]
            for t in reversed(range(count)) if backward else range(count):
                current = step(d, projected[t, item, d], recurrent[d].astype(np.float64), current, kinds)
                sequence[t, d, item] = current[0]
            for state, value in zip(last, current):
                state[d, item] = value
    return tuple(array.astype(dtype) for array in (sequence, *last))


def bounding(attributes):
    """Calls a function with its argument clipped."""
    clip = float(attributes.get("clip", 0))
    return lambda function, x: function(np.clip(x, -clip, clip) if clip > 0 else x)


def lstm(attributes, operands, op):
    (projected,), (recurrent,), (h0,), (c0,), peephole, lengths = segments(attributes, operands)
    directions, hidden = recurrent.shape[:2]
    holes = (peephole[0].astype(np.float64) if peephole else np.zeros((directions, 3 * hidden))).reshape(directions, 3, hidden)
    bounded = bounding(attributes)

    def step(d, x, weights, states, functions):
        (h, c), p = states, holes[d]
        gates = x + (h @ weights).reshape(4, hidden)
        i = bounded(functions[0], gates[0] + p[0] * c)
        f = 1 - i if attributes.get("input_forget") else bounded(functions[0], gates[2] + p[2] * c)
        c = f * c + i * bounded(functions[1], gates[3])
        return bounded(functions[0], gates[1] + p[1] * c) * functions[2](c), c

    return recurrence(attributes, projected, recurrent, [h0, c0], lengths, 4, 3, step)


def gru(attributes, operands, op):
    (projected,), (recurrent,), (h0,), bias, lengths = segments(attributes, operands)
    hidden = recurrent.shape[1]
    bounded = bounding(attributes)

    def step(d, x, weights, states, functions):
        (h,), (update, reset, candidate) = states, np.split(weights, 3, 1)
        z, r = bounded(functions[0], x[0] + h @ update), bounded(functions[0], x[1] + h @ reset)
        if attributes.get("linear_before_reset"):
            n = x[2] + r * (h @ candidate + (bias[0][d].astype(np.float64) if bias else np.zeros(hidden)))
        else:
            n = x[2] + (r * h) @ candidate
        return [(1 - z) * bounded(functions[1], n) + z * h]

    return recurrence(attributes, projected, recurrent, [h0], lengths, 3, 2, step)


def rnn(attributes, operands, op):
    projected, recurrent, h0, *lengths = operands
    bounded = bounding(attributes)
    return recurrence(attributes, projected, recurrent, [h0], lengths, 1, 1,
                      lambda d, x, weights, states, functions: [bounded(functions[0], x[0] + states[0] @ weights)])
