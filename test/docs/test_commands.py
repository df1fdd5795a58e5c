"""Every shell command that the documentation shows works, in the order of the page."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
PAGES = sorted(page.name for page in DOCS.glob("*.md") if BLOCK.search(page.read_text()))


def test_pages_with_commands_are_found():
    assert {"command-line.md", "quick-start.md"} <= set(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_commands_of_a_page(root, build, tmp_path, page):
    """In a folder with the demo's model as model.onnx; the first command that fails ends the run."""
    shutil.copy(root / "tools/demo/digits.onnx", tmp_path / "model.onnx")
    path = os.pathsep.join([str(build / "bin"), str(pathlib.Path(sys.executable).parent), os.environ["PATH"]])
    script = "\n".join(["set -eux", *BLOCK.findall((DOCS / page).read_text())])
    finished = subprocess.run(["sh", "-c", script], cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr[-3000:]


def test_all_flags_are_documented(tenon):
    text = (DOCS / "command-line.md").read_text()
    missing = []
    for command in ("compile", "run", "bench", "inspect", "verify"):
        for flag in re.findall(r"^\s+(?:-\w,)?(--[\w-]+)", tenon(command, "--help").stdout, re.MULTILINE):
            if f"{flag}" not in text:
                missing.append(f"{command} {flag}")
    assert not missing, f"docs/command-line.md lacks {missing}"
