//===- Registry.cpp - operators and their importers ----------------------------------------===//
//
// See Registry.h.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Registry.h"

namespace tenon::importer {

const Importer *findImporter(llvm::StringRef domain, llvm::StringRef opType) {
  static const ImporterTable table = [] {
    ImporterTable made;
    addElementwise(made);
    addActivations(made);
    addContractions(made);
    addConvolutions(made);
    addEinsum(made);
    addPooling(made);
    addReductions(made);
    addNormalizations(made);
    addMovement(made);
    addSlicing(made);
    addIndexing(made);
    addGenerators(made);
    addResize(made);
    addRecurrent(made);
    addControlFlow(made);
    addQuantization(made);
    addSampling(made);
    addDetection(made);
    addSpectral(made);
    addRandom(made);
    addSorting(made);
    addLearned(made);
    addOptimizers(made);
    addLinearAlgebra(made);
    addText(made);
    addVectorizer(made);
    addMicrosoftActivations(made);
    addMicrosoftAttention(made);
    addMicrosoftContractions(made);
    addMicrosoftGroupQuery(made);
    addMicrosoftNormalizations(made);
    addMicrosoftQuantization(made);
    addMicrosoftRecurrent(made);
    return made;
  }();
  return table.find(domain, opType);
}

} // namespace tenon::importer
