#include "weights/pickle.h"

#include <algorithm>
#include <limits>
#include <unordered_map>
#include <unordered_set>

namespace ser {
namespace {

// A checkpoint of a thousand tensors takes some 30,000 steps and 100 kB.
constexpr std::size_t kMaxBytes = 32'000'000, kMaxSteps = 4'000'000, kMaxDimensions = 64, kMaxTensors = 100'000,
                      kLongestName = 200;
constexpr std::uint64_t kMaxSize = std::uint64_t{1} << 48;

using Node = std::uint32_t;

enum class Kind : std::uint8_t { none, boolean, integer, real, text, bytes, global, tuple, list, dict, storage, tensor };

const char* kind_name(Kind kind) {
  constexpr const char* kNames[] = {
      "None",    "a bool", "an int",       "a float",   "a string", "bytes", "a class or function",
      "a tuple", "a list", "a dictionary", "a storage", "a tensor"};
  return kNames[static_cast<std::size_t>(kind)];
}

// What a pickle may name. Nothing of it is ever called: each stands for a step of this reader.
enum class Global : std::uint8_t { ordered_dict, rebuild_tensor, rebuild_parameter, storage };

// Values live in one array and refer to each other by their place in it, so that a pickle that refers to itself, or nests deeply,
// costs neither memory nor stack: nothing here follows more than a few references.
struct Value {
  Kind kind = Kind::none;
  Global global = Global::ordered_dict;
  std::int64_t integer = 0;
  std::string_view text;
  // Items of a tuple or list; key, value, key, ... of a dict; arguments of a tensor; class, key and size of a storage.
  std::vector<Node> items;
};

class Unpickler {
 public:
  Unpickler(const std::string& path, Bytes bytes) : path_(path), bytes_(bytes) {}

  std::vector<PickledTensor> run();

 private:
  [[noreturn]] void bad(const std::string& what) const {
    throw Error("E_FORMAT", path_ + ": its pickle " + what + ", so it is not a state_dict that torch.save wrote");
  }
  [[noreturn]] void damaged(const std::string& what) const {
    throw Error("E_FORMAT", path_ + ": its pickle is damaged, " + what + "; download it again");
  }

  std::uint64_t u(int bytes) {
    need(static_cast<std::uint64_t>(bytes));
    const std::uint64_t value = load_little(bytes_.data() + at_, bytes);
    at_ += static_cast<std::size_t>(bytes);
    return value;
  }
  void need(std::uint64_t bytes) const {
    if (bytes > bytes_.size() - at_) damaged("it ends in the middle of a step");
  }
  std::string_view take(std::uint64_t size) {
    need(size);
    const std::string_view text(reinterpret_cast<const char*>(bytes_.data()) + at_, static_cast<std::size_t>(size));
    at_ += static_cast<std::size_t>(size);
    return text;
  }
  std::string_view line() {
    const std::string_view rest(reinterpret_cast<const char*>(bytes_.data()) + at_, bytes_.size() - at_);
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos) damaged("it ends in the middle of a name");
    at_ += end + 1;
    return rest.substr(0, end);
  }

  Node make(Kind kind) {
    values_.emplace_back();
    values_.back().kind = kind;
    return static_cast<Node>(values_.size() - 1);
  }
  void push(Node node) { stack_.push_back(node); }
  void push_integer(std::int64_t integer, Kind kind = Kind::integer) {
    const Node node = make(kind);
    values_[node].integer = integer;
    push(node);
  }
  void push_text(std::string_view text, Kind kind) {
    if (kind == Kind::text && !is_utf8(text)) damaged("a string is not UTF-8");
    const Node node = make(kind);
    values_[node].text = text;
    push(node);
  }
  Node pop() {
    // What lies below a mark belongs to the step that will close it.
    if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) damaged("a step lacks its operand");
    const Node node = stack_.back();
    stack_.pop_back();
    return node;
  }
  Node top() const {
    if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) damaged("a step lacks its operand");
    return stack_.back();
  }
  std::vector<Node> pop_mark() {
    if (marks_.empty()) damaged("a step lacks its mark");
    const auto from = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<Node> items(from, stack_.end());
    stack_.erase(from, stack_.end());
    marks_.pop_back();
    return items;
  }
  void push_tuple(std::vector<Node> items) {
    const Node node = make(Kind::tuple);
    values_[node].items = std::move(items);
    push(node);
  }
  void remember(std::uint64_t key) { memo_[key] = top(); }
  void recall(std::uint64_t key) {
    const auto found = memo_.find(key);
    if (found == memo_.end()) damaged("it recalls what it never stored");
    push(found->second);
  }

  void step(std::uint8_t opcode);
  void long_integer(std::uint64_t size);
  void find_global(std::string_view module, std::string_view name);
  void load_storage();
  void reduce();
  void build();
  void add_items(const std::vector<Node>& items);

  // The operands of a tensor, whose values must be of these kinds.
  std::int64_t integer(Node node, const char* what) const {
    if (values_[node].kind != Kind::integer) bad(std::string("gives ") + kind_name(values_[node].kind) + " as " + what);
    return values_[node].integer;
  }
  std::uint64_t size(Node node, const char* what) const {
    const std::int64_t value = integer(node, what);
    if (value < 0 || static_cast<std::uint64_t>(value) > kMaxSize) damaged(std::string(what) + " is " + std::to_string(value));
    return static_cast<std::uint64_t>(value);
  }
  std::vector<std::int64_t> sizes(Node node, const char* what) const;
  PickledTensor tensor(std::string_view name, Node node) const;

  const std::string& path_;
  Bytes bytes_;
  std::size_t at_ = 0;
  bool stopped_ = false;
  std::vector<Value> values_;
  std::vector<Node> stack_;
  std::vector<std::size_t> marks_;
  std::unordered_map<std::uint64_t, Node> memo_;
};

