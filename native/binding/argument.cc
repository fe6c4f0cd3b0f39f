#include "argument.h"

#include <cmath>
#include <cstdio>
#include <cstring>

namespace ser::binding {
namespace {

const char* array_type_name(napi_typedarray_type type) {
  switch (type) {
    case napi_int8_array:
      return "Int8Array";
    case napi_uint8_array:
      return "Uint8Array";
    case napi_uint8_clamped_array:
      return "Uint8ClampedArray";
    case napi_int16_array:
      return "Int16Array";
    case napi_uint16_array:
      return "Uint16Array";
    case napi_int32_array:
      return "Int32Array";
    case napi_uint32_array:
      return "Uint32Array";
    case napi_float32_array:
      return "Float32Array";
    case napi_float64_array:
      return "Float64Array";
    case napi_bigint64_array:
      return "BigInt64Array";
    case napi_biguint64_array:
      return "BigUint64Array";
    default:
      return "a typed array of another kind";
  }
}

template <typename T>
struct ArrayType;
template <>
struct ArrayType<std::uint8_t> {
  static constexpr napi_typedarray_type value = napi_uint8_array;
};
template <>
struct ArrayType<std::int16_t> {
  static constexpr napi_typedarray_type value = napi_int16_array;
};
template <>
struct ArrayType<std::int32_t> {
  static constexpr napi_typedarray_type value = napi_int32_array;
};
template <>
struct ArrayType<std::uint32_t> {
  static constexpr napi_typedarray_type value = napi_uint32_array;
};
template <>
struct ArrayType<float> {
  static constexpr napi_typedarray_type value = napi_float32_array;
};
template <>
struct ArrayType<double> {
  static constexpr napi_typedarray_type value = napi_float64_array;
};

struct View {
  napi_typedarray_type type = napi_int8_array;
  std::size_t length = 0;
  const void* data = nullptr;
};

// By the engine's own brand, not by instanceof: arrays of another realm (a vm context, jest) are as good as any.
std::optional<View> view_of(const Napi::Value& value) {
  bool is_typed_array = false;
  if (napi_is_typedarray(value.Env(), value, &is_typed_array) != napi_ok || !is_typed_array) return std::nullopt;
  View view;
  void* data = nullptr;
  if (napi_get_typedarray_info(value.Env(), value, &view.type, &view.length, &data, nullptr, nullptr) != napi_ok) {
    return std::nullopt;
  }
  view.data = data;
  return view;
}

std::string describe(const Napi::Value& value) {
  if (const auto view = view_of(value)) {
    return std::string(array_type_name(view->type)) + " of " + std::to_string(view->length);
  }
  if (value.IsUndefined()) return "undefined";
  if (value.IsNull()) return "null";
  if (value.IsNumber()) return print_number(value.As<Napi::Number>().DoubleValue());
  if (value.IsBoolean()) return value.As<Napi::Boolean>().Value() ? "true" : "false";
  if (value.IsString()) {
    std::string text = value.As<Napi::String>().Utf8Value();
    constexpr std::size_t kShown = 60;
    if (text.size() > kShown) {
      std::size_t end = kShown;
      while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;  // do not cut a character in two
      text = text.substr(0, end) + "...";
    }
    return "'" + text + "'";
  }
  if (value.IsBigInt()) return "a bigint";
  if (value.IsSymbol()) return "a symbol";
  if (value.IsFunction()) return "a function";
  if (value.IsArray()) return "an array";
  if (value.IsPromise()) return "a promise (is an await missing?)";
  return "an object";
}

}  // namespace

std::string print_number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  char text[32];
  if (value == std::floor(value) && std::abs(value) <= static_cast<double>(kMaxSafeInteger)) {
    std::snprintf(text, sizeof text, "%.0f", value);
    return text;
  }
  std::snprintf(text, sizeof text, "%.17g", value);
  for (int digits = 1; digits < 17; ++digits) {  // the shortest that reads back as the same number
    char shorter[32];
    std::snprintf(shorter, sizeof shorter, "%.*g", digits, value);
    if (std::strtod(shorter, nullptr) == value) return shorter;
  }
  return text;
}

Argument Argument::of(const Napi::CallbackInfo& info, std::size_t index, const char* name) { return {info[index], name}; }

void Argument::fail(const std::string& expected) const { throw ArgumentError(name_, expected, describe(value_)); }

void Argument::fail(const std::string& expected, const std::string& found) const {
  throw ArgumentError(name_, expected, found);
}

void Argument::fail_at(std::size_t index, const std::string& expected, double found) const {
  throw ArgumentError(name_ + "[" + std::to_string(index) + "]", expected, print_number(found));
}

Argument Argument::field(const char* key) const {
  if (!value_.IsObject() || value_.IsFunction() || value_.IsArray()) fail("an object");
  return {value_.As<Napi::Object>().Get(key), name_ + "." + key};
}

std::uint32_t Argument::array_length(const char* expected) const {
  if (!value_.IsArray()) fail(expected);
  return value_.As<Napi::Array>().Length();
}

