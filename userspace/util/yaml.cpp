#include "util/yaml.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <numeric>
#include <sstream>

namespace writ {
namespace {

constexpr std::size_t kMaxFileBytes = 16u << 20;
constexpr std::size_t kMaxNodes = 1'000'000;  // against alias bombs
constexpr int kMaxDepth = 64;

// Levenshtein distance, for "did you mean".
std::size_t distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0u);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0u : 1u)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

std::string nearest(const std::string& key, const std::vector<std::string>& known) {
  std::string best;
  std::size_t best_distance = key.size() / 2 + 1;
  for (const std::string& candidate : known) {
    const std::size_t d = distance(key, candidate);
    if (d < best_distance) {
      best_distance = d;
      best = candidate;
    }
  }
  return best;
}

std::string join(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ", ") + part;
  return text;
}

// Undefined when absent. yaml-cpp's operator[] copies each key to compare it, and a rule is asked
// for 30 keys.
YAML::Node find(const YAML::Node& map, const std::string& key) {
  static const YAML::Node kUndefined(YAML::NodeType::Undefined);
  for (const auto& entry : map) {
    if (entry.first.Scalar() == key) return entry.second;
  }
  return kUndefined;
}

bool check_tree(const YAML::Node& node, const std::string& file, int depth, std::size_t& budget,
                Diagnostics& out) {
  if (depth > kMaxDepth || budget == 0) {
    add_error(out, file, node, "the file nests too deep or expands too far",
              "write it without nested anchors");
    return false;
  }
  --budget;
  bool fine = true;
  if (node.IsMap()) {
    std::vector<std::string> seen;
    for (const auto& entry : node) {
      if (!entry.first.IsScalar()) {
        add_error(out, file, entry.first, "a key must be a plain word");
        fine = false;
        continue;
      }
      seen.push_back(entry.first.Scalar());
      if (std::count(seen.begin(), seen.end(), seen.back()) > 1) {
        add_error(out, file, entry.first, fmt::format("key '{}' is there twice", seen.back()),
                  "remove one of them");
        fine = false;
      }
      fine = check_tree(entry.second, file, depth + 1, budget, out) && fine;
      if (budget == 0) return false;
    }
  } else if (node.IsSequence()) {
    for (const auto& element : node) {
      fine = check_tree(element, file, depth + 1, budget, out) && fine;
      if (budget == 0) return false;
    }
  }
  return fine;
}

}  // namespace

Result<std::string> read_text_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in)
    return fail(ErrorCode::kNotFound, "cannot read {} (does it exist, may you read it?)", path);
  std::ostringstream text;
  text << in.rdbuf();
  if (in.bad()) return fail(ErrorCode::kIo, "cannot read {}", path);
  std::string bytes = std::move(text).str();
  if (bytes.size() > kMaxFileBytes)
    return fail(ErrorCode::kInvalid, "{} is larger than 16 MiB", path);
  return bytes;
}

void add_error(Diagnostics& out, const std::string& file, const YAML::Node& at, std::string message,
               std::string hint) {
  Diagnostic d{.file = file, .message = std::move(message), .hint = std::move(hint)};
  if (at.IsDefined() && !at.Mark().is_null()) {
    d.line = at.Mark().line + 1;
    d.column = at.Mark().column + 1;
  }
  out.push_back(std::move(d));
}

std::optional<YAML::Node> parse_yaml(const std::string& text, const std::string& file,
                                     Diagnostics& out) {
  try {
    YAML::Node root = YAML::Load(text);
    std::size_t budget = kMaxNodes;
    if (!check_tree(root, file, 0, budget, out)) return std::nullopt;
    if (!root.IsMap()) {
      add_error(out, file, root, "the file must be a mapping (key: value)");
      return std::nullopt;
    }
    return root;
  } catch (const YAML::Exception& e) {
    out.push_back({.file = file,
                   .line = e.mark.is_null() ? 1 : e.mark.line + 1,
                   .column = e.mark.is_null() ? 1 : e.mark.column + 1,
                   .message = e.msg,
                   .hint = "check indentation, quotes and colons"});
    return std::nullopt;
  }
}

YamlMap::YamlMap(const YAML::Node& node, std::string file, Diagnostics& out)
    : node_(node), file_(std::move(file)), out_(out) {
  if (!node_.IsDefined() || !node_.IsMap()) {
    add_error(out_, file_, node, "expected a mapping (key: value)");
    node_.reset(YAML::Node(YAML::NodeType::Map));  // not `=`, which would write into the document
  }
}

YAML::Node YamlMap::get(const std::string& key) {
  if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.push_back(key);
  return find(node_, key);
}

std::optional<std::string> YamlMap::scalar(const std::string& key) {
  const YAML::Node value = get(key);
  if (!value.IsDefined()) return std::nullopt;
  if (!value.IsScalar()) {
    add_error(out_, file_, value, fmt::format("'{}' must be a single value", key));
    return std::nullopt;
  }
  return value.Scalar();
}

