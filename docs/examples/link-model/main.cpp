// Classifies three handwritten digits at once with a model that is linked into the program.
//
// "digit_classifier.h" was made by the compiler: it declares the model and gives every input and output a name for its
// index.
#include "digit_classifier.h"

#include <tenon/tenon.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

struct Close {
  void operator()(tenon_module *module) const { tenon_close(module); }
  void operator()(tenon_session *session) const { tenon_session_destroy(session); }
};
using Module = std::unique_ptr<tenon_module, Close>;
using Session = std::unique_ptr<tenon_session, Close>;

// The model and a session in C++'s own terms: memory is given back by itself, errors are exceptions.
class Classifier {
public:
  explicit Classifier(uint32_t threads) {
    char error[512];
    tenon_module *opened = nullptr;
    // No folder of weights: they are linked in as well.
    if (tenon_open_linked(&digit_classifier, nullptr, &opened, error, sizeof error) != TENON_OK)
      throw std::runtime_error(error);
    module.reset(opened);
    tenon_session *created = nullptr;
    if (tenon_session_create(opened, threads, &created, error, sizeof error) != TENON_OK)
      throw std::runtime_error(error);
    session.reset(created);
  }

  // The most likely digit of each picture of 8x8 pixels. The batch is a dynamic dimension: any number will do.
  std::vector<int> classify(const std::vector<std::array<float, 64>> &pictures) {
    const int64_t dims[] = {static_cast<int64_t>(pictures.size()), 1, 8, 8};
    std::vector<float> scores(pictures.size() * 10);
    const int64_t scoreDims[] = {static_cast<int64_t>(pictures.size()), 10};
    tenon_tensor inputs[DIGIT_CLASSIFIER_NUM_INPUTS], outputs[DIGIT_CLASSIFIER_NUM_OUTPUTS];
    inputs[DIGIT_CLASSIFIER_INPUT_PIXELS] = tenon_dense_tensor(TENON_F32, 4, dims, pictures.data());
    // A buffer of ours: the model writes straight into it.
    outputs[DIGIT_CLASSIFIER_OUTPUT_SCORES] = tenon_dense_tensor(TENON_F32, 2, scoreDims, scores.data());
    if (tenon_run(session.get(), inputs, DIGIT_CLASSIFIER_NUM_INPUTS, outputs, DIGIT_CLASSIFIER_NUM_OUTPUTS) !=
        TENON_OK)
      throw std::runtime_error(tenon_session_error(session.get()));
    std::vector<int> digits;
    for (auto row = scores.begin(); row != scores.end(); row += 10)
      digits.push_back(static_cast<int>(std::max_element(row, row + 10) - row));
    return digits;
  }

private:
  Module module;
  Session session; // after the module: destroyed first
};

// 0 (paper) to 16 (ink).
const std::vector<std::array<float, 64>> pictures = {
    {0, 0, 9,  16, 16, 16, 5,  0, //
     0, 1, 14, 10, 8,  16, 8,  0, //
     0, 0, 0,  0,  7,  16, 3,  0, //
     0, 3, 8,  11, 15, 16, 11, 0, //
     0, 8, 16, 16, 15, 11, 3,  0, //
     0, 0, 2,  16, 7,  0,  0,  0, //
     0, 0, 8,  16, 1,  0,  0,  0, //
     0, 0, 13, 10, 0,  0,  0,  0},
    {0, 0, 10, 16, 14, 2,  0,  0, //
     0, 3, 16, 9,  8,  14, 0,  0, //
     0, 5, 16, 3,  2,  15, 6,  0, //
     0, 5, 16, 3,  0,  12, 10, 0, //
     0, 7, 14, 0,  0,  12, 11, 0, //
     0, 7, 16, 1,  3,  16, 5,  0, //
     0, 4, 16, 7,  12, 11, 1,  0, //
     0, 0, 10, 16, 14, 3,  0,  0},
    {0, 0, 9,  15, 16, 15, 2, 0, //
     0, 4, 16, 5,  3,  1,  0, 0, //
     0, 4, 14, 0,  0,  0,  0, 0, //
     0, 5, 14, 9,  14, 15, 2, 0, //
     0, 5, 13, 9,  8,  15, 8, 0, //
     0, 0, 0,  0,  0,  13, 5, 0, //
     0, 0, 0,  5,  11, 14, 0, 0, //
     0, 0, 11, 12, 7,  1,  0, 0},
};

} // namespace

int main() {
  try {
    Classifier classifier(/*threads=*/2);
    std::string answer = "these are";
    for (int digit : classifier.classify(pictures))
      answer += " " + std::to_string(digit);
    std::puts(answer.c_str());
  } catch (const std::exception &error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
