"""Models written as scheduled IR run and give numpy's results: memory plans, shape plans, branches, loops, failures.

scheduled.py has the kernels.
"""

import functools

import numpy as np
import pytest

import scheduled
import tenon

# Below 100 elements: doubled by way of scratch memory; else tripled. Then a phase that uses what the branch gave, and fails above a limit.
VARIANTS = """
  func.func private @variants(%x: memref<?xf32>, %out: memref<?xf32>, %n: index, %limit: index) attributes {nn.kernel, nn.results = 1 : i64} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c4 = arith.constant 4 : index
    %c100 = arith.constant 100 : index
    %isSmall = arith.cmpi ult, %n, %c100 : index
    %factor = scf.if %isSmall -> f32 {
      %bytes = arith.muli %n, %c4 : index
      %two = arith.constant 2.0 : f32
      ukernel.phase tasks(%c1) work(%n) scratch(%bytes) {
      ^bb0(%begin: index, %end: index, %scratch: memref<?xi8>):
        %t = memref.view %scratch[%c0][%n] : memref<?xi8> to memref<?xf32>
        scf.for %i = %c0 to %n step %c1 {
          %a = memref.load %x[%i] : memref<?xf32>
          memref.store %a, %t[%i] : memref<?xf32>
        }
        scf.for %i = %c0 to %n step %c1 {
          %a = memref.load %t[%i] : memref<?xf32>
          %r = arith.mulf %a, %two : f32
          memref.store %r, %out[%i] : memref<?xf32>
        }
        ukernel.end
      }
      scf.yield %two : f32
    } else {
      %three = arith.constant 3.0 : f32
      ukernel.phase tasks(%n) work(%n) scratch(%c0) {
      ^bb0(%begin: index, %end: index, %scratch: memref<?xi8>):
        scf.for %i = %begin to %end step %c1 {
          %a = memref.load %x[%i] : memref<?xf32>
          %r = arith.mulf %a, %three : f32
          memref.store %r, %out[%i] : memref<?xf32>
        }
        ukernel.end
      }
      scf.yield %three : f32
    }
    ukernel.phase tasks(%n) work(%n) scratch(%c0) {
    ^bb0(%begin: index, %end: index, %scratch: memref<?xi8>):
      scf.for %i = %begin to %end step %c1 {
        %a = memref.load %out[%i] : memref<?xf32>
        %r = arith.addf %a, %factor : f32
        memref.store %r, %out[%i] : memref<?xf32>
      }
      %ok = arith.constant 0 : i32
      %outOfRange = arith.constant 2 : i32
      %bad = arith.cmpi ugt, %end, %limit : index
      %status = arith.select %bad, %outOfRange, %ok : i32
      ukernel.end %status
    }
    return
  }
"""


@pytest.fixture
def build_model(build, tmp_path):
    return functools.partial(scheduled.build_model, build / "bin", tmp_path)


