// Feeds damaged checkpoints to the readers of native/weights: each must open, with every tensor inside the file, or be refused by
// ser::Error. Build it with sanitizers:
//   cmake -S . -B build/sanitized -DSER_SANITIZE=address,undefined -DLIBTORCH_DIR=... && cmake --build build/sanitized --target weights_fuzz
//   weights_fuzz [inputs = 1000000] [seed = 1] [file ...]      files are further inputs to start from
// An input that fails is written to weights-fuzz-failure.bin. The tensor library is left out, so that a million take minutes.
#include <malloc.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <new>
#include <set>

#include "weights/json.h"
#include "weights/layout.h"
#include "weights/pickle.h"
#include "weights/zip.h"

namespace {

// What one input may keep allocated at a time; inputs are a few kB, so that this is an amplification of a thousand or more.
constexpr std::size_t kMemoryLimit = std::size_t{16} << 20;
std::size_t live = 0, peak = 0;

}  // namespace

// Counted here, because a reader that trusts a length of the file asks for memory before it fails.
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  void* data = bytes > (std::size_t{1} << 32) ? nullptr : std::malloc(bytes);
  if (data == nullptr) return nullptr;
  live += malloc_usable_size(data);
  peak = std::max(peak, live);
  return data;
}
void* operator new(std::size_t bytes) {
  void* data = operator new(bytes, std::nothrow);
  if (data == nullptr) throw std::bad_alloc();
  return data;
}
void operator delete(void* data) noexcept {
  if (data != nullptr) live -= malloc_usable_size(data);
  std::free(data);
}
void operator delete(void* data, std::size_t) noexcept { operator delete(data); }

