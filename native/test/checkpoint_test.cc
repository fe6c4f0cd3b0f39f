// Checkpoints of others: against files that torch.save and safetensors wrote (scripts/fixtures/weights-fixtures.py), files made
// here, and files that must be refused.
#include "weights/checkpoint.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <stdlib.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <map>

#include "engine/philox.h"
#include "test/check.h"
#include "weights/layout.h"
#include "weights/mapped_file.h"

namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kPrefixes{"wavlm.", "hubert.", "wav2vec2.", "model.", ""};

const fs::path& root() {
  static const fs::path path = fs::path(__FILE__).parent_path().parent_path().parent_path();
  return path;
}

std::string fixture(const std::string& name) { return (root() / "test/fixtures/weights" / name).string(); }

std::string read_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_bytes(const std::string& path, const std::string& bytes) { std::ofstream(path, std::ios::binary) << bytes; }

at::Tensor numbers(at::IntArrayRef shape, double first) {
  at::Tensor out = at::empty(shape);
  return out.copy_(at::arange(out.numel()).view(shape).to(at::kFloat) / 8 + first);
}

// A model of four tensors; q and k are halves of one parameter.
struct Model {
  at::Tensor qk = at::zeros({4, 3}), bias = at::zeros({3}), gain = at::zeros({1, 1, 2});
  std::vector<ser::CheckpointTarget> targets() const {
    return {{"layers.0.q.weight", qk.narrow(0, 0, 2), {}},
            {"layers.0.k.weight", qk.narrow(0, 2, 2), {}},
            {"layers.0.bias", bias, {}},
            {"conv.weight_g", gain, {"conv.parametrizations.weight.original0"}}};
  }
  double sum() const { return (qk.sum() + bias.sum() + gain.sum()).item<double>(); }
};

ser::NamedTensors weights(const std::string& prefix = "", const std::string& gain = "conv.weight_g") {
  return {{prefix + "layers.0.q.weight", numbers({2, 3}, 1)},
          {prefix + "layers.0.k.weight", numbers({2, 3}, 2)},
          {prefix + "layers.0.bias", numbers({3}, 3)},
          {prefix + gain, numbers({1, 1, 2}, 4)}};
}

bool holds_weights(const Model& model) {
  const auto expected = weights();
  return at::equal(model.qk, at::cat({expected[0].second, expected[1].second})) && at::equal(model.bias, expected[2].second) &&
         at::equal(model.gain, expected[3].second);
}

class Folder {
 public:
  Folder() {
    char name[] = "/tmp/ser-checkpoint-XXXXXX";
    path_ = mkdtemp(name);
  }
  ~Folder() { fs::remove_all(path_); }
  std::string at(const std::string& name) const { return (path_ / name).string(); }
  std::string write(const ser::NamedTensors& tensors, const std::string& name = "model.safetensors") const {
    ser::write_safetensors(at(name), tensors, {{"format", "pt"}});
    return at(name);
  }

 private:
  fs::path path_;
};

std::vector<std::string> fill(const Model& model, const std::vector<std::string>& files,
                              const std::vector<std::string>& ignored = {}) {
  return ser::fill_targets(ser::Checkpoint::open(files), model.targets(), ignored, kPrefixes);
}

void names_and_prefixes(const Folder& folder) {
  for (const std::string& prefix : kPrefixes) {
    const Model model;
    fill(model, {folder.write(weights(prefix))});
    SER_CHECK(holds_weights(model), "fills every target under the prefix \"" + prefix + "\"");
  }
  Model model;
  fill(model, {folder.write(weights("hubert.", "conv.parametrizations.weight.original0"))});
  SER_CHECK(holds_weights(model), "fills a target under its other spelling");

  auto tensors = weights("wavlm.");
  tensors.emplace_back("wavlm.masked_spec_embed", numbers({3}, 0));
  tensors.emplace_back("lm_head.weight", numbers({2}, 0));
  tensors.emplace_back("lm_head.bias", numbers({2}, 0));
  const std::string path = folder.write(tensors);
  model = {};
  const auto left_out = fill(model, {path}, {"quantizer.", "lm_head.", "masked_spec_embed"});
  SER_CHECK(holds_weights(model) && left_out == std::vector<std::string>({"lm_head.", "masked_spec_embed"}),
            "heads outside of the prefix and ignored names within it are left out and reported");
  SER_CHECK_ERROR(fill(model, {path}, {"lm_head"}), "E_FORMAT", "\"wavlm.masked_spec_embed\", \"lm_head.weight\"");

  tensors = weights("wavlm.");
  tensors.emplace_back("layers.0.bias", numbers({3}, 3));
  SER_CHECK_ERROR(fill(model, {folder.write(tensors)}), "E_FORMAT", "\"layers.0.bias\"");
  tensors = weights();
  tensors.emplace_back("conv.parametrizations.weight.original0", numbers({1, 1, 2}, 4));
  SER_CHECK_ERROR(fill(model, {folder.write(tensors)}), "E_FORMAT", "under two names");
}

