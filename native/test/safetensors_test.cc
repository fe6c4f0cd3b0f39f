#include "weights/safetensors.h"

#include <ATen/Functions.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "engine/philox.h"
#include "test/check.h"
#include "weights/json.h"

namespace {

std::string read_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_bytes(const std::string& path, const std::string& bytes) { std::ofstream(path, std::ios::binary) << bytes; }

std::string with_header(std::string header, const std::string& data) {
  std::string out;
  for (int i = 0; i < 8; ++i) out += static_cast<char>(header.size() >> (8 * i));
  return out + header + data;
}

ser::NamedTensors sample() {
  return {{"a.weight", at::arange(12, at::TensorOptions(at::kFloat)).view({3, 4})},
          {"b", at::tensor({1.5, -2.5}, at::kDouble)},
          {"scalar", at::scalar_tensor(7.0, at::TensorOptions(at::kFloat))},
          {"empty", at::zeros({0, 5}, at::TensorOptions(at::kFloat))}};
}

void round_trip(const std::string& path) {
  const ser::Metadata metadata{{"note", "quotes \" and \\ and \n and \xc3\xa9"}, {"epoch", "3"}};
  ser::write_safetensors(path, sample(), metadata);
  const auto file = ser::read_safetensors(path);
  SER_CHECK(file.metadata == metadata, "metadata comes back");
  bool equal = file.tensors.size() == 4;
  for (const auto& [name, tensor] : sample()) {
    for (const auto& [other, found] : file.tensors) {
      if (other == name) equal = equal && at::equal(tensor, found) && tensor.sizes() == found.sizes();
    }
  }
  SER_CHECK(equal, "tensors come back with shape, type and bits");
  std::string bytes = read_bytes(path);
  SER_CHECK((static_cast<unsigned char>(bytes[0]) % 8) == 0, "tensors are aligned to 8 bytes");
}

void damage(const std::string& path) {
  ser::write_safetensors(path, sample(), {{"k", "v"}});
  const std::string whole = read_bytes(path);
  int refused = 0, total = 0;
  for (std::size_t size = 0; size < whole.size(); ++size, ++total) {
    write_bytes(path, whole.substr(0, size));
    try {
      ser::read_safetensors(path);
    } catch (const ser::Error& error) {
      refused += error.code() == "E_FORMAT";
    }
  }
  SER_CHECK(refused == total, "every truncation is refused with E_FORMAT, " + std::to_string(total));
  const std::size_t header = 8 + static_cast<unsigned char>(whole[0]) + 256u * static_cast<unsigned char>(whole[1]);
  int clean = 0;
  for (std::size_t bit = 0; bit < 8 * header; ++bit) {
    std::string flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    write_bytes(path, flipped);
    try {
      ser::read_safetensors(path);
      ++clean;  // a flip inside a name or the metadata leaves a whole file
    } catch (const ser::Error& error) {
      clean += error.code() == "E_FORMAT";
    }
  }
  SER_CHECK(clean == static_cast<int>(8 * header),
            "every flipped bit of the header reads or is refused, none crashes, " + std::to_string(8 * header));
  clean = 0;
  for (std::uint32_t i = 0; i < 2000; ++i) {
    std::string mangled = whole;
    for (std::uint32_t k = 0; k < 6; ++k) {
      const auto words = ser::philox4x32({i, k, 0, 0}, {1, 1});
      mangled[words[0] % header] = static_cast<char>(words[1]);
    }
    write_bytes(path, mangled);
    try {
      ser::read_safetensors(path);
      ++clean;
    } catch (const ser::Error& error) {
      clean += error.code() == "E_FORMAT";
    }
  }
  SER_CHECK(clean == 2000, "2000 headers with random bytes read or are refused");
}

void forged(const std::string& path) {
  const auto refuse = [&](const std::string& header, const std::string& data, const char* part) {
    write_bytes(path, with_header(header, data));
    SER_CHECK_ERROR(ser::read_safetensors(path), "E_FORMAT", part);
  };
  const std::string eight(8, '\0');
  refuse(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}})",
         eight, "overlap");
  refuse(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[6,10]}})",
         eight + "12", "overlap");
  refuse(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", eight, "the file holds 8");
  refuse(R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", eight, "needs 12 bytes");
  refuse(R"({"a":{"dtype":"F99","shape":[2],"data_offsets":[0,8]}})", eight, "unknown dtype");
  refuse(R"({"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}})", "", "too large");
  refuse(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
         eight, "twice");
  refuse(R"({"__metadata__":{"k":1}})", "", "not a string");
  refuse("[1,2]", "", "not a JSON object");
  refuse(std::string(5000, '['), "", "not JSON");
  write_bytes(path, std::string(7, '\xff') + '\x7f' + "{}");
  SER_CHECK_ERROR(ser::read_safetensors(path), "E_FORMAT", "100 MB");
  SER_CHECK_ERROR(ser::read_safetensors(path + ".missing"), "E_IO", "cannot open");
  SER_CHECK_ERROR(ser::write_safetensors(path + ".missing/x", sample(), {}), "E_IO", "cannot create");
}

void copying(const std::string& path) {
  ser::write_safetensors(path, {{"a", at::ones({2})}, {"b", at::ones({3})}}, {});
  const auto file = ser::read_safetensors(path);
  const at::Tensor a = at::zeros({2}), b = at::zeros({3}), wrong = at::zeros({4});
  SER_CHECK_ERROR(ser::copy_tensors(path, file, {{"a", a}, {"b", wrong}}), "E_SHAPE", "needs F32 [4]");
  SER_CHECK(a.sum().item<double>() == 0, "nothing is copied unless all fit");
  SER_CHECK_ERROR(ser::copy_tensors(path, file, {{"a", a}, {"c", b}}), "E_FORMAT", "no tensor \"c\"");
  SER_CHECK_ERROR(ser::copy_tensors(path, file, {{"a", a}}), "E_FORMAT", "does not have");
  ser::copy_tensors(path, file, {{"a", a}}, {"b"});
  SER_CHECK(a.sum().item<double>() == 2, "a tensor with an ignored prefix may be left over");
}

}  // namespace

int main() {
  char name[] = "/tmp/ser-safetensors-XXXXXX";
  const int descriptor = mkstemp(name);
  close(descriptor);
  const std::string path = name;
  round_trip(path);
  damage(path);
  forged(path);
  copying(path);
  std::remove(path.c_str());
  return ser::test::finish("safetensors");
}