namespace {

struct Random {
  std::uint64_t state;
  std::uint64_t next() {
    std::uint64_t z = (state += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  std::size_t below(std::size_t n) { return n == 0 ? 0 : static_cast<std::size_t>(next() % n); }
  bool chance(std::size_t one_in) { return below(one_in) == 0; }
};

void put(std::string& out, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(i < 8 ? value >> (8 * i) : 0);
}

ser::Bytes bytes_of(const std::string& text) { return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}; }

// ---- Whole files, each from parts that can be changed one by one ----

std::string build_safetensors(const std::string& header, const std::string& data) {
  std::string out;
  put(out, header.size(), 8);
  return out + header + data;
}

struct Entry {
  std::string name, data;
};

// As torch.save lays it out: local headers and data, then the directory; `wide` adds the zip64 records.
std::string build_zip(const std::vector<Entry>& entries, bool wide) {
  std::string out, directory;
  for (const Entry& entry : entries) {
    const std::uint64_t header = out.size();
    const std::uint32_t crc = ser::crc32(bytes_of(entry.data));
    out += "PK\x03\x04";
    put(out, 0, 2);
    put(out, 0x0800, 2);
    put(out, 0, 6);
    put(out, crc, 4);
    put(out, entry.data.size(), 4);
    put(out, entry.data.size(), 4);
    put(out, entry.name.size(), 2);
    put(out, 0, 2);
    out += entry.name + entry.data;
    directory += "PK\x01\x02";
    put(directory, 0, 4);
    put(directory, 0x0800, 2);
    put(directory, 0, 6);
    put(directory, crc, 4);
    put(directory, wide ? 0xffffffff : entry.data.size(), 4);
    put(directory, wide ? 0xffffffff : entry.data.size(), 4);
    put(directory, entry.name.size(), 2);
    put(directory, wide ? 28 : 0, 2);
    put(directory, 0, 10);
    put(directory, wide ? 0xffffffff : header, 4);
    directory += entry.name;
    if (wide) {
      put(directory, 1, 2);
      put(directory, 24, 2);
      put(directory, entry.data.size(), 8);
      put(directory, entry.data.size(), 8);
      put(directory, header, 8);
    }
  }
  const std::uint64_t begin = out.size();
  out += directory;
  if (wide) {
    const std::uint64_t end64 = out.size();
    out += "PK\x06\x06";
    put(out, 44, 8);
    put(out, 0x2d001e, 4);
    put(out, 0, 8);
    put(out, entries.size(), 8);
    put(out, entries.size(), 8);
    put(out, directory.size(), 8);
    put(out, begin, 8);
    out += "PK\x06\x07";
    put(out, 0, 4);
    put(out, end64, 8);
    put(out, 1, 4);
  }
  out += "PK\x05\x06";
  put(out, 0, 4);
  put(out, wide ? 0xffff : entries.size(), 2);
  put(out, wide ? 0xffff : entries.size(), 2);
  put(out, wide ? 0xffffffff : directory.size(), 4);
  put(out, wide ? 0xffffffff : begin, 4);
  put(out, 0, 2);
  return out;
}

std::vector<Entry> build_entries(const std::string& pickle) {
  return {{"a/data.pkl", pickle},
          {"a/byteorder", "little"},
          {"a/data/0", std::string(24, '\1')},
          {"a/data/1", std::string(48, '\2')},
          {"a/data/2", std::string(8, '\3')},
          {"a/version", "3\n"}};
}

void text(std::string& out, const std::string& value, bool protocol4) {
  out += protocol4 ? '\x8c' : 'X';
  put(out, value.size(), protocol4 ? 1 : 4);
  out += value;
}

void global(std::string& out, const std::string& module, const std::string& name, bool protocol4) {
  if (protocol4) {
    text(out, module, true);
    text(out, name, true);
    out += '\x93';
  } else {
    out += 'c' + module + '\n' + name + '\n';
  }
}

std::string build_pickle(bool protocol4) {
  std::string out = protocol4 ? "\x80\x04" : "\x80\x02";
  if (protocol4) {
    out += '\x95';
    put(out, 0, 8);
  }
  global(out, "collections", "OrderedDict", protocol4);
  out += ")Rq\1(";
  const struct {
    const char *name, *storage, *key;
    int elements, offset, rows, columns, row_stride, column_stride;
    bool parameter;
  } tensors[] = {{"layer.weight", "FloatStorage", "0", 6, 0, 2, 3, 3, 1, false},
                 {"layer.turned", "FloatStorage", "0", 6, 0, 3, 2, 1, 3, true},
                 {"half", "HalfStorage", "1", 24, 4, 4, 5, 5, 1, false},
                 {"steps", "LongStorage", "2", 1, 0, 1, 1, 7, 300, false}};
  for (const auto& tensor : tensors) {
    text(out, tensor.name, protocol4);
    if (tensor.parameter) {
      global(out, "torch._utils", "_rebuild_parameter", protocol4);
      out += '(';
    }
    global(out, "torch._utils", "_rebuild_tensor_v2", protocol4);
    out += "((";
    text(out, "storage", protocol4);
    global(out, "torch", tensor.storage, protocol4);
    text(out, tensor.key, protocol4);
    text(out, "cpu", protocol4);
    out += 'K';
    put(out, static_cast<std::uint64_t>(tensor.elements), 1);
    out += "tQK";
    put(out, static_cast<std::uint64_t>(tensor.offset), 1);
    out += 'K';
    put(out, static_cast<std::uint64_t>(tensor.rows), 1);
    out += 'M';
    put(out, static_cast<std::uint64_t>(tensor.columns), 2);
    out += "\x86J";
    put(out, static_cast<std::uint64_t>(tensor.row_stride), 4);
    out += "\x8a\x02";
    put(out, static_cast<std::uint64_t>(tensor.column_stride), 2);
    out += "\x86\x89";
    global(out, "collections", "OrderedDict", protocol4);
    out += ")RtR";
    if (tensor.parameter) out += "\x88}tR";
    out += protocol4 ? "\x94" : "q\7";
  }
  out += "u}";
  text(out, "_metadata", protocol4);
  out += "h\1";
  out += "sb.";
  return out;
}

const char* const kHeaders[] = {
    R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"b.c":{"dtype":"F16","shape":[4],"data_offsets":[24,32]}}  )",
    R"({"e":{"dtype":"I64","shape":[0,5],"data_offsets":[0,0]},"s":{"dtype":"F64","shape":[],"data_offsets":[0,8]},"f8":{"dtype":"F8_E4M3","shape":[8],"data_offsets":[8,16]},"q":{"dtype":"F4","shape":[2,8],"data_offsets":[16,24]},"x":{"dtype":"BOOL","shape":[8],"data_offsets":[24,32]}})",
    R"({"\u00e9\n\ud83d\ude00":{"data_offsets":[0,32],"shape":[1,2,16],"dtype":"U8","more":[true,false,null,{"k":[]}]}})"};

// ---- Changes ----

constexpr std::uint64_t kExtremes[] = {0,           1,
                                       2,           3,
                                       7,           8,
                                       0x7f,        0x80,
                                       0xff,        0x100,
                                       0x7fff,      0xffff,
                                       0x10000,     0x7fffffff,
                                       0x80000000,  0xffffffff,
                                       0x100000000, std::uint64_t{1} << 48,
                                       INT64_MAX,   std::uint64_t{1} << 63,
                                       UINT64_MAX,  UINT64_MAX - 7};

