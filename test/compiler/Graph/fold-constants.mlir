// Values are what dialects/nn says, bit for bit.
// RUN: tenon-opt %s --tenon-fold-constants -split-input-file | FileCheck %s

// CHECK-LABEL: @float_arithmetic
//       CHECK:   nn.constant dense<[2.000000e+00, 8.000000e+00]> : tensor<2xf32>
//   CHECK-NOT:   nn.mul
func.func @float_arithmetic() -> tensor<2xf32> {
  %0 = nn.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %1 = nn.constant dense<[3.0, 6.0]> : tensor<2xf32>
  %2 = nn.add %0, %1 : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %3 = nn.constant dense<0.5> : tensor<f32>
  %4 = nn.mul %2, %3 : (tensor<2xf32>, tensor<f32>) -> tensor<2xf32>
  %5 = nn.sqrt %0 : (tensor<2xf32>) -> tensor<2xf32>
  %6 = nn.mul %5, %5 : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %7 = nn.round %6 : (tensor<2xf32>) -> tensor<2xf32>
  %8 = nn.mul %4, %7 : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  return %8 : tensor<2xf32>
}

// -----

// Integers wrap, divide towards zero, x / 0 is 0 and lowest / -1 is lowest.
// CHECK-LABEL: @integer_division
//       CHECK:   nn.constant dense<[-3, 0, -128, 3]> : tensor<4xi8>
func.func @integer_division() -> tensor<4xi8> {
  %0 = nn.constant dense<[-7, 5, -128, 7]> : tensor<4xi8>
  %1 = nn.constant dense<[2, 0, -1, 2]> : tensor<4xi8>
  %2 = nn.div %0, %1 : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  return %2 : tensor<4xi8>
}

// -----

// mod takes the sign of the divisor, rem that of the dividend.
// CHECK-LABEL: @remainders
//   CHECK-DAG:   nn.constant dense<[1, -1, 0]> : tensor<3xi32>
//   CHECK-DAG:   nn.constant dense<[-1, 1, 0]> : tensor<3xi32>
func.func @remainders() -> (tensor<3xi32>, tensor<3xi32>) {
  %0 = nn.constant dense<[-7, 7, 7]> : tensor<3xi32>
  %1 = nn.constant dense<[2, -2, 0]> : tensor<3xi32>
  %2 = nn.mod %0, %1 : (tensor<3xi32>, tensor<3xi32>) -> tensor<3xi32>
  %3 = nn.rem %0, %1 : (tensor<3xi32>, tensor<3xi32>) -> tensor<3xi32>
  return %2, %3 : tensor<3xi32>, tensor<3xi32>
}

// -----

// Floats saturate and NaN is 0, integers wrap, anything but 0 is true.
// CHECK-LABEL: @conversions
//   CHECK-DAG:   nn.constant dense<[127, -128, -1, 0]> : tensor<4xi8>
//   CHECK-DAG:   nn.constant dense<true> : tensor<4xi1>
//   CHECK-DAG:   nn.constant dense<[44, 0]> : tensor<2xui8>
func.func @conversions() -> (tensor<4xi8>, tensor<4xi1>, tensor<2xui8>) {
  %0 = nn.constant dense<[300.0, -1.0e9, -1.9, 0x7FC00000]> : tensor<4xf32>
  %1 = nn.cast %0 to i8 : (tensor<4xf32>) -> tensor<4xi8>
  %2 = nn.cast %0 to i1 : (tensor<4xf32>) -> tensor<4xi1>
  %3 = nn.constant dense<[300, 256]> : tensor<2xi32>
  %4 = nn.cast %3 to ui8 : (tensor<2xi32>) -> tensor<2xui8>
  return %1, %2, %4 : tensor<4xi8>, tensor<4xi1>, tensor<2xui8>
}

// -----

