"""The strict lists of expected failures, one for each form.

A list holds groups {"reason": ..., "tests": [...]}: a reason names the missing piece, tests are names or patterns with
`*`. The lists are strict: a test in them that passes is a failure, and so is an entry that matches no test of the form, or
a test with two reasons. A test that is expected to fail as it is is not tried in other forms, and not in their lists.
"""

import dataclasses
import fnmatch
import json
import pathlib

from cases import Case
from forms import FORMS, LeftOut

FOLDER = pathlib.Path(__file__).parent
LISTS = {"as is": FOLDER / "expected_failures.json"} | {
    form: FOLDER / f"expected_failures_{form}.json" for form in FORMS if form != "as is"}
# Reasons that say nothing.
EMPTY_REASONS = ("unsupported", "not supported", "not implemented", "fails", "todo")


@dataclasses.dataclass
class Form:
    """What is known of a form before it runs: reasons by the test's name, and what is wrong with its list."""

    name: str
    list: pathlib.Path
    tests: set[str]
    reasons: dict[str, str]
    left_out: dict[str, str]
    inherited: dict[str, str]
    problems: list[str]

    def runs(self, test: str) -> bool:
        return test in self.tests

    def restricted_to(self, cases: list[Case]) -> "Form":
        names = {case.name for case in cases}
        left_out, inherited = ({name: reason for name, reason in some.items() if name in names} for some in (self.left_out, self.inherited))
        return dataclasses.replace(self, tests=self.tests & names, left_out=left_out, inherited=inherited)


def load_forms(cases: list[Case]) -> list[Form]:
    """Every form, with its list checked against all the cases."""
    forms: list[Form] = []
    fail_as_they_are: dict[str, str] = {}
    for form, path in LISTS.items():
        left_out = {case.name: reason for case in cases if (reason := _reason_to_leave_out(case, form))}
        inherited = {name: reason for name, reason in fail_as_they_are.items() if name not in left_out}
        tests = {case.name for case in cases} - set(left_out) - set(inherited)
        reasons, problems = load_expected(path, sorted(tests))
        forms.append(Form(form, path, tests, reasons, left_out, inherited, problems))
        fail_as_they_are = fail_as_they_are or reasons
    return forms


def _reason_to_leave_out(case: Case, form: str) -> str:
    try:
        FORMS[form](case)
    except LeftOut as reason:
        return str(reason)
    return ""


def load_expected(path: pathlib.Path, names: list[str]) -> tuple[dict[str, str], list[str]]:
    """Returns the reason of each test that is expected to fail, and what is wrong with the list itself."""
    reasons: dict[str, str] = {}
    problems = []
    for group in json.loads(path.read_text()):
        reason = group["reason"].strip()
        if len(reason) < 15 or reason.lower().rstrip(".") in EMPTY_REASONS:
            problems.append(f"reason `{reason}` does not name the missing piece")
        for pattern in group["tests"]:
            matches = fnmatch.filter(names, pattern) if "*" in pattern else [name for name in names if name == pattern]
            if not matches:
                problems.append(f"entry `{pattern}` matches no test")
            for name in matches:
                if name in reasons:
                    problems.append(f"{name} has two reasons: `{reasons[name]}` and `{reason}`")
                reasons[name] = reason
    return reasons, problems
