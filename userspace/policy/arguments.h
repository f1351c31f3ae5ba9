// The arguments of one call, read once: a JSON body and the parameters of the query. (What the
// tool's path captures stands in its ToolMatch.)
//
//   const Arguments arguments = Arguments::read(body, call.query);
//   policy->decide({.call = call, .tool = tool, .writ = &writ, .arguments = &arguments});
//
// What two readers could read differently is not read: a name twice in one object, a NUL, a number
// beyond 64 bits, a query with ';' or broken escapes. Then, and for a body that is no JSON, over
// kMaxBytes or deeper than kMaxDepth, all that it could have said is undefined.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace writ::policy {

struct ArgumentDocument;  // the parsed body; argument_value.h

class Arguments {
 public:
  static constexpr std::size_t kMaxBytes = 16u << 20;
  static constexpr std::size_t kMaxDepth = 64;
  static constexpr std::size_t kMaxQueryBytes = 64u << 10;
  static constexpr std::size_t kMaxParameters = 1000;

  // `body` nullopt: the call has none, and so no arguments in it. Copies what it needs. `query` as
  // it was sent, without '?'.
  static Arguments read(std::optional<std::string_view> body, std::string_view query);
  // A body that was not kept, or of which only a part is there. `problem` is half a sentence: "the
  // body is over 16 MiB".
  static Arguments unread(std::string problem, std::string_view query);

  ~Arguments();
  Arguments(Arguments&&) noexcept;
  Arguments& operator=(Arguments&&) noexcept;

  // Why the body or the query cannot be read; empty: they can.
  [[nodiscard]] const std::string& body_problem() const { return body_problem_; }
  [[nodiscard]] const std::string& query_problem() const { return query_problem_; }

  // nullptr: there is no body, or it cannot be read.
  [[nodiscard]] const ArgumentDocument* body() const { return body_.get(); }
  // All of the query, by name.
  [[nodiscard]] const auto& parameters() const { return parameters_; }
  // Every value of a parameter, decoded; valid UTF-8. nullptr: it is not there.
  [[nodiscard]] const std::vector<std::string>* parameter(std::string_view name) const;

 private:
  Arguments();
  void read_query(std::string_view query);
  void read_body(std::string_view body);

  std::unique_ptr<ArgumentDocument> body_;
  std::map<std::string, std::vector<std::string>, std::less<>> parameters_;
  std::string body_problem_;
  std::string query_problem_;
};

}  // namespace writ::policy
