#include "policy/source_text.h"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <algorithm>
#include <filesystem>

namespace writ::policy {

std::vector<std::string> yaml_files(const std::string& folder) {
  std::vector<std::string> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".yaml") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

bool read_sources(const std::vector<std::string>& files, std::vector<SourceText>& sources,
                  Diagnostics& out) {
  bool all = true;
  for (const std::string& file : files) {
    Result<std::string> text = read_text_file(file);
    if (text) {
      sources.push_back({.file = file, .text = std::move(*text)});
    } else {
      out.push_back({.file = file, .message = text.error().message});
      all = false;
    }
  }
  return all;
}

std::vector<SourceTree> parse_sources(const std::vector<SourceText>& sources, Diagnostics& out) {
  std::vector<SourceTree> trees;
  for (const SourceText& source : sources) {
    SourceTree& tree = trees.emplace_back();
    tree.file = source.file;
    SHA256(reinterpret_cast<const unsigned char*>(source.text.data()), source.text.size(),
           tree.digest.data());
    if (const auto root = parse_yaml(source.text, source.file, out)) {
      tree.root = std::make_shared<const YAML::Node>(*root);
    }
  }
  return trees;
}

// The digest of the sorted digests of the files: their order and names are no part of it.
std::string content_version(const std::vector<SourceTree>& sources) {
  using Digest = decltype(SourceTree::digest);
  std::vector<Digest> digests;
  digests.reserve(sources.size());
  for (const SourceTree& source : sources) digests.push_back(source.digest);
  std::sort(digests.begin(), digests.end());
  Digest all{};
  SHA256(reinterpret_cast<const unsigned char*>(digests.data()), digests.size() * sizeof(Digest),
         all.data());
  std::string version;
  for (std::size_t i = 0; i < 8; ++i) version += fmt::format("{:02x}", all.at(i));
  return version;
}

}  // namespace writ::policy