// Floats of at most 8 bits round to even and saturate unless told otherwise; scales round up to a power of two.
// CHECK-LABEL: @small_floats
//   CHECK-DAG:   nn.constant dense<[4.480000e+02, -4.480000e+02, 1.000000e+00, 1.250000e+00]> : tensor<4xf8E4M3FN>
//   CHECK-DAG:   nn.constant dense<[124, -4, 60, 61]> : tensor<4xi8>
//   CHECK-DAG:   nn.constant dense<[5.120000e+02, 1.024000e+03, 2.000000e+00, 2.000000e+00]> : tensor<4xf8E8M0FNU>
//   CHECK-DAG:   nn.constant dense<[4.480000e+02, -4.480000e+02, 1.000000e+00, 1.250000e+00]> : tensor<4xf32>
func.func @small_floats() -> (tensor<4xf8E4M3FN>, tensor<4xi8>, tensor<4xf8E8M0FNU>, tensor<4xf32>) {
  %0 = nn.constant dense<[500.0, -1.0e3, 1.0625, 1.1875]> : tensor<4xf32>
  %1 = nn.cast %0 to f8E4M3FN : (tensor<4xf32>) -> tensor<4xf8E4M3FN>
  %2 = nn.constant dense<[1.0e9, -1.0e9, 1.0, 1.2]> : tensor<4xf32>
  %3 = nn.cast %2 to f8E5M2 {saturate = false} : (tensor<4xf32>) -> tensor<4xf8E5M2>
  %4 = nn.bitcast %3 to i8 : (tensor<4xf8E5M2>) -> tensor<4xi8>
  %5 = nn.cast %0 to f8E8M0FNU : (tensor<4xf32>) -> tensor<4xf8E8M0FNU>
  %6 = nn.cast %1 to f32 : (tensor<4xf8E4M3FN>) -> tensor<4xf32>
  return %1, %4, %5, %6 : tensor<4xf8E4M3FN>, tensor<4xi8>, tensor<4xf8E8M0FNU>, tensor<4xf32>
}

// -----

// Integers wrap, floats as far as i32 go and then wrap.
// CHECK-LABEL: @small_integers
//   CHECK-DAG:   nn.constant dense<[7, -8, 1, 0]> : tensor<4xi4>
//   CHECK-DAG:   nn.constant dense<[1, 0, 1, 0]> : tensor<4xui2>
func.func @small_integers() -> (tensor<4xi4>, tensor<4xui2>) {
  %0 = nn.constant dense<[-9.0, 8.5, 1.9, 0x7FC00000]> : tensor<4xf32>
  %1 = nn.cast %0 to i4 : (tensor<4xf32>) -> tensor<4xi4>
  %2 = nn.constant dense<[5, -4, 1, 256]> : tensor<4xi32>
  %3 = nn.cast %2 to ui2 : (tensor<4xi32>) -> tensor<4xui2>
  return %1, %3 : tensor<4xi4>, tensor<4xui2>
}

// -----

// f64 to f16 and bf16 rounds once: 1 + 2^-11 + 2^-40 is above the middle of two f16 values, though f32 cannot tell.
// CHECK-LABEL: @single_rounding
//   CHECK-DAG:   nn.constant dense<1.000980e+00> : tensor<1xf16>
//   CHECK-DAG:   nn.constant dense<1.000000e+00> : tensor<1xbf16>
func.func @single_rounding() -> (tensor<1xf16>, tensor<1xbf16>) {
  %0 = nn.constant dense<0x3FF0020000001000> : tensor<1xf64>
  %1 = nn.cast %0 to f16 : (tensor<1xf64>) -> tensor<1xf16>
  %2 = nn.cast %0 to bf16 : (tensor<1xf64>) -> tensor<1xbf16>
  return %1, %2 : tensor<1xf16>, tensor<1xbf16>
}

// -----

