//===- Model.cpp - a compiled model that is open, and what it is fed -----------------------===//

#include "tools/tenon/Model.h"
#include "tools/tenon/Commands.h"
#include "tools/tenon/TensorFile.h"
#include <charconv>
#include <map>
#include <optional>

namespace tenon::cli {

namespace {

/// Splits "NAME=VALUE" where NAME is one of `names`, which may hold any character, '=' too.
std::optional<std::pair<std::string, std::string>> splitNamed(const std::string &text,
                                                              const std::vector<std::string> &names) {
  for (size_t at = text.find('='); at != text.npos; at = text.find('=', at + 1))
    if (std::find(names.begin(), names.end(), text.substr(0, at)) != names.end())
      return std::pair(text.substr(0, at), text.substr(at + 1));
  return std::nullopt;
}

std::string quotedList(const std::vector<std::string> &names) {
  std::string text;
  for (const std::string &name : names)
    text += (text.empty() ? "'" : ", '") + name + "'";
  return text.empty() ? "none" : text;
}

/// The seed of "random" or "random:SEED"; none for anything else.
std::optional<uint64_t> parseRandom(const std::string &value) {
  if (value == "random")
    return 0;
  uint64_t seed = 0;
  if (!value.starts_with("random:"))
    return std::nullopt;
  auto [end, error] = std::from_chars(value.data() + 7, value.data() + value.size(), seed);
  if (error != std::errc() || end != value.data() + value.size())
    return std::nullopt;
  return seed;
}

/// Collects what the flags say about each input, then makes the tensors.
class InputMaker {
public:
  explicit InputMaker(const Model &model) : model(model) {
    for (uint32_t i = 0; i < model.numInputs(); ++i)
      names.push_back(model.input(i).name);
    for (uint32_t i = 0; i < model.descriptor().num_symbols; ++i)
      symbols.push_back(model.descriptor().symbols[i]);
  }

  void addShape(const std::string &text) {
    auto named = splitNamed(text, names);
    auto dims = named ? parseDims(named->second) : std::nullopt;
    if (!named || !dims)
      throw UsageError("--shape " + text + ": expected NAME=1x3x224x224 with NAME one of " + quotedList(names));
    shapes[named->first] = *dims;
  }

  void addExtent(const std::string &text) {
    auto named = splitNamed(text, symbols);
    auto extent = named ? parseDims(named->second) : std::nullopt;
    if (!named || !extent || extent->size() != 1)
      throw UsageError("--dim " + text + ": expected NAME=EXTENT with NAME one of " + quotedList(symbols));
    extents[named->first] = extent->front();
  }

  void addInput(const std::string &text) {
    if (auto named = splitNamed(text, names)) {
      if (std::optional<uint64_t> seed = parseRandom(named->second))
        seeds[named->first] = *seed;
      else
        tensors[named->first] = pick(readTensorFile(named->second), named->first, named->second);
      return;
    }
    if (text.ends_with(".npz")) {
      for (NamedTensor &entry : readTensorFile(text))
        if (std::find(names.begin(), names.end(), entry.name) != names.end())
          tensors[entry.name] = std::move(entry.tensor);
        else
          throw InputError(text + ": the model has no input '" + entry.name + "', but " + quotedList(names));
      return;
    }
    if (names.size() != 1 || text.find('=') != text.npos)
      throw UsageError("--input " + text + ": expected NAME=FILE with NAME one of " + quotedList(names));
    tensors[names[0]] = pick(readTensorFile(text), names[0], text);
  }

  std::vector<Tensor> make(bool complete) {
    std::vector<Tensor> result;
    for (uint32_t i = 0; i < names.size(); ++i) {
      auto given = tensors.find(names[i]);
      if (given != tensors.end()) {
        giveType(given->second, i);
        result.push_back(std::move(given->second));
        continue;
      }
      bool isRandom = seeds.count(names[i]) != 0;
      if (complete && !isRandom)
        throw UsageError("input '" + names[i] + "' (" + specText(model.input(i), model.descriptor().symbols) +
                         ") is missing: give --input " + names[i] + "=FILE or --input " + names[i] + "=random");
      result.emplace_back(model.input(i).dtype, randomDims(i));
      fillRandom(result.back(), (isRandom ? seeds[names[i]] : 0) + i);
    }
    return result;
  }

private:
  static Tensor pick(std::vector<NamedTensor> entries, const std::string &name, const std::string &file) {
    for (NamedTensor &entry : entries)
      if (entry.name == name)
        return std::move(entry.tensor);
    if (entries.size() != 1)
      throw InputError(file + ": holds " + std::to_string(entries.size()) + " tensors, none of which is called '" +
                       name + "'");
    return std::move(entries.front().tensor);
  }

