"""nn.non_max_suppression with numpy."""

import numpy as np


def overlap(x, y, centered):
    """The intersection of two boxes over their union."""
    def corners(box):
        if centered:
            return box[:2] - box[2:] / 2, box[:2] + box[2:] / 2
        return np.minimum(box[:2], box[2:]), np.maximum(box[:2], box[2:])

    (low, high), (other_low, other_high) = corners(x), corners(y)
    sides = np.minimum(high, other_high) - np.maximum(low, other_low)
    areas = np.prod(high - low), np.prod(other_high - other_low)
    if min(sides) <= 0 or min(areas) <= 0:
        return 0
    return np.prod(sides) / (sum(areas) - np.prod(sides))


def non_max_suppression(attributes, operands, op):
    boxes, scores, limit, most, *least = operands
    result = np.full((*scores.shape[:2], int(limit)), -1, np.int64)
    for b, c in np.ndindex(*scores.shape[:2]):
        chosen = []
        for box in np.argsort(-scores[b, c], kind="stable"):
            if len(chosen) == limit or (least and not scores[b, c, box] > least[0]):
                continue
            if all(overlap(boxes[b, box], boxes[b, other], attributes.get("centered")) <= most for other in chosen):
                chosen.append(box)
        result[b, c, : len(chosen)] = chosen
    return result
