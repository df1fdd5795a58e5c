"""The loops of a compiled library, from its disassembly."""

import dataclasses
import re
import subprocess
from collections.abc import Iterator

INSTRUCTION = re.compile(r"^\s*([0-9a-f]+):\s+(.*)$", re.MULTILINE)
BRANCH = re.compile(r"(?:j\w+|b(?:\.\w+)?|cbn?z|tbn?z)\s.*?0x([0-9a-f]+)")
# A function with a frame pointer says so at its start.
FRAME_POINTER = re.compile(r"^(movq\s+%rsp, %rbp|mov\s+x29, sp|add\s+x29, sp\b)")


@dataclasses.dataclass(frozen=True)
class Loop:
    """What lies between a backward branch and its target, both included, with no loop inside."""

    function: str
    instructions: tuple[str, ...]
    has_frame_pointer: bool

    def stack_accesses(self) -> list[str]:
        """Instructions that read or write the stack frame."""
        base = r"\(%(rsp|rbp)\b|\[(sp|x29)\b" if self.has_frame_pointer else r"\(%rsp\b|\[sp\b"
        return [instruction for instruction in self.instructions if re.search(base, instruction)]


def functions(library) -> Iterator[tuple[str, list[tuple[int, str]]]]:
    """Name, and addresses with instructions, of every function of a library or object."""
    text = subprocess.run(["llvm-objdump-22", "-d", "--no-show-raw-insn", str(library)], capture_output=True, text=True, check=True, timeout=60).stdout
    for part in re.split(r"^[0-9a-f]+ <", text, flags=re.MULTILINE)[1:]:
        yield part.partition(">:")[0], [(int(match[1], 16), match[2]) for match in INSTRUCTION.finditer(part)]


def loops(library) -> list[Loop]:
    """Every loop that has no loop inside."""
    found = []
    for name, lines in functions(library):
        framed = any(FRAME_POINTER.match(instruction) for _, instruction in lines)
        spans = []
        for address, instruction in lines:
            target = BRANCH.match(instruction)
            if target and int(target[1], 16) <= address:
                spans.append((int(target[1], 16), address))
        for begin, end in spans:
            if not any((begin, end) != other and begin <= other[0] and other[1] <= end for other in spans):
                found.append(Loop(name, tuple(text for address, text in lines if begin <= address <= end), framed))
    return found
