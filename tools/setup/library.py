"""What the libraries that are built from source once share: their prefix in the cache folder, unpacking, CMake, the command line.

A prefix is named by a hash of everything that shapes the result. It appears complete or not at all: an interrupted build leaves
only a temporary folder.
"""

import argparse
import contextlib
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator

import versions

FLAGS = [
    "-DCMAKE_BUILD_TYPE=Release",
    "-DCMAKE_CXX_STANDARD=20",
    "-DCMAKE_CXX_FLAGS_RELEASE=-O2 -DNDEBUG",
    "-DCMAKE_POSITION_INDEPENDENT_CODE=ON",
    "-DCMAKE_CXX_VISIBILITY_PRESET=hidden",
    "-DCMAKE_VISIBILITY_INLINES_HIDDEN=ON",
]


def configure_flags(own: list[str]) -> list[str]:
    return [*FLAGS, *own, f"-DCMAKE_CXX_COMPILER=clang++-{versions.read()['LLVM_VERSION']}"]


def prefix(name: str, version: str, *shaped_by: str) -> pathlib.Path:
    key = hashlib.sha256("\n".join([version, *shaped_by]).encode()).hexdigest()[:8]
    return versions.cache_folder() / f"{name}-{version}-{key}"


def run(command: list, **options) -> None:
    """Runs a command with its output shown; ends this program when it fails."""
    status = subprocess.run([str(part) for part in command], **options).returncode
    if status != 0:
        sys.exit(f"{sys.argv[0]}: `{' '.join(map(str, command))}` failed with status {status}")


@contextlib.contextmanager
def unpacked(archive: pathlib.Path, target: pathlib.Path) -> Iterator[tuple[pathlib.Path, pathlib.Path]]:
    """A working folder and the archive's only folder in it. What then lies in `prefix` of the working folder becomes `target`."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{target.name}-build-", dir=target.parent) as work:
        work = pathlib.Path(work)
        with tarfile.open(archive) as tar:
            tar.extractall(work, filter="data") if hasattr(tarfile, "data_filter") else tar.extractall(work)
        yield work, next(path for path in work.iterdir() if path.is_dir())
        if not target.exists():
            (work / "prefix").rename(target)


def cmake() -> pathlib.Path:
    return versions.cache_folder() / "venv/bin/cmake"


def compile_targets(work: pathlib.Path, source: pathlib.Path, flags: list[str], targets: list[str], jobs: int) -> None:
    """Configures `source` into work/build and builds the targets there."""
    if shutil.which("ccache"):
        flags = [*flags, "-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"]
    environment = {**os.environ, "CCACHE_BASEDIR": str(work), "CCACHE_NOHASHDIR": "1"}
    run([cmake(), "-G", "Ninja", "-S", source, "-B", work / "build", *flags], env=environment, stdout=subprocess.DEVNULL)
    run(["ninja", "-C", work / "build", "-j", jobs, *targets], env=environment)


def main(description: str, what: str, target: pathlib.Path, build: Callable[[pathlib.Path, int], None]) -> None:
    """The command line: --print-prefix, or the build where there is no prefix yet."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--print-prefix", action="store_true", help="print where the library is or would be, and do nothing")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    if arguments.print_prefix:
        print(target)
    elif not target.exists():
        print(f"building {what} into {target}", flush=True)
        build(target, arguments.jobs)
