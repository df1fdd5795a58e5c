#!/usr/bin/env python3
"""Builds ONNX's C++ library from the source package of PyPI into the cache folder.

Expects clang, ninja, protobuf (distribution packages) and the private Python environment with cmake and
scikit_build_core, as tools/bootstrap installs them. Guarantees a complete prefix (lib/libonnx.a, headers, CMake
package) under `<cache>/onnx-<version>-<key>`, where the key is a hash of everything that shapes the result; an
interrupted build leaves no prefix behind.
"""

import pathlib
import subprocess

import library
import versions

FLAGS = library.configure_flags(["-DCMAKE_INSTALL_LIBDIR=lib", "-DONNX_ML=ON", "-DONNX_BUILD_PYTHON=OFF"])


def prefix() -> pathlib.Path:
    return library.prefix("onnx", versions.python_package("onnx"), *FLAGS)


def source_archive(python: pathlib.Path) -> pathlib.Path:
    """The source package, fetched through pip when it is not in the cache yet."""
    folder = versions.cache_folder() / "src"
    archive = folder / f"onnx-{versions.python_package('onnx')}.tar.gz"
    if not archive.exists():
        folder.mkdir(parents=True, exist_ok=True)
        # pip asks the build backend for the package's metadata even to download it; no build isolation lets it
        # use the one of the environment.
        library.run([python, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-build-isolation",
             "--no-binary=onnx", "--dest", folder, f"onnx=={versions.python_package('onnx')}"])
    return archive


def build(target: pathlib.Path, jobs: int) -> None:
    archive = source_archive(versions.cache_folder() / "venv/bin/python")
    with library.unpacked(archive, target) as (work, source):
        flags = [*FLAGS, f"-DCMAKE_INSTALL_PREFIX={work / 'prefix'}", "-DPython3_EXECUTABLE=/usr/bin/python3"]
        library.compile_targets(work, source, flags, ["onnx", "onnx_proto"], jobs)
        library.run([library.cmake(), "--install", work / "build"], stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    what = f"ONNX's C++ library {versions.python_package('onnx')} (3 minutes on 2 cores, once)"
    library.main(__doc__, what, prefix(), build)