std::uint64_t extreme(Random& random, std::size_t size) {
  const std::uint64_t near = size + random.below(9) - 4;
  return random.chance(4) ? near : kExtremes[random.below(std::size(kExtremes))];
}

void change_bytes(std::string& input, const std::vector<std::string>& others, Random& random) {
  if (input.empty()) {
    input += static_cast<char>(random.next());
    return;
  }
  const std::size_t at = random.below(input.size());
  switch (random.below(9)) {
    case 0:
    case 1:
      input[at] = static_cast<char>(input[at] ^ (1 << random.below(8)));
      break;
    case 2:
      input[at] = static_cast<char>(random.next());
      break;
    case 3:
      input.resize(at);
      break;
    case 4:
      input.erase(at, 1 + random.below(12));
      break;
    case 5:
      input.insert(at, input.substr(random.below(input.size()), 1 + random.below(40)));
      break;
    case 6: {  // a piece of another file
      const std::string& other = others[random.below(others.size())];
      const std::size_t from = random.below(other.size());
      input = random.chance(2) ? input.substr(0, at) + other.substr(from)
                               : input.replace(at, random.below(30), other.substr(from, random.below(60)));
      break;
    }
    default: {
      const int width = 1 << random.below(4);
      std::string number;
      put(number, extreme(random, input.size()), width);
      input.replace(at, number.size(), number);
    }
  }
}

// Numbers, names and brackets of a JSON text, so that the text mostly stays JSON.
void change_json(std::string& json, Random& random) {
  if (json.empty()) return;
  std::vector<std::size_t> digits, quotes;
  for (std::size_t i = 0; i < json.size(); ++i) {
    if (json[i] >= '0' && json[i] <= '9' && (i == 0 || json[i - 1] < '0' || json[i - 1] > '9')) digits.push_back(i);
    if (json[i] == '"') quotes.push_back(i);
  }
  const char* const kWords[] = {"{",         "}",
                                "[",         "]",
                                ",",         ":",
                                "\"",        "null",
                                "true",      "-1",
                                "1e9",       "1.5",
                                "\\u0000",   "\\ud800",
                                "\"dtype\"", "\"a\"",
                                "\"F32\"",   "\"BF16\"",
                                "\"F4\"",    "\"C64\"",
                                "\xff",      "\xed\xa0\x80",
                                "[0,0]",     "[[[[[[[[[[",
                                "{\"a\":",   "\"__metadata__\""};
  switch (random.below(5)) {
    case 0:
    case 1:
      if (!digits.empty()) {
        const std::size_t at = digits[random.below(digits.size())];
        std::size_t end = at;
        while (end < json.size() && json[end] >= '0' && json[end] <= '9') ++end;
        json.replace(at, end - at, std::to_string(random.chance(2) ? random.below(40) : extreme(random, json.size())));
      }
      break;
    case 2:
      json.insert(random.below(json.size()), kWords[random.below(std::size(kWords))]);
      break;
    case 3:
      if (quotes.size() > 2) {
        const std::size_t first = random.below(quotes.size() - 1);
        const std::string word = kWords[random.below(std::size(kWords))];
        json.replace(quotes[first], quotes[first + 1] + 1 - quotes[first], word);
      }
      break;
    default:
      json.replace(random.below(json.size()), random.below(6), kWords[random.below(std::size(kWords))]);
  }
}

void change_pickle(std::string& pickle, Random& random) {
  constexpr std::string_view kSteps(
      "\x80\x95.(})]t\x85\x86\x87N\x88\x89KMJ\x8a\x8bGX\x8c\x8d"
      "CBqr\x94hjc\x93QRbsuae\x81oi0122lIFSUTVLPd");
  const auto number = [&](int width) {
    std::string out;
    put(out, extreme(random, pickle.size()), width);
    return out;
  };
  const std::size_t at = random.below(pickle.size() + 1);
  switch (random.below(6)) {
    case 0:
      if (at < pickle.size()) pickle[at] = kSteps[random.below(kSteps.size())];
      break;
    case 1:
      pickle.insert(at, 1, kSteps[random.below(kSteps.size())]);
      break;
    case 2:
      pickle.erase(at, 1 + random.below(8));
      break;
    case 3:
      pickle.insert(at, pickle.substr(random.below(pickle.size() + 1), random.below(60)));
      break;
    case 4: {  // an integer in place of another, with the step that reads it
      const char* const kIntegers[] = {"K", "M", "J", "\x8a\x08", "h", "j", "q", "r", "X", "\x8b\x08"};
      const int kWidths[] = {1, 2, 4, 8, 1, 4, 1, 4, 4, 8};
      const std::size_t which = random.below(std::size(kIntegers));
      const std::size_t found = pickle.find_first_of("KMJ", at);
      if (found != std::string::npos) {
        const std::size_t old = pickle[found] == 'K' ? 2 : pickle[found] == 'M' ? 3 : 5;
        pickle.replace(found, old, kIntegers[which] + number(kWidths[which]));
      }
      break;
    }
    default: {
      const char* const kNames[] = {"os\nsystem\n",
                                    "builtins\neval\n",
                                    "torch\nDoubleStorage\n",
                                    "torch.storage\n_load_from_bytes\n",
                                    "collections\nOrderedDict\n",
                                    "torch._utils\n_rebuild_tensor_v2\n"};
      const std::size_t found = pickle.find('c', at);
      if (found != std::string::npos) pickle.insert(found + 1, kNames[random.below(std::size(kNames))]);
    }
  }
}