// A maximum with NaN is NaN; comparisons with NaN are false but for ne.
// CHECK-LABEL: @nan
//   CHECK-DAG:   nn.constant dense<0x7FC00000> : tensor<1xf32>
//   CHECK-DAG:   nn.constant dense<[true, false]> : tensor<2xi1>
func.func @nan() -> (tensor<1xf32>, tensor<2xi1>) {
  %0 = nn.constant dense<0x7FC00000> : tensor<1xf32>
  %1 = nn.constant dense<1.0> : tensor<f32>
  %2 = nn.max %0, %1 : (tensor<1xf32>, tensor<f32>) -> tensor<1xf32>
  %3 = nn.compare ne, %0, %1 : (tensor<1xf32>, tensor<f32>) -> tensor<1xi1>
  %4 = nn.compare ge, %0, %1 : (tensor<1xf32>, tensor<f32>) -> tensor<1xi1>
  %5 = nn.concat %3, %4 {axis = 0 : i64} : (tensor<1xi1>, tensor<1xi1>) -> tensor<2xi1>
  return %2, %5 : tensor<1xf32>, tensor<2xi1>
}

// -----

// CHECK-LABEL: @movement
//   CHECK-DAG:   nn.constant dense<{{\[\[}}1, 4], [2, 5], [3, 6]]> : tensor<3x2xi32>
//   CHECK-DAG:   nn.constant dense<{{\[\[}}6, 4]]> : tensor<1x2xi32>
//   CHECK-DAG:   nn.constant dense<{{\[\[}}2, 1, 2, 3, 2], [5, 4, 5, 6, 5]]> : tensor<2x5xi32>
//   CHECK-DAG:   nn.constant dense<{{\[\[}}4, 5, 6], [1, 2, 3], [4, 5, 6]]> : tensor<3x3xi32>
func.func @movement() -> (tensor<3x2xi32>, tensor<1x2xi32>, tensor<2x5xi32>, tensor<3x3xi32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %back = arith.constant -2 : index
  %x = nn.constant dense<[[1, 2, 3], [4, 5, 6]]> : tensor<2x3xi32>
  %0 = nn.transpose %x {permutation = array<i64: 1, 0>} : (tensor<2x3xi32>) -> tensor<3x2xi32>
  %1 = nn.slice %x [%c1, %c2] [%c1, %c2] [%c1, %back] : tensor<2x3xi32> -> tensor<1x2xi32>
  %2 = nn.pad reflect, %x [%c0, %c1] [%c0, %c1] : tensor<2x3xi32> -> tensor<2x5xi32>
  %i = nn.constant dense<[1, 0, -1]> : tensor<3xi64>
  %3 = nn.gather %x, %i {axis = 0 : i64} : (tensor<2x3xi32>, tensor<3xi64>) -> tensor<3x3xi32>
  return %0, %1, %2, %3 : tensor<3x2xi32>, tensor<1x2xi32>, tensor<2x5xi32>, tensor<3x3xi32>
}

// -----

