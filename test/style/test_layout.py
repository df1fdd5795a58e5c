"""Where files lie, what they are called and how long they are."""

import ast
import pathlib
import re

import pytest

TOP_LEVEL = {"CMakeLists.txt", "README.md", "LICENSE", "compiler", "dialects", "runtime", "targets", "test", "tools", "docs", ".ci"}
MAX_PARTS = 4
MAX_FILE_LINES = 700
MAX_FUNCTION_LINES = 80
MAX_FILE_BYTES = 300_000
# Models are made by the tests that need them; the demo's own is the exception.
MODELS = {"tools/demo/digits.onnx"}
VAGUE = re.compile(r"utils?|misc|common|uncategorized|helpers?|stuff", re.IGNORECASE)
LEFTOVER = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
FUNCTION = re.compile(r"^(?!namespace|struct|class|enum|union|extern|#|//|/\*|using|typedef|template)[A-Za-z_].*\{$")
SOURCES = (".cpp", ".h", ".c", ".td")


def test_the_top_level_holds_only_what_the_design_lists(tree):
    extra = {path.split("/")[0] for path in tree.paths} - TOP_LEVEL
    extra = {name for name in extra if not name.startswith(".")}
    assert not extra, f"at the top level: {sorted(extra)}"


def test_paths_are_short(tree):
    deep = [path for path in tree.paths if path.count("/") >= MAX_PARTS]
    assert not deep, f"more than {MAX_PARTS} path parts: {deep}"


def test_names_say_something(tree):
    vague = []
    for path in tree.paths:
        pure = pathlib.PurePath(path)
        for part in (*pure.parts[:-1], pure.stem):
            words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+|\d+", part)
            if any(VAGUE.fullmatch(word) for word in words) or (pure.suffix in SOURCES and part.endswith(("New", "2"))):
                vague.append(path)
    assert not vague, f"names that say nothing: {vague}"


def test_files_have_one_subject_of_bounded_size(tree):
    # What TableGen writes is as long as the definitions are.
    written = [path for path in tree.texts() if path != "LICENSE" and not path.startswith("docs/dialects/")]
    long = {path: count for path in written if (count := tree.text(path).count("\n")) >= MAX_FILE_LINES}
    assert not long, f"files of {MAX_FILE_LINES} lines or more: {long}"


def test_no_large_or_binary_file(tree):
    large = [path for path in tree.paths if (tree.root / path).stat().st_size > MAX_FILE_BYTES]
    assert not large, f"files over {MAX_FILE_BYTES} bytes: {large}"
    models = [path for path in tree.matching(".onnx", ".npy", ".npz", ".pb", ".so", ".a", ".o") if path not in MODELS]
    assert not models, f"binary files: {models}"


def function_lengths(path: str, text: str) -> dict[str, int]:
    """Lengths of the functions of a C++ file in LLVM style: a head at the left margin up to a closing brace there."""
    lengths, head, first = {}, None, 0
    for number, line in enumerate(text.splitlines(), 1):
        if head is None and FUNCTION.match(line) and "=" not in line.partition("(")[0]:
            head, first = line, number
        elif line.startswith("}") and head is not None:
            lengths[f"{path}:{first}: {head[:80]}"] = number - first + 1
            head = None
    return lengths


def python_function_lengths(path: str, text: str) -> dict[str, int]:
    functions = (node for node in ast.walk(ast.parse(text)) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))
    return {f"{path}:{node.lineno}: {node.name}": node.end_lineno - node.lineno + 1 for node in functions}


def test_functions_fit_a_screen_or_two(tree):
    lengths = {}
    for path in tree.matching(".cpp", ".h"):
        lengths |= function_lengths(path, tree.text(path))
    for path in tree.matching(".py"):
        lengths |= python_function_lengths(path, tree.text(path))
    long = [f"{name} ({length} lines)" for name, length in lengths.items() if length > MAX_FUNCTION_LINES]
    assert not long, f"functions of more than {MAX_FUNCTION_LINES} lines:\n" + "\n".join(long)


def test_the_measure_of_functions_sees_one():
    assert function_lengths("f.cpp", "static int f(int a) {\n  return a;\n}\n") == {"f.cpp:1: static int f(int a) {": 3}


def test_nothing_is_left_for_later(tree):
    here = "test/style/test_layout.py"
    left = [path for path in tree.texts() if path not in (here, "LICENSE") and LEFTOVER.search(tree.text(path))]
    assert not left, f"reminders left in {left}"


def test_no_path_of_one_machine(tree):
    home = re.compile(r"(?<![\w.])/(root|home|work|tmp)/\w")
    found = [f"{path}: {match[0]}" for path in tree.texts() for match in [home.search(tree.text(path))] if match]
    assert not found, "\n".join(found)


def test_sources_begin_with_what_they_are_for(tree):
    bare = [path for path in tree.matching(".cpp", ".h", ".c", ".td") if not tree.text(path).startswith(("//", "/*"))]
    bare += [path for path in tree.matching(".py") if tree.text(path).strip() and ast.get_docstring(ast.parse(tree.text(path))) is None]
    assert not bare, f"no header comment in {bare}"


@pytest.mark.parametrize("suffix", [".cpp", ".h", ".td", ".py", ".md", ".cmake", ".txt", ".mlir"])
def test_white_space_is_clean(tree, suffix):
    dirty = []
    for path in tree.matching(suffix):
        text = tree.text(path)
        if text and (not text.endswith("\n") or re.search(r"[ \t]+$", text, re.MULTILINE) or "\t" in text or "\r" in text):
            dirty.append(path)
    assert not dirty, f"tabs, trailing blanks or a missing last line end: {dirty}"
