// Any bytes as a call's texts and arguments: the document is one JSON document, nothing in it but
// the text's own place changes, and arguments come out as the value they are, or not at all.
#include <simdjson.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pdp/document.h"
#include "pdp/text.h"

namespace {

using namespace writ::pdp;
using simdjson::dom::element;

void require(bool holds) {
  if (!holds) __builtin_trap();
}

std::string_view at(const element& from, const char* pointer) {
  std::string_view text;
  require(from.at_pointer(pointer).get(text) == simdjson::SUCCESS);
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const std::size_t cut = std::min(all.find('\n'), all.size());
  const std::string text(all.substr(0, cut));
  const std::string_view args = all.substr(std::min(cut + 1, all.size()));
  const std::vector<std::string> list = {text, "last"};
  const std::vector<PdpFinding> findings = {{text, text, 1, text}};
  const std::vector<PdpBudget> budget = {{text, 1}, {"calls", 2}};
  const PdpInput input = {.user = {text, text, list, list, text, text},
                          .agent = {text, list, text, list},
                          .effective_scopes = list,
                          .tool = {.name = text, .server = text, .effect = text, .args = args},
                          .request = {text, text, text, text, text, text},
                          .findings = findings,
                          .session = {.id = text, .calls = 1, .tainted = true, .tools = list},
                          .budget = budget};
  const std::string shown = valid_utf8(text);
  for (const Dialect dialect : {Dialect::kOpa, Dialect::kAuthZen}) {
    const auto document = write_document(dialect, input);
    if (!document) {
      require(size > kMaxDocumentBytes / 100);
      return 0;
    }
    require(document->size() <= kMaxDocumentBytes);
    simdjson::dom::parser parser;
    element root;
    require(parser.parse(*document).get(root) == simdjson::SUCCESS);
    const bool opa = dialect == Dialect::kOpa;
    const element in = opa ? element(root["input"]) : root;
    require(simdjson::dom::object(in).size() == (opa ? 8u : 4u));
    require(at(in, opa ? "/user/id" : "/subject/id") == shown);
    require(at(in, opa ? "/user/roles/1" : "/subject/properties/roles/1") == "last");
    require(at(in, opa ? "/request/path" : "/resource/properties/path") == shown);
    const std::string tool = opa ? "/tool" : "/action/properties";
    const std::string_view state = at(in, (tool + "/args_state").c_str());
    element sent;
    require(in.at_pointer(tool + "/args").get(sent) == simdjson::SUCCESS);
    if (state != "complete") {
      require(sent.is_null());
      require(state == (args.empty()                  ? "none"
                        : args.size() > kMaxArgsBytes ? "too_large"
                                                      : "unreadable"));
      continue;
    }
    simdjson::dom::parser again;
    element own;
    require(again.parse(args.data(), args.size()).get(own) == simdjson::SUCCESS);
    require(simdjson::minify(own) == simdjson::minify(sent));
  }
  return 0;
}
