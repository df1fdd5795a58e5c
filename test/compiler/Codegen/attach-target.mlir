// RUN: tenon-opt %s --tenon-attach-target="triple=x86_64-unknown-linux-gnu cpu=znver4 feature-string=+avx512f,+fma vector-bytes=64" | FileCheck %s --check-prefixes=CHECK,WIDE
// RUN: tenon-opt %s --tenon-attach-target="cpu=x86-64-v3 vector-bytes=32" | FileCheck %s --check-prefixes=CHECK,NARROW

// Defined functions say what they are for; LLVM is told to use registers of 64 bytes, which it would not by itself.

// WIDE: module attributes {llvm.target_triple = "x86_64-unknown-linux-gnu"}
// CHECK: llvm.func @library(f32) -> f32
// CHECK-NOT: target_cpu
// CHECK: llvm.func internal @k_0() attributes {denormal_fp_math = "ieee", frame_pointer = #llvm.framePointerKind<none>, no_unwind,
// WIDE-SAME: prefer_vector_width = "512", target_cpu = "znver4", target_features = #llvm.target_features<["+avx512f", "+fma"]>
// NARROW-NOT: prefer_vector_width
// NARROW-SAME: target_cpu = "x86-64-v3"
llvm.func @library(f32) -> f32
llvm.func internal @k_0() {
  llvm.return
}