void all_or_nothing(const Folder& folder) {
  const Model model;
  const auto refuse = [&](const ser::NamedTensors& tensors, const char* code, const char* part) {
    const std::string path = folder.write(tensors);
    SER_CHECK_ERROR(fill(model, {path}), code, part);
  };
  auto tensors = weights();
  tensors[3].second = numbers({2, 1, 1}, 0);
  refuse(tensors, "E_SHAPE", "\"conv.weight_g\" is F32 [2, 1, 1], the encoder needs [1, 1, 2]");
  tensors = weights();
  tensors.pop_back();
  refuse(tensors, "E_FORMAT", "lacks 1 tensor of the 4 that the encoder needs: \"conv.weight_g\"");
  refuse({{"x", at::zeros({1})}}, "E_FORMAT", "lacks 4 tensors");
  tensors = weights();
  for (int i = 0; i < 7; ++i) tensors.emplace_back("extra." + std::to_string(i), at::zeros({1}));
  refuse(tensors, "E_FORMAT", "\"extra.4\" and 2 more");
  tensors = weights();
  tensors[2].second = at::ones({3}, at::kLong);
  refuse(tensors, "E_FORMAT", "of type I64");
  for (const auto type : {at::kFloat, at::kDouble, at::kHalf, at::kBFloat16}) {
    for (const double value : {std::nan(""), HUGE_VAL, -HUGE_VAL}) {
      tensors = weights();
      tensors[3].second = tensors[3].second.to(type);
      tensors[3].second.view({2})[1] = value;
      refuse(tensors, "E_FORMAT", "\"conv.weight_g\" holds NaN");
    }
  }
  tensors = weights();
  tensors[3].second = at::full({1, 1, 2}, 1e39, at::kDouble);
  refuse(tensors, "E_FORMAT", "beyond float32");
  SER_CHECK(model.sum() == 0, "nothing was copied by any of them");
}

void types(const Folder& folder) {
  for (const auto type : {at::kHalf, at::kBFloat16, at::kDouble}) {
    auto tensors = weights();
    for (auto& [name, tensor] : tensors) tensor = tensor.to(type);  // eighths: exact in all of them
    const Model model;
    fill(model, {folder.write(tensors)});
    SER_CHECK(holds_weights(model), std::string("weights of type ") + c10::toString(type) + " become float32");
  }
  // The largest finite half and the smallest float are weights like any other.
  auto tensors = weights();
  tensors[2].second = at::tensor({65504.0, -65504.0, 5.9604645e-8}).to(at::kHalf);
  const Model model;
  fill(model, {folder.write(tensors)});
  SER_CHECK(model.bias[0].item<float>() == 65504.0f && model.bias[2].item<float>() == 5.9604645e-8f,
            "the largest and the smallest half come through");
}

void shards(const Folder& folder) {
  const auto all = weights("model.");
  const std::vector<std::string> files{folder.write({all[0], all[3]}, "a.safetensors"), folder.write({all[1]}, "b.safetensors"),
                                       folder.write({all[2]}, "c.safetensors")};
  const Model model;
  fill(model, files);
  SER_CHECK(holds_weights(model), "three shards fill the model");
  const Model other;
  SER_CHECK_ERROR(fill(other, {files[0], files[1]}), "E_FORMAT", "\"model.layers.0.bias\"");
  SER_CHECK_ERROR(fill(other, {files[0], files[1], files[1], files[2]}), "E_FORMAT", "stands in");
  SER_CHECK_ERROR(fill(other, {files[0], files[1], folder.at("missing")}), "E_IO", "cannot open");
  SER_CHECK_ERROR(fill(other, {}), "E_ARGUMENT", "at least one file");
  SER_CHECK(other.sum() == 0, "nothing was copied by any of them");
}

