#include "daemon/stdio_call.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "daemon/command_call.h"

namespace writ::daemon {
namespace {

constexpr std::size_t kMaxServerLine = 4096;

std::string read_words(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string words(kMaxServerLine, '\0');
  file.read(words.data(), static_cast<std::streamsize>(words.size()));
  words.resize(static_cast<std::size_t>(file.gcount()));
  return words;
}

// A script by a name that only its working directory makes whole.
std::string whole_path(const std::string& proc, std::uint32_t pid, std::string word) {
  if (word.empty() || word.front() == '/' || word.front() == '-') return word;
  std::error_code error;
  const std::string cwd = fmt::format("{}/{}/cwd", proc, pid);
  if (!std::filesystem::is_regular_file(cwd + "/" + word, error)) return word;
  const std::filesystem::path folder = std::filesystem::read_symlink(cwd, error);
  return (folder / word).lexically_normal().native();
}

}  // namespace

std::string server_line(const std::string& proc, std::uint32_t pid) {
  std::string line = executable_link(pid, proc);
  const std::string words = read_words(fmt::format("{}/{}/cmdline", proc, pid));
  std::size_t at = words.find('\0');
  for (bool first = true; at != std::string::npos && at + 1 < words.size(); first = false) {
    const std::size_t end = words.find('\0', at + 1);
    std::string word = words.substr(at + 1, end - at - 1);
    line += ' ';
    line += first ? whole_path(proc, pid, std::move(word)) : word;
    at = end;
  }
  line.resize(std::min(line.size(), kMaxServerLine));
  return line;
}

Result<std::unique_ptr<Call>> make_stdio_call(std::string_view text, std::string server,
                                              std::optional<protocol::Problem> problem,
                                              scan::Scanner& scanner, const audit::Key& key) {
  auto digest = key.digest_stream();
  if (!digest) return tl::unexpected(digest.error());
  auto call = std::make_unique<Call>();
  call->id = new_call_id();
  call->request.protocol = kStdioProtocol;
  call->request.method = kStdioMethod;
  call->request.path = std::move(server);
  call->request.bytes = text.size();
  call->problem = std::move(problem);
  call->arguments.open(scanner, std::move(*digest), {}, {.keep = true});
  call->arguments.feed(text);
  if (!call->problem) call->arguments.end();
  call->end = text.size();
  return call;
}

}  // namespace writ::daemon
