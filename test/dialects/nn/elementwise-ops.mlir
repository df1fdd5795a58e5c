// Elementwise ops parse, verify and print; what is printed parses again.
// RUN: tenon-opt %s | tenon-opt | FileCheck %s

// CHECK-LABEL: @unary
func.func @unary(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  // CHECK: nn.abs %{{.*}} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %0 = nn.abs %x : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: nn.neg %{{.*}} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %1 = nn.neg %0 : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: nn.sign %{{.*}} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %2 = nn.sign %1 : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: nn.exp %{{.*}} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %3 = nn.exp %2 : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: nn.expm1 %{{.*}} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %4 = nn.expm1 %3 : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: nn.log %{{.*}} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %5 = nn.log %4 : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: nn.log1p %{{.*}} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %6 = nn.log1p %5 : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: nn.sqrt %{{.*}} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %7 = nn.sqrt %6 : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: nn.erf %{{.*}} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %8 = nn.erf %7 : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: nn.sin %{{.*}} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %9 = nn.sin %8 : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: nn.cos %{{.*}} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %10 = nn.cos %9 : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: nn.tan %{{.*}} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %11 = nn.tan %10 : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: nn.asin %{{.*}} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %12 = nn.asin %11 : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: nn.acos %{{.*}} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %13 = nn.acos %12 : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: nn.atan %{{.*}} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %14 = nn.atan %13 : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: nn.sinh %{{.*}} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %15 = nn.sinh %14 : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: nn.cosh %{{.*}} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %16 = nn.cosh %15 : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: nn.tanh %{{.*}} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %17 = nn.tanh %16 : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: nn.asinh %{{.*}} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %18 = nn.asinh %17 : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: nn.acosh %{{.*}} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %19 = nn.acosh %18 : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: nn.atanh %{{.*}} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %20 = nn.atanh %19 : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: nn.sigmoid %{{.*}} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %21 = nn.sigmoid %20 : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: nn.floor %{{.*}} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %22 = nn.floor %21 : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: nn.ceil %{{.*}} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %23 = nn.ceil %22 : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: nn.round %{{.*}} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %24 = nn.round %23 : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return %24 : tensor<?x4xf32>
}

// Operands broadcast; the rank is that of the higher one.
// CHECK-LABEL: @binary
func.func @binary(%x: tensor<?x4xf32>, %y: tensor<4xf32>) -> tensor<?x4xf32> {
  // CHECK: nn.add %{{.*}}, %{{.*}} : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %0 = nn.add %x, %y : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  // CHECK: nn.sub %{{.*}}, %{{.*}} : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %1 = nn.sub %0, %y : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  // CHECK: nn.mul %{{.*}}, %{{.*}} : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %2 = nn.mul %1, %y : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  // CHECK: nn.div %{{.*}}, %{{.*}} : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %3 = nn.div %2, %y : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  // CHECK: nn.mod %{{.*}}, %{{.*}} : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %4 = nn.mod %3, %y : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  // CHECK: nn.rem %{{.*}}, %{{.*}} : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %5 = nn.rem %4, %y : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  // CHECK: nn.pow %{{.*}}, %{{.*}} : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %6 = nn.pow %5, %y : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  // CHECK: nn.max %{{.*}}, %{{.*}} : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %7 = nn.max %6, %y : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  // CHECK: nn.min %{{.*}}, %{{.*}} : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %8 = nn.min %7, %y : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  return %8 : tensor<?x4xf32>
}

