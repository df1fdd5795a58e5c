"""A prefix made by `cmake --install` is complete: the examples and a small project build from it and run."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

CMAKE = shutil.which("cmake", path=os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"])
CTEST = shutil.which("ctest", path=os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"])


MAIN_C = r"""
#include "digits.h"
#include <stdio.h>
#include <tenon/tenon.h>

int main(void) {
  char error[256];
  tenon_module *module;
  if (tenon_open_linked(&digits, NULL, &module, error, sizeof error) != TENON_OK) {
    puts(error);
    return 1;
  }
  printf("%u input, %u output\n", tenon_num_inputs(module), tenon_num_outputs(module));
  tenon_close(module);
  return 0;
}
"""


def run(*command, **options):
    finished = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=500, **options)
    assert finished.returncode == 0, f"{' '.join(map(str, command))}\n{finished.stdout[-3000:]}\n{finished.stderr[-3000:]}"
    return finished.stdout


@pytest.fixture(scope="session")
def prefix(build, tmp_path_factory):
    folder = tmp_path_factory.mktemp("prefix")
    run(CMAKE, "--install", build, "--prefix", folder)
    return folder


@pytest.fixture(scope="session")
def compilers(root):
    version = re.search(r"^LLVM_VERSION=(\d+)$", (root / "tools/setup/versions.env").read_text(), re.MULTILINE)[1]
    return [f"-DCMAKE_C_COMPILER=clang-{version}", f"-DCMAKE_CXX_COMPILER=clang++-{version}"]


def configure_and_build(source, folder, prefix, compilers, *definitions):
    run(CMAKE, "-G", "Ninja", "-S", source, "-B", folder, f"-DCMAKE_PREFIX_PATH={prefix}", *compilers, *definitions)
    run("ninja", "-C", folder)


def examples():
    root = pathlib.Path(__file__).resolve().parents[2]
    return sorted(path.parent for path in (root / "docs/examples").glob("*/CMakeLists.txt"))


def test_the_prefix_is_complete(prefix):
    for path in ("bin/tenon", "lib/libtenon_runtime.a", "include/tenon/tenon.h", "include/tenon/model_abi.h",
                 "lib/cmake/Tenon/TenonConfig.cmake", "python/tenon/__init__.py", "share/doc/tenon/LICENSE"):
        assert (prefix / path).exists(), f"{path} is missing"
    foreign = [path.name for path in (prefix / "lib").glob("*.a") if path.name != "libtenon_runtime.a"]
    assert not foreign, f"the prefix holds libraries of the compiler's own: {foreign}"


def test_the_installed_program_tells_its_version(prefix, build):
    installed = run(prefix / "bin/tenon", "--version")
    assert installed == run(build / "bin/tenon", "--version")
    for what in (r"\b[0-9a-f]{12}\b", r"LLVM 22\.", r"ABI \d+"):
        assert re.search(what, installed), f"no {what} in {installed}"


def test_the_installed_python_package_works_from_anywhere(prefix, root, tmp_path):
    program = ("import numpy, tenon, sys\n"
               "tenon.compile(sys.argv[1], 'm.so')\n"
               "out = tenon.load('m.so', threads=1).run({'pixels': numpy.zeros((2, 1, 8, 8), numpy.float32)})\n"
               "print(out['scores'].shape)\n")
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(prefix / "python")}
    out = run(sys.executable, "-c", program, root / "tools/demo/digits.onnx", cwd=tmp_path, env=environment)
    assert out.strip() == "(2, 10)"


def test_there_are_examples():
    assert len(examples()) >= 2


@pytest.mark.parametrize("example", examples(), ids=lambda path: path.name)
def test_an_example_builds_and_runs(example, prefix, compilers, root, tmp_path):
    configure_and_build(example, tmp_path / "build", prefix, compilers, f"-DTENON_EXAMPLE_MODEL={root / 'tools/demo/digits.onnx'}")
    run(CTEST, "--test-dir", tmp_path / "build", "--output-on-failure", "--no-tests=error")


def test_a_project_in_c_alone_uses_tenon_add_model(prefix, compilers, root, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    shutil.copy(root / "tools/demo/digits.onnx", source / "seven segments-8.onnx")
    (source / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.25)\n"
        "project(consumer LANGUAGES C)\n"
        "set(CMAKE_C_STANDARD 99)\n"
        "find_package(Tenon REQUIRED)\n"
        "add_executable(consumer main.c)\n"
        'tenon_add_model(consumer "seven segments-8.onnx" NAME digits)\n'
    )
    (source / "main.c").write_text(MAIN_C)
    configure_and_build(source, tmp_path / "build", prefix, compilers)
    assert run(tmp_path / "build/consumer").strip() == "1 input, 1 output"
    needed = run("readelf", "-d", tmp_path / "build/consumer")
    assert "libstdc++" not in needed, "a program in C must not need the C++ library"
