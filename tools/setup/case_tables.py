#!/usr/bin/env python3
"""Writes runtime/text/CaseTables.inc: what upper and lower case are, from the Unicode data of this Python.

    tools/setup/case_tables.py > runtime/text/CaseTables.inc
"""

import sys
import unicodedata
from collections.abc import Callable, Iterable

LAST = 0x10FFFF
# Each row holds as many numbers as fit.
WIDTH = 120


def points() -> Iterable[int]:
    """All code points but surrogates, which no text in UTF-8 has."""
    return (point for point in range(LAST + 1) if not 0xD800 <= point <= 0xDFFF)


def shifts(convert: Callable[[str], str]) -> list[tuple[int, int, int, int]]:
    """Ranges (first, last, step, difference) of the code points that become another one."""
    ranges: list[list[int]] = []
    for point in points():
        result = convert(chr(point))
        if len(result) != 1 or ord(result) == point:
            continue
        difference = ord(result) - point
        if ranges and ranges[-1][3] == difference:
            first, last, step, _ = ranges[-1]
            gap = point - last
            if gap <= 2 and (first == last or step == gap):
                ranges[-1][1:3] = [point, gap]
                continue
        ranges.append([point, point, 1, difference])
    return [tuple(entry) for entry in ranges]


def expansions(convert: Callable[[str], str]) -> list[tuple[int, ...]]:
    """(code point, three code points that it becomes), zeros behind where there are two."""
    found = []
    for point in points():
        result = [ord(character) for character in convert(chr(point))]
        if len(result) > 1:
            found.append((point, *result, *[0] * (3 - len(result))))
    return found


def ranges(holds: Callable[[int], bool]) -> list[tuple[int, int]]:
    found: list[list[int]] = []
    for point in points():
        if not holds(point):
            continue
        if found and point in (found[-1][1] + 1, 0xE000 if found[-1][1] == 0xD7FF else -1):
            found[-1][1] = point
        else:
            found.append([point, point])
    return [tuple(entry) for entry in found]


def is_ignorable(point: int) -> bool:
    """Unicode's Case_Ignorable: a capital sigma before it still sees the letter behind."""
    return ("A\u03a3" + chr(point) + "A").lower()[1] == "\u03c3" and not is_cased(point)


def is_cased(point: int) -> bool:
    """Unicode's Cased, where it is not Case_Ignorable too: a capital sigma before it is not the last letter."""
    return ("A\u03a3" + chr(point)).lower()[1] == "\u03c3"


def table(head: str, rows: list[tuple[int, ...]]) -> str:
    lines = [f"{head} = {{"]
    line = "   "
    for row in rows:
        text = " {" + ", ".join(str(value) if value < 0 else f"{value:#x}" for value in row) + "},"
        if len(line) + len(text) > WIDTH:
            lines.append(line)
            line = "   "
        line += text
    return "\n".join([*lines, line.rstrip(","), "};"])


def main() -> None:
    sys.stdout.write("\n".join([
        f"// Case mappings of Unicode {unicodedata.unidata_version}, written by tools/setup/case_tables.py.",
        table("constexpr Shift toUpper[]", shifts(str.upper)),
        table("constexpr Shift toLower[]", shifts(str.lower)),
        table("constexpr Expansion toUpperTexts[]", expansions(str.upper)),
        table("constexpr Range ignorable[]", ranges(is_ignorable)),
        table("constexpr Range cased[]", ranges(is_cased)),
        "",
    ]))


if __name__ == "__main__":
    main()
