//===- HalfConversion.cpp - conversions to and from 16-bit floats in integer arithmetic ----===//
//
// f32 to f16 follows F. Giesen's float_to_half_fast3_rtne, f16 to f32 his half_to_float_fast5 (public domain,
// https://gist.github.com/rygorous/2156668), both by selects so that vectors work.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Codegen/HalfConversion.h"

#include "compiler/Support/BitArithmetic.h"

using namespace mlir;

namespace tenon::codegen {
namespace {

Value singleToHalf(OpBuilder &builder, Location loc, Value value) {
  BitArithmetic x(builder, loc, value.getType());
  Value all = x.bits(value);
  Value sign = x.andBits(all, 0x80000000), magnitude = x.andBits(all, 0x7fffffff);
  // 65536 and above, infinity, NaN.
  Value isNaN = x.compare(arith::CmpIPredicate::ugt, magnitude, 0x7f800000);
  Value special = x.select(isNaN, x.orBits(x.constant(all, 0x7e00), x.andBits(x.shiftRight(magnitude, 13), 0x1ff)),
                           x.constant(all, 0x7c00));
  // Subnormal results: adding 0.5 leaves the rounded bits at the end of the mantissa.
  Value half = x.bitcast(x.constant(all, 0x3f000000), x.b.getF32Type());
  Value sum = arith::AddFOp::create(x.b, x.bitcast(magnitude, x.b.getF32Type()), half);
  Value subnormal = x.add(x.bits(sum), -0x3f000000);
  // Normal results: change the exponent's bias and round to even.
  Value odd = x.andBits(x.shiftRight(magnitude, 13), 1);
  Value normal = x.shiftRight(x.add(x.add(magnitude, (int64_t(15 - 127) << 23) + 0xfff), odd), 13);
  Value finite = x.select(x.compare(arith::CmpIPredicate::ult, magnitude, 0x38800000), subnormal, normal);
  Value result = x.select(x.compare(arith::CmpIPredicate::uge, magnitude, 0x47800000), special, finite);
  Value narrow = arith::TruncIOp::create(x.b, x.i(16), x.orBits(result, x.shiftRight(sign, 16)));
  return x.bitcast(narrow, x.b.getF16Type());
}

Value halfToSingle(OpBuilder &builder, Location loc, Value value) {
  BitArithmetic x(builder, loc, value.getType());
  Value all = arith::ExtUIOp::create(x.b, x.i(32), x.bits(value));
  Value shifted = x.shiftLeft(x.andBits(all, 0x7fff), 13);
  Value exponent = x.andBits(shifted, 0x7c00 << 13);
  Value normal = x.add(shifted, int64_t(127 - 15) << 23);
  Value special = x.add(normal, int64_t(128 - 16) << 23);
  // Subnormals: the number with one more in the exponent, less the implied bit.
  Value base = x.bitcast(x.constant(all, int64_t(113) << 23), x.b.getF32Type());
  Value raised = x.bitcast(x.add(normal, int64_t(1) << 23), x.b.getF32Type());
  Value subnormal = x.bits(arith::SubFOp::create(x.b, raised, base));
  Value result = x.select(x.compare(arith::CmpIPredicate::eq, exponent, 0x7c00 << 13), special, normal);
  result = x.select(x.compare(arith::CmpIPredicate::eq, exponent, 0), subnormal, result);
  result = x.orBits(result, x.shiftLeft(x.andBits(all, 0x8000), 16));
  return x.bitcast(result, x.b.getF32Type());
}

struct ExpandTruncFToHalf : OpRewritePattern<arith::TruncFOp> {
  ExpandTruncFToHalf(MLIRContext *context, bool hasHalfConversion)
      : OpRewritePattern(context, /*benefit=*/2), hasHalfConversion(hasHalfConversion) {}

  LogicalResult matchAndRewrite(arith::TruncFOp op, PatternRewriter &rewriter) const override {
    Type from = getElementTypeOrSelf(op.getIn().getType()), to = getElementTypeOrSelf(op.getType());
    if (from.isF64() && (to.isF16() || to.isBF16())) {
      Value single = doubleToSingleOdd(rewriter, op.getLoc(), op.getIn());
      rewriter.replaceOpWithNewOp<arith::TruncFOp>(op, op.getType(), single);
      return success();
    }
    if (from.isF32() && to.isF16() && !hasHalfConversion) {
      rewriter.replaceOp(op, singleToHalf(rewriter, op.getLoc(), op.getIn()));
      return success();
    }
    return failure();
  }

  bool hasHalfConversion;
};

struct ExpandExtFOfHalf : OpRewritePattern<arith::ExtFOp> {
  ExpandExtFOfHalf(MLIRContext *context, bool hasHalfConversion)
      : OpRewritePattern(context, /*benefit=*/2), hasHalfConversion(hasHalfConversion) {}

  LogicalResult matchAndRewrite(arith::ExtFOp op, PatternRewriter &rewriter) const override {
    Type from = getElementTypeOrSelf(op.getIn().getType()), to = getElementTypeOrSelf(op.getType());
    if ((from.isF16() || from.isBF16()) && to.isF64()) {
      auto shaped = dyn_cast<ShapedType>(op.getType());
      Type single = shaped ? Type(shaped.clone(rewriter.getF32Type())) : rewriter.getF32Type();
      Value widened = arith::ExtFOp::create(rewriter, op.getLoc(), single, op.getIn());
      rewriter.replaceOpWithNewOp<arith::ExtFOp>(op, op.getType(), widened);
      return success();
    }
    if (from.isF16() && to.isF32() && !hasHalfConversion) {
      rewriter.replaceOp(op, halfToSingle(rewriter, op.getLoc(), op.getIn()));
      return success();
    }
    return failure();
  }

  bool hasHalfConversion;
};

/// Comparisons are those of the same numbers in f32.
struct WidenCompareOfHalves : OpRewritePattern<arith::CmpFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::CmpFOp op, PatternRewriter &rewriter) const override {
    Type element = getElementTypeOrSelf(op.getLhs().getType());
    if (!element.isF16() && !element.isBF16())
      return failure();
    auto shaped = dyn_cast<ShapedType>(op.getLhs().getType());
    Type single = shaped ? Type(shaped.clone(rewriter.getF32Type())) : rewriter.getF32Type();
    Value lhs = arith::ExtFOp::create(rewriter, op.getLoc(), single, op.getLhs());
    Value rhs = arith::ExtFOp::create(rewriter, op.getLoc(), single, op.getRhs());
    rewriter.replaceOpWithNewOp<arith::CmpFOp>(op, op.getPredicate(), lhs, rhs);
    return success();
  }
};

} // namespace

void populateHalfConversionPatterns(RewritePatternSet &patterns, bool hasHalfConversion) {
  patterns.add<ExpandTruncFToHalf, ExpandExtFOfHalf>(patterns.getContext(), hasHalfConversion);
  patterns.add<WidenCompareOfHalves>(patterns.getContext());
}

} // namespace tenon::codegen
