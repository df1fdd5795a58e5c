// RUN: tenon-opt %s -split-input-file -verify-diagnostics

func.func @width(%x: vector<6xf32>) -> vector<6xf32> {
  // expected-error @below {{C1: a vector of 192 bits, but registers have 128, 256 or 512}}
  %0 = ukernel.scale %x, %x : vector<6xf32>
  return %0 : vector<6xf32>
}

// -----

func.func @element(%x: vector<8xf16>) -> vector<8xf16> {
  // expected-error @below {{operand #0 must be vector of 32-bit float or 64-bit float values of ranks 1}}
  %0 = ukernel.scale %x, %x : vector<8xf16>
  return %0 : vector<8xf16>
}