std::string YamlMap::required_string(const std::string& key) {
  const bool present = get(key).IsDefined();
  auto value = scalar(key);
  if (!present) add_error(out_, file_, node_, fmt::format("'{}' is missing", key));
  if (value && value->empty()) error(key, fmt::format("'{}' is empty", key));
  return value.value_or("");
}

std::optional<std::string> YamlMap::string(const std::string& key) { return scalar(key); }

std::optional<std::int64_t> YamlMap::integer(const std::string& key, std::int64_t min,
                                             std::int64_t max) {
  const auto text = scalar(key);
  if (!text) return std::nullopt;
  std::int64_t value = 0;
  const auto [end, code] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (code != std::errc() || end != text->data() + text->size() || value < min || value > max) {
    error(key, fmt::format("'{}' must be a whole number from {} to {}", key, min, max));
    return std::nullopt;
  }
  return value;
}

std::optional<bool> YamlMap::boolean(const std::string& key) {
  const auto text = scalar(key);
  if (!text) return std::nullopt;
  if (*text == "true") return true;
  if (*text == "false") return false;
  error(key, fmt::format("'{}' must be true or false", key));
  return std::nullopt;
}

std::vector<std::string> YamlMap::strings(const std::string& key) {
  const YAML::Node value = get(key);
  std::vector<std::string> all;
  if (!value.IsDefined() || value.IsNull()) return all;
  if (value.IsScalar()) return {value.Scalar()};
  if (!value.IsSequence()) {
    add_error(out_, file_, value, fmt::format("'{}' must be a list", key));
    return all;
  }
  for (const auto& element : value) {
    if (element.IsScalar()) {
      all.push_back(element.Scalar());
    } else {
      add_error(out_, file_, element, fmt::format("'{}' must hold plain values", key));
    }
  }
  return all;
}

std::optional<std::int64_t> YamlMap::duration_ms(const std::string& key) {
  const auto text = scalar(key);
  if (!text) return std::nullopt;
  std::int64_t value = 0;
  const auto [end, code] = std::from_chars(text->data(), text->data() + text->size(), value);
  const std::string unit(end, text->data() + text->size());
  const std::int64_t factor = unit == "ms"  ? 1
                              : unit == "s" ? 1000
                              : unit == "m" ? 60'000
                              : unit == "h" ? 3'600'000
                                            : 0;
  if (code != std::errc() || factor == 0 || value < 0 || value > 1'000'000'000) {
    error(key, fmt::format("'{}' must be a duration", key), "write 250ms, 5s, 10m or 2h");
    return std::nullopt;
  }
  return value * factor;
}

std::optional<std::uint64_t> YamlMap::size_bytes(const std::string& key) {
  const auto text = scalar(key);
  if (!text) return std::nullopt;
  std::uint64_t value = 0;
  const auto [end, code] = std::from_chars(text->data(), text->data() + text->size(), value);
  const std::string unit(end, text->data() + text->size());
  const std::uint64_t factor = unit.empty()    ? 1
                               : unit == "KiB" ? 1u << 10
                               : unit == "MiB" ? 1u << 20
                               : unit == "GiB" ? 1u << 30
                                               : 0;
  if (code != std::errc() || factor == 0 || value > (1ull << 32)) {
    error(key, fmt::format("'{}' must be a size", key), "write 4096, 64KiB, 16MiB or 1GiB");
    return std::nullopt;
  }
  return value * factor;
}

std::optional<std::string> YamlMap::one_of(const std::string& key,
                                           const std::vector<std::string>& allowed) {
  auto text = scalar(key);
  if (!text) return std::nullopt;
  if (std::find(allowed.begin(), allowed.end(), *text) != allowed.end()) return text;
  const std::string near = nearest(*text, allowed);
  error(key, fmt::format("'{}' cannot be '{}'; it is one of: {}", key, *text, join(allowed)),
        near.empty() ? "" : fmt::format("did you mean '{}'?", near));
  return std::nullopt;
}

YAML::Node YamlMap::child(const std::string& key) { return get(key); }

void YamlMap::each(const std::string& key, const std::function<void(const YAML::Node&)>& each) {
  const YAML::Node value = get(key);
  if (!value.IsDefined() || value.IsNull()) return;
  if (!value.IsSequence()) {
    add_error(out_, file_, value, fmt::format("'{}' must be a list", key));
    return;
  }
  for (const auto& element : value) each(element);
}

bool YamlMap::has(const std::string& key) const { return find(node_, key).IsDefined(); }

void YamlMap::error(const std::string& key, std::string message, std::string hint) {
  const YAML::Node at = find(node_, key);
  add_error(out_, file_, at.IsDefined() ? at : node_, std::move(message), std::move(hint));
}

void YamlMap::finish() {
  for (const auto& entry : node_) {
    const std::string key = entry.first.Scalar();
    if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
    const std::string near = nearest(key, known_);
    add_error(out_, file_, entry.first, fmt::format("unknown key '{}'", key),
              near.empty() ? fmt::format("known keys: {}", join(known_))
                           : fmt::format("did you mean '{}'?", near));
  }
}

}  // namespace writ
