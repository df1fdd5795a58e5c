"""The strict list of expected failures.

expected_failures.json holds groups {"reason": ..., "tests": [...]}: a reason names the missing piece, tests are names or
patterns with `*`. The list is strict: a test in it that passes is a failure, and so is an entry that matches no test, or
a test with two reasons.
"""

import fnmatch
import json
import pathlib

# Reasons that say nothing.
EMPTY_REASONS = ("unsupported", "not supported", "not implemented", "fails", "todo")


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
