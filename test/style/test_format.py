"""clang-format and clang-tidy find nothing."""

import functools
import json
import re
import subprocess

import pytest


@functools.cache
def tool(root, name: str) -> str:
    version = re.search(r"^LLVM_VERSION=(\d+)$", (root / "tools/setup/versions.env").read_text(), re.MULTILINE)[1]
    return f"{name}-{version}"


def test_sources_are_formatted(tree):
    paths = tree.matching(".cpp", ".h", ".c")
    assert paths
    finished = subprocess.run([tool(tree.root, "clang-format"), "--dry-run", "-Werror", *paths],
                              cwd=tree.root, capture_output=True, text=True)
    unformatted = sorted(set(re.findall(r"^(\S+?):\d+:\d+: error", finished.stderr, re.MULTILINE)))
    assert finished.returncode == 0, f"run clang-format -i on {' '.join(unformatted)}\n{finished.stderr[:2000]}"


@pytest.mark.long
@pytest.mark.timeout(3 * 60 * 60)
def test_clang_tidy_is_silent(tree, build):
    commands = json.loads((build / "compile_commands.json").read_text())
    paths = sorted({entry["file"] for entry in commands
                    if entry["file"].startswith(f"{tree.root}/") and not entry["file"].startswith(f"{build}/")})
    assert paths
    finished = subprocess.run([tool(tree.root, "run-clang-tidy"), "-quiet", "-p", build, "-clang-tidy-binary",
                               tool(tree.root, "clang-tidy"), *map(re.escape, paths)],
                              cwd=tree.root, capture_output=True, text=True)
    findings = re.findall(r"^\S+:\d+:\d+: (?:warning|error): .*$", finished.stdout, re.MULTILINE)
    assert finished.returncode == 0 and not findings, "\n".join(findings[:100]) or finished.stderr[-2000:]
