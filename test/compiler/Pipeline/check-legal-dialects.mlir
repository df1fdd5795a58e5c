// RUN: tenon-opt %s --tenon-check-legal-dialects="stage=Fuse dialects=func,arith" --split-input-file --verify-diagnostics

// Ops of the named dialects are fine, builtin ones always.
module {
  func.func @main(%x: index) -> index {
    %0 = arith.addi %x, %x : index
    return %0 : index
  }
}

// -----

// The first other op is named, with the stage that left it.
func.func @main(%x: tensor<?xf32>, %i: index) -> index {
  // expected-error @below {{'tensor.dim' is not legal after Fuse}}
  %0 = tensor.dim %x, %i : tensor<?xf32>
  return %0 : index
}
