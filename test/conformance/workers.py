"""Runs test cases in forked processes, so that a case that crashes or hangs is one failed test and nothing more.

Each worker is a fork of this process, which has the cases in memory already, and takes one case after another. It says
which stage it is in before it enters it; when it dies, a new one is forked. A case that takes too long is killed together
with the compiler it may have started.
"""

import dataclasses
import multiprocessing
import multiprocessing.connection
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator

LIMIT_SECONDS = 120
MEMORY_BYTES = 8 << 30
STAGES = ("compile", "load", "run", "compare")


@dataclasses.dataclass
class Result:
    """What became of a case. `stage` is where it failed, `kind` how: a refused model, a crash, a wrong result, ..."""

    name: str
    passed: bool
    stage: str = ""
    kind: str = ""
    message: str = ""
    seconds: float = 0.0


class Failure(Exception):
    """Raised by a case's function with the kind of failure: diagnostic, internal, crash, error, mismatch."""

    def __init__(self, kind: str, message: str):
        super().__init__(message)
        self.kind = kind


class _Worker:
    def __init__(self, run: Callable, number: int):
        context = multiprocessing.get_context("fork")
        self.connection, child = context.Pipe()
        self.log = tempfile.TemporaryFile("w+b")
        self.process = context.Process(target=_serve, args=(run, child, self.log.fileno()), name=f"worker-{number}")
        self.process.start()
        child.close()
        self.case = None
        self.stage = STAGES[0]
        self.started = 0.0

    def give(self, index: int) -> None:
        self.case, self.stage, self.started = index, STAGES[0], time.monotonic()
        self.log.seek(0)
        self.log.truncate()
        self.connection.send(index)

    def seconds(self) -> float:
        return time.monotonic() - self.started

    def kill(self) -> None:
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.join()

    def last_words(self) -> str:
        self.log.seek(0)
        return self.log.read()[-2000:].decode("utf-8", "replace").strip()


def run_cases(names: list[str], run: Callable[[int, Callable[[str], None]], None], jobs: int) -> Iterator[Result]:
    """Calls run(index, enter_stage) for every case; yields results as they come, in no particular order.

    `run` raises Failure, or anything else, where a case fails.
    """
    waiting = list(reversed(range(len(names))))
    workers = [_Worker(run, number) for number in range(min(jobs, len(names)))]
    try:
        for worker in workers:
            worker.give(waiting.pop())
        while busy := [worker for worker in workers if worker.case is not None]:
            ready = multiprocessing.connection.wait([worker.connection for worker in busy], timeout=1)
            for worker in busy:
                if worker.connection in ready or worker.seconds() > LIMIT_SECONDS:
                    result = _advance(worker, names)
                    if result is None:
                        continue
                    yield result
                    if not worker.process.is_alive() and waiting:
                        worker = _replace(workers, worker, run)
                    worker.case = None
                    if waiting:
                        worker.give(waiting.pop())
    finally:
        for worker in workers:
            worker.kill()


def _replace(workers: list[_Worker], dead: _Worker, run: Callable) -> _Worker:
    place = workers.index(dead)
    workers[place] = _Worker(run, place)
    return workers[place]


def _advance(worker: _Worker, names: list[str]) -> Result | None:
    """Takes one message of a worker, or its end. None while the case goes on."""
    name, seconds = names[worker.case], worker.seconds()
    if not worker.connection.poll():
        worker.kill()
        return Result(name, False, worker.stage, "hang", f"took more than {LIMIT_SECONDS} s", seconds)
    try:
        message = worker.connection.recv()
    except (EOFError, ConnectionResetError):
        worker.process.join(timeout=10)
        status = worker.process.exitcode
        worker.kill()
        return Result(name, False, worker.stage, "crash", f"{_status_text(status)} {worker.last_words()}".strip(), seconds)
    if isinstance(message, str):
        worker.stage = message
        return None
    passed, kind, text = message
    return Result(name, passed, "" if passed else worker.stage, kind, text, seconds)


def _status_text(status: int | None) -> str:
    if status is not None and status < 0:
        return f"ended by {signal.Signals(-status).name}"
    return f"ended with status {status}"


def _serve(run: Callable, connection: multiprocessing.connection.Connection, log: int) -> None:
    """The worker's life: in a process group of its own, with its output kept for the case that kills it."""
    os.setsid()
    os.dup2(log, sys.stdout.fileno())
    os.dup2(log, sys.stderr.fileno())
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while True:
        try:
            index = connection.recv()
        except EOFError:
            return
        try:
            run(index, connection.send)
            answer = (True, "", "")
        except Failure as failure:
            answer = (False, failure.kind, str(failure))
        except Exception as error:  # Whatever a case raises is its result.
            answer = (False, "error", f"{type(error).__name__}: {error}\n{traceback.format_exc(limit=-3)}")
        connection.send(answer)