void Unpickler::find_global(std::string_view module, std::string_view name) {
  constexpr std::string_view kStorage = "Storage";
  const bool storage_name =
      name.size() > kStorage.size() && name.size() < kLongestName && name.ends_with(kStorage) &&
      std::all_of(
          name.begin(), name.end(),
          [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); });
  Global global = Global::ordered_dict;
  if (module == "collections" && name == "OrderedDict")
    global = Global::ordered_dict;
  else if (module == "torch._utils" && name == "_rebuild_tensor_v2")
    global = Global::rebuild_tensor;
  else if (module == "torch._utils" && name == "_rebuild_parameter")
    global = Global::rebuild_parameter;
  else if ((module == "torch" || module == "torch.storage") && storage_name)
    global = Global::storage;
  else
    bad("asks for " + quote_name(std::string(module) + "." + std::string(name)) +
        ", which was not run (it may be harmless or an attack; a file of tensors needs no such thing)");
  const Node node = make(Kind::global);
  values_[node].global = global;
  values_[node].text = name;
  push(node);
}

void Unpickler::long_integer(std::uint64_t size) {
  if (size > 8) bad("holds an integer of " + std::to_string(size) + " bytes");
  const std::string_view digits = take(size);
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < digits.size(); ++i)
    value |= static_cast<std::uint64_t>(static_cast<unsigned char>(digits[i])) << (8 * i);
  // Two's complement of as many bytes as there are.
  if (size > 0 && size < 8 && (static_cast<unsigned char>(digits.back()) & 0x80) != 0) value |= ~std::uint64_t{0} << (8 * size);
  push_integer(static_cast<std::int64_t>(value));
}

// ('storage', class, key, location, number of elements); the location, a device, is of no interest.
void Unpickler::load_storage() {
  const Node id = pop();
  const auto& items = values_[id].items;
  if (values_[id].kind != Kind::tuple || items.size() != 5 || values_[items[0]].kind != Kind::text ||
      values_[items[0]].text != "storage" || values_[items[1]].kind != Kind::global ||
      values_[items[1]].global != Global::storage || values_[items[2]].kind != Kind::text ||
      values_[items[3]].kind != Kind::text) {
    bad("refers to something other than a storage outside of itself");
  }
  size(items[4], "the size of a storage");
  std::vector<Node> kept{items[1], items[2], items[4]};
  const Node node = make(Kind::storage);
  values_[node].items = std::move(kept);
  push(node);
}

