"""Compiles a case in every mode, runs it in every world and compares with what the oracle expects."""

import dataclasses
import os
import re
import tempfile

import oracle
import tenon
from graph import Case
from harness import apart

# Options of the compiler: what users get, and the slow lowering of each op by itself.
MODES = {"default": {}, "reference": {"reference": True}}


@dataclasses.dataclass
class Problem:
    """Why a case fails: `kind` is refused, internal, crash, error, mismatch or threads."""

    mode: str
    kind: str
    message: str

    @property
    def signature(self) -> tuple[str, str, str]:
        """Equal for failures that have one cause, mostly: the text of a mismatch says nothing of it."""
        text = "" if self.kind in ("mismatch", "threads") else re.sub(r"'[^']*'|\d+", "#", self.message)[:160]
        return self.mode, self.kind, text

    def __str__(self) -> str:
        return f"{self.mode} {self.kind}: {self.message}"


def compile_problem(error: tenon.CompileError) -> tuple[str, str]:
    """A model that was refused, a pass that failed, or a compiler that died."""
    if not error.diagnostics:
        return "crash", str(error)
    return ("internal" if re.search(r"the pass '.*' failed|a pass crashed", str(error)) else "refused"), str(error)


def check(case: Case, modes=tuple(MODES), enter_stage=lambda stage: None) -> Problem | None:
    """The first problem in the modes' order. What the model itself kills, it kills in this process."""
    with tempfile.TemporaryDirectory(prefix="tenon-fuzz-") as folder:
        for mode in modes:
            enter_stage("compile")
            library = os.path.join(folder, f"{mode}.so")
            try:
                tenon.compile(case.model, library, **MODES[mode])
            except tenon.CompileError as error:
                return Problem(mode, *compile_problem(error))
            enter_stage("run")
            problem = _run(case, mode, library)
            if problem:
                return problem
    return None


def _run(case: Case, mode: str, library: str) -> Problem | None:
    model = tenon.load(library, threads=1)
    for world, feeds in enumerate(case.feeds):
        try:
            results = model.run(feeds)
        except tenon.TenonError as error:
            return Problem(mode, "error", f"world {world}: {error}")
        for name, value in case.expected.items():
            text = oracle.difference(results[name], value, world)
            if text:
                return Problem(mode, "mismatch", f"world {world}, output {name}: {text}")
    if mode == "default":
        again = tenon.load(library, threads=2).run(case.feeds[-1])
        for name, result in results.items():
            if result.tobytes() != again[name].tobytes():
                return Problem(mode, "threads", f"output {name} has other bits with two threads")
    return None


def arbiter(case: Case) -> str:
    """What ONNX Runtime says of the expected outputs, in a process of its own: some models kill it."""
    error, text = apart(lambda: _arbiter(case))
    return f"dies: {error}" if error else text


def _arbiter(case: Case) -> str:
    try:
        session = oracle.make_session(case.model)
        for world, feeds in enumerate(case.feeds):
            results = dict(zip(case.expected, session.run(list(case.expected), feeds)))
            for name, value in case.expected.items():
                text = oracle.difference(results[name], value, world)
                if text:
                    return f"disagrees with the evaluator: world {world}, output {name}: {text}"
    except Exception as error:  # It does not take every model.
        return f"cannot run it: {str(error)[:300]}"
    return "agrees with the evaluator"