  void giveType(Tensor &tensor, uint32_t index) {
    uint32_t dtype = model.input(index).dtype;
    if (!tensor.isUntyped)
      return;
    if (!tensor.mayBe(dtype))
      throw InputError("input '" + names[index] + "': the file holds bytes of one of ml_dtypes' types, but " +
                       tenon_dtype_name(dtype) + " is expected");
    tensor.dtype = dtype;
    tensor.isUntyped = false;
  }

  std::vector<int64_t> randomDims(uint32_t index) {
    const tenon_tensor_spec &spec = model.input(index);
    auto shape = shapes.find(names[index]);
    if (shape != shapes.end()) {
      if (shape->second.size() != spec.rank)
        throw UsageError("--shape " + names[index] + ": rank is " + std::to_string(shape->second.size()) + " but " +
                         std::to_string(spec.rank) + " is expected");
      return shape->second;
    }
    std::vector<int64_t> dims(spec.dims, spec.dims + spec.rank);
    for (uint32_t d = 0; d < spec.rank; ++d) {
      if (dims[d] >= 0)
        continue;
      const char *symbol = model.symbol(spec.symbols[d]);
      auto extent = symbol ? extents.find(symbol) : extents.end();
      int64_t smallest =
          symbol && model.descriptor().symbol_ranges ? model.descriptor().symbol_ranges[spec.symbols[d]].smallest : 1;
      dims[d] = extent != extents.end() ? extent->second : std::max<int64_t>(smallest, 1);
    }
    return dims;
  }

  const Model &model;
  std::vector<std::string> names, symbols;
  std::map<std::string, Tensor> tensors;
  std::map<std::string, uint64_t> seeds;
  std::map<std::string, std::vector<int64_t>> shapes;
  std::map<std::string, int64_t> extents;
};

} // namespace

Model::Model(const std::string &path, unsigned threads) {
  char error[1024] = "";
  tenon_module *opened = nullptr;
  if (tenon_open(path.c_str(), nullptr, &opened, error, sizeof(error)) != TENON_OK)
    throw InputError(error);
  module.reset(opened);
  tenon_session *created = nullptr;
  if (tenon_session_create(module.get(), threads, &created, error, sizeof(error)) != TENON_OK)
    throw InputError(error);
  sessionHandle.reset(created);
}

void Model::runInPlace(const std::vector<tenon_tensor> &inputs, std::vector<tenon_tensor> &outputs) {
  if (tenon_run(session(), inputs.data(), inputs.size(), outputs.data(), outputs.size()) != TENON_OK)
    throw InputError(tenon_session_error(session()));
}

std::vector<NamedTensor> Model::run(const std::vector<Tensor> &inputs) {
  std::vector<tenon_tensor> views, results(numOutputs());
  for (const Tensor &input : inputs)
    views.push_back(input.view());
  runInPlace(views, results);
  std::vector<NamedTensor> outputs;
  for (uint32_t i = 0; i < results.size(); ++i)
    outputs.push_back({output(i).name, Tensor::copyOf(results[i])});
  return outputs;
}

std::vector<Tensor> makeInputs(const Model &model, const InputFlags &flags, bool complete) {
  InputMaker maker(model);
  for (const std::string &text : flags.shapes)
    maker.addShape(text);
  for (const std::string &text : flags.dims)
    maker.addExtent(text);
  for (const std::string &text : flags.inputs)
    maker.addInput(text);
  return maker.make(complete);
}

std::string specText(const tenon_tensor_spec &spec, const char *const *symbols) {
  std::string text = std::string(tenon_dtype_name(spec.dtype)) + "[";
  for (uint32_t d = 0; d < spec.rank; ++d) {
    text += d ? "," : "";
    text += spec.dims[d] >= 0 ? std::to_string(spec.dims[d]) : spec.symbols[d] >= 0 ? symbols[spec.symbols[d]] : "?";
  }
  return text + "]";
}

} // namespace tenon::cli