Argument Argument::element(std::uint32_t index) const {
  return {value_.As<Napi::Object>().Get(index), name_ + "[" + std::to_string(index) + "]"};
}

std::int64_t Argument::integer(std::int64_t low, std::int64_t high) const {
  const std::string upper = high == kMaxSafeInteger ? "2^53 - 1" : std::to_string(high);
  const std::string expected = "an integer in " + std::to_string(low) + ".." + upper;
  if (!value_.IsNumber()) fail(expected);
  const double number = value_.As<Napi::Number>().DoubleValue();
  // Compared as doubles before the cast: casting a number that does not fit is undefined.
  if (!(number >= static_cast<double>(low) && number <= static_cast<double>(high)) || number != std::floor(number)) {
    fail(expected);
  }
  return static_cast<std::int64_t>(number);
}

double Argument::finite() const {
  if (!value_.IsNumber()) fail("a finite number");
  const double number = value_.As<Napi::Number>().DoubleValue();
  if (!std::isfinite(number)) fail("a finite number");
  return number;
}

double Argument::non_negative() const {
  if (!value_.IsNumber()) fail("a finite number of at least 0");
  const double number = value_.As<Napi::Number>().DoubleValue();
  if (!std::isfinite(number) || number < 0) fail("a finite number of at least 0");
  return number;
}

double Argument::positive() const {
  if (!value_.IsNumber()) fail("a finite number above 0");
  const double number = value_.As<Napi::Number>().DoubleValue();
  if (!std::isfinite(number) || number <= 0) fail("a finite number above 0");
  return number;
}

double Argument::fraction() const {
  if (!value_.IsNumber()) fail("a number in [0, 1)");
  const double number = value_.As<Napi::Number>().DoubleValue();
  if (!(number >= 0 && number < 1)) fail("a number in [0, 1)");
  return number;
}

bool Argument::flag() const {
  if (!value_.IsBoolean()) fail("true or false");
  return value_.As<Napi::Boolean>().Value();
}

std::string Argument::text() const {
  if (!value_.IsString()) fail("a string");
  return value_.As<Napi::String>().Utf8Value();
}

std::string Argument::path() const {
  if (!value_.IsString()) fail("a path");
  std::string path = text();
  if (path.empty()) fail("a path that is not empty");
  // C would stop reading there and open another file.
  if (path.find('\0') != std::string::npos) fail("a path without NUL characters");
  return path;
}

std::uint32_t Argument::handle() const {
  constexpr double kLast = 4294967295.0;
  if (!value_.IsNumber()) fail("a handle (a positive integer)");
  const double number = value_.As<Napi::Number>().DoubleValue();
  if (!(number >= 1 && number <= kLast) || number != std::floor(number)) fail("a handle (a positive integer)");
  return static_cast<std::uint32_t>(number);
}

std::vector<std::pair<std::string, std::string>> Argument::string_map() const {
  if (!value_.IsObject() || value_.IsArray() || value_.IsFunction()) fail("an object of strings");
  const Napi::Object object = value_.As<Napi::Object>();
  const Napi::Array keys = object.GetPropertyNames();
  std::vector<std::pair<std::string, std::string>> entries;
  for (std::uint32_t index = 0; index < keys.Length(); ++index) {
    const std::string key = keys.Get(index).As<Napi::Value>().ToString().Utf8Value();
    entries.emplace_back(key, Argument(object.Get(key), name_ + "." + key).text());
  }
  return entries;
}

template <typename T>
std::vector<T> Argument::array(std::optional<std::size_t> count, const char* meaning) const {
  const auto view = view_of(value_);
  if (!view || view->type != ArrayType<T>::value || (count && view->length != *count)) {
    const std::string kind = array_type_name(ArrayType<T>::value);
    std::string expected = (kind[0] == 'I' ? "an " : "a ") + kind + " of " + meaning;
    if (count && std::to_string(*count) != meaning) expected += " = " + std::to_string(*count);
    fail(expected + " elements");
  }
  std::vector<T> copy(view->length);
  if (view->length > 0) std::memcpy(copy.data(), view->data, view->length * sizeof(T));
  return copy;
}

template std::vector<std::uint8_t> Argument::array(std::optional<std::size_t>, const char*) const;
template std::vector<std::int16_t> Argument::array(std::optional<std::size_t>, const char*) const;
template std::vector<std::int32_t> Argument::array(std::optional<std::size_t>, const char*) const;
template std::vector<std::uint32_t> Argument::array(std::optional<std::size_t>, const char*) const;
template std::vector<float> Argument::array(std::optional<std::size_t>, const char*) const;
template std::vector<double> Argument::array(std::optional<std::size_t>, const char*) const;

bool Argument::is_double() const {
  const auto view = view_of(value_);
  if (!view || (view->type != napi_float32_array && view->type != napi_float64_array)) {
    fail("a Float32Array or a Float64Array");
  }
  return view->type == napi_float64_array;
}

}  // namespace ser::binding
