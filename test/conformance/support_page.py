#!/usr/bin/env python3
"""Writes docs/onnx-support.md: what is supported of each ONNX operator, from schemas, importers and test results.

Test results are the strict lists of expected failures, which run.py compares with what happens; so are the element types
that do not compile. Expects a finished build, for the list of importers. `--check` changes nothing and ends with status 1
when the page is out of date.
"""

import argparse
import collections
import dataclasses
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TENON_BUILD") or ROOT / "build")
sys.path.insert(0, str(BUILD / "python"))

import cases as suite  # noqa: E402
import element_types  # noqa: E402
import expected  # noqa: E402
import microsoft  # noqa: E402
import onnx  # noqa: E402
import probes  # noqa: E402

PAGE = ROOT / "docs/onnx-support.md"
Operator = tuple[str, str]
DOMAINS = {"": "Operators of ONNX", "ai.onnx.ml": "Operators of ai.onnx.ml", "ai.onnx.preview": "Operators of ai.onnx.preview",
           "ai.onnx.preview.training": "Operators of ai.onnx.preview.training"}

# Types that come and go together, by the words of the table.
FAMILIES = {
    "integers below a byte": r"tensor\(u?int[24]\)",
    "floats of a byte or less": r"tensor\(float[468]\w+\)",
    "complex numbers": r"tensor\(complex\d+\)",
    "strings": r"tensor\(string\)",
    "sequences": r"seq\(tensor\(.*\)\)",
    "optionals": r"optional\(.*\)",
    "maps": r".*map\(.*\).*",
}
SHORT_NAMES = {"float": "f32", "double": "f64", "float16": "f16", "bfloat16": "bf16"} | {
    f"{sign}int{bits}": f"{sign or 'i'}{bits}" for sign in ("u", "") for bits in (2, 4, 8, 16, 32, 64)}

HEAD = """\
<!-- Written by tools/setup/generate_docs.py from the lists of test/conformance. -->

# ONNX support

What Tenon compiles of each operator. {operators} of the standard's {all_operators} operators compile in at least one type; every version of the
operator sets 1 to {opset} counts, not only the newest. A model with anything else is refused with an error that names the node and what is missing;
in one branch of an If it is a warning, and an error of the runs that take the branch.

- **Versions**: the operator set versions in which the operator was defined or changed; a model may import any operator set up to {opset}.
- **Types**: element types for which a model of one node compiles, of those that the newest version allows. *all*: every one. Where inputs have types
  of their own, each type variable of the schema (`T`, `T1`, ...) is named.
- **Tests**: how many of ONNX's own backend tests of this operator pass: as they are; with every dimension of every input dynamic; with every input a
  constant, so that everything is computed when the model is compiled. One number where all pass, else *passed / all*. A test that makes no sense in a
  form (nothing to make dynamic, a sequence as a constant) does not count there.
- **Notes**: *body*: compiled through the function body that the standard gives. A number stands for [what is missing](#what-is-missing).

| backend tests | as is | dynamic | constant |
|---|---|---|---|
{summary}
"""

RUNTIME_HEAD = """
## Operators of com.microsoft

{count} of ONNX Runtime's own operators compile. ONNX publishes no schemas of them; the types are those of the cases that the numeric tests compare with
ONNX Runtime, then those that ONNX Runtime itself has a kernel for on processors.

| operator | types compared | types in ONNX Runtime | cases |
|---|---|---|---|
"""


@dataclasses.dataclass
class Results:
    """What is known of tests: the operator of each, the forms, and numbers for reasons."""

    operators: dict[str, Operator | None]
    forms: list[expected.Form]
    numbers: dict[str, int]

    def count(self, form: expected.Form, tests: list[str]) -> tuple[int, int]:
        """Passed, and all that the form makes sense for."""
        tried = [test for test in tests if test not in form.left_out]
        return sum(test not in form.reasons and test not in form.inherited for test in tried), len(tried)

    def cell(self, form: expected.Form, tests: list[str]) -> str:
        passed, tried = self.count(form, tests)
        return "" if not tried else str(passed) if passed == tried else f"{passed} / {tried}"

    def reasons(self, tests: list[str]) -> list[int]:
        return sorted({self.numbers[form.reasons[test]] for form in self.forms for test in tests if test in form.reasons})


