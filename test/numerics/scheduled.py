"""Kernels written as scheduled IR, and how a model made of them is built.

The kernels are plain scalar loops, so that nothing but the lowering of main and of phases is on trial.
"""

import pathlib
import subprocess

import tenon

PHASE = """
  func.func private @{name}({arguments}) attributes {{nn.kernel, nn.results = 1 : i64{attributes}}} {{
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    ukernel.phase tasks({tasks}) work(%n) scratch(%c0) {{
    ^bb0(%begin: index, %end: index, %scratch: memref<?xi8>):
      {body}
      ukernel.end
    }}
    return
  }}
"""
EACH = """scf.for %i = %begin to %end step %c1 {{
        %a = memref.load %x[%i] : memref<?xf32>
        {compute}
        memref.store %r, %out[%i] : memref<?xf32>
      }}"""


def phase(name, arguments, body, attributes="", tasks="%n"):
    return PHASE.format(name=name, arguments=arguments, body=body, attributes=attributes, tasks=tasks)


INCREMENT = ("%x: memref<?xf32>, %out: memref<?xf32>, %n: index, %f: f32", EACH.format(compute="%r = arith.addf %a, %f : f32"))
SUM = ("%x: memref<?xf32>, %y: memref<?xf32>, %out: memref<?xf32>, %n: index",
       EACH.format(compute="%b = memref.load %y[%i] : memref<?xf32>\n%r = arith.addf %a, %b : f32"))
# x + f; x + y (also over an operand); how many elements are above f; those elements, one after the other.
KERNELS = "".join([
    phase("inc", *INCREMENT),
    phase("inc_over", *INCREMENT, attributes=", nn.in_place = [[0, 0]]"),
    phase("add", *SUM),
    phase("add_over", *SUM, attributes=", nn.in_place = [[0, 0], [0, 1]]"),
    phase("count", "%x: memref<?xf32>, %out: memref<?xi64>, %n: index, %f: f32", """
      %zero = arith.constant 0 : i64
      %count = scf.for %i = %c0 to %n step %c1 iter_args(%c = %zero) -> i64 {
        %a = memref.load %x[%i] : memref<?xf32>
        %above = arith.cmpf ogt, %a, %f : f32
        %one = arith.extui %above : i1 to i64
        %next = arith.addi %c, %one : i64
        scf.yield %next : i64
      }
      memref.store %count, %out[%c0] : memref<?xi64>""", tasks="%c1"),
    phase("keep", "%x: memref<?xf32>, %out: memref<?xf32>, %n: index, %f: f32", """
      %count = scf.for %i = %c0 to %n step %c1 iter_args(%c = %c0) -> index {
        %a = memref.load %x[%i] : memref<?xf32>
        %above = arith.cmpf ogt, %a, %f : f32
        %next = scf.if %above -> index {
          memref.store %a, %out[%c] : memref<?xf32>
          %d = arith.addi %c, %c1 : index
          scf.yield %d : index
        } else {
          scf.yield %c : index
        }
        scf.yield %next : index
      }""", tasks="%c1"),
])


def build_model(tools: pathlib.Path, folder: pathlib.Path, main: str, kernels: str = KERNELS):
    """Compiles `main` (a func.func as text) and `kernels`, and loads the model for two threads."""
    source, lowered, library = folder / "in.mlir", folder / "out.mlir", folder / "model.so"
    source.write_text("module {\n" + kernels + main + "\n}\n")
    subprocess.run([tools / "tenon-opt", source, "--tenon-loops", "--tenon-llvm", "-o", lowered], check=True, timeout=120)
    subprocess.run([tools / "tenon", "compile", lowered, "-o", library], check=True, timeout=120)
    return tenon.load(str(library), threads=2)