// Three columns in panels of two: the last one is filled with zeros.
// CHECK-LABEL: @pack
//       CHECK:   nn.constant dense<{{\[\[\[}}1, 2], [4, 5]], {{\[\[}}3, 0], [6, 0]]]> : tensor<2x2x2xi32>
func.func @pack() -> tensor<2x2x2xi32> {
  %x = nn.constant dense<[[1, 2, 3], [4, 5, 6]]> : tensor<2x3xi32>
  %0 = nn.pack %x {packing = #nn.packing<nr = 2, columns = 3>} : (tensor<2x3xi32>) -> tensor<2x2x2xi32>
  return %0 : tensor<2x2x2xi32>
}

// -----

// CHECK-LABEL: @reductions
//   CHECK-DAG:   nn.constant dense<{{\[\[}}6], [15]]> : tensor<2x1xi32>
//   CHECK-DAG:   nn.constant dense<6> : tensor<i32>
func.func @reductions() -> (tensor<2x1xi32>, tensor<i32>) {
  %x = nn.constant dense<[[1, 2, 3], [4, 5, 6]]> : tensor<2x3xi32>
  %0 = nn.reduce sum, %x {axes = array<i64: 1>, keep_dims} : (tensor<2x3xi32>) -> tensor<2x1xi32>
  %1 = nn.reduce max, %x {axes = array<i64: 0, 1>} : (tensor<2x3xi32>) -> tensor<i32>
  return %0, %1 : tensor<2x1xi32>, tensor<i32>
}

// -----

// Row [1, 2, 3] by the filter [1, 10]: 0 * 1 + 1 * 10, 1 + 20, 2 + 30, 3.
// CHECK-LABEL: @contractions
//   CHECK-DAG:   nn.constant dense<{{\[\[\[}}1.000000e+01, 2.100000e+01, 3.200000e+01, 3.000000e+00]]]> : tensor<1x1x4xf32>
//   CHECK-DAG:   nn.constant dense<1.400000e+01> : tensor<1x1xf32>
func.func @contractions() -> (tensor<1x1x4xf32>, tensor<1x1xf32>) {
  %x = nn.constant dense<[[[1.0, 2.0, 3.0]]]> : tensor<1x1x3xf32>
  %w = nn.constant dense<[[[1.0, 10.0]]]> : tensor<1x1x2xf32>
  %0 = nn.conv %x, %w {kernel = array<i64: 2>, strides = array<i64: 1>, pads = array<i64: 1, 1>, dilations = array<i64: 1>}
      : (tensor<1x1x3xf32>, tensor<1x1x2xf32>) -> tensor<1x1x4xf32>
  %y = nn.constant dense<[[1.0, 2.0, 3.0]]> : tensor<1x3xf32>
  %1 = nn.matmul %y, %y {transpose_rhs} : (tensor<1x3xf32>, tensor<1x3xf32>) -> tensor<1x1xf32>
  return %0, %1 : tensor<1x1x4xf32>, tensor<1x1xf32>
}

// -----

// A reshape of a resource is another view of its bytes.
// CHECK-LABEL: @shared_bytes
//       CHECK:   nn.constant dense_resource<weights> : tensor<2x2xf32>
func.func @shared_bytes() -> tensor<2x2xf32> {
  %c2 = arith.constant 2 : index
  %0 = nn.constant dense_resource<weights> : tensor<4xf32>
  %1 = nn.reshape %0 [%c2, %c2] : tensor<4xf32> -> tensor<2x2xf32>
  return %1 : tensor<2x2xf32>
}

{-#
  dialect_resources: {
    builtin: {
      weights: "0x040000000000803f000000400000404000008040"
    }
  }
#-}

// -----

// A large broadcast is cheaper to compute than to load.
// CHECK-LABEL: @stays
//       CHECK:   nn.broadcast
func.func @stays() -> tensor<200x200xf32> {
  %c200 = arith.constant 200 : index
  %0 = nn.constant dense<1.0> : tensor<f32>
  %1 = nn.broadcast %0 [%c200, %c200] : tensor<f32> -> tensor<200x200xf32>
  return %1 : tensor<200x200xf32>
}

// -----

// An index outside its tensor is an error of the run, not of the compiler.
// CHECK-LABEL: @outside
//       CHECK:   nn.gather
func.func @outside() -> tensor<1xf32> {
  %0 = nn.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %1 = nn.constant dense<[2]> : tensor<1xi64>
  %2 = nn.gather %0, %1 {axis = 0 : i64} : (tensor<2xf32>, tensor<1xi64>) -> tensor<1xf32>
  return %2 : tensor<1xf32>
}

// -----

// Scalars become tensors and tensors scalars.
// CHECK-LABEL: @scalars
//   CHECK-DAG:   nn.constant dense<[1, 2]> : tensor<2xi64>
//   CHECK-DAG:   arith.constant 7 : i64
func.func @scalars() -> (tensor<2xi64>, i64) {
  %c0 = arith.constant 0 : index
  %one = arith.constant 1 : i64
  %two = arith.constant 2 : i64
  %0 = tensor.from_elements %one, %two : tensor<2xi64>
  %1 = nn.constant dense<[7, 8]> : tensor<2xi64>
  %2 = tensor.extract %1[%c0] : tensor<2xi64>
  return %0, %2 : tensor<2xi64>, i64
}

// -----

// Complex numbers are moved whole, taken apart and put together.
// CHECK-LABEL: @complex
//   CHECK-DAG:   nn.constant dense<[{{\[}}(1.000000e+00,2.000000e+00), (-0.000000e+00,6.000000e+00)], [(3.000000e+00,4.000000e+00), (7.000000e+00,8.000000e+00)]]> : tensor<2x2xcomplex<f64>>
//   CHECK-DAG:   nn.constant dense<[{{\[}}2.000000e+00, 4.000000e+00], [6.000000e+00, 8.000000e+00]]> : tensor<2x2xf64>
//   CHECK-DAG:   nn.constant dense<[(2.000000e+00,1.000000e+00), (2.000000e+00,5.000000e-01)]> : tensor<2xcomplex<f32>>
func.func @complex() -> (tensor<2x2xcomplex<f64>>, tensor<2x2xf64>, tensor<2xcomplex<f32>>) {
  %0 = nn.constant dense<[[(1.0, 2.0), (3.0, 4.0)], [(-0.0, 6.0), (7.0, 8.0)]]> : tensor<2x2xcomplex<f64>>
  %1 = nn.transpose %0 {permutation = array<i64: 1, 0>} : (tensor<2x2xcomplex<f64>>) -> tensor<2x2xcomplex<f64>>
  %2 = nn.imag %0 : (tensor<2x2xcomplex<f64>>) -> tensor<2x2xf64>
  %3 = nn.constant dense<2.0> : tensor<f32>
  %4 = nn.constant dense<[1.0, 0.5]> : tensor<2xf32>
  %5 = nn.complex %3, %4 : (tensor<f32>, tensor<2xf32>) -> tensor<2xcomplex<f32>>
  return %1, %2, %5 : tensor<2x2xcomplex<f64>>, tensor<2x2xf64>, tensor<2xcomplex<f32>>
}

// -----

// Tables of a resized dimension. Neighbours outside are those of the border; exclude_outside takes their weight.
// CHECK-LABEL: @resize_tables
//   CHECK-DAG:   nn.constant dense<{{\[\[}}0, 0, 0, 1], [0, 1, 1, 1]]> : tensor<2x4xi32>
//   CHECK-DAG:   nn.constant dense<{{\[\[}}2.500000e-01, 7.500000e-01, 2.500000e-01, 7.500000e-01], [7.500000e-01, 2.500000e-01, 7.500000e-01, 2.500000e-01]]> : tensor<2x4xf32>
//   CHECK-DAG:   nn.constant dense<{{\[\[}}0.000000e+00, 7.500000e-01, 2.500000e-01, 1.000000e+00], [1.000000e+00, 2.500000e-01, 7.500000e-01, 0.000000e+00]]> : tensor<2x4xf64>
//   CHECK-DAG:   nn.constant dense<{{\[\[}}0, 0, 1, 1]]> : tensor<1x4xi32>
func.func @resize_tables() -> (tensor<2x4xi32>, tensor<2x4xf32>, tensor<2x4xf64>, tensor<1x4xi32>) {
  %c2 = arith.constant 2 : index
  %c4 = arith.constant 4 : index
  %two = arith.constant 2.0 : f32
  %0 = nn.resize_positions linear, half_pixel, floor, %c2 to %c4 scale %two : tensor<2x4xi32>
  %1 = nn.resize_weights linear, half_pixel, %c2 to %c4 scale %two {element = f32} : tensor<2x4xf32>
  %2 = nn.resize_weights linear, half_pixel, %c2 to %c4 scale %two {element = f64, exclude_outside} : tensor<2x4xf64>
  %3 = nn.resize_positions nearest, asymmetric, floor, %c2 to %c4 scale %two : tensor<1x4xi32>
  return %0, %1, %2, %3 : tensor<2x4xi32>, tensor<2x4xf32>, tensor<2x4xf64>, tensor<1x4xi32>
}
