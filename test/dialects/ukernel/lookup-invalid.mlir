// RUN: tenon-opt %s -split-input-file -verify-diagnostics

func.func @lanes(%index: vector<4xi32>) -> vector<4xi32> {
  // expected-error @below {{C1: a vector of 4 lanes, but must have 8 or 16}}
  %0 = ukernel.lookup [0, 1, 4, 9] at %index : vector<4xi32>
  return %0 : vector<4xi32>
}

// -----

func.func @entries(%index: vector<8xi32>) -> vector<8xi32> {
  // expected-error @below {{C2: 4 entries for 8 lanes}}
  %0 = ukernel.lookup [0, 1, 4, 9] at %index : vector<8xi32>
  return %0 : vector<8xi32>
}

// -----

func.func @element(%index: vector<8xi64>) -> vector<8xi64> {
  // expected-error @below {{operand #0 must be vector of 32-bit signless integer values of ranks 1}}
  %0 = ukernel.lookup [0, 1, 4, 9, 16, 25, 36, 49] at %index : vector<8xi64>
  return %0 : vector<8xi64>
}
