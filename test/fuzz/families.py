"""All families: name -> (weight, function that makes a graph grow or raises oracle.Rejected)."""

import contractions
import control
import elementwise
import movement
import patterns
import reductions
import schemas
import windows

FAMILIES = {name: family for module in (elementwise, movement, reductions, contractions, windows, control, patterns, schemas)
            for name, family in module.FAMILIES.items()}
