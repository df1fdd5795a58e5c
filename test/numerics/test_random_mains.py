"""Random models of launches, views, branches and loops give what Python gives for the same program: memory that is given up too early,
shared by mistake or copied in the wrong order shows as a wrong number.

A program is written twice while it is made: as text of main, and as a list of steps that run on numpy arrays.
"""

import dataclasses
import random
from typing import Callable

import numpy as np
import pytest

import scheduled

FIXED, INPUT, DATA = "fixed", "input", "data"  # what a vector's length follows from
HEAD = """
  func.func @main(%s: tensor<16xf32> {nn.name = "s"}, %d: tensor<?xf32> {nn.name = "d", nn.dims = ["n"]}, %p: tensor<i1> {nn.name = "p"},
      %q: tensor<i1> {nn.name = "q"}, %t: tensor<i64> {nn.name = "t"}) -> (RESULTS) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c4 = arith.constant 4 : index
    %c16 = arith.constant 16 : index
    %half = arith.constant 0.5 : f32
    %zero = arith.constant 0.0 : f32
    %n = tensor.dim %d, %c0 : tensor<?xf32>
    %p0 = tensor.extract %p[] : tensor<i1>
    %q0 = tensor.extract %q[] : tensor<i1>
    %t64 = tensor.extract %t[] : tensor<i64>
    %trips = arith.index_cast %t64 : i64 to index
"""
MAX_DEPTH = 3


@dataclasses.dataclass(frozen=True)
class Vector:
    name: str
    length: str  # FIXED, INPUT or DATA
    extent: str  # the value that holds it

    @property
    def type(self) -> str:
        return "tensor<16xf32>" if self.length == FIXED else "tensor<?xf32>"


@dataclasses.dataclass
class Step:
    results: list[Vector]
    compute: Callable[[dict], list[np.ndarray]]  # from an environment of names to arrays

    def run(self, environment: dict):
        environment.update(zip((result.name for result in self.results), self.compute(environment)))


def run_all(steps: list[Step], environment: dict) -> dict:
    for step in steps:
        step.run(environment)
    return environment


def names(vectors) -> str:
    return ", ".join(vector.name for vector in vectors)


