"""Documentation names only files that exist, and what is generated from the sources is up to date."""

import pathlib
import re
import subprocess
import sys

# Paths in documentation that are made by a user's commands or stand for a pattern.
PLACEHOLDER = re.compile(r"[<>*{}$]|NNNN|\.\.\.")
TOP_LEVEL = ("compiler/", "dialects/", "runtime/", "targets/", "test/", "tools/", "docs/", ".ci/")
CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\((?!https?://|#|mailto:)([^)#\s]+)")


def test_paths_in_documentation_exist(tree):
    missing = []
    for path in tree.matching(".md"):
        for code in CODE.findall(tree.text(path)):
            for word in code.split():
                word = word.strip(",;:()\"'").rstrip("/.")
                if word.startswith(TOP_LEVEL) and not PLACEHOLDER.search(word) and not (tree.root / word.split(":")[0]).exists():
                    missing.append(f"{path}: {word}")
    assert not missing, "documentation names files that do not exist:\n" + "\n".join(missing)


def test_links_in_documentation_lead_somewhere(tree):
    broken = []
    for path in tree.matching(".md"):
        folder = (tree.root / path).parent
        broken += [f"{path}: {link}" for link in LINK.findall(tree.text(path)) if not (folder / link).exists()]
    assert not broken, "\n".join(broken)


def test_decisions_are_numbered_without_gaps(tree):
    numbers = [pathlib.PurePath(path).name[:4] for path in tree.matching(".md", under="docs/decisions/")]
    assert all(number.isdigit() for number in numbers), numbers
    assert len(numbers) == len(set(numbers)), f"a number is used twice: {numbers}"


def test_generated_documentation_is_up_to_date(tree):
    finished = subprocess.run([sys.executable, tree.root / "tools/setup/generate_docs.py", "--check"], capture_output=True, text=True)
    assert finished.returncode == 0, finished.stdout + finished.stderr


def test_the_readme_opens_with_the_two_commands(tree):
    blocks = re.findall(r"^```\w*\n(.*?)^```", tree.text("README.md"), re.MULTILINE | re.DOTALL)
    assert blocks and blocks[0].split("\n")[:2] == ["tools/bootstrap demo", "tools/bootstrap test"]