void Unpickler::reduce() {
  const Node arguments = pop(), function = pop();
  if (values_[function].kind != Kind::global) bad(std::string("calls ") + kind_name(values_[function].kind));
  if (values_[arguments].kind != Kind::tuple) damaged("the arguments of a call are not a tuple");
  const std::vector<Node>& items = values_[arguments].items;  // until the next make()
  switch (values_[function].global) {
    case Global::ordered_dict:
      if (!items.empty()) bad("fills an OrderedDict by its constructor");
      push(make(Kind::dict));
      return;
    case Global::rebuild_tensor: {
      // storage, offset, sizes, strides, requires_grad, hooks and perhaps metadata
      if (items.size() != 6 && items.size() != 7) damaged("a tensor has " + std::to_string(items.size()) + " arguments");
      if (values_[items[0]].kind != Kind::storage) bad(std::string("makes a tensor of ") + kind_name(values_[items[0]].kind));
      if (values_[items[4]].kind != Kind::boolean || values_[items[5]].kind != Kind::dict || !values_[items[5]].items.empty())
        bad("holds a tensor with hooks");
      if (items.size() == 7 && values_[items[6]].kind != Kind::none &&
          (values_[items[6]].kind != Kind::dict || !values_[items[6]].items.empty())) {
        bad("holds a tensor with metadata, a negated or conjugated view");
      }
      std::vector<Node> kept(items.begin(), items.begin() + 4);
      const Node node = make(Kind::tensor);
      values_[node].items = std::move(kept);
      push(node);
      return;
    }
    case Global::rebuild_parameter:
      if (items.size() != 3 || values_[items[0]].kind != Kind::tensor || values_[items[2]].kind != Kind::dict ||
          !values_[items[2]].items.empty()) {
        bad("holds a parameter that is not a plain tensor");
      }
      push(items[0]);
      return;
    case Global::storage:
      bad("makes a storage inside of itself");
  }
}

// The state of an OrderedDict: module versions under `_metadata`, which no reader of weights needs.
void Unpickler::build() {
  const Node state = pop();
  const Node object = top();
  const auto& items = values_[state].items;
  if (values_[object].kind != Kind::dict || values_[state].kind != Kind::dict || items.size() != 2 ||
      values_[items[0]].kind != Kind::text || values_[items[0]].text != "_metadata") {
    bad(std::string("sets the state of ") + kind_name(values_[object].kind));
  }
}

void Unpickler::add_items(const std::vector<Node>& items) {
  const Node object = top();
  if (values_[object].kind != Kind::dict) bad(std::string("sets an item of ") + kind_name(values_[object].kind));
  if (items.size() % 2 != 0) damaged("a key lacks its value");
  auto& to = values_[object].items;
  to.insert(to.end(), items.begin(), items.end());
}

void Unpickler::step(std::uint8_t opcode) {
  switch (opcode) {
    case 0x80: {  // PROTO
      const std::uint64_t protocol = u(1);
      if (protocol < 2 || protocol > 5) bad("is of protocol " + std::to_string(protocol));
      break;
    }
    case 0x95:  // FRAME: a hint for readers of streams
      need(u(8));
      break;
    case '.':  // STOP
      stopped_ = true;
      break;
    case '(':  // MARK
      marks_.push_back(stack_.size());
      break;
    case '}':  // EMPTY_DICT
      push(make(Kind::dict));
      break;
    case ']':  // EMPTY_LIST
      push(make(Kind::list));
      break;
    case ')':  // EMPTY_TUPLE
      push(make(Kind::tuple));
      break;
    case 't':  // TUPLE
      push_tuple(pop_mark());
      break;
    case 0x85:    // TUPLE1
    case 0x86:    // TUPLE2
    case 0x87: {  // TUPLE3
      std::vector<Node> items(opcode - 0x84u);
      for (std::size_t i = items.size(); i-- > 0;) items[i] = pop();
      push_tuple(std::move(items));
      break;
    }
    case 'N':  // NONE
      push(make(Kind::none));
      break;
    case 0x88:  // NEWTRUE
    case 0x89:  // NEWFALSE
      push_integer(opcode == 0x88 ? 1 : 0, Kind::boolean);
      break;
    case 'K':  // BININT1
      push_integer(static_cast<std::int64_t>(u(1)));
      break;
    case 'M':  // BININT2
      push_integer(static_cast<std::int64_t>(u(2)));
      break;
    case 'J':  // BININT
      push_integer(static_cast<std::int32_t>(static_cast<std::uint32_t>(u(4))));
      break;
    case 0x8a:  // LONG1
      long_integer(u(1));
      break;
    case 0x8b:  // LONG4
      long_integer(u(4));
      break;
    case 'G':  // BINFLOAT, whose value nothing here needs
      take(8);
      push(make(Kind::real));
      break;
    case 'X':  // BINUNICODE
      push_text(take(u(4)), Kind::text);
      break;
    case 0x8c:  // SHORT_BINUNICODE
      push_text(take(u(1)), Kind::text);
      break;
    case 0x8d:  // BINUNICODE8
      push_text(take(u(8)), Kind::text);
      break;
    case 'C':  // SHORT_BINBYTES
      push_text(take(u(1)), Kind::bytes);
      break;
    case 'B':  // BINBYTES
      push_text(take(u(4)), Kind::bytes);
      break;
    case 'q':  // BINPUT
      remember(u(1));
      break;
    case 'r':  // LONG_BINPUT
      remember(u(4));
      break;
    case 0x94:  // MEMOIZE
      remember(memo_.size());
      break;
    case 'h':  // BINGET
      recall(u(1));
      break;
    case 'j':  // LONG_BINGET
      recall(u(4));
      break;
    case 'c': {  // GLOBAL
      const std::string_view module = line(), name = line();
      find_global(module, name);
      break;
    }
    case 0x93: {  // STACK_GLOBAL
      const Node name = pop(), module = pop();
      if (values_[name].kind != Kind::text || values_[module].kind != Kind::text) damaged("a name is not a string");
      find_global(values_[module].text, values_[name].text);
      break;
    }
    case 'Q':  // BINPERSID
      load_storage();
      break;
    case 'R':  // REDUCE
      reduce();
      break;
    case 'b':  // BUILD
      build();
      break;
    case 's': {  // SETITEM
      const Node value = pop(), key = pop();
      add_items({key, value});
      break;
    }
    case 'u':  // SETITEMS
      add_items(pop_mark());
      break;
    case 'a':    // APPEND
    case 'e': {  // APPENDS
      const std::vector<Node> items = opcode == 'e' ? pop_mark() : std::vector<Node>{pop()};
      const Node object = top();
      if (values_[object].kind != Kind::list) bad(std::string("appends to ") + kind_name(values_[object].kind));
      values_[object].items.insert(values_[object].items.end(), items.begin(), items.end());
      break;
    }
    default: {
      constexpr const char* kDigits = "0123456789abcdef";
      bad(std::string("has the step 0x") + kDigits[opcode >> 4] + kDigits[opcode & 15] + " (a Python object, say)");
    }
  }
}

