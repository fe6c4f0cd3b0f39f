// Checked access to what JavaScript handed over. Every failure is an ArgumentError that names the argument by its path
// ("request.rows.offsets"), what was expected and what was found.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "failure.h"
#include "node_api.h"

namespace ser::binding {

// Largest integer that a double holds exactly; what Number.isSafeInteger allows.
inline constexpr std::int64_t kMaxSafeInteger = (std::int64_t{1} << 53) - 1;

class Argument {
 public:
  Argument(Napi::Value value, std::string name) : value_(value), name_(std::move(name)) {}
  // The argument at `index` of a call; one that is missing reads as undefined.
  static Argument of(const Napi::CallbackInfo& info, std::size_t index, const char* name);

  const std::string& name() const { return name_; }
  Napi::Value value() const { return value_; }
  bool absent() const { return value_.IsUndefined(); }

  Argument field(const char* key) const;
  Argument element(std::uint32_t index) const;
  std::uint32_t array_length(const char* expected) const;

  std::int64_t integer(std::int64_t low, std::int64_t high = kMaxSafeInteger) const;
  double finite() const;
  // Finite and at least 0.
  double non_negative() const;
  double positive() const;
  // In [0, 1).
  double fraction() const;
  bool flag() const;
  std::string text() const;
  // As text(), and fit to name a file.
  std::string path() const;
  std::uint32_t handle() const;
  std::vector<std::pair<std::string, std::string>> string_map() const;

  template <typename Choice>
  Choice one_of(std::initializer_list<std::pair<const char*, Choice>> choices) const {
    std::string expected;
    const std::string found = value_.IsString() ? value_.As<Napi::String>().Utf8Value() : std::string();
    for (const auto& [word, choice] : choices) {
      if (value_.IsString() && found == word) return choice;
      expected += (expected.empty() ? "'" : " or '") + std::string(word) + "'";
    }
    fail(expected);
  }

  // A copy of a typed array of exactly this element type. `count` is how many elements it must have, told to the reader
  // as `meaning` ("B"); nullopt takes any number.
  template <typename T>
  std::vector<T> array(std::optional<std::size_t> count, const char* meaning) const;
  // Whether this is a Float64Array (true) or a Float32Array (false); anything else fails.
  bool is_double() const;

  [[noreturn]] void fail(const std::string& expected) const;
  [[noreturn]] void fail(const std::string& expected, const std::string& found) const;
  // Of one element of an array: "<name>[index] must be ...".
  [[noreturn]] void fail_at(std::size_t index, const std::string& expected, double found) const;

 private:
  const Napi::Value value_;
  const std::string name_;
};

// As JavaScript prints it: 0.5, 3, NaN, Infinity.
std::string print_number(double value);

}  // namespace ser::binding