void same_as_safetensors() {
  const auto reference = ser::Checkpoint::open({fixture("state.safetensors")});
  for (const char* name : {"state.bin", "state4.bin"}) {
    const auto saved = ser::Checkpoint::open({fixture(name)});
    std::size_t equal = 0;
    for (const std::string& tensor : reference.names()) {
      const at::Tensor a = saved.find(tensor), b = reference.find(tensor);
      equal += a.defined() && a.scalar_type() == b.scalar_type() && a.sizes() == b.sizes() && at::equal(a, b);
    }
    SER_CHECK(equal == reference.names().size() && saved.names().size() == equal && equal == 21,
              std::string(name) + " holds the tensors of state.safetensors, " + std::to_string(equal));
    SER_CHECK(saved.find("shared.transposed").const_data_ptr() == saved.find("shared.whole").const_data_ptr(),
              "tensors of one storage are views of the same bytes");
    SER_CHECK(!saved.find("absent").defined(), "an absent name is an undefined tensor");
  }
  // A target filled from a strided view, and one from an expanded one.
  const at::Tensor part = at::zeros({3, 3}), expanded = at::zeros({4, 5});
  const auto saved = ser::Checkpoint::open({fixture("state.bin")});
  std::vector<std::string> rest;
  for (const std::string& name : saved.names()) {
    if (name != "shared.part" && name != "expanded") rest.push_back(name);
  }
  ser::fill_targets(saved, {{"shared.part", part, {}}, {"expanded", expanded, {}}}, rest, {""});
  SER_CHECK(at::equal(part, reference.find("shared.part")) && at::equal(expanded, reference.find("expanded")),
            "strided and expanded tensors are copied by their values");
  const auto parameters = ser::Checkpoint::open({fixture("parameters.bin")});
  SER_CHECK(parameters.names().size() == 3 && at::equal(parameters.find("f64"), reference.find("f64")) &&
                at::equal(parameters.find("shared.whole"), reference.find("shared.whole")),
            "a dictionary of Parameters reads as one of tensors");
  at::Tensor kept;
  {
    const auto gone = ser::Checkpoint::open({fixture("state.bin")});
    kept = gone.find("shared.whole");
  }
  SER_CHECK(at::equal(kept, reference.find("shared.whole")), "a view outlives its checkpoint");
}

void refused(const Folder& folder) {
  const auto refuse = [](const std::string& path, const char* part) {
    SER_CHECK_ERROR(ser::Checkpoint::open({path}), "E_FORMAT", part);
  };
  const fs::path mark = "/tmp/ser-native-was-attacked";
  fs::remove(mark);
  refuse(fixture("system.bin"), "\"posix.system\", which was not run");
  SER_CHECK(!fs::exists(mark), "and it was not run");
  refuse(fixture("whole-model.bin"), "\"torch.nn.modules.linear.Linear\"");
  refuse(fixture("nested.bin"), "a dictionary under \"state_dict\"");
  refuse(fixture("legacy.bin"), "convert it once with Python: torch.save(");
  refuse(fixture("deflated.bin"), "compressed");
  refuse(fixture("big-endian.bin"), "byte order \"big\"");
  write_bytes(folder.at("pointer"), "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n");
  refuse(folder.at("pointer"), "Git LFS");
  write_bytes(folder.at("page"), "<!DOCTYPE html><html>");
  refuse(folder.at("page"), "web page");
  write_bytes(folder.at("empty"), "");
  refuse(folder.at("empty"), "0 bytes");
  SER_CHECK_ERROR(ser::Checkpoint::open({folder.at("")}), "E_IO", "not a file");
}

// Every truncation and every flipped bit of a file: it is refused, or reads as before but for what the flip may change.
void damage(const Folder& folder, const std::string& name) {
  const std::string whole = read_bytes(fixture(name)), path = folder.at("damaged");
  std::size_t refused = 0;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    try {
      const std::string cut = whole.substr(0, size);
      ser::parse_weights(path, {reinterpret_cast<const std::uint8_t*>(cut.data()), cut.size()});
    } catch (const ser::Error& error) {
      refused += error.code() == "E_FORMAT";
    }
  }
  SER_CHECK(refused == whole.size(), name + ": every truncation is refused, " + std::to_string(refused));
  std::size_t clean = 0, flips = 0;
  for (std::size_t i = 0; i < whole.size(); ++i, ++flips) {
    const auto words = ser::philox4x32({static_cast<std::uint32_t>(i), 0, 0, 0}, {3, 3});
    std::string flipped = whole;
    flipped[i] = static_cast<char>(flipped[i] ^ (1 << (words[0] % 8)));
    write_bytes(path, flipped);
    try {
      const auto checkpoint = ser::Checkpoint::open({path});
      for (const std::string& tensor : checkpoint.names()) checkpoint.find(tensor).sum();
      ++clean;
    } catch (const ser::Error& error) {
      clean += error.code() == "E_FORMAT";
    }
  }
  SER_CHECK(clean == flips, name + ": with a flipped bit in any byte it reads or is refused, " + std::to_string(flips));
}