def load_results(cases: list[suite.Case]) -> Results:
    forms = expected.load_forms(cases)
    reasons = dict.fromkeys(reason for form in forms for reason in form.reasons.values())
    return Results(operators_of_tests(cases), forms, {reason: number for number, reason in enumerate(reasons, 1)})


def operators_of_tests(cases: list[suite.Case]) -> dict[str, Operator | None]:
    """The operator of a test of one node, also where the test has the function body in its place; None for whole models."""
    operators: dict[str, Operator | None] = {}
    for case in cases:
        model = case.model() if not isinstance(case.model(), str) else onnx.load(case.model())
        nodes = [node for node in model.graph.node if node.op_type != "Constant" or len(model.graph.node) == 1]
        operators[case.name] = (nodes[0].domain, nodes[0].op_type) if len(nodes) == 1 else None
    for name in operators:
        original = re.sub(r"_expanded(_ver\d+)?_cpu$", "_cpu", name)
        if original != name and original in operators:
            operators[name] = operators[original]
    return operators


def imported_operators() -> set[Operator]:
    listed = subprocess.run([BUILD / "bin/tenon_import_tool", "--operators"], capture_output=True, text=True, check=True).stdout
    return {(domain, operator) for domain, operator in (line.split("\t") for line in listed.splitlines())}


# Types


def short_name(type_text: str) -> str:
    inner = re.sub(r"tensor\((\w+)\)", r"\1", type_text)
    return re.sub(r"\w+", lambda word: SHORT_NAMES.get(word[0], word[0]), inner)


def described(types: set[str], allowed: set[str]) -> str:
    """Types in words: families where all of the family that is allowed are among them."""
    words, rest = [], set(types)
    for family, pattern in FAMILIES.items():
        members = {type_text for type_text in allowed if re.fullmatch(pattern, type_text)}
        if members and members <= rest:
            words.append(family)
            rest -= members
    return ", ".join([short_name(type_text) for type_text in sorted(rest)] + words)


def variable_text(allowed: set[str], works: set[str]) -> str:
    if works == allowed:
        return "all"
    if not works:
        return "none"
    left = allowed - works
    return f"all but {described(left, allowed)}" if len(left) <= len(works) else described(works, allowed)


def types_text(schema, tried: dict[str, set[str]], fails: dict[str, set[str]]) -> str:
    """Of one version: types by variable. What cannot be tried is not counted."""
    texts = {variable: variable_text(allowed, allowed - fails.get(variable, set())) for variable, allowed in tried.items() if allowed}
    if not texts:
        return "" if not schema.type_constraints else "not tried"
    if len(set(texts.values())) == 1:
        return next(iter(texts.values()))
    return "; ".join(f"{variable}: {text}" for variable, text in texts.items())


class TypeTable:
    """Which types are tried and which fail, by operator and version."""

    def __init__(self, cases: list[suite.Case]):
        failures = element_types.load_failures()
        templates = probes.load_templates(cases)
        self.tried = collections.defaultdict(lambda: collections.defaultdict(set))
        self.fails = collections.defaultdict(lambda: collections.defaultdict(set))
        for key in probes.keys():
            place = key.domain, key.operator, key.version
            if key in failures:
                self.fails[place][key.variable].add(key.type)
            if key in failures or next(probes.models(key, templates.get((key.domain, key.operator), [])), None) is not None:
                self.tried[place][key.variable].add(key.type)

    def text(self, schema) -> str:
        place = schema.domain, schema.name, schema.since_version
        return types_text(schema, self.tried[place], self.fails[place])

    def only_of_runtime(self, schema, kernels: microsoft.Types) -> str:
        """Types for which ONNX Runtime has a kernel on processors and nothing compiles here."""
        fails = self.fails[schema.domain, schema.name, schema.since_version]
        types = {type_text for variable in fails for type_text in fails[variable] & kernels.get(variable, set())}
        return described(types, types)

    def works(self, schema) -> bool | None:
        """None: not tried."""
        place = schema.domain, schema.name, schema.since_version
        tried, fails = self.tried[place], self.fails[place]
        return any(tried[variable] - fails[variable] for variable in tried) if any(tried.values()) else None