// CHECK-LABEL: @bits
func.func @bits(%x: tensor<3xui8>, %y: tensor<1xui8>) -> tensor<3xui8> {
  // CHECK: nn.not %{{.*}} : (tensor<3xui8>) -> tensor<3xui8>
  %n = nn.not %x : (tensor<3xui8>) -> tensor<3xui8>
  // CHECK: nn.and %{{.*}}, %{{.*}} : (tensor<3xui8>, tensor<1xui8>) -> tensor<3xui8>
  %0 = nn.and %n, %y : (tensor<3xui8>, tensor<1xui8>) -> tensor<3xui8>
  // CHECK: nn.or %{{.*}}, %{{.*}} : (tensor<3xui8>, tensor<1xui8>) -> tensor<3xui8>
  %1 = nn.or %0, %y : (tensor<3xui8>, tensor<1xui8>) -> tensor<3xui8>
  // CHECK: nn.xor %{{.*}}, %{{.*}} : (tensor<3xui8>, tensor<1xui8>) -> tensor<3xui8>
  %2 = nn.xor %1, %y : (tensor<3xui8>, tensor<1xui8>) -> tensor<3xui8>
  // CHECK: nn.shl %{{.*}}, %{{.*}} : (tensor<3xui8>, tensor<1xui8>) -> tensor<3xui8>
  %3 = nn.shl %2, %y : (tensor<3xui8>, tensor<1xui8>) -> tensor<3xui8>
  // CHECK: nn.shr %{{.*}}, %{{.*}} : (tensor<3xui8>, tensor<1xui8>) -> tensor<3xui8>
  %4 = nn.shr %3, %y : (tensor<3xui8>, tensor<1xui8>) -> tensor<3xui8>
  return %4 : tensor<3xui8>
}

// CHECK-LABEL: @predicates
func.func @predicates(%x: tensor<2xf16>) -> (tensor<2xi1>, tensor<2xi1>, tensor<2xi1>, tensor<2xf16>) {
  // CHECK: nn.is_nan %{{.*}} : (tensor<2xf16>) -> tensor<2xi1>
  %0 = nn.is_nan %x : (tensor<2xf16>) -> tensor<2xi1>
  // CHECK: nn.is_inf %{{.*}} {positive = false} : (tensor<2xf16>) -> tensor<2xi1>
  %1 = nn.is_inf %x {positive = false} : (tensor<2xf16>) -> tensor<2xi1>
  // CHECK: nn.compare le, %{{.*}}, %{{.*}} : (tensor<2xf16>, tensor<2xf16>) -> tensor<2xi1>
  %2 = nn.compare le, %x, %x : (tensor<2xf16>, tensor<2xf16>) -> tensor<2xi1>
  // CHECK: nn.select %{{.*}}, %{{.*}}, %{{.*}} : (tensor<2xi1>, tensor<2xf16>, tensor<2xf16>) -> tensor<2xf16>
  %3 = nn.select %2, %x, %x : (tensor<2xi1>, tensor<2xf16>, tensor<2xf16>) -> tensor<2xf16>
  return %0, %1, %2, %3 : tensor<2xi1>, tensor<2xi1>, tensor<2xi1>, tensor<2xf16>
}

// CHECK-LABEL: @conversions
func.func @conversions(%x: tensor<2xf32>) -> (tensor<2xui8>, tensor<2xi32>) {
  // CHECK: nn.cast %{{.*}} to ui8 : (tensor<2xf32>) -> tensor<2xui8>
  %0 = nn.cast %x to ui8 : (tensor<2xf32>) -> tensor<2xui8>
  // CHECK: nn.bitcast %{{.*}} to i32 : (tensor<2xf32>) -> tensor<2xi32>
  %1 = nn.bitcast %x to i32 : (tensor<2xf32>) -> tensor<2xi32>
  return %0, %1 : tensor<2xui8>, tensor<2xi32>
}

