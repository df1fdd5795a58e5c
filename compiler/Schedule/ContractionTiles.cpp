//===- ContractionTiles.cpp - register tiles of matrix products, by formula ----------------===//

#include "compiler/Schedule/ContractionTiles.h"

#include "llvm/Support/MathExtras.h"
#include <algorithm>
#include <numeric>

namespace tenon::schedule {

/// Registers left over for the allocator beside accumulators, the vectors of B and one factor. Measured with LLVM 22 by
/// counting spills in the inner loop: none at 14x2, 9x3, 6x4 and 28x1 of 32 registers and at 6x2 of 16 with fused
/// multiply-add; a product in a register of its own needs one more; one vector of B per step is folded into the
/// multiply-add in a way that costs two.
static int64_t spareRegisters(const Machine &machine, int64_t vectors) {
  return (machine.fma ? 0 : 1) + (machine.vectorRegisters < 32 && vectors == 1 ? 2 : 0);
}

static constexpr int64_t lineBytes = 64;

static bool fitsRegisters(const Machine &machine, bool grouped, int64_t rows, int64_t vectors) {
  // Factors of several steps are loads of their own, which LLVM moves ahead of the multiply-adds: a register for each.
  // Measured as above: no spills at 14x1 of 32 registers and at 8x1 of 16.
  if (grouped)
    return rows * vectors <= (machine.vectorRegisters < 32 ? machine.vectorRegisters / 2 : 14);
  int64_t factors = machine.laneOperand ? rows : 2;
  return rows * vectors + vectors + factors + spareRegisters(machine, vectors) <= machine.vectorRegisters;
}

/// Cycles of one step of k.
static double stepCycles(const Machine &machine, int64_t laneSteps, int64_t rows, int64_t vectors) {
  double products = static_cast<double>(rows * vectors) * (machine.fma ? 1 : 2) / machine.fmaPipes;
  double factorLoads = machine.laneOperand ? static_cast<double>(rows) / laneSteps : rows;
  double loads = (factorLoads + vectors) / 2;
  // B comes from the second level of cache, A from the first: per line of 64 bytes about one cycle more for B.
  double distant = 0.05 * rows + 0.1 * vectors * machine.vectorBytes / 64;
  // A tile with few accumulators is split into several chains along k, which costs nothing but the final additions.
  return std::max(products, loads) + distant;
}

/// Cycles per column where their number is not known: the mean over usual ones. A group takes `groupCycles`; the last
/// one is whole, or half as wide for `halfCycles`.
static double averageCycles(int64_t lanes, int64_t vectors, double groupCycles, double halfCycles) {
  constexpr int64_t fewestColumns = 64, mostColumns = 192;
  double cycles = 0, columns = 0;
  for (int64_t total = fewestColumns / lanes; total < mostColumns / lanes; ++total) {
    int64_t rest = total % vectors;
    cycles += groupCycles * (total / vectors);
    cycles += rest == 0 ? 0 : rest <= vectors / 2 ? halfCycles : groupCycles;
    columns += total * lanes;
  }
  return cycles / columns;
}

RowSplit splitRows(int64_t total, int64_t largest) {
  RowSplit split;
  split.count = llvm::divideCeil(total, largest);
  if (split.count == 0)
    return split;
  split.tall = llvm::divideCeil(total, split.count);
  split.numTall = total - (split.tall - 1) * split.count;
  return split;
}

int64_t linesThatStay(const Machine &machine, int64_t stepBytes) {
  int64_t sets = machine.l1Bytes / machine.l1Ways / lineBytes;
  return (stepBytes % lineBytes ? sets : sets / std::gcd(stepBytes / lineBytes, sets)) * machine.l1Ways;
}

bool evictEachOther(const Machine &machine, int64_t stepBytes, int64_t rows) {
  if (stepBytes % lineBytes)
    return false;
  int64_t distinct = linesThatStay(machine, stepBytes) / machine.l1Ways;
  constexpr int64_t others = 3; // ways for what passes through
  return (rows + distinct - 1) / distinct > std::max(machine.l1Ways - others, machine.l1Ways / 2);
}

Tile chooseTile(const Machine &machine, const TileProblem &problem) {
  int64_t laneSteps = machine.vectorBytes / problem.elementBytes;
  int64_t panelVectors = std::max<int64_t>(problem.nr / problem.lanes, 1);
  Tile best;
  double bestCycles = 0;
  for (int64_t vectors = 1; vectors <= 8; ++vectors) {
    if (!problem.anyWidth && vectors % panelVectors && panelVectors % vectors)
      continue;
    int64_t columns = vectors * problem.lanes;
    // One row waits for B: processors fetch two streams ahead better than many.
    if (problem.rows == 1 && !problem.anyWidth && columns > problem.nr &&
        columns * problem.elementBytes > 2 * lineBytes)
      break;
    if (vectors > 1 && problem.columns && columns - problem.lanes >= *problem.columns)
      break;
    for (int64_t units = 1; fitsRegisters(machine, problem.grouped, units * problem.rowUnit, vectors); ++units) {
      int64_t rows = units * problem.rowUnit;
      if (problem.rows && rows > *problem.rows)
        break;
      // Sixteen tiles stand for rows that are not known yet.
      int64_t totalRows = problem.rows.value_or(rows * 16);
      RowSplit split = splitRows(totalRows / problem.rowUnit, units);
      if (problem.rows && split.tall != units)
        continue;
      int64_t low = std::max<int64_t>(units - 1, 1) * problem.rowUnit;
      double rowCycles = split.numTall * stepCycles(machine, laneSteps, rows, vectors) +
                         (split.count - split.numTall) * stepCycles(machine, laneSteps, low, vectors);
      rowCycles /= totalRows;
      double cycles = 0;
      if (problem.columns) {
        int64_t total = llvm::divideCeil(*problem.columns, problem.lanes), rest = total % vectors;
        double restCycles = rest ? stepCycles(machine, laneSteps, rows, rest) * split.count / totalRows : 0;
        cycles = (rowCycles * (total / vectors) + restCycles) / *problem.columns;
      } else {
        double halfCycles = stepCycles(machine, laneSteps, rows, std::max<int64_t>(vectors / 2, 1)) / rows;
        cycles = averageCycles(problem.lanes, vectors, rowCycles, halfCycles);
      }
      if (bestCycles == 0 || cycles < bestCycles) {
        bestCycles = cycles;
        best = {rows, vectors};
      }
    }
  }
  return best;
}

} // namespace tenon::schedule
