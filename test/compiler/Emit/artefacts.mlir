// A model in the LLVM dialect, as Codegen leaves it, becomes every kind of artefact. It computes y = exp(x) * w, element by
// element, with w repeating every four.

// A shared library exports the descriptor and nothing else, and needs libm because expf is called.
// RUN: tenon compile %s -o %t.so
// RUN: llvm-nm -D --defined-only %t.so | FileCheck %s --check-prefix=EXPORTS
// EXPORTS-COUNT-1: D tenon_model
// EXPORTS-NOT: {{.}}
// RUN: llvm-readelf -dW %t.so | FileCheck %s --check-prefix=NEEDED
// NEEDED: NEEDED{{.*}}libm.so.6
// NEEDED-NOT: NEEDED
// NEEDED: BIND_NOW

// Names of kernels stay for profilers; read-only data is read-only after loading; no page is writable and executable.
// RUN: llvm-readelf -sW -lW %t.so | FileCheck %s --check-prefix=LAYOUT
// LAYOUT: GNU_RELRO
// LAYOUT: GNU_STACK {{.*}} RW {{ *}}0
// LAYOUT: exp_scale_0
// LAYOUT: OBJECT LOCAL HIDDEN {{.*}} tenon_weights

// Equal input, equal bytes, for any number of threads.
// RUN: tenon compile %s -o %t.again.so --threads 1
// RUN: cmp %t.so %t.again.so

// The weights are at their offsets, with zeros between them; a boolean is a byte.
// RUN: tenon compile %s --weights-file -o %t.side.so
// RUN: od -A d -t x1 -v %t.side.weights | FileCheck %s --check-prefix=BYTES
// BYTES: 0000000 00 00 80 3f 00 00 00 40 00 00 40 40 00 00 80 40
// BYTES: 0000016 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
// BYTES: 0000064 01 00 01 00 00 00 00 00 00 00 00 00 00 00 00 00
// BYTES-NEXT: 0000080
// BYTES-NEXT: 0000096
// BYTES-NEXT: 0000112
// BYTES-NEXT: 0000128
// BYTES-EMPTY:
// RUN: llvm-readelf -sW %t.side.so | FileCheck %s --check-prefix=NOWEIGHTS
// NOWEIGHTS-NOT: tenon_weights

// A static library holds one public name, so that a program can link several models; the header lists the tensors.
// RUN: tenon compile %s --emit lib -o %t.a
// RUN: llvm-nm --defined-only --extern-only %t.a | FileCheck %s --check-prefix=ARCHIVE
// ARCHIVE: R tenon_model.tenon_weights
// ARCHIVE: D tenon_model{{$}}
// ARCHIVE-NOT: {{[TD]}} tenon_plan
// RUN: FileCheck %s --check-prefix=HEADER --input-file=%t.h
// HEADER: extern const tenon_model tenon_model;
// HEADER: #define TENON_MODEL_NUM_INPUTS 1
// HEADER: #define TENON_MODEL_INPUT_X_0 0 /* x:0 */
// HEADER: #define TENON_MODEL_OUTPUT_Y__ 0 /* y__ */

// One object; assembly; LLVM IR.
// RUN: tenon compile %s --emit obj -o %t.o
// RUN: llvm-nm %t.o | FileCheck %s --check-prefix=OBJECT
// OBJECT-DAG: D tenon_model
// OBJECT-DAG: U expf
// RUN: tenon compile %s --emit asm -o %t.s
// RUN: FileCheck %s --check-prefix=ASSEMBLY --input-file=%t.s
// ASSEMBLY: exp_scale_0:
// RUN: tenon compile %s --emit llvm -o %t.ll
// RUN: FileCheck %s --check-prefix=IR --input-file=%t.ll
// IR: @tenon_model = constant
// IR: define internal i32 @exp_scale_0

// Another architecture needs nothing of it on this machine.
// RUN: tenon compile %s --target aarch64-linux-gnu --cpu generic -o %t.arm.so
// RUN: llvm-readelf -hdW %t.arm.so | FileCheck %s --check-prefix=AARCH64
// AARCH64: Machine: AArch64
// AARCH64: NEEDED{{.*}}libm.so.6

