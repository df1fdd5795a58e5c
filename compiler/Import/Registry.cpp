//===- Registry.cpp - operators and their importers ----------------------------------------===//
//
// See Registry.h.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Registry.h"
#include "compiler/Import/Import.h"

namespace tenon::importer {

static const ImporterTable &importers() {
  static const ImporterTable table = [] {
    ImporterTable made;
    addElementwise(made);
    addActivations(made);
    addContractions(made);
    addConvolutions(made);
    addEinsum(made);
    addPooling(made);
    addReductions(made);
    addLosses(made);
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
    addOptionals(made);
    addSequenceConversions(made);
    addSequences(made);
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
  return table;
}

const Importer *findImporter(llvm::StringRef domain, llvm::StringRef opType) {
  return importers().find(domain, opType);
}

std::vector<std::pair<std::string, std::string>> importedOperators() { return importers().operators(); }

} // namespace tenon::importer