def numbers(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def test_pools_views_and_duplicate_outputs(build_model):
    model = build_model("""
  func.func @main(%x: tensor<?x8xf32> {nn.name = "x", nn.dims = ["n", ""]}, %y: tensor<?x8xf32> {nn.name = "y", nn.dims = ["m", ""]})
      -> (tensor<?x8xf32> {nn.name = "a"}, tensor<?xf32> {nn.name = "b"}, tensor<2xi64> {nn.name = "shape"}, tensor<?x8xf32> {nn.name = "a again"}) {
    %c0 = arith.constant 0 : index
    %c8 = arith.constant 8 : index
    %f = arith.constant 1.5 : f32
    %n = tensor.dim %x, %c0 : tensor<?x8xf32>
    %m = tensor.dim %y, %c0 : tensor<?x8xf32>
    %n8 = arith.muli %n, %c8 : index
    %m8 = arith.muli %m, %c8 : index
    %0 = nn.launch @inc(%x) scalars(%n8, %f : index, f32) extents(%n) : (tensor<?x8xf32>) -> tensor<?x8xf32>
    %1 = nn.launch @inc(%0) scalars(%n8, %f : index, f32) extents(%n) : (tensor<?x8xf32>) -> tensor<?x8xf32>
    %2 = nn.launch @inc(%1) scalars(%n8, %f : index, f32) extents(%n) : (tensor<?x8xf32>) -> tensor<?x8xf32>
    %3 = nn.launch @add(%2, %0) scalars(%n8 : index) extents(%n) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
    %4 = nn.launch @inc_over(%3) scalars(%n8, %f : index, f32) extents(%n) : (tensor<?x8xf32>) -> tensor<?x8xf32>
    %5 = nn.launch @inc(%4) scalars(%n8, %f : index, f32) extents(%n) : (tensor<?x8xf32>) -> tensor<?x8xf32>
    %6 = nn.launch @inc(%y) scalars(%m8, %f : index, f32) extents(%m) : (tensor<?x8xf32>) -> tensor<?x8xf32>
    %7 = nn.launch @inc(%6) scalars(%m8, %f : index, f32) extents(%m) : (tensor<?x8xf32>) -> tensor<?x8xf32>
    %8 = nn.reshape %7[%m8] : tensor<?x8xf32> -> tensor<?xf32>
    %n64 = arith.index_cast %n : index to i64
    %c8_64 = arith.constant 8 : i64
    %s = tensor.from_elements %n64, %c8_64 : tensor<2xi64>
    return %5, %8, %s, %5 : tensor<?x8xf32>, tensor<?xf32>, tensor<2xi64>, tensor<?x8xf32>
  }""")
    for n, m in ((1, 1), (5, 3), (100, 1000), (0, 2)):
        x, y = numbers(n, 8), numbers(m, 8)
        results = model.run({"x": x, "y": y})
        expected = (x + 4.5) + (x + 1.5) + 3
        np.testing.assert_allclose(results["a"], expected, atol=1e-5)
        np.testing.assert_array_equal(results["a"], results["a again"])
        np.testing.assert_allclose(results["b"], (y + 3).reshape(-1), atol=1e-5)
        assert list(results["shape"]) == [n, 8]


def test_sizes_that_depend_on_data(build_model):
    model = build_model("""
  func.func @main(%x: tensor<?xf32> {nn.name = "x", nn.dims = ["n"]}) -> (tensor<?xf32> {nn.name = "kept"}, tensor<i64> {nn.name = "count"}) {
    %c0 = arith.constant 0 : index
    %f = arith.constant 0.0 : f32
    %n = tensor.dim %x, %c0 : tensor<?xf32>
    %0 = nn.launch @inc(%x) scalars(%n, %f : index, f32) extents(%n) : (tensor<?xf32>) -> tensor<?xf32>
    %1 = nn.launch @count(%0) scalars(%n, %f : index, f32) : (tensor<?xf32>) -> tensor<i64>
    %v = tensor.extract %1[] : tensor<i64>
    %k = arith.index_cast %v : i64 to index
    %2 = nn.launch @keep(%0) scalars(%n, %f : index, f32) extents(%k) : (tensor<?xf32>) -> tensor<?xf32>
    %3 = nn.launch @inc(%2) scalars(%k, %f : index, f32) extents(%k) : (tensor<?xf32>) -> tensor<?xf32>
    %4 = nn.launch @inc_over(%3) scalars(%k, %f : index, f32) extents(%k) : (tensor<?xf32>) -> tensor<?xf32>
    %5 = nn.launch @inc(%4) scalars(%k, %f : index, f32) extents(%k) : (tensor<?xf32>) -> tensor<?xf32>
    return %5, %1 : tensor<?xf32>, tensor<i64>
  }""")
    for n in (0, 1, 17, 10000):
        x = numbers(n)
        results = model.run({"x": x})
        np.testing.assert_array_equal(results["kept"], x[x > 0])
        assert results["count"] == (x > 0).sum()


def test_branches(build_model):
    model = build_model("""
  func.func @main(%x: tensor<?xf32> {nn.name = "x", nn.dims = ["n"]}, %c: tensor<i1> {nn.name = "c"})
      -> (tensor<?xf32> {nn.name = "y"}, tensor<16xf32> {nn.name = "z"}, tensor<16xf32> {nn.name = "w"}) {
    %c0 = arith.constant 0 : index
    %c16 = arith.constant 16 : index
    %f = arith.constant 1.0 : f32
    %n = tensor.dim %x, %c0 : tensor<?xf32>
    %k = nn.constant dense<[0.,1.,2.,3.,4.,5.,6.,7.,8.,9.,10.,11.,12.,13.,14.,15.]> : tensor<16xf32>
    %condition = tensor.extract %c[] : tensor<i1>
    %0 = nn.launch @inc(%x) scalars(%n, %f : index, f32) extents(%n) : (tensor<?xf32>) -> tensor<?xf32>
    %y, %z, %w = scf.if %condition -> (tensor<?xf32>, tensor<16xf32>, tensor<16xf32>) {
      %v = nn.launch @count(%x) scalars(%n, %f : index, f32) : (tensor<?xf32>) -> tensor<i64>
      %count = tensor.extract %v[] : tensor<i64>
      %m = arith.index_cast %count : i64 to index
      %1 = nn.launch @keep(%x) scalars(%n, %f : index, f32) extents(%m) : (tensor<?xf32>) -> tensor<?xf32>
      %2 = nn.launch @inc(%k) scalars(%c16, %f : index, f32) : (tensor<16xf32>) -> tensor<16xf32>
      %3 = nn.launch @inc(%2) scalars(%c16, %f : index, f32) : (tensor<16xf32>) -> tensor<16xf32>
      scf.yield %1, %3, %2 : tensor<?xf32>, tensor<16xf32>, tensor<16xf32>
    } else {
      %3 = nn.launch @inc(%k) scalars(%c16, %f : index, f32) : (tensor<16xf32>) -> tensor<16xf32>
      %4 = nn.launch @inc(%3) scalars(%c16, %f : index, f32) : (tensor<16xf32>) -> tensor<16xf32>
      %5 = nn.launch @inc(%4) scalars(%c16, %f : index, f32) : (tensor<16xf32>) -> tensor<16xf32>
      scf.yield %0, %5, %k : tensor<?xf32>, tensor<16xf32>, tensor<16xf32>
    }
    %d = tensor.dim %y, %c0 : tensor<?xf32>
    %r = nn.launch @inc(%y) scalars(%d, %f : index, f32) extents(%d) : (tensor<?xf32>) -> tensor<?xf32>
    return %r, %z, %w : tensor<?xf32>, tensor<16xf32>, tensor<16xf32>
  }""")
    k = np.arange(16, dtype=np.float32)
    for n in (0, 1, 17, 1000):
        x = numbers(n)
        taken, other = (model.run({"x": x, "c": np.array(c)}) for c in (True, False))
        for results, expected in ((taken, (x[x > 1] + 1, k + 2, k + 1)), (other, (x + np.float32(1) + np.float32(1), k + 3, k))):
            for name, value in zip("yzw", expected):
                np.testing.assert_array_equal(results[name], value)


def test_loops_that_swap_and_shrink(build_model):
    model = build_model("""
  func.func @main(%x: tensor<4xf32> {nn.name = "x"}, %t: tensor<i64> {nn.name = "t"}, %g: tensor<?xf32> {nn.name = "g", nn.dims = ["g"]})
      -> (tensor<4xf32> {nn.name = "a"}, tensor<4xf32> {nn.name = "b"}, tensor<?xf32> {nn.name = "left"}, tensor<4xf32> {nn.name = "sum"}) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c4 = arith.constant 4 : index
    %f = arith.constant 1.0 : f32
    %k = nn.constant dense<[10.,20.,30.,40.]> : tensor<4xf32>
    %t64 = tensor.extract %t[] : tensor<i64>
    %trips = arith.index_cast %t64 : i64 to index
    %outer = nn.launch @inc(%x) scalars(%c4, %f : index, f32) : (tensor<4xf32>) -> tensor<4xf32>
    %r:4 = scf.while (%a = %x, %b = %k, %left = %g, %i = %c0) : (tensor<4xf32>, tensor<4xf32>, tensor<?xf32>, index) -> (tensor<4xf32>, tensor<4xf32>, tensor<?xf32>, index) {
      %go = arith.cmpi ult, %i, %trips : index
      scf.condition(%go) %a, %b, %left, %i : tensor<4xf32>, tensor<4xf32>, tensor<?xf32>, index
    } do {
    ^bb0(%a: tensor<4xf32>, %b: tensor<4xf32>, %left: tensor<?xf32>, %i: index):
      %1 = nn.launch @add(%a, %outer) scalars(%c4 : index) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
      %d = tensor.dim %left, %c0 : tensor<?xf32>
      %v = nn.launch @count(%left) scalars(%d, %f : index, f32) : (tensor<?xf32>) -> tensor<i64>
      %count = tensor.extract %v[] : tensor<i64>
      %m = arith.index_cast %count : i64 to index
      %2 = nn.launch @keep(%left) scalars(%d, %f : index, f32) extents(%m) : (tensor<?xf32>) -> tensor<?xf32>
      %minus = arith.constant -1.0 : f32
      %3 = nn.launch @inc(%2) scalars(%m, %minus : index, f32) extents(%m) : (tensor<?xf32>) -> tensor<?xf32>
      %j = arith.addi %i, %c1 : index
      scf.yield %b, %1, %3, %j : tensor<4xf32>, tensor<4xf32>, tensor<?xf32>, index
    }
    %s = nn.launch @add(%r#0, %r#1) scalars(%c4 : index) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    return %r#0, %r#1, %r#2, %s : tensor<4xf32>, tensor<4xf32>, tensor<?xf32>, tensor<4xf32>
  }""")
    for trips in (0, 1, 2, 7):
        x, g = numbers(4), numbers(50) * 5
        results = model.run({"x": x, "t": np.array(trips), "g": g})
        a, b, left = x, np.array([10, 20, 30, 40], np.float32), g
        for _ in range(trips):
            a, b, left = b, a + (x + np.float32(1)), left[left > 1] - np.float32(1)
        for name, value in (("a", a), ("b", b), ("left", left), ("sum", a + b)):
            np.testing.assert_array_equal(results[name], value)


def test_loops_that_rotate(build_model):
    # The last carried tensor has a dynamic type: its memory is new each time, but filled from memory that the loop writes.
    model = build_model("""
  func.func @main(%x: tensor<4xf32> {nn.name = "x"}, %y: tensor<4xf32> {nn.name = "y"}, %z: tensor<4xf32> {nn.name = "z"}, %t: tensor<i64> {nn.name = "t"})
      -> (tensor<4xf32> {nn.name = "a"}, tensor<4xf32> {nn.name = "b"}, tensor<4xf32> {nn.name = "c"}, tensor<?xf32> {nn.name = "d"}) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %t64 = tensor.extract %t[] : tensor<i64>
    %trips = arith.index_cast %t64 : i64 to index
    %start = tensor.cast %z : tensor<4xf32> to tensor<?xf32>
    %r:5 = scf.while (%a = %x, %b = %y, %c = %z, %d = %start, %i = %c0)
        : (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<?xf32>, index) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<?xf32>, index) {
      %go = arith.cmpi ult, %i, %trips : index
      scf.condition(%go) %a, %b, %c, %d, %i : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<?xf32>, index
    } do {
    ^bb0(%a: tensor<4xf32>, %b: tensor<4xf32>, %c: tensor<4xf32>, %d: tensor<?xf32>, %i: index):
      %old = tensor.cast %a : tensor<4xf32> to tensor<?xf32>
      %j = arith.addi %i, %c1 : index
      scf.yield %c, %a, %b, %old, %j : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<?xf32>, index
    }
    return %r#0, %r#1, %r#2, %r#3 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<?xf32>
  }""")
    a, b, c = numbers(3, 4)
    d, inputs = c, {"x": a, "y": b, "z": c}
    for trips in range(5):
        results = model.run(inputs | {"t": np.array(trips)})
        for name, value in (("a", a), ("b", b), ("c", c), ("d", d)):
            np.testing.assert_array_equal(results[name], value)
        a, b, c, d = c, a, b, a


def test_variants_scratch_memory_and_failing_phases(build_model):
    model = build_model("""
  func.func @main(%x: tensor<?xf32> {nn.name = "x", nn.dims = ["n"]}) -> (tensor<?xf32> {nn.name = "y"}) {
    %c0 = arith.constant 0 : index
    %limit = arith.constant 500 : index
    %n = tensor.dim %x, %c0 : tensor<?xf32>
    %0 = nn.launch @variants(%x) scalars(%n, %limit : index, index) extents(%n) : (tensor<?xf32>) -> tensor<?xf32>
    return %0 : tensor<?xf32>
  }""", VARIANTS)
    for n in (0, 1, 50, 99, 100, 500):
        x = numbers(n)
        np.testing.assert_allclose(model.run({"x": x})["y"], x * 2 + 2 if n < 100 else x * 3 + 3, atol=1e-6)
    with pytest.raises(tenon.RunError, match="out of range"):
        model.run({"x": numbers(501)})
    assert model.run({"x": numbers(3)})["y"].shape == (3,)


def test_views_are_checked_against_the_extents(build_model):
    model = build_model("""
  func.func @main(%x: tensor<?x4xf32> {nn.name = "x", nn.dims = ["n", ""]}) -> (tensor<2x8xf32> {nn.name = "y"}) {
    %c2 = arith.constant 2 : index
    %c8 = arith.constant 8 : index
    %c16 = arith.constant 16 : index
    %f = arith.constant 0.0 : f32
    %0 = nn.reshape %x[%c2, %c8] : tensor<?x4xf32> -> tensor<2x8xf32> loc("view %lld"("Reshape"))
    %1 = nn.launch @inc(%0) scalars(%c16, %f : index, f32) : (tensor<2x8xf32>) -> tensor<2x8xf32>
    return %1 : tensor<2x8xf32>
  }""")
    x = numbers(4, 4)
    np.testing.assert_array_equal(model.run({"x": x})["y"], x.reshape(2, 8))
    with pytest.raises(tenon.RunError, match=r"node 'view _lld' \(Reshape\): 20 elements do not fit a shape of 16"):
        model.run({"x": numbers(5, 4)})


def test_impossible_shapes_are_errors(build_model):
    model = build_model("""
  func.func @main(%x: tensor<?x?xf32> {nn.name = "x", nn.dims = ["n", "m"]}) -> (tensor<?xf32> {nn.name = "z"}) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %f = arith.constant 0.0 : f32
    %n = tensor.dim %x, %c0 : tensor<?x?xf32>
    %m = tensor.dim %x, %c1 : tensor<?x?xf32>
    %e = arith.subi %n, %c2 : index
    %1 = nn.launch @inc(%x) scalars(%e, %f : index, f32) extents(%e, %m, %m, %m, %m) : (tensor<?x?xf32>) -> tensor<?x?x?x?x?xf32> loc("shrink"("Slice"))
    %2 = nn.launch @inc(%1) scalars(%e, %f : index, f32) extents(%e) : (tensor<?x?x?x?x?xf32>) -> tensor<?xf32>
    return %2 : tensor<?xf32>
  }""")
    assert model.run({"x": numbers(3, 1)})["z"].shape == (1,)
    with pytest.raises(tenon.RunError, match=r"node 'shrink' \(Slice\): a dimension of the result would be -1"):
        model.run({"x": numbers(1, 1)})
    with pytest.raises(tenon.RunError, match="more memory than can be addressed"):
        model.run({"x": numbers(3, 100000)})


def test_a_division_by_zero_in_shape_arithmetic_does_not_trap(build_model):
    model = build_model("""
  func.func @main(%x: tensor<?xf32> {nn.name = "x", nn.dims = ["n"]}, %d: tensor<i64> {nn.name = "d"}) -> (tensor<i64> {nn.name = "y"}, tensor<?xf32> {nn.name = "z"}) {
    %c0 = arith.constant 0 : index
    %c16 = arith.constant 16 : index
    %c100 = arith.constant 100 : i64
    %f = arith.constant 0.0 : f32
    %n = tensor.dim %x, %c0 : tensor<?xf32>
    %q = arith.divsi %c16, %n : index
    %m = arith.remui %n, %q : index
    %v = tensor.extract %d[] : tensor<i64>
    %w = arith.divsi %c100, %v : i64
    %y = tensor.from_elements %w : tensor<i64>
    %z = nn.launch @inc(%x) scalars(%m, %f : index, f32) extents(%m) : (tensor<?xf32>) -> tensor<?xf32>
    return %y, %z : tensor<i64>, tensor<?xf32>
  }""")
    assert model.run({"x": numbers(5), "d": np.array(7)})["y"] == 14
    for n, d in ((0, 0), (20, 0), (3, np.iinfo(np.int64).min)):
        model.run({"x": numbers(n), "d": np.array(d)})
