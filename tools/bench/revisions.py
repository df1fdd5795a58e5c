"""Revisions of Tenon, built: a build folder, or a revision of git that is checked out and built in the cache.

Builds of git revisions stay in $TENON_CACHE/revisions/COMMIT (default ~/.cache/tenon), so that a base is built once.
"""

import dataclasses
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tools/setup"))

import versions  # noqa: E402


@dataclasses.dataclass(frozen=True)
class Revision:
    """A compiler, and the runtime library and headers that go with it."""

    name: str
    program: pathlib.Path
    runtime: pathlib.Path
    include: pathlib.Path

    def compile(self, model: pathlib.Path, library: pathlib.Path, flags: list[str]) -> None:
        done = subprocess.run([str(self.program), "compile", str(model), "-o", str(library), *flags], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError((done.stderr.strip().splitlines() or [f"ended with status {done.returncode}"])[-1])

    def build_host(self, library: pathlib.Path) -> None:
        """gate_host.c with this revision's runtime inside, whose names stay its own."""
        compiler = f"clang-{versions.read()['LLVM_VERSION']}"
        command = [compiler, "-std=gnu11", "-O2", "-shared", "-fPIC", "-Wall", "-Werror", f"-I{self.include}", str(ROOT / "tools/bench/gate_host.c"),
                   str(self.runtime), "-Wl,--exclude-libs,ALL", "-lm", "-lpthread", "-ldl", "-o", str(library)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"error: the runtime of {self.name} cannot be linked\n{done.stderr}")


def find(name: str) -> Revision:
    """A build folder if there is one of that name, else a git revision."""
    folder = pathlib.Path(name)
    return _of_build(name, folder) if folder.is_dir() else _of_commit(name)


def _of_build(name: str, build: pathlib.Path) -> Revision:
    cache = build / "CMakeCache.txt"
    source = re.search(r"^CMAKE_HOME_DIRECTORY:INTERNAL=(.*)$", cache.read_text(), re.MULTILINE) if cache.exists() else None
    if not source:
        raise SystemExit(f"error: {build} is no build folder: it has no CMakeCache.txt that names the sources")
    revision = Revision(name, build / "bin/tenon", build / "lib/libtenon_runtime.a", pathlib.Path(source[1], "runtime/include"))
    for path in (revision.program, revision.runtime, revision.include):
        if not path.exists():
            raise SystemExit(f"error: {path} is missing; build the targets tenon and tenon_runtime")
    return revision


def _of_commit(name: str) -> Revision:
    found = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}"], capture_output=True, text=True)
    if found.returncode != 0:
        raise SystemExit(f"error: {name} is neither a build folder nor a revision of git")
    commit = found.stdout.strip()
    folder = versions.cache_folder() / "revisions" / commit
    source, build = folder / "source", folder / "build"
    if not (source / ".git").exists():
        folder.mkdir(parents=True, exist_ok=True)
        _run("git", "-C", ROOT, "worktree", "prune")
        _run("git", "-C", ROOT, "worktree", "add", "--detach", source, commit)
    # Whole, also when it was interrupted before.
    _run("git", "-C", source, "checkout", "--quiet", "--force", "--detach", commit)
    python = versions.cache_folder() / "venv/bin"
    _run(python / "cmake", "-G", "Ninja", "-S", source, "-B", build, "-DCMAKE_BUILD_TYPE=Release", f"-DTENON_PYTHON={python / 'python'}")
    _run("ninja", "-C", build, "-j", os.environ.get("TENON_JOBS") or str(os.cpu_count()), "tenon", "tenon_runtime")
    return _of_build(f"{name} ({commit[:12]})", build)


def _run(*command) -> None:
    """Its output is shown on stderr: a build takes minutes."""
    done = subprocess.run([str(part) for part in command], stdout=sys.stderr)
    if done.returncode != 0:
        raise SystemExit(f"error: {' '.join(map(str, command))} ended with status {done.returncode}")
