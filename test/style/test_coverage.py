"""Names of passes follow one rule, and every pass, op and verifier message has its test."""

import re

PASS = re.compile(r'^def (\w+)\s*:\s*Pass<"([^"]+)"', re.MULTILINE)
OP = re.compile(r"^### `(\w+)\.([\w.]+)`", re.MULTILINE)
MESSAGE = re.compile(r'emit(?:Op)?Error\(\s*((?:"(?:[^"\\]|\\.)*"\s*)?)', re.MULTILINE)


def passes(tree) -> list[tuple[str, str, str]]:
    """(stage folder, def, flag) of every pass."""
    return [(path.rpartition("/")[0], *found) for path in tree.matching("Passes.td", under="compiler/") for found in PASS.findall(tree.text(path))]


def kebab(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name).lower()


def test_there_are_passes(tree):
    assert len(passes(tree)) > 5


def test_pass_names_agree(tree):
    wrong = []
    for folder, definition, flag in passes(tree):
        name = definition.removesuffix("Pass")
        if f"tenon-{kebab(name)}" != flag:
            wrong.append(f"{folder}: {definition} should have the flag tenon-{kebab(name)}, has {flag}")
        if f"{folder}/{name}.cpp" not in tree.paths:
            wrong.append(f"{folder}: {definition} should be in {name}.cpp")
    assert not wrong, "\n".join(wrong)


def test_every_pass_has_its_test(tree):
    missing = []
    for folder, _, flag in passes(tree):
        path = f"test/{folder}/{flag.removeprefix('tenon-')}.mlir"
        if path not in tree.paths:
            missing.append(path)
        elif flag not in tree.text(path):
            missing.append(f"{path} does not run {flag}")
    assert not missing, "passes without their test:\n" + "\n".join(missing)


def test_every_op_has_a_test(tree, build):
    missing = []
    for dialect in ("nn", "ukernel"):
        documentation = (build / f"dialects/{dialect}/{dialect}.md").read_text()
        ops = OP.findall(documentation)
        assert ops, f"no op in the documentation of {dialect}"
        tests = "\n".join(tree.text(path) for path in tree.matching("ops.mlir", under=f"test/dialects/{dialect}/"))
        missing += [f"{prefix}.{name}" for prefix, name in ops if not re.search(rf"\b{prefix}\.{re.escape(name)}\b", tests)]
    assert not missing, f"ops that no test/dialects/*/*-ops.mlir shows: {missing}"


def test_every_verifier_message_is_expected_somewhere(tree):
    tests = "\n".join(tree.text(path) for path in tree.matching(".mlir", under="test/dialects/"))
    expected = "\n".join(re.findall(r"expected-error.*", tests))
    missing = []
    for path in tree.matching(".cpp", under="dialects/"):
        for match in MESSAGE.finditer(tree.text(path)):
            text = match[1].strip().strip('"').strip()
            # The start of the message up to the first value that is streamed in.
            if len(text) >= 8 and text not in expected:
                missing.append(f"{path}: {text}")
    assert not missing, "messages of verifiers without an expected-error test:\n" + "\n".join(missing)
