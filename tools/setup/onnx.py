#!/usr/bin/env python3
"""Builds ONNX's C++ library from the source package of PyPI into the cache folder.

Expects clang, ninja, protobuf (distribution packages) and the private Python environment with cmake and
scikit_build_core, as tools/bootstrap installs them. Guarantees a complete prefix (lib/libonnx.a, headers, CMake
package) under `<cache>/onnx-<version>-<key>`, where the key is a hash of everything that shapes the result; an
interrupted build leaves no prefix behind.
"""

import argparse
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile

import versions

FLAGS = [
    "-DCMAKE_BUILD_TYPE=Release",
    "-DCMAKE_CXX_STANDARD=20",
    "-DCMAKE_CXX_FLAGS_RELEASE=-O2 -DNDEBUG",
    "-DCMAKE_POSITION_INDEPENDENT_CODE=ON",
    "-DCMAKE_CXX_VISIBILITY_PRESET=hidden",
    "-DCMAKE_VISIBILITY_INLINES_HIDDEN=ON",
    "-DCMAKE_INSTALL_LIBDIR=lib",
    "-DONNX_ML=ON",
    "-DONNX_BUILD_PYTHON=OFF",
]


def configure_flags() -> list[str]:
    return [*FLAGS, f"-DCMAKE_CXX_COMPILER=clang++-{versions.read()['LLVM_VERSION']}"]


def prefix() -> pathlib.Path:
    version = versions.python_package("onnx")
    key = hashlib.sha256("\n".join([version, *configure_flags()]).encode()).hexdigest()[:8]
    return versions.cache_folder() / f"onnx-{version}-{key}"


def run(command: list, **options) -> None:
    """Runs a command with its output shown; ends this program when it fails."""
    status = subprocess.run([str(part) for part in command], **options).returncode
    if status != 0:
        sys.exit(f"tools/setup/onnx.py: `{' '.join(map(str, command))}` failed with status {status}")


def source_archive(python: pathlib.Path) -> pathlib.Path:
    """The source package, fetched through pip when it is not in the cache yet."""
    folder = versions.cache_folder() / "src"
    archive = folder / f"onnx-{versions.python_package('onnx')}.tar.gz"
    if not archive.exists():
        folder.mkdir(parents=True, exist_ok=True)
        # pip asks the build backend for the package's metadata even to download it; no build isolation lets it
        # use the one of the environment.
        run([python, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-build-isolation",
             "--no-binary=onnx", "--dest", folder, f"onnx=={versions.python_package('onnx')}"])
    return archive


def build(jobs: int) -> None:
    target = prefix()
    tools = versions.cache_folder() / "venv" / "bin"
    archive = source_archive(tools / "python")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="onnx-build-", dir=target.parent) as work:
        work = pathlib.Path(work)
        with tarfile.open(archive) as tar:
            tar.extractall(work, filter="data") if hasattr(tarfile, "data_filter") else tar.extractall(work)
        source = next(path for path in work.iterdir() if path.is_dir())
        flags = configure_flags()
        if shutil.which("ccache"):
            flags.append("-DCMAKE_CXX_COMPILER_LAUNCHER=ccache")
        environment = {**os.environ, "CCACHE_BASEDIR": str(work), "CCACHE_NOHASHDIR": "1"}
        run([tools / "cmake", "-G", "Ninja", "-S", source, "-B", work / "build", *flags,
             f"-DCMAKE_INSTALL_PREFIX={work / 'prefix'}", "-DPython3_EXECUTABLE=/usr/bin/python3"],
            env=environment, stdout=subprocess.DEVNULL)
        run(["ninja", "-C", work / "build", "-j", jobs, "onnx", "onnx_proto"], env=environment)
        run([tools / "cmake", "--install", work / "build"], stdout=subprocess.DEVNULL)
        if not target.exists():
            (work / "prefix").rename(target)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--print-prefix", action="store_true", help="print where the library is or would be, and do nothing")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    target = prefix()
    if arguments.print_prefix:
        print(target)
    elif not target.exists():
        print(f"building ONNX's C++ library {versions.python_package('onnx')} into {target} (3 minutes on 2 cores, once)", flush=True)
        build(arguments.jobs)


if __name__ == "__main__":
    main()
