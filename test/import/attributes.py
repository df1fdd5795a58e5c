"""How ops' attributes are printed."""

import re


def word(attribute):
    """The name of an enumeration attribute, which is printed as #nn<kind name> or #nn.kind<name>."""
    return re.search(r"(\w+)>*$", attribute).group(1)


def segments(attributes, operands):
    """Operands by their groups."""
    groups, start = [], 0
    for size in attributes["operandSegmentSizes"]:
        groups.append(operands[start : start + size])
        start += size
    return groups