// Floats of at most 8 bits and integers below a byte are cast, chosen and moved; the defaults of a cast are not written.
// CHECK-LABEL: @small_types
func.func @small_types(%x: tensor<2xf32>, %c: tensor<2xi1>) -> (tensor<2xf8E4M3FN>, tensor<2xf8E8M0FNU>, tensor<2xui4>) {
  // CHECK: nn.cast %{{.*}} to f8E4M3FN {saturate = false} : (tensor<2xf32>) -> tensor<2xf8E4M3FN>
  %0 = nn.cast %x to f8E4M3FN {saturate = false} : (tensor<2xf32>) -> tensor<2xf8E4M3FN>
  // CHECK: nn.cast %{{.*}} to f8E8M0FNU {scale_rounding = {{.*}}nearest{{.*}}} : (tensor<2xf32>) -> tensor<2xf8E8M0FNU>
  %1 = nn.cast %x to f8E8M0FNU {scale_rounding = #nn<scale_rounding nearest>} : (tensor<2xf32>) -> tensor<2xf8E8M0FNU>
  // CHECK: nn.cast %{{.*}} to ui4 : (tensor<2xf32>) -> tensor<2xui4>
  %2 = nn.cast %x to ui4 {saturate = true} : (tensor<2xf32>) -> tensor<2xui4>
  // CHECK: nn.bitcast %{{.*}} to f4E2M1FN : (tensor<2xui4>) -> tensor<2xf4E2M1FN>
  %3 = nn.bitcast %2 to f4E2M1FN : (tensor<2xui4>) -> tensor<2xf4E2M1FN>
  // CHECK: nn.select %{{.*}}, %{{.*}}, %{{.*}} : (tensor<2xi1>, tensor<2xui4>, tensor<2xui4>) -> tensor<2xui4>
  %4 = nn.select %c, %2, %2 : (tensor<2xi1>, tensor<2xui4>, tensor<2xui4>) -> tensor<2xui4>
  return %0, %1, %4 : tensor<2xf8E4M3FN>, tensor<2xf8E8M0FNU>, tensor<2xui4>
}

// A written type may say less than what can be inferred, and more.
// CHECK-LABEL: @less_and_more_static
func.func @less_and_more_static(%x: tensor<4xf32>, %y: tensor<?xf32>) -> (tensor<?xf32>, tensor<7xf32>) {
  // CHECK: nn.exp %{{.*}} : (tensor<4xf32>) -> tensor<?xf32>
  %0 = nn.exp %x : (tensor<4xf32>) -> tensor<?xf32>
  // CHECK: nn.exp %{{.*}} : (tensor<?xf32>) -> tensor<7xf32>
  %1 = nn.exp %y : (tensor<?xf32>) -> tensor<7xf32>
  return %0, %1 : tensor<?xf32>, tensor<7xf32>
}

// Complex numbers are taken apart, put together and moved.
// CHECK-LABEL: @complex
func.func @complex(%x: tensor<?x4xcomplex<f32>>, %c: tensor<4xi1>) -> tensor<?x4xcomplex<f32>> {
  // CHECK: %[[RE:.*]] = nn.real %{{.*}} : (tensor<?x4xcomplex<f32>>) -> tensor<?x4xf32>
  %re = nn.real %x : (tensor<?x4xcomplex<f32>>) -> tensor<?x4xf32>
  // CHECK: %[[IM:.*]] = nn.imag %{{.*}} : (tensor<?x4xcomplex<f32>>) -> tensor<?x4xf32>
  %im = nn.imag %x : (tensor<?x4xcomplex<f32>>) -> tensor<?x4xf32>
  // CHECK: nn.complex %[[IM]], %[[RE]] : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xcomplex<f32>>
  %y = nn.complex %im, %re : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xcomplex<f32>>
  // CHECK: nn.select %{{.*}} : (tensor<4xi1>, tensor<?x4xcomplex<f32>>, tensor<?x4xcomplex<f32>>) -> tensor<?x4xcomplex<f32>>
  %z = nn.select %c, %x, %y : (tensor<4xi1>, tensor<?x4xcomplex<f32>>, tensor<?x4xcomplex<f32>>) -> tensor<?x4xcomplex<f32>>
  return %z : tensor<?x4xcomplex<f32>>
}
