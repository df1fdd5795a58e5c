"""Configuration of the lit tests under test/: FileCheck tests of dialects, passes and targets.

Run by tools/bootstrap test, or alone: lit test/compiler/Graph. `-D build=DIR` picks another build tree.
"""

import os
import pathlib
import re
import shutil

import lit.formats

root = pathlib.Path(__file__).resolve().parents[1]
build = pathlib.Path(lit_config.params.get("build", root / "build")).resolve()
versions = dict(re.findall(r"^(\w+)=(\d+)$", (root / "tools/setup/versions.env").read_text(), re.MULTILINE))
llvm_bin = pathlib.Path(f"/usr/lib/llvm-{versions['LLVM_VERSION']}/bin")

config.name = "tenon"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.test_source_root = str(root / "test")
config.test_exec_root = str(build / "test")
config.environment["PATH"] = os.pathsep.join([str(build / "bin"), str(llvm_bin), os.environ.get("PATH", "")])
for name in ("HOME", "TENON_CACHE", "ASAN_OPTIONS"):
    if name in os.environ:
        config.environment[name] = os.environ[name]

config.substitutions.append(("%build", str(build)))
config.substitutions.append(("%root", str(root)))

# Processor features of the host, for tests that run what they compiled: REQUIRES: host-avx512f
cpuinfo = pathlib.Path("/proc/cpuinfo")
if cpuinfo.exists():
    flags = next((line for line in cpuinfo.read_text().splitlines() if line.startswith("flags")), "")
    for flag in ("avx2", "fma", "avx512f", "avx512vl", "avx512_vnni", "avx512_bf16", "amx_tile"):
        if flag in flags.split():
            config.available_features.add(f"host-{flag}")
if shutil.which("qemu-aarch64"):
    config.available_features.add("qemu-aarch64")