// A field of a record of the zip directory.
void change_zip(std::string& zip, Random& random) {
  const char* const kRecords[] = {"PK\x03\x04", "PK\x01\x02", "PK\x05\x06", "PK\x06\x06", "PK\x06\x07"};
  const std::size_t kLengths[] = {30, 46, 22, 56, 20};
  const std::size_t which = random.below(std::size(kRecords));
  std::vector<std::size_t> places;
  for (std::size_t at = zip.find(kRecords[which]); at != std::string::npos; at = zip.find(kRecords[which], at + 1))
    places.push_back(at);
  if (places.empty()) return;
  const std::size_t at = places[random.below(places.size())] + random.below(kLengths[which] / 2) * 2;
  const int width = 1 << random.below(4);
  std::string number;
  // Another record's place is what an overlap is made of.
  put(number, random.chance(4) ? places[random.below(places.size())] : extreme(random, zip.size()), width);
  if (at + number.size() <= zip.size()) zip.replace(at, number.size(), number);
}

// ---- Checks ----

struct Failure {
  std::string what;
};

void demand(bool holds, const char* what) {
  if (!holds) throw Failure{what};
}

volatile std::uint64_t sink = 0;

void check_layout(const ser::FileLayout& layout, ser::Bytes file) {
  std::set<std::string> names;
  for (const ser::TensorLayout& tensor : layout.tensors) {
    demand(names.insert(tensor.name).second, "two tensors of one name");
    demand(ser::is_utf8(tensor.name), "a name that is not UTF-8");
    demand(tensor.storage < layout.storages.size(), "a storage that is not there");
    const ser::StorageLayout& storage = layout.storages[tensor.storage];
    demand(
        storage.begin <= tensor.begin && tensor.begin <= tensor.end && tensor.end <= storage.end && storage.end <= file.size(),
        "a tensor outside of its storage or the file");
    demand(tensor.shape.size() == tensor.strides.size(), "strides that do not fit the shape");
    demand(ser::count_elements(tensor.shape).has_value(), "a shape beyond the limits");
    const std::size_t width = ser::element_bytes(tensor.type);
    if (width == 0 || *ser::count_elements(tensor.shape) == 0) continue;
    // Sums the first thousands of elements by the strides, then the last one.
    std::vector<std::int64_t> index(tensor.shape.size(), 0);
    std::uint64_t last = 0;
    for (std::size_t d = 0; d < index.size(); ++d)
      last += static_cast<std::uint64_t>(tensor.shape[d] - 1) * static_cast<std::uint64_t>(tensor.strides[d]);
    demand(tensor.begin + (last + 1) * width == tensor.end, "an extent that is not that of the strides");
    for (int n = 0; n < 4096; ++n) {
      std::uint64_t at = 0;
      for (std::size_t d = 0; d < index.size(); ++d)
        at += static_cast<std::uint64_t>(index[d]) * static_cast<std::uint64_t>(tensor.strides[d]);
      sink = sink + ser::load_little(file.data() + tensor.begin + at * width, static_cast<int>(width));
      std::size_t d = index.size();
      while (d > 0 && ++index[d - 1] == tensor.shape[d - 1]) index[--d] = 0;
      if (d == 0) break;
    }
    sink = sink + ser::load_little(file.data() + tensor.begin + last * width, static_cast<int>(width));
  }
}

