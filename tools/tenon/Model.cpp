//===- Model.cpp - a compiled model that is open, and what it is fed -----------------------===//

#include "tools/tenon/Model.h"
#include "tools/tenon/Commands.h"
#include "tools/tenon/TensorFile.h"
#include <algorithm>
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
  explicit InputMaker(Model &model) : model(model) {
    for (uint32_t i = 0; i < model.numInputs(); ++i) {
      const tenon_value_spec *value = model.valueAt(i, /*isOutput=*/false);
      tensorOf.push_back(i);
      valueOf.push_back(value);
      names.push_back(value ? value->name : model.input(i).name);
      if (value)
        i += value->num_tensors - 1;
    }
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
      const tenon_value_spec *value = valueOf[placeOf(named->first)];
      if (std::optional<uint64_t> seed = parseRandom(named->second))
        seeds[named->first] = *seed;
      else if (value)
        parts[named->first] = readValue(*value, named->second);
      else
        tensors[named->first] = pick(readTensorFile(named->second), named->first, named->second);
      return;
    }
    if (text.ends_with(".npz")) {
      for (NamedTensor &entry : readTensorFile(text))
        if (std::find(names.begin(), names.end(), entry.name) != names.end() && !valueOf[placeOf(entry.name)])
          tensors[entry.name] = std::move(entry.tensor);
        else
          throw InputError(text + ": the model has no input '" + entry.name + "', but " + quotedList(names));
      return;
    }
    if (names.size() != 1 || text.find('=') != text.npos)
      throw UsageError("--input " + text + ": expected NAME=FILE with NAME one of " + quotedList(names));
    if (valueOf[0])
      throw UsageError("--input " + text + ": expected " + names[0] + "=FILE,FILE,... or " + names[0] + "=none");
    tensors[names[0]] = pick(readTensorFile(text), names[0], text);
  }

  std::vector<Tensor> make(bool complete) {
    std::vector<Tensor> result;
    for (uint32_t i = 0; i < names.size(); ++i) {
      if (valueOf[i]) {
        auto given = parts.find(names[i]);
        if (given == parts.end() && complete && !seeds.count(names[i]))
          throw UsageError("input '" + names[i] + "' is missing: give --input " + names[i] +
                           "=FILE,FILE,... or --input " + names[i] + "=random");
        std::vector<Tensor> made = given != parts.end() ? std::move(given->second) : randomValue(i);
        std::move(made.begin(), made.end(), std::back_inserter(result));
        continue;
      }
      const tenon_tensor_spec &spec = model.input(tensorOf[i]);
      auto given = tensors.find(names[i]);
      if (given != tensors.end()) {
        giveType(given->second, i);
        result.push_back(std::move(given->second));
        continue;
      }
      bool isRandom = seeds.count(names[i]) != 0;
      if (complete && !isRandom)
        throw UsageError("input '" + names[i] + "' (" + specText(spec, model.descriptor().symbols) +
                         ") is missing: give --input " + names[i] + "=FILE or --input " + names[i] + "=random");
      result.emplace_back(spec.dtype, randomDims(i));
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
    const tenon_tensor_spec &spec = model.input(tensorOf[index]);
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

  size_t placeOf(const std::string &name) const { return std::find(names.begin(), names.end(), name) - names.begin(); }

  /// The tensors of an input that is more than one, from "none" or the files of its elements.
  std::vector<Tensor> readValue(const tenon_value_spec &value, const std::string &text) {
    if (text == "none")
      return model.pack(value, nullptr);
    std::vector<NamedTensor> entries;
    for (size_t start = 0; start < text.size();) {
      size_t end = std::min(text.find(',', start), text.size());
      for (NamedTensor &entry : readTensorFile(text.substr(start, end - start)))
        entries.push_back(std::move(entry));
      start = end + 1;
    }
    std::vector<Tensor> elements;
    for (NamedTensor &entry : entries)
      elements.push_back(std::move(entry.tensor));
    if (value.kind != TENON_MAP && value.kind != TENON_MAPS)
      return model.pack(value, &elements);
    if (entries.size() != 2 || entries[0].name != "keys" || entries[1].name != "values")
      throw InputError(text + ": expected a .npz file with keys and values, which input '" + value.name + "' is");
    return elements;
  }

  /// One element of random numbers; a map with the key 0.
  std::vector<Tensor> randomValue(uint32_t index) {
    const tenon_value_spec &value = *valueOf[index];
    uint32_t first = value.first_tensor + value.is_optional;
    const tenon_tensor_spec &spec =
        model.input(value.kind == TENON_MAP || value.kind == TENON_MAPS ? first + 1 : first);
    std::vector<int64_t> dims(spec.rank, 1);
    if (value.kind == TENON_SEQUENCE)
      dims.assign(value.num_tensors - value.is_optional == 3 ? 1 : model.input(first + 1).dims[1], 1);
    else if (value.kind == TENON_OPTIONAL_TENSOR)
      std::transform(spec.dims, spec.dims + spec.rank, dims.begin(), [](int64_t dim) { return dim < 0 ? 1 : dim; });
    if (auto shape = shapes.find(names[index]); shape != shapes.end())
      dims = shape->second;
    std::vector<Tensor> elements;
    if (value.kind == TENON_MAP || value.kind == TENON_MAPS)
      elements.emplace_back(model.input(first).dtype, std::vector<int64_t>{1});
    elements.emplace_back(spec.dtype, dims);
    fillRandom(elements.back(), (seeds.count(names[index]) ? seeds[names[index]] : 0) + index);
    return elements.size() == 2 ? std::move(elements) : model.pack(value, &elements);
  }

  Model &model;
  std::vector<uint32_t> tensorOf;                ///< the first tensor of each input
  std::vector<const tenon_value_spec *> valueOf; ///< of inputs that are more than one tensor
  std::map<std::string, std::vector<Tensor>> parts;
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

const tenon_value_spec *Model::valueAt(uint32_t tensor, bool isOutput) const {
  for (uint32_t i = 0; i < tenon_num_values(module.get()); ++i)
    if (const tenon_value_spec *value = tenon_value(module.get(), i);
        value->first_tensor == tensor && (value->is_output != 0) == isOutput)
      return value;
  return nullptr;
}

std::vector<Tensor> Model::pack(const tenon_value_spec &value, const std::vector<Tensor> *elements) {
  std::vector<tenon_tensor> views, parts(value.num_tensors);
  if (elements)
    for (const Tensor &element : *elements)
      views.push_back(element.view());
  auto index = static_cast<uint32_t>(&value - tenon_value(module.get(), 0));
  int64_t count = elements ? static_cast<int64_t>(views.size()) : -1;
  if (tenon_pack(session(), index, views.data(), count, parts.data()) != TENON_OK)
    throw InputError(tenon_session_error(session()));
  std::vector<Tensor> copies;
  for (const tenon_tensor &part : parts)
    copies.push_back(Tensor::copyOf(part));
  return copies;
}

std::vector<OutputValue> Model::run(const std::vector<tenon_tensor> &inputs) {
  std::vector<tenon_tensor> results(numOutputs());
  runInPlace(inputs, results);
  std::vector<OutputValue> outputs;
  for (uint32_t i = 0; i < results.size(); ++i) {
    const tenon_value_spec *value = valueAt(i, /*isOutput=*/true);
    OutputValue &made = outputs.emplace_back();
    made.name = value ? value->name : output(i).name;
    if (!value) {
      made.tensors.push_back({made.name, Tensor::copyOf(results[i])});
      continue;
    }
    made.count = tenon_count(value, &results[i]);
    if (value->kind == TENON_MAP || value->kind == TENON_MAPS) {
      for (uint32_t part = 0; part < value->num_tensors; ++part)
        made.tensors.push_back({output(i + part).name, Tensor::copyOf(results[i + part])});
    } else {
      std::vector<tenon_tensor> elements(std::max<int64_t>(*made.count, 0));
      tenon_unpack(value, &results[i], elements.data());
      for (size_t k = 0; k < elements.size(); ++k) {
        std::string number = value->kind == TENON_SEQUENCE ? "[" + std::to_string(k) + "]" : "";
        made.tensors.push_back({made.name + number, Tensor::copyOf(elements[k])});
      }
    }
    i += value->num_tensors - 1;
  }
  return outputs;
}

std::vector<Tensor> makeInputs(Model &model, const InputFlags &flags, bool complete) {
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
