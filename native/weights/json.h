// The JSON that a safetensors header needs: parsing with limits (it is read from files of others) and quoting.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ser {

struct JsonValue {
  enum class Kind { null, boolean, number, string, array, object };
  Kind kind = Kind::null;
  bool boolean = false;
  // Numbers are kept as integers, because the header has no others; another number fails to parse.
  std::uint64_t number = 0;
  std::string string;
  std::vector<JsonValue> items;
  std::vector<std::pair<std::string, JsonValue>> members;

  const JsonValue* find(std::string_view name) const;
};

// Throws std::runtime_error with the byte and what was expected there. Duplicate keys, depth over 8, more than two million
// values, bytes after the value (but white space) and ill-formed strings are errors. That the text is UTF-8 is not checked.
JsonValue parse_json(std::string_view text);

std::string quote_json(std::string_view text);

}  // namespace ser
