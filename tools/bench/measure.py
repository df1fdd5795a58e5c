"""What the benchmarks share: the processor's name, pinning, timing of engines in turns, tables.

Engines take turns in short blocks, so that both see the same machine: a change of clock or a busy neighbour hits both. A
pause goes before each block, since the threads of the engine before may still spin, and the first runs of a block do not
count.
"""

import dataclasses
import os
import pathlib
import statistics
import time
from collections.abc import Callable

PAUSE_SECONDS = 0.03
ROUNDS = 8


@dataclasses.dataclass
class Timing:
    """Run times of an engine in seconds, by block, and how much processor time passed meanwhile."""

    blocks: list[list[float]] = dataclasses.field(default_factory=list)
    processor_seconds: float = 0.0
    wall_seconds: float = 0.0

    @property
    def median(self) -> float:
        return statistics.median(self._all())

    @property
    def spread(self) -> float:
        """Half the distance between the 10th and the 90th percentile, as a part of the median."""
        times = sorted(self._all())
        return (times[int(0.9 * (len(times) - 1))] - times[int(0.1 * (len(times) - 1))]) / 2 / self.median

    @property
    def processors(self) -> float:
        """Processor time over wall time: the number of processors that were kept busy."""
        return self.processor_seconds / self.wall_seconds

    def as_json(self) -> dict:
        return {"median_ms": 1e3 * self.median, "min_ms": 1e3 * min(self._all()), "spread": self.spread,
                "runs": len(self._all()), "processors": self.processors}

    def _all(self) -> list[float]:
        return [seconds for block in self.blocks for seconds in block]


def time_in_turns(engines: dict[str, Callable[[], object]], seconds: float) -> dict[str, Timing]:
    """Measures each engine for about `seconds`, in turns."""
    timings = {name: Timing() for name in engines}
    for run in engines.values():
        run()
    for round in range(ROUNDS):
        # The order alternates: nobody always runs behind the same other.
        for name in list(engines) if round % 2 == 0 else reversed(list(engines)):
            time.sleep(PAUSE_SECONDS)
            _time_block(engines[name], timings[name], seconds / ROUNDS)
    return timings


def _time_block(run: Callable[[], object], timing: Timing, seconds: float) -> None:
    now = time.perf_counter
    warm_end = now() + seconds / 10
    run()
    while now() < warm_end:
        run()
    times, processor_start, start = [], time.process_time(), now()
    end = start + seconds
    while True:
        before = now()
        run()
        after = now()
        times.append(after - before)
        # Three runs at least, also of slow models.
        if after >= end and len(times) >= 3:
            break
    timing.blocks.append(times)
    timing.processor_seconds += time.process_time() - processor_start
    timing.wall_seconds += now() - start


def pin(threads: int) -> list[int]:
    """Keeps this process, and the threads it will start, on as many processors as `threads`."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < threads:
        raise SystemExit(f"error: {threads} threads need as many processors, but this process may use {len(allowed)}")
    os.sched_setaffinity(0, allowed[-threads:])
    return allowed[-threads:]


def processor_name() -> str:
    names = {line.split(":", 1)[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
             if line.startswith(("model name", "CPU part"))}
    return f"{', '.join(sorted(names)) or os.uname().machine}, {os.cpu_count()} processors"


def warn_if_busy() -> None:
    load = os.getloadavg()[0]
    if load > 0.5:
        print(f"warning: other programs are running (load {load:.1f}); expect wrong times", flush=True)


def print_table(headings: list[str], rows: list[list[str]]) -> None:
    """The first column to the left, the others to the right."""
    widths = [max(len(row[column]) for row in [headings, *rows]) for column in range(len(headings))]
    for row in [headings, *rows]:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))]
        print("  ".join(cells).rstrip())
