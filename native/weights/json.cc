#include "weights/json.h"

#include <cstdio>
#include <stdexcept>
#include <unordered_set>

namespace ser {
namespace {

constexpr std::size_t kMaxValues = 2'000'000;

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  JsonValue parse() {
    JsonValue value = parse_value(0);
    skip_space();
    if (at_ != text_.size()) fail("the end");
    return value;
  }

 private:
  [[noreturn]] void fail(const char* expected) const {
    throw std::runtime_error("expected " + std::string(expected) + " at byte " + std::to_string(at_));
  }

  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) ++at_;
  }

  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  void expect(char c, const char* what) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != c) fail(what);
    ++at_;
  }

  bool accept(char c) {
    skip_space();
    if (peek() != c) return false;
    ++at_;
    return true;
  }

  bool literal(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }

  unsigned hex4() {
    unsigned value = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      const char c = peek();
      if (c >= '0' && c <= '9')
        value = value * 16 + static_cast<unsigned>(c - '0');
      else if (c >= 'a' && c <= 'f')
        value = value * 16 + static_cast<unsigned>(c - 'a' + 10);
      else if (c >= 'A' && c <= 'F')
        value = value * 16 + static_cast<unsigned>(c - 'A' + 10);
      else
        fail("four hexadecimal digits");
    }
    return value;
  }

  static void append_utf8(std::string& out, unsigned code) {
    if (code < 0x80) {
      out += static_cast<char>(code);
    } else if (code < 0x800) {
      out += static_cast<char>(0xc0 | (code >> 6));
      out += static_cast<char>(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
      out += static_cast<char>(0xe0 | (code >> 12));
      out += static_cast<char>(0x80 | ((code >> 6) & 0x3f));
      out += static_cast<char>(0x80 | (code & 0x3f));
    } else {
      out += static_cast<char>(0xf0 | (code >> 18));
      out += static_cast<char>(0x80 | ((code >> 12) & 0x3f));
      out += static_cast<char>(0x80 | ((code >> 6) & 0x3f));
      out += static_cast<char>(0x80 | (code & 0x3f));
    }
  }

  std::string parse_string() {
    expect('"', "a string");
    std::string out;
    for (;;) {
      if (at_ >= text_.size()) fail("the end of a string");
      const char c = text_[at_++];
      if (c == '"') return out;
      if (static_cast<unsigned char>(c) < 0x20) fail("an escaped control character");
      if (c != '\\') {
        out += c;
        continue;
      }
      if (at_ >= text_.size()) fail("an escape");
      switch (text_[at_++]) {
        case '"':
          out += '"';
          break;
        case '\\':
          out += '\\';
          break;
        case '/':
          out += '/';
          break;
        case 'b':
          out += '\b';
          break;
        case 'f':
          out += '\f';
          break;
        case 'n':
          out += '\n';
          break;
        case 'r':
          out += '\r';
          break;
        case 't':
          out += '\t';
          break;
        case 'u': {
          unsigned code = hex4();
          if (code >= 0xd800 && code < 0xdc00) {
            if (!literal("\\u")) fail("the second half of a surrogate pair");
            const unsigned low = hex4();
            if (low < 0xdc00 || low > 0xdfff) fail("the second half of a surrogate pair");
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
          } else if (code >= 0xdc00 && code <= 0xdfff) {
            fail("the first half of a surrogate pair");
          }
          append_utf8(out, code);
          break;
        }
        default:
          fail("a known escape");
      }
    }
  }

  JsonValue parse_value(int depth) {
    if (depth > 8) fail("at most 8 levels");
    // A value takes a hundred bytes where its text may take two: without a limit a file asks for fifty times its size.
    if (++values_ > kMaxValues) fail("at most 2000000 values");
    skip_space();
    JsonValue value;
    const char c = peek();
    if (c == '{') {
      ++at_;
      value.kind = JsonValue::Kind::object;
      std::unordered_set<std::string> seen;
      if (accept('}')) return value;
      do {
        skip_space();
        std::string name = parse_string();
        if (!seen.insert(name).second) throw std::runtime_error("key " + quote_json(name) + " stands twice");
        expect(':', "':'");
        value.members.emplace_back(std::move(name), parse_value(depth + 1));
      } while (accept(','));
      expect('}', "'}'");
    } else if (c == '[') {
      ++at_;
      value.kind = JsonValue::Kind::array;
      if (accept(']')) return value;
      do value.items.push_back(parse_value(depth + 1));
      while (accept(','));
      expect(']', "']'");
    } else if (c == '"') {
      value.kind = JsonValue::Kind::string;
      value.string = parse_string();
    } else if (c >= '0' && c <= '9') {
      value.kind = JsonValue::Kind::number;
      if (c == '0' && at_ + 1 < text_.size() && text_[at_ + 1] >= '0' && text_[at_ + 1] <= '9') fail("no leading zero");
      while (peek() >= '0' && peek() <= '9') {
        const auto digit = static_cast<std::uint64_t>(peek() - '0');
        if (value.number > (UINT64_MAX - digit) / 10) fail("a number under 2^64");
        value.number = value.number * 10 + digit;
        ++at_;
      }
      if (peek() == '.' || peek() == 'e' || peek() == 'E') fail("an integer");
    } else if (literal("true")) {
      value.kind = JsonValue::Kind::boolean;
      value.boolean = true;
    } else if (literal("false")) {
      value.kind = JsonValue::Kind::boolean;
    } else if (!literal("null")) {
      fail("a value");
    }
    return value;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t values_ = 0;
};

}  // namespace

const JsonValue* JsonValue::find(std::string_view name) const {
  for (const auto& [key, value] : members) {
    if (key == name) return &value;
  }
  return nullptr;
}

JsonValue parse_json(std::string_view text) { return Parser(text).parse(); }

std::string quote_json(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(static_cast<unsigned char>(c)));
      out += escape;
    } else {
      out += c;
    }
  }
  return out + '"';
}

}  // namespace ser