std::vector<std::int64_t> Unpickler::sizes(Node node, const char* what) const {
  if (values_[node].kind != Kind::tuple) bad(std::string("gives ") + kind_name(values_[node].kind) + " as " + what);
  const auto& items = values_[node].items;
  if (items.size() > kMaxDimensions) bad("holds a tensor of over 64 dimensions");
  std::vector<std::int64_t> out;
  for (const Node item : items) out.push_back(static_cast<std::int64_t>(size(item, what)));
  return out;
}

PickledTensor Unpickler::tensor(std::string_view name, Node node) const {
  const Value& value = values_[node];
  const Value& storage = values_[value.items[0]];
  PickledTensor out;
  out.name = name;
  out.storage_type = values_[storage.items[0]].text;
  out.storage_key = values_[storage.items[1]].text;
  out.storage_elements = size(storage.items[2], "the size of a storage");
  out.offset = size(value.items[1], "the offset of a tensor");
  out.shape = sizes(value.items[2], "a size");
  out.strides = sizes(value.items[3], "a stride");
  if (out.shape.size() != out.strides.size()) damaged("the shape and the strides of " + quote_name(name) + " differ in length");
  return out;
}

std::vector<PickledTensor> Unpickler::run() {
  if (bytes_.size() > kMaxBytes) bad("has " + std::to_string(bytes_.size()) + " bytes, over the limit of 32 MB");
  for (std::size_t steps = 0; !stopped_; ++steps) {
    if (steps == kMaxSteps) bad("has over 4000000 steps");
    step(static_cast<std::uint8_t>(u(1)));
  }
  if (at_ != bytes_.size()) damaged("bytes follow its end");
  const Node result = pop();
  if (!stack_.empty() || !marks_.empty()) damaged("it leaves values behind");
  if (values_[result].kind != Kind::dict)
    bad(std::string("holds ") + kind_name(values_[result].kind) + " and not a dictionary");
  std::vector<PickledTensor> out;
  std::unordered_set<std::string_view> seen;
  const auto& items = values_[result].items;
  if (items.size() / 2 > kMaxTensors) bad("holds over 100000 tensors");
  for (std::size_t i = 0; i < items.size(); i += 2) {
    const Value& key = values_[items[i]];
    const Kind kind = values_[items[i + 1]].kind;
    if (key.kind != Kind::text) bad(std::string("has ") + kind_name(key.kind) + " as a name");
    if (kind != Kind::tensor) {
      bad("holds " + std::string(kind_name(kind)) + " under " + quote_name(key.text) +
          " (save model.state_dict() and nothing around it)");
    }
    if (!seen.insert(key.text).second) damaged("tensor " + quote_name(key.text) + " stands twice");
    out.push_back(tensor(key.text, items[i + 1]));
  }
  return out;
}

}  // namespace

std::vector<PickledTensor> parse_pickle(const std::string& path, Bytes pickle) { return Unpickler(path, pickle).run(); }

}  // namespace ser