// Whether the input opened. Its bytes are copied to an allocation of exactly their size, so that a sanitizer sees the first byte
// read past the end.
template <typename Parse>
bool opens(const std::string& input, Parse parse) {
  const std::vector<std::uint8_t> exact(input.begin(), input.end());
  const std::size_t before = live;
  peak = live;
  bool opened = false;
  try {
    parse(ser::Bytes(exact));
    opened = true;
  } catch (const ser::Error& error) {
    const bool known = error.code() == "E_FORMAT" || error.code() == "E_IO" || error.code() == "E_SHAPE";
    if (!known) throw Failure{"an error of code " + error.code()};
    demand(ser::is_utf8(error.what()), "a sentence that is not UTF-8");
    demand(std::strlen(error.what()) < 2000, "a sentence of over 2000 bytes");
  } catch (const Failure&) {
    throw;
  } catch (const std::exception& error) {
    throw Failure{std::string("another exception: ") + error.what()};
  }
  demand(peak - before < kMemoryLimit, "more memory than the limit");
  return opened;
}

bool opens_json(const std::string& input) {
  return opens(input, [](ser::Bytes bytes) {
    try {
      ser::parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    } catch (const std::runtime_error& error) {  // the parser's own contract
      throw ser::Error("E_FORMAT", error.what());
    }
  });
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t inputs = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000;
  Random random{argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1};
  std::vector<std::string> headers(std::begin(kHeaders), std::end(kHeaders)), pickles{build_pickle(false), build_pickle(true)};
  std::vector<std::string> files;
  for (const std::string& header : headers) files.push_back(build_safetensors(header, std::string(32, '\1')));
  for (const std::string& pickle : pickles) {
    for (const bool wide : {false, true}) files.push_back(build_zip(build_entries(pickle), wide));
  }
  const auto parse_file = [](ser::Bytes bytes) { check_layout(ser::parse_weights("input", bytes), bytes); };
  std::size_t whole = 0;
  for (const std::string& file : files) whole += opens(file, parse_file);
  if (whole != files.size()) {
    std::printf("only %zu of %zu undamaged files open\n", whole, files.size());
    return 1;
  }
  for (int i = 3; i < argc; ++i) {
    std::ifstream file(argv[i], std::ios::binary);
    files.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    opens(files.back(), parse_file);  // some are meant to be refused
    if (files.back().empty()) files.pop_back();
  }

  const char* const kKinds[] = {"bytes of a file",      "JSON header", "pickle alone",
                                "pickle in a zip file", "zip record",  "JSON alone"};
  std::size_t tried[6] = {}, opened[6] = {};
  for (std::size_t n = 0; n < inputs; ++n) {
    const std::size_t kind = random.below(6), changes = 1 + random.below(random.chance(3) ? 8 : 2);
    std::string input;
    try {
      bool ok = false;
      switch (kind) {
        case 0:
          input = files[random.below(files.size())];
          for (std::size_t i = 0; i < changes; ++i) change_bytes(input, files, random);
          ok = opens(input, parse_file);
          break;
        case 1: {
          std::string header = headers[random.below(headers.size())];
          for (std::size_t i = 0; i < changes; ++i) change_json(header, random);
          input = build_safetensors(header, std::string(32, '\1'));
          ok = opens(input, parse_file);
          break;
        }
        case 2:
        case 3: {
          std::string pickle = pickles[random.below(pickles.size())];
          for (std::size_t i = 0; i < changes; ++i) {
            if (random.chance(4))
              change_bytes(pickle, pickles, random);
            else
              change_pickle(pickle, random);
          }
          input = kind == 2 ? pickle : build_zip(build_entries(pickle), random.chance(2));
          ok = kind == 2 ? opens(input, [](ser::Bytes bytes) { ser::parse_pickle("input", bytes); }) : opens(input, parse_file);
          break;
        }
        case 4:
          input = files[headers.size() + random.below(4)];
          for (std::size_t i = 0; i < changes; ++i) change_zip(input, random);
          ok = opens(input, parse_file);
          break;
        default:
          input = headers[random.below(headers.size())];
          for (std::size_t i = 0; i < changes; ++i) change_json(input, random);
          ok = opens_json(input);
      }
      ++tried[kind];
      opened[kind] += ok;
    } catch (const Failure& failure) {
      std::ofstream("weights-fuzz-failure.bin", std::ios::binary) << input;
      std::printf("input %zu (%s): %s; it is in weights-fuzz-failure.bin\n", n, kKinds[kind], failure.what.c_str());
      return 1;
    }
  }
  for (std::size_t kind = 0; kind < 6; ++kind)
    std::printf("%-22s %9zu inputs, %9zu opened, the rest refused\n", kKinds[kind], tried[kind], opened[kind]);
  return 0;
}
