#!/usr/bin/env python3
"""Writes the generated pages of docs/: the dialects' ops and the compiler's passes as TableGen has them, and ONNX support.

Expects a finished build. `--check` changes nothing and ends with status 1 when a page that TableGen wrote is out of date;
docs/onnx-support.md, which takes longer, is checked by the suite `docs`.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys

import versions

BUILD = pathlib.Path(os.environ.get("TENON_BUILD") or versions.ROOT / "build")
STAGES = ("Graph", "Quantize", "Layout", "Fuse", "Schedule", "Codegen", "Emit")


def pages() -> dict[str, str]:
    """Path under docs/ -> text."""
    result = {}
    for dialect in ("nn", "ukernel"):
        text = (BUILD / f"dialects/{dialect}/{dialect}.md").read_text()
        result[f"dialects/{dialect}.md"] = clean(f"<!-- Written by tools/setup/generate_docs.py from dialects/{dialect}. -->\n\n{text}")
    parts = ["<!-- Written by tools/setup/generate_docs.py from the Passes.td files. -->\n\n# Passes\n\n"
             "In the order of the stages; each pass runs alone with `tenon-opt`.\n"]
    for stage in STAGES:
        page = BUILD / f"compiler/{stage}/Passes.md"
        if page.exists():
            parts.append(f"\n## {stage}\n\n{page.read_text()}")
    result["passes.md"] = clean("".join(parts))
    return result


def clean(text: str) -> str:
    """Without trailing blanks, runs of empty lines and tabs."""
    text = re.sub(r"[ \t]+$", "", text.replace("\t", "  "), flags=re.MULTILINE)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only tell whether the pages are up to date")
    arguments = parser.parse_args()
    stale = []
    for name, text in pages().items():
        path = versions.ROOT / "docs" / name
        if path.exists() and path.read_text() == text:
            continue
        stale.append(f"docs/{name}")
        if not arguments.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    if stale and arguments.check:
        print(f"out of date, run tools/setup/generate_docs.py: {', '.join(stale)}")
        return 1
    if not arguments.check:
        return subprocess.run([versions.cache_folder() / "venv/bin/python", versions.ROOT / "test/conformance/support_page.py"]).returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