void flipped_data(const Folder& folder) {
  std::string bytes = read_bytes(fixture("state.bin"));
  const auto layout = ser::parse_weights("", {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
  const auto tensor =
      std::find_if(layout.tensors.begin(), layout.tensors.end(), [](const auto& t) { return t.name == "shared.whole"; });
  bytes[tensor->begin + 5] ^= 1;
  write_bytes(folder.at("flipped.bin"), bytes);
  const auto checkpoint = ser::Checkpoint::open({folder.at("flipped.bin")});
  SER_CHECK_ERROR(checkpoint.find("shared.whole"), "E_FORMAT", "checksum of tensor \"shared.whole\"");
  const at::Tensor target = at::zeros({6, 5});
  std::vector<std::string> rest = checkpoint.names();
  rest.erase(std::find(rest.begin(), rest.end(), "shared.whole"));
  SER_CHECK_ERROR(ser::fill_targets(checkpoint, {{"shared.whole", target, {}}}, rest, {""}), "E_FORMAT", "checksum");
  SER_CHECK(target.sum().item<double>() == 0, "data of a wrong checksum is not copied");
}

void unusual_safetensors(const Folder& folder) {
  const auto write = [&](const std::string& header, const std::string& data) {
    std::string out;
    for (int i = 0; i < 8; ++i) out += static_cast<char>(i < 8 ? header.size() >> (8 * i) : 0);
    write_bytes(folder.at("unusual"), out + header + data);
    return folder.at("unusual");
  };
  const std::string one("\0\0\x80\x3f", 4);
  std::string header =
      R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"e":{"dtype":"F32","shape":[3,0],"data_offsets":[4,4]}})";
  while (header.size() % 4 != 1) header += ' ';
  const auto unaligned = ser::Checkpoint::open({write(header, one)});
  SER_CHECK(unaligned.find("a").item<float>() == 1 && unaligned.find("e").sizes() == at::IntArrayRef({3, 0}),
            "an unaligned header and an empty tensor read");
  const auto mixed = ser::Checkpoint::open({write(
      R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"f":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[4,8]}})",
      one + one)});
  const at::Tensor a = at::zeros({1}), f = at::zeros({4});
  ser::fill_targets(mixed, {{"a", a, {}}}, {"f"}, {""});
  SER_CHECK(a.item<float>() == 1, "a tensor of a type not read here may be left over");
  SER_CHECK_ERROR(ser::fill_targets(mixed, {{"a", a, {}}, {"f", f, {}}}, {}, {""}), "E_FORMAT", "F8_E4M3");
  const auto refuse = [&](const std::string& text, const std::string& data, const char* part) {
    const std::string path = write(text, data);
    SER_CHECK_ERROR(ser::Checkpoint::open({path}), "E_FORMAT", part);
  };
  refuse(R"({"a":{"dtype":"U8","shape":[0,18446744073709551615],"data_offsets":[0,0]}})", "", "too large");
  refuse(R"({"a":{"dtype":"U8","shape":[0,281474976710656,281474976710656],"data_offsets":[0,0]}})", "", "too large");
  refuse(R"({"a":{"dtype":"F32","shape":[01],"data_offsets":[0,4]}})", one, "no leading zero");
  refuse("{\"\xff\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", one, "not UTF-8");
  refuse(R"( {"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", one, "does not start with");
  refuse(R"({"a":{"dtype":"F4","shape":[3],"data_offsets":[0,1]}})", "1", "a whole byte");
}

// Small inputs of the kinds that readers of such files have failed on; what native/lab/weights_fuzz.cc finds belongs there, too.
void hostile() {
  std::size_t files = 0;
  for (const auto& entry : fs::directory_iterator(fixture("hostile"))) {
    SER_CHECK_ERROR(ser::Checkpoint::open({entry.path().string()}), "E_FORMAT", entry.path().filename().string());
    ++files;
  }
  SER_CHECK(files > 0, "there are inputs to check");
}

void whisper() {
  const std::string path = (root() / "../shared/models/whisper-tiny.en/model.safetensors").lexically_normal().string();
  if (!fs::exists(path)) {
    std::printf("  SKIP  the real whisper-tiny.en: no weights beside the checkout\n");
    return;
  }
  const auto checkpoint = ser::Checkpoint::open({path});
  const at::Tensor weight = checkpoint.find("model.encoder.conv1.weight");
  SER_CHECK(weight.defined() && weight.sizes() == at::IntArrayRef({384, 80, 3}) && weight.scalar_type() == at::kHalf &&
                weight.to(at::kFloat).isfinite().all().item<bool>(),
            "the real whisper-tiny.en opens, " + std::to_string(checkpoint.names().size()) + " tensors");
}

}  // namespace

int main() {
  const Folder folder;
  names_and_prefixes(folder);
  all_or_nothing(folder);
  types(folder);
  shards(folder);
  same_as_safetensors();
  refused(folder);
  damage(folder, "state.bin");
  damage(folder, "state.safetensors");
  flipped_data(folder);
  unusual_safetensors(folder);
  hostile();
  whisper();
  return ser::test::finish("checkpoint");
}