// What cannot be written leaves nothing behind.
// RUN: not tenon compile %s -o %t.missing/model.so 2>&1 | FileCheck %s --check-prefix=NOFOLDER
// NOFOLDER: error: cannot write '{{.*}}model.so': '{{.*}}.missing' is not a folder

!spec = !llvm.struct<(ptr, i32, i32, ptr, ptr)>
!model = !llvm.struct<(i32, i32, ptr, ptr, ptr, ptr, ptr, i32, i32, ptr, i32, i32, ptr, ptr, ptr, i32, i32, ptr, ptr, i64, ptr, i64, i64, ptr, ptr, ptr, ptr, ptr, ptr, i32)>

module attributes {tenon.weights = [
    {offset = 0 : i64, value = dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>},
    {offset = 64 : i64, value = dense<[true, false, true]> : tensor<3xi1>}]} {
  llvm.func @expf(f32) -> f32

  llvm.func internal @exp_scale_0(%args: !llvm.ptr, %begin: i64, %end: i64, %scratch: !llvm.ptr) -> i32 {
    %ok = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i64) : i64
    %three = llvm.mlir.constant(3 : i64) : i64
    %slot1 = llvm.getelementptr %args[1] : (!llvm.ptr) -> !llvm.ptr, i64
    %slot2 = llvm.getelementptr %args[2] : (!llvm.ptr) -> !llvm.ptr, i64
    %x = llvm.load %args : !llvm.ptr -> !llvm.ptr
    %y = llvm.load %slot1 : !llvm.ptr -> !llvm.ptr
    %w = llvm.load %slot2 : !llvm.ptr -> !llvm.ptr
    llvm.br ^test(%begin : i64)
  ^test(%i: i64):
    %more = llvm.icmp "slt" %i, %end : i64
    llvm.cond_br %more, ^body, ^done
  ^body:
    %from = llvm.getelementptr %x[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f32
    %value = llvm.load %from : !llvm.ptr -> f32
    %exp = llvm.call @expf(%value) : (f32) -> f32
    %index = llvm.and %i, %three : i64
    %at = llvm.getelementptr %w[%index] : (!llvm.ptr, i64) -> !llvm.ptr, f32
    %factor = llvm.load %at : !llvm.ptr -> f32
    %product = llvm.fmul %exp, %factor : f32
    %to = llvm.getelementptr %y[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f32
    llvm.store %product, %to : f32, !llvm.ptr
    %next = llvm.add %i, %one : i64
    llvm.br ^test(%next : i64)
  ^done:
    llvm.return %ok : i32
  }

  llvm.func internal @tenon_plan(%host: !llvm.ptr, %dims: !llvm.ptr, %table: !llvm.ptr) -> i32 {
    %ok = llvm.mlir.constant(0 : i32) : i32
    %zero = llvm.mlir.constant(0 : i64) : i64
    %n = llvm.load %dims : !llvm.ptr -> i64
    %slot1 = llvm.getelementptr %table[1] : (!llvm.ptr) -> !llvm.ptr, i64
    %slot2 = llvm.getelementptr %table[2] : (!llvm.ptr) -> !llvm.ptr, i64
    llvm.store %zero, %table : i64, !llvm.ptr
    llvm.store %zero, %slot1 : i64, !llvm.ptr
    llvm.store %n, %slot2 : i64, !llvm.ptr
    llvm.return %ok : i32
  }

  llvm.func internal @tenon_run(%host: !llvm.ptr, %inputs: !llvm.ptr, %table: !llvm.ptr, %arena: !llvm.ptr, %weights: !llvm.ptr) -> i32 {
    %memory = llvm.mlir.constant(3 : i32) : i32
    %zero = llvm.mlir.constant(0 : i32) : i32
    %count = llvm.mlir.constant(3 : i64) : i64
    %args = llvm.alloca %count x i64 : (i64) -> !llvm.ptr
    %nSlot = llvm.getelementptr %table[2] : (!llvm.ptr) -> !llvm.ptr, i64
    %n = llvm.load %nSlot : !llvm.ptr -> i64
    %outputField = llvm.getelementptr %host[16] : (!llvm.ptr) -> !llvm.ptr, i8
    %output = llvm.load %outputField : !llvm.ptr -> !llvm.ptr
    %y = llvm.call %output(%host, %zero, %nSlot) : !llvm.ptr, (!llvm.ptr, i32, !llvm.ptr) -> !llvm.ptr
    %null = llvm.mlir.zero : !llvm.ptr
    %failed = llvm.icmp "eq" %y, %null : !llvm.ptr
    llvm.cond_br %failed, ^error, ^go
  ^error:
    llvm.return %memory : i32
  ^go:
    %x = llvm.load %inputs : !llvm.ptr -> !llvm.ptr
    %slot1 = llvm.getelementptr %args[1] : (!llvm.ptr) -> !llvm.ptr, i64
    %slot2 = llvm.getelementptr %args[2] : (!llvm.ptr) -> !llvm.ptr, i64
    llvm.store %x, %args : !llvm.ptr, !llvm.ptr
    llvm.store %y, %slot1 : !llvm.ptr, !llvm.ptr
    llvm.store %weights, %slot2 : !llvm.ptr, !llvm.ptr
    %parallelField = llvm.getelementptr %host[8] : (!llvm.ptr) -> !llvm.ptr, i8
    %parallel = llvm.load %parallelField : !llvm.ptr -> !llvm.ptr
    %task = llvm.mlir.addressof @exp_scale_0 : !llvm.ptr
    %status = llvm.call %parallel(%host, %task, %args, %n, %n, %zero) : !llvm.ptr, (!llvm.ptr, !llvm.ptr, !llvm.ptr, i64, i64, i32) -> i32
    llvm.return %status : i32
  }

  llvm.mlir.global external constant @tenon_weights() {alignment = 64 : i64} : !llvm.array<128 x i8>
  llvm.mlir.global internal constant @name_x("x:0\00")
  llvm.mlir.global internal constant @name_y("y*/\00")
  llvm.mlir.global internal constant @name_n("n\00")
  llvm.mlir.global internal constant @text("by hand\00")
  llvm.mlir.global internal constant @manifest("{}\00")
  llvm.mlir.global internal constant @dims(dense<-1> : tensor<1xi64>) : !llvm.array<1 x i64>
  llvm.mlir.global internal constant @indices(dense<0> : tensor<1xi32>) : !llvm.array<1 x i32>
  llvm.mlir.global internal constant @symbols() : !llvm.ptr {
    %n = llvm.mlir.addressof @name_n : !llvm.ptr
    llvm.return %n : !llvm.ptr
  }
  llvm.mlir.global internal constant @kernels() : !llvm.struct<(ptr, ptr)> {
    %text = llvm.mlir.addressof @text : !llvm.ptr
    %0 = llvm.mlir.undef : !llvm.struct<(ptr, ptr)>
    %1 = llvm.insertvalue %text, %0[0] : !llvm.struct<(ptr, ptr)>
    %2 = llvm.insertvalue %text, %1[1] : !llvm.struct<(ptr, ptr)>
    llvm.return %2 : !llvm.struct<(ptr, ptr)>
  }
  llvm.mlir.global internal constant @inputs() : !llvm.array<1 x !spec> {
    %name = llvm.mlir.addressof @name_x : !llvm.ptr
    %one = llvm.mlir.constant(1 : i32) : i32
    %dims = llvm.mlir.addressof @dims : !llvm.ptr
    %indices = llvm.mlir.addressof @indices : !llvm.ptr
    %0 = llvm.mlir.undef : !llvm.array<1 x !spec>
    %1 = llvm.insertvalue %name, %0[0, 0] : !llvm.array<1 x !spec>
    %2 = llvm.insertvalue %one, %1[0, 1] : !llvm.array<1 x !spec>
    %3 = llvm.insertvalue %one, %2[0, 2] : !llvm.array<1 x !spec>
    %4 = llvm.insertvalue %dims, %3[0, 3] : !llvm.array<1 x !spec>
    %5 = llvm.insertvalue %indices, %4[0, 4] : !llvm.array<1 x !spec>
    llvm.return %5 : !llvm.array<1 x !spec>
  }
  llvm.mlir.global internal constant @outputs() : !llvm.array<1 x !spec> {
    %name = llvm.mlir.addressof @name_y : !llvm.ptr
    %one = llvm.mlir.constant(1 : i32) : i32
    %dims = llvm.mlir.addressof @dims : !llvm.ptr
    %indices = llvm.mlir.addressof @indices : !llvm.ptr
    %0 = llvm.mlir.undef : !llvm.array<1 x !spec>
    %1 = llvm.insertvalue %name, %0[0, 0] : !llvm.array<1 x !spec>
    %2 = llvm.insertvalue %one, %1[0, 1] : !llvm.array<1 x !spec>
    %3 = llvm.insertvalue %one, %2[0, 2] : !llvm.array<1 x !spec>
    %4 = llvm.insertvalue %dims, %3[0, 3] : !llvm.array<1 x !spec>
    %5 = llvm.insertvalue %indices, %4[0, 4] : !llvm.array<1 x !spec>
    llvm.return %5 : !llvm.array<1 x !spec>
  }
  llvm.mlir.global external constant @tenon_model() : !model {
    %size = llvm.mlir.constant(208 : i32) : i32
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %three = llvm.mlir.constant(3 : i32) : i32
    %long = llvm.mlir.constant(0 : i64) : i64
    %null = llvm.mlir.zero : !llvm.ptr
    %text = llvm.mlir.addressof @text : !llvm.ptr
    %inputs = llvm.mlir.addressof @inputs : !llvm.ptr
    %outputs = llvm.mlir.addressof @outputs : !llvm.ptr
    %symbols = llvm.mlir.addressof @symbols : !llvm.ptr
    %kernels = llvm.mlir.addressof @kernels : !llvm.ptr
    %weights = llvm.mlir.addressof @tenon_weights : !llvm.ptr
    %manifest = llvm.mlir.addressof @manifest : !llvm.ptr
    %plan = llvm.mlir.addressof @tenon_plan : !llvm.ptr
    %run = llvm.mlir.addressof @tenon_run : !llvm.ptr
    %m = llvm.mlir.undef : !model
    %0 = llvm.insertvalue %size, %m[0] : !model
    %1 = llvm.insertvalue %one, %0[1] : !model
    %2 = llvm.insertvalue %text, %1[2] : !model
    %3 = llvm.insertvalue %text, %2[3] : !model
    %4 = llvm.insertvalue %text, %3[4] : !model
    %5 = llvm.insertvalue %text, %4[5] : !model
    %6 = llvm.insertvalue %null, %5[6] : !model
    %7 = llvm.insertvalue %zero, %6[7] : !model
    %8 = llvm.insertvalue %one, %7[8] : !model
    %9 = llvm.insertvalue %inputs, %8[9] : !model
    %10 = llvm.insertvalue %one, %9[10] : !model
    %11 = llvm.insertvalue %one, %10[11] : !model
    %12 = llvm.insertvalue %outputs, %11[12] : !model
    %13 = llvm.insertvalue %symbols, %12[13] : !model
    %14 = llvm.insertvalue %null, %13[14] : !model
    %15 = llvm.insertvalue %one, %14[15] : !model
    %16 = llvm.insertvalue %three, %15[16] : !model
    %17 = llvm.insertvalue %kernels, %16[17] : !model
    %18 = llvm.insertvalue %weights, %17[18] : !model
    %19 = llvm.insertvalue %long, %18[19] : !model
    %20 = llvm.insertvalue %null, %19[20] : !model
    %21 = llvm.insertvalue %long, %20[21] : !model
    %22 = llvm.insertvalue %long, %21[22] : !model
    %23 = llvm.insertvalue %null, %22[23] : !model
    %24 = llvm.insertvalue %null, %23[24] : !model
    %25 = llvm.insertvalue %manifest, %24[25] : !model
    %26 = llvm.insertvalue %plan, %25[26] : !model
    %27 = llvm.insertvalue %run, %26[27] : !model
    %28 = llvm.insertvalue %null, %27[28] : !model
    %29 = llvm.insertvalue %zero, %28[29] : !model
    llvm.return %29 : !model
  }
}