# The page


def operator_row(operator: Operator, versions_of: dict, types: TypeTable, results: Results, imported: set[Operator], kernels: dict) -> str:
    domain, name = operator
    newest = versions_of[max(versions_of)]
    tests = [test for test, tested in results.operators.items() if tested == operator]
    notes = []
    if operator not in imported and (newest.has_function or newest.has_context_dependent_function):
        notes.append("body")
    missing = [str(version) for version, schema in versions_of.items() if types.works(schema) is False]
    if missing and len(missing) < len(versions_of):
        notes.append(f"not version {', '.join(missing)}")
    if only := types.only_of_runtime(newest, kernels.get(name, {})):
        notes.append(f"ONNX Runtime has {only}")
    notes += [f"[{number}](#what-is-missing)" for number in results.reasons(tests)]
    cells = [name, ", ".join(str(version) for version in versions_of), types.text(newest), *(results.cell(form, tests) for form in results.forms), ", ".join(notes)]
    return f"| {' | '.join(cells)} |"


def runtime_table(imported: set[Operator]) -> str:
    """ONNX Runtime's own operators: those with an importer, then the names of the others that it has on processors."""
    kernels, (types, counts) = microsoft.kernel_types(microsoft.DOMAIN), microsoft.compared()
    mine = sorted(operator for domain, operator in imported if domain == microsoft.DOMAIN)
    rows = []
    for operator in mine:
        variables = [variable for variable in types[operator] if not variable.startswith("tensor(")]
        cells = (variables_text(variables, by_variable) for by_variable in (types[operator], kernels.get(operator, {})))
        rows.append(f"| {operator} | {' | '.join(cells)} | {counts[operator] or ''} |")
    rest = sorted(set(kernels) - set(mine))
    return (RUNTIME_HEAD.format(count=len(mine)) + "\n".join(rows) +
            f"\n\nONNX Runtime has {len(rest)} more on processors, which are not there: {', '.join(rest)}.\n")


def variables_text(variables: list[str], types: microsoft.Types) -> str:
    return "; ".join(f"{variable}: {described(types[variable], types[variable])}" for variable in variables if types.get(variable))


def page(cases: list[suite.Case]) -> str:
    results, types, imported, schemas = load_results(cases), TypeTable(cases), imported_operators(), probes.schemas()
    table_head = "| operator | versions | types | as is | dynamic | constant | notes |\n|---|---|---|---|---|---|---|"
    supported = sum(bool(types.works(versions_of[max(versions_of)])) for versions_of in schemas.values())
    summary = []
    for name, chosen in (("of operators", lambda operator: operator is not None), ("of models", lambda operator: operator is None)):
        tests = [test for test, operator in results.operators.items() if chosen(operator)]
        counts = [results.count(form, tests) for form in results.forms]
        summary.append(f"| {name} | {' | '.join(f'{passed} / {tried}' for passed, tried in counts)} |")
    parts = [HEAD.format(operators=supported, all_operators=len(schemas), opset=onnx.defs.onnx_opset_version(), summary="\n".join(summary))]
    for domain, title in DOMAINS.items():
        kernels = microsoft.kernel_types(domain)
        rows = [operator_row(operator, versions_of, types, results, imported, kernels) for operator, versions_of in schemas.items() if operator[0] == domain]
        parts.append(f"\n## {title}\n\n{table_head}\n" + "\n".join(rows) + "\n")
    parts.append(runtime_table(imported))
    parts.append("\n## What is missing\n\n" + "\n".join(f"{number}. {reason}" for reason, number in results.numbers.items()) + "\n")
    return "".join(parts)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only tell whether the page is up to date")
    arguments = parser.parse_args()
    text = page(suite.load_cases())
    if PAGE.exists() and PAGE.read_text() == text:
        return 0
    if arguments.check:
        print("docs/onnx-support.md is out of date, run tools/setup/generate_docs.py")
        return 1
    PAGE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
