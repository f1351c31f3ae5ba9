// How fast one core scans: 64 MiB of JSON-like text, of prose, of random bytes, of escaped text,
// and of what is worst for a rule. Not a test: it prints, and compares with nothing.
#include <time.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "scan/scanner.h"

namespace {

using writ::scan::Ruleset;
using writ::scan::Scanner;

constexpr std::size_t kSize = 64u << 20;
constexpr std::size_t kChunk = 16u << 10;  // a TLS record
constexpr int kRounds = 5;

// Everyday words, and words that the rules look at.
constexpr std::string_view kWords[] = {
    "the",   "of",      "and",   "to",     "in",      "a",        "is",     "that",    "for",
    "it",    "as",      "was",   "with",   "be",      "by",       "on",     "not",     "he",
    "this",  "are",     "or",    "his",    "from",    "at",       "which",  "but",     "have",
    "an",    "had",     "they",  "you",    "were",    "their",    "one",    "all",     "we",
    "can",   "her",     "has",   "there",  "been",    "if",       "more",   "when",    "will",
    "would", "who",     "so",    "no",     "meeting", "quarter",  "report", "revenue", "people",
    "year",  "between", "after", "number", "open",    "delivery", "status", "account", "contact"};
constexpr std::string_view kRareWords[] = {"ignore",   "instructions", "prompt",   "previous",
                                           "rules",    "security",     "override", "send",
                                           "customer", "password",     "the user", "system"};

std::string_view word(std::mt19937_64& random) { return kWords[random() % std::size(kWords)]; }

// CPU time of this thread: what else runs on the machine matters less.
double seconds() {
  timespec now{};
  (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);  // cannot fail for this clock
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

std::string fill(const std::function<void(std::string&, std::mt19937_64&)>& add) {
  std::mt19937_64 random(1);  // NOLINT(bugprone-random-generator-seed): the same text every time
  std::string text;
  text.reserve(kSize + 4096);
  while (text.size() < kSize) add(text, random);
  text.resize(kSize);
  return text;
}

void add_prose(std::string& text, std::mt19937_64& random) {
  for (int i = 0; i < 12; ++i) {
    text += word(random);
    text += ' ';
  }
  text.back() = '.';
  text += ' ';
}

// One word in two hundred is one that a rule looks closer at.
void add_rule_words(std::string& text, std::mt19937_64& random) {
  for (int i = 0; i < 16; ++i) add_prose(text, random);
  text += kRareWords[random() % std::size(kRareWords)];
  text += ' ';
}

void add_json(std::string& text, std::mt19937_64& random) {
  text += fmt::format(
      "{{\"id\": {}, \"created_at\": \"2024-{:02}-{:02}T{:02}:11:22.123Z\", \"uuid\": "
      "\"{:08x}-1b2c-4d5e-a716-{:012x}\", \"amount\": {}.{:02}, \"phone\": \"+1-555-{:03}-{:04}\", "
      "\"email\": \"someone@example.com\", \"notes\": \"",
      random() % 1000000, random() % 12 + 1, random() % 28 + 1, random() % 24,
      random() % 0xffffffff, random() % 0xffffffffffff, random() % 10000, random() % 100,
      random() % 1000, random() % 10000);
  add_prose(text, random);
  add_prose(text, random);
  add_prose(text, random);
  text += "\"},\n";
}

void add_escaped(std::string& text, std::mt19937_64& random) {
  add_prose(text, random);
  text += "caf\\u00e9 %20 ";
}

void measure(Scanner& scanner, const char* name, const std::string& text) {
  double best = 1e9;
  std::size_t findings = 0;
  for (int round = 0; round < kRounds; ++round) {
    const double start = seconds();
    auto stream = scanner.open();
    for (std::size_t at = 0; at < text.size(); at += kChunk)
      stream.feed(std::string_view(text).substr(at, kChunk));
    findings = stream.finish().size();
    best = std::min(best, seconds() - start);
  }
  std::printf("%-28s %8.0f MB/s  (%zu rules found something)\n", name,
              static_cast<double>(text.size()) / best / 1e6, findings);
}

void repeat(Scanner& scanner, const char* name, std::string_view unit) {
  measure(scanner, name, fill([&](std::string& text, std::mt19937_64&) { text += unit; }));
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> files(argv + 1, argv + argc);
  if (files.empty()) {
    const std::string folder = std::string(WRIT_SOURCE_DIR) + "/policies/rules/";
    files = {folder + "pii.yaml", folder + "secrets.yaml", folder + "injection.yaml"};
  }
  writ::Diagnostics problems;
  const double start = seconds();
  const auto rules = Ruleset::load(files, problems);
  for (const auto& d : problems) std::fprintf(stderr, "%s\n", to_string(d).c_str());
  if (!rules) return 1;
  std::printf("%zu rules compiled in %.0f ms, %zu bytes of state a stream\n",
              (*rules)->rules().size(), (seconds() - start) * 1e3, (*rules)->stream_bytes());

  Scanner scanner(*rules);
  measure(scanner, "prose", fill(add_prose));
  measure(scanner, "prose with rules' words", fill(add_rule_words));
  measure(scanner, "JSON", fill(add_json));
  measure(scanner, "random bytes", fill([](std::string& text, std::mt19937_64& random) {
            const std::uint64_t value = random();
            text.append(reinterpret_cast<const char*>(&value), sizeof(value));
          }));
  measure(scanner, "prose with escapes", fill(add_escaped));
  repeat(scanner, "worst: digits", "4");
  repeat(scanner, "worst: @ after @", "a@b");
  repeat(scanner, "worst: addresses", "a@b.co@");
  repeat(scanner, "worst: bad cards", "4111 1111 1111 1112 ");
  repeat(scanner, "worst: a phrase", "do not tell the user ");
  repeat(scanner, "worst: phrase and escape", "do not tell the user%20");
  repeat(scanner, "worst: percent", "%41");
  repeat(scanner, "worst: bad tokens", "ghp_0123456789abcdefghijklmnopqrstuvwxyzABCD ");

  const double begin = seconds();
  constexpr int kStreams = 100000;
  for (int i = 0; i < kStreams; ++i) {
    auto stream = scanner.open();
    stream.feed("{\"a\": 1}");
    (void)stream.finish();  // only its time matters
  }
  std::printf("open, 8 bytes, finish        %8.0f ns\n", (seconds() - begin) / kStreams * 1e9);
  return 0;
}
