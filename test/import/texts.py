"""What text ops of nn mean: strings are numbers in a table, 0 the empty text, then the module's own, then those that come up."""

import re

import numpy as np


class Table:
    """The texts of one evaluation."""

    def __init__(self, constants=()):
        self.texts = ["", *constants]
        self.numbers = {text: number for number, text in enumerate(self.texts)}

    def number(self, text):
        if text not in self.numbers:
            self.numbers[text] = len(self.texts)
            self.texts.append(text)
        return self.numbers[text]

    def encode(self, array):
        return np.array([self.number(str(text)) for text in array.ravel()], np.int64).reshape(array.shape)

    def decode(self, array):
        return np.array([self.texts[number] for number in array.ravel()], object).reshape(array.shape)


table = Table()


def start(constants):
    global table
    table = Table(constants)


def each(function, dtype=None):
    """Applies a function of texts to each element; its results are texts unless a type is given."""

    def apply(attributes, operands, op):
        results = [function(attributes, *texts) for texts in zip(*(table.decode(operand).ravel() for operand in operands))]
        if dtype is None:
            return table.encode(np.array(results, object).reshape(operands[0].shape))
        return np.array(results, dtype).reshape(operands[0].shape)

    return apply


def case(attributes, text):
    assert "turkic" not in attributes
    return text.upper() if "upper" in attributes else text.lower()


def parts(attributes, operands):
    delimiter = table.decode(operands[1])[()] or None
    return [text.split(delimiter, attributes["most"]) for text in table.decode(operands[0]).ravel()]


def split_count(attributes, operands, op):
    return np.array([len(part) for part in parts(attributes, operands)], np.int64).reshape(operands[0].shape)


def split(attributes, operands, op):
    width = int(operands[2])
    filled = [(part + [""] * width)[:width] for part in parts(attributes, operands)]
    return table.encode(np.array(filled, object).reshape(*operands[0].shape, width))


def rank(attributes, operands, op):
    order = sorted(set(table.decode(operands[0]).ravel()))
    return np.array([order.index(text) for text in table.decode(operands[0]).ravel()], np.int64).reshape(operands[0].shape)


def parse(attributes, operands, op):
    dtype = op["types"][0].rpartition("x")[2].strip(">").rpartition("<")[2]
    kind = {"f32": np.float32, "f64": np.float64, "f16": np.float16}[dtype]
    return np.array([float(text) for text in table.decode(operands[0]).ravel()], kind).reshape(operands[0].shape)


def accepts(program, text):
    """Runs the automaton of runtime/text/Match.cpp: (kind, last, fold, low, high, conditions, next) by place."""
    data = text.encode()
    code = program[2:]

    def conditions(at):
        before, after = data[at - 1 : at] if at else b"", data[at : at + 1]
        inside = [bool(re.fullmatch(rb"[0-9A-Za-z_]", byte)) for byte in (before, after)]
        flags = (not before or before == b"\n", not after or after == b"\n", not before, not after, inside[0] != inside[1], inside[0] == inside[1])
        return sum(flag << bit for bit, flag in enumerate(flags))

    def reach(starts, at):
        found, stack = set(), list(starts)
        while stack:
            place = stack.pop()
            if place in found:
                continue
            found.add(place)
            word = int(code[place]) & (2**64 - 1)
            if not word >> 4 & 1:
                stack.append(place + 1)
            if word & 15 == 2 or (word & 15 == 3 and (word >> 24 & 255) & ~conditions(at) == 0):
                stack.append(word >> 32)
        return found

    places = reach([int(program[0])], 0)
    for at, byte in enumerate(data):
        following = []
        for place in places:
            word = int(code[place]) & (2**64 - 1)
            folded = byte + 32 if word >> 5 & 1 and 65 <= byte <= 90 else byte
            if word & 15 == 1 and (word >> 8 & 255) <= folded <= (word >> 16 & 255):
                following.append(word >> 32)
        places = reach(following, at + 1)
    return any(int(code[place]) & 15 == 4 for place in places)


def match(attributes, operands, op):
    return np.array([accepts(operands[1], text) for text in table.decode(operands[0]).ravel()], bool).reshape(operands[0].shape)


def written(attributes, operands, op):
    return table.encode(operands[0].astype(np.str_).astype(object))


OPS = {
    "nn.string_concat": each(lambda attributes, lhs, rhs: lhs + rhs), "nn.string_case": each(case), "nn.string_match": match,
    "nn.string_split_count": split_count, "nn.string_split": split, "nn.string_rank": rank, "nn.string_parse": parse,
    "nn.string_format": written,
}