class Program:
    def __init__(self, seed: int):
        self.random = random.Random(seed)
        self.count = 0
        self.lines = []
        scope = [Vector("%s", FIXED, "%c16"), Vector("%d", INPUT, "%n")]
        self.steps = self.block(scope, self.random.randint(6, 16), 0)
        self.outputs = [self.random.choice(scope[-6:] + scope) for _ in range(self.random.randint(3, 8))]

    def text(self) -> str:
        results = ", ".join(f'{output.type} {{nn.name = "o{i}"}}' for i, output in enumerate(self.outputs))
        types = ", ".join(output.type for output in self.outputs)
        return HEAD.replace("RESULTS", results) + "\n".join(self.lines) + f"\nreturn {names(self.outputs)} : {types}\n}}"

    def fresh(self) -> str:
        self.count += 1
        return f"%v{self.count}"

    def emit(self, line: str):
        self.lines.append(line)

    def block(self, scope: list[Vector], count: int, depth: int) -> list[Step]:
        """Emits steps; their results join `scope`."""
        steps = []
        for _ in range(count):
            make = self.random.choice([self.increment, self.increment, self.add, self.add, self.view, self.keep, self.branch, self.loop])
            step = make(scope, depth)
            if step:
                steps.append(step)
                scope.extend(step.results)
        return steps

    def launch(self, kernel: str, inputs: list[Vector], scalar: str = "") -> Vector:
        """A kernel whose result is as long as its inputs."""
        like, result = inputs[0], self.fresh()
        scalars = f"{like.extent}, {scalar} : index, f32" if scalar else f"{like.extent} : index"
        extents = "" if like.length == FIXED else f" extents({like.extent})"
        types = ", ".join(vector.type for vector in inputs)
        self.emit(f"{result} = nn.launch @{kernel}({names(inputs)}) scalars({scalars}){extents} : ({types}) -> {like.type}")
        return Vector(result, like.length, like.extent)

    def increment(self, scope, depth) -> Step:
        x = self.random.choice(scope)
        result = self.launch(self.random.choice(["inc", "inc_over"]), [x], "%half")
        return Step([result], lambda env: [env[x.name] + np.float32(0.5)])

    def add(self, scope, depth) -> Step:
        x = self.random.choice(scope)
        # Only lengths that follow from data differ at random.
        y = x if x.length == DATA else self.random.choice([other for other in scope if other.length == x.length])
        result = self.launch(self.random.choice(["add", "add_over"]), [x, y])
        return Step([result], lambda env: [env[x.name] + env[y.name]])

    def view(self, scope, depth) -> Step:
        x = self.random.choice([vector for vector in scope if vector.length == FIXED])
        square, back = self.fresh(), self.fresh()
        self.emit(f"{square} = nn.reshape {x.name}[%c4, %c4] : tensor<16xf32> -> tensor<4x4xf32>")
        self.emit(f"{back} = nn.reshape {square}[%c16] : tensor<4x4xf32> -> tensor<16xf32>")
        return Step([Vector(back, FIXED, "%c16")], lambda env: [env[x.name]])

    def keep(self, scope, depth) -> Step:
        x = self.random.choice(scope)
        count, count64, extent, result = (self.fresh() for _ in range(4))
        scalars = f"scalars({x.extent}, %zero : index, f32)"
        self.emit(f"{count} = nn.launch @count({x.name}) {scalars} : ({x.type}) -> tensor<i64>")
        self.emit(f"{count64} = tensor.extract {count}[] : tensor<i64>")
        self.emit(f"{extent} = arith.index_cast {count64} : i64 to index")
        self.emit(f"{result} = nn.launch @keep({x.name}) {scalars} extents({extent}) : ({x.type}) -> tensor<?xf32>")
        return Step([Vector(result, DATA, extent)], lambda env: [env[x.name][env[x.name] > 0]])

    def leaving(self, base: str, lengths: list[str]) -> list[Vector]:
        """The results of an op with regions."""
        return [self.with_extent(f"{base}#{i}", length) for i, length in enumerate(lengths)]

    def with_extent(self, name: str, length: str) -> Vector:
        if length == FIXED:
            return Vector(name, length, "%c16")
        extent = self.fresh()
        self.emit(f"{extent} = tensor.dim {name}, %c0 : tensor<?xf32>")
        return Vector(name, length, extent)

    def choose(self, scope, lengths) -> list[Vector]:
        """One vector of each length, more often a late one."""
        return [self.random.choice([vector for vector in scope[-3:] + scope if vector.length == length]) for length in lengths]

    def branch(self, scope, depth) -> Step | None:
        if depth == MAX_DEPTH:
            return None
        condition = self.random.choice(["%p0", "%q0"])
        lengths = [self.random.choice(scope).length for _ in range(self.random.randint(1, 3))]
        types = ", ".join("tensor<16xf32>" if length == FIXED else "tensor<?xf32>" for length in lengths)
        base = self.fresh()
        self.emit(f"{base}:{len(lengths)} = scf.if {condition} -> ({types}) {{")
        branches = []
        for end in ("} else {", "}"):
            inner = list(scope)
            steps = self.block(inner, self.random.randint(0, 4), depth + 1)
            yielded = self.choose(inner, lengths)
            self.emit(f"scf.yield {names(yielded)} : {types}\n{end}")
            branches.append((steps, yielded))

        def compute(env):
            steps, yielded = branches[0 if env[condition] else 1]
            inner = run_all(steps, dict(env))
            return [inner[vector.name] for vector in yielded]

        return Step(self.leaving(base, lengths), compute)

    def loop(self, scope, depth) -> Step | None:
        if depth == MAX_DEPTH:
            return None
        candidates = [vector for vector in scope if vector.length != DATA]
        inits = self.random.sample(candidates, min(len(candidates), self.random.randint(2, 4)))
        lengths = [vector.length for vector in inits]
        types = ", ".join([vector.type for vector in inits] + ["index"])
        base, number, go = self.fresh(), self.fresh(), self.fresh()
        arguments = [self.fresh() for _ in inits]
        starts = ", ".join(f"{name} = {vector.name}" for name, vector in zip(arguments, inits))
        self.emit(f"{base}:{len(inits) + 1} = scf.while ({starts}, {number} = %c0) : ({types}) -> ({types}) {{")
        self.emit(f"{go} = arith.cmpi ult, {number}, %trips : index")
        carried = [self.with_extent(name, length) for name, length in zip(arguments, lengths)]
        before = scope + carried
        first = self.block(before, self.random.randint(0, 2), depth + 1)
        forwarded = self.random.choice([carried, self.choose(before[len(scope):], lengths)])
        self.emit(f"scf.condition({go}) {names(forwarded)}, {number} : {types}\n}} do {{")
        arguments, again, following = [self.fresh() for _ in inits], self.fresh(), self.fresh()
        self.emit("^bb0(" + ", ".join(f"{name}: {vector.type}" for name, vector in zip(arguments, inits)) + f", {again}: index):")
        entered = [self.with_extent(name, length) for name, length in zip(arguments, lengths)]
        after = scope + entered
        second = self.block(after, self.random.randint(1, 5), depth + 1)
        # Often what was carried in changes its place.
        yielded = self.choose(after[len(scope):] + self.random.choice([[], entered + entered]), lengths)
        self.emit(f"{following} = arith.addi {again}, %c1 : index")
        self.emit(f"scf.yield {names(yielded)}, {following} : {types}\n}}")

        def compute(env):
            values, trips = [env[vector.name] for vector in inits], 0
            while True:
                inner = run_all(first, env | dict(zip((vector.name for vector in carried), values)))
                values = [inner[vector.name] for vector in forwarded]
                if trips == env["%trips"]:
                    return values
                inner = run_all(second, env | dict(zip((vector.name for vector in entered), values)))
                values, trips = [inner[vector.name] for vector in yielded], trips + 1

        return Step(self.leaving(base, lengths), compute)


@pytest.mark.parametrize("seed", range(40))
def test_random_program(build, tmp_path, seed):
    program = Program(seed)
    model = scheduled.build_model(build / "bin", tmp_path, program.text())
    numbers = np.random.default_rng(seed)
    for n in (0, 1, 7, 33):
        for p, q, trips in ((True, False, 3), (False, True, 0), (False, False, 1), (True, True, 2)):
            s, d = numbers.standard_normal(16).astype(np.float32), numbers.standard_normal(n).astype(np.float32)
            expected = run_all(program.steps, {"%s": s, "%d": d, "%p0": p, "%q0": q, "%trips": trips})
            results = model.run({"s": s, "d": d, "p": np.array(p), "q": np.array(q), "t": np.array(trips)})
            for i, output in enumerate(program.outputs):
                np.testing.assert_array_equal(results[f"o{i}"], expected[output.name])
