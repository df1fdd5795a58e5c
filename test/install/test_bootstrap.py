"""tools/bootstrap: usage, errors that say what is wrong, and a quick second call."""

import os
import re
import shutil
import stat
import subprocess
import time

import pytest


@pytest.fixture
def bootstrap(root, tmp_path):
    """Runs tools/bootstrap with an own cache and with the given programs put before the real ones."""

    def run(*arguments, programs=None, **environment):
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        for name, text in (programs or {}).items():
            (folder / name).write_text(f"#!/bin/bash\n{text}\n")
            (folder / name).chmod(stat.S_IRWXU)
        environment = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "TENON_CACHE": str(tmp_path / "cache"), **environment}
        return subprocess.run([root / "tools/bootstrap", *arguments], env=environment, capture_output=True, text=True, timeout=300)

    return run


def test_help_names_the_commands(bootstrap):
    finished = bootstrap("--help")
    assert finished.returncode == 0
    for command in ("tools/bootstrap demo", "tools/bootstrap test", "--long"):
        assert command in finished.stdout


def test_an_unknown_command_is_a_usage_error(bootstrap):
    finished = bootstrap("instal")
    assert finished.returncode == 2
    assert "usage:" in finished.stderr


def test_a_missing_debian_package_is_named(bootstrap):
    programs = {"dpkg-query": "exit 1", "id": "echo 0", "apt-get": "exit 0", "apt-cache": "exit 100"}
    finished = bootstrap(programs=programs)
    assert finished.returncode == 1
    assert re.search(r"error: no configured Debian source has the package clang-\d+", finished.stderr)


def test_an_unreachable_debian_mirror_is_an_error(bootstrap):
    finished = bootstrap(programs={"dpkg-query": "exit 1", "id": "echo 0", "apt-get": "exit 100"})
    assert finished.returncode == 1
    assert "apt-get update failed" in finished.stderr


def test_a_user_without_sudo_is_told_what_is_missing(bootstrap, tmp_path):
    folder = tmp_path / "few"
    folder.mkdir()
    for name in ("bash", "dirname", "nproc", "awk", "mkdir", "flock", "grep", "cat", "env"):
        (folder / name).symlink_to(shutil.which(name))
    finished = bootstrap(programs={"dpkg-query": "exit 1", "id": "echo 1000"}, PATH=f"{tmp_path / 'bin'}{os.pathsep}{folder}")
    assert finished.returncode == 1
    assert re.search(r"not root and there is no sudo. Missing: clang-\d+", finished.stderr)


def test_an_unreachable_python_registry_is_an_error(bootstrap):
    finished = bootstrap(PIP_INDEX_URL="http://127.0.0.1:9/simple", PIP_FIND_LINKS="", PIP_RETRIES="0", PIP_NO_CACHE_DIR="1")
    assert finished.returncode == 1
    assert "is the package registry" in finished.stderr


@pytest.mark.serial
def test_a_second_call_is_quick(root, build):
    started = time.monotonic()
    finished = subprocess.run([root / "tools/bootstrap"], capture_output=True, text=True, timeout=300)
    assert finished.returncode == 0, finished.stdout[-2000:] + finished.stderr[-2000:]
    assert time.monotonic() - started < 15
    assert f"done: {build}/bin/tenon" in finished.stdout
