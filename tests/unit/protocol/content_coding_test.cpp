// Content codings: what is decoded, and what is a problem.
#include "protocol/content_coding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <numeric>

#include "protocol/coding_support.h"

namespace writ::protocol {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr Coding kAll[] = {Coding::kGzip, Coding::kDeflate, Coding::kBrotli, Coding::kZstd};

std::string prose(std::size_t bytes) {
  std::string text;
  for (unsigned i = 0; text.size() < bytes; ++i) {
    text += "line " + std::to_string(i * 7919 % 1009) + " of a body; ";
  }
  text.resize(bytes);
  return text;
}

// --- The field ---

struct FieldCase {
  std::string value;
  std::vector<Coding> codings;
  std::string problem;
};
class FieldTest : public ::testing::TestWithParam<FieldCase> {};
TEST_P(FieldTest, Reads) {
  std::vector<Coding> codings;
  const auto problem = read_codings({{"Content-Encoding", GetParam().value}}, codings);
  EXPECT_EQ(problem ? problem->code : "", GetParam().problem);
  if (!problem) {
    EXPECT_EQ(codings, GetParam().codings);
  }
}
INSTANTIATE_TEST_SUITE_P(
    All, FieldTest,
    ::testing::Values(
        FieldCase{"", {}, ""}, FieldCase{"identity", {}, ""},
        FieldCase{"gzip", {Coding::kGzip}, ""}, FieldCase{"X-GZip", {Coding::kGzip}, ""},
        FieldCase{"deflate", {Coding::kDeflate}, ""}, FieldCase{"br", {Coding::kBrotli}, ""},
        FieldCase{"zstd", {Coding::kZstd}, ""},
        FieldCase{" gzip ,\tbr,, ", {Coding::kGzip, Coding::kBrotli}, ""},
        FieldCase{"gzip, identity", {Coding::kGzip}, ""},
        FieldCase{"gzip,gzip,gzip", {Coding::kGzip, Coding::kGzip, Coding::kGzip}, ""},
        FieldCase{"gzip,gzip,gzip,gzip", {}, "content_coding_unknown"},
        FieldCase{"compress", {}, "content_coding_unknown"},
        FieldCase{"gzip;q=1", {}, "content_coding_unknown"},
        FieldCase{"aes128gcm", {}, "content_coding_unknown"}));

TEST(ReadCodings, FieldsAreOneList) {
  std::vector<Coding> codings;
  EXPECT_FALSE(read_codings({{"content-encoding", "gzip"}, {"A", "br"}, {"Content-Encoding", "br"}},
                            codings));
  EXPECT_THAT(codings, ElementsAre(Coding::kGzip, Coding::kBrotli));
}

TEST(ReadCodings, SaysWhatToSend) {
  std::vector<Coding> codings;
  const auto problem = read_codings({{"Content-Encoding", std::string(500, 'x')}}, codings);
  ASSERT_TRUE(problem);
  EXPECT_THAT(problem->message, HasSubstr("send it as gzip"));
  EXPECT_LT(problem->message.size(), 200u);
}

// --- What is decoded ---

TEST(ContentDecoder, EveryCodingGivesItsContentBack) {
  for (const Coding coding : kAll) {
    for (const std::size_t size : {0u, 1u, 100u, 70'000u, 1'000'000u}) {
      const std::string text = prose(size);
      const Decoded decoded = decode({coding}, encode(coding, text));
      EXPECT_EQ(decoded.code, "") << to_text(coding) << " of " << size;
      EXPECT_TRUE(decoded.text == text) << to_text(coding) << " of " << size;
      EXPECT_LE(decoded.largest, ContentDecoder::kScratch);
    }
  }
}

TEST(ContentDecoder, NothingIsFineInEveryCoding) {
  for (const Coding coding : kAll) EXPECT_EQ(decode({coding}, ""), Decoded{});
}

TEST(ContentDecoder, DeflateWithoutItsWrapper) {
  for (const std::string& text : {std::string(), std::string("a"), prose(100'000)}) {
    EXPECT_TRUE(decode({Coding::kDeflate}, deflate_raw(text)).text == text);
    EXPECT_EQ(decode({Coding::kDeflate}, deflate_raw(text)).code, "");
  }
}

TEST(ContentDecoder, CodingsOnTopOfEachOther) {
  const std::string text = prose(50'000);
  EXPECT_TRUE(decode({Coding::kGzip, Coding::kBrotli}, brotli(gzip(text))).text == text);
  EXPECT_TRUE(
      decode({Coding::kZstd, Coding::kDeflate, Coding::kGzip}, gzip(deflate_zlib(zstd(text))))
          .text == text);
  EXPECT_EQ(decode({Coding::kBrotli, Coding::kGzip}, brotli(gzip(text))).code,
            "content_coding_corrupt")
      << "the other way round";
}

TEST(ContentDecoder, MembersAndFramesInARowAreOneContent) {
  EXPECT_EQ(decode({Coding::kGzip}, gzip("one ") + gzip("") + gzip("two")).text, "one two");
  EXPECT_EQ(decode({Coding::kZstd}, zstd("one ") + zstd("two")).text, "one two");
  const std::string skippable("\x50\x2a\x4d\x18\x03\0\0\0abc", 11);
  EXPECT_EQ(decode({Coding::kZstd}, zstd("one ") + skippable + zstd("two")).text, "one two");
}

TEST(ContentDecoder, AGzipMemberMayHaveAName) {
  gz_header header = {};
  std::string name = "body.json";
  header.name = reinterpret_cast<Bytef*>(name.data());
  header.hcrc = 1;
  const std::string member = deflated("text", 16, &header);
  ASSERT_THAT(member, HasSubstr(name));
  EXPECT_EQ(decode({Coding::kGzip}, member + member).text, "texttext");
}

// --- What is a problem ---

struct ProblemCase {
  std::string name;
  std::vector<Coding> codings;
  std::string bytes;
  std::string code;
};
void PrintTo(const ProblemCase& c, std::ostream* out) { *out << c.name; }

std::string flip(std::string bytes, std::size_t from_end) {
  bytes[bytes.size() - from_end] = static_cast<char>(bytes[bytes.size() - from_end] ^ 1);
  return bytes;
}

// A zlib stream of "hidden" whose bytes also begin a stored block of a raw deflate stream.
std::string two_readings() {
  std::string raw = deflate_raw("hidden, and long enough for this");
  std::string bytes = "\x78\x01" + raw;
  bytes[3] = static_cast<char>(~bytes[1]);
  bytes[4] = static_cast<char>(~bytes[2]);
  return bytes;
}

const std::vector<ProblemCase>& problems() {
  static const std::string text = prose(3000);
  static const std::vector<ProblemCase> cases = {
      {"gzip_text", {Coding::kGzip}, "{\"a\": 1}", "content_coding_corrupt"},
      {"deflate_text", {Coding::kDeflate}, "{\"a\": 1}", "content_coding_corrupt"},
      {"br_text", {Coding::kBrotli}, "{\"a\": 1, \"b\": 2}", "content_coding_corrupt"},
      {"zstd_text", {Coding::kZstd}, "{\"a\": 1}", "content_coding_corrupt"},
      {"gzip_checksum", {Coding::kGzip}, flip(gzip(text), 8), "content_coding_corrupt"},
      {"gzip_length", {Coding::kGzip}, flip(gzip(text), 1), "content_coding_corrupt"},
      {"deflate_checksum",
       {Coding::kDeflate},
       flip(deflate_zlib(text), 1),
       "content_coding_corrupt"},
      {"zstd_checksum", {Coding::kZstd}, flip(zstd(text), 1), "content_coding_corrupt"},
      {"gzip_preset",
       {Coding::kDeflate},
       std::string("\x78\xbb\0\0\0\0", 6),
       "content_coding_corrupt"},
      {"deflate_two_readings", {Coding::kDeflate}, two_readings(), "content_coding_corrupt"},
      {"zstd_old_format",
       {Coding::kZstd},
       std::string("\x27\xb5\x2f\xfd\0\0\0\0", 8),
       "content_coding_corrupt"},
      {"gzip_second_corrupt",
       {Coding::kGzip},
       gzip(text) + flip(gzip(text), 8),
       "content_coding_corrupt"},
      {"gzip_trailing", {Coding::kGzip}, gzip(text) + "secret", "content_coding_trailing"},
      {"gzip_padding",
       {Coding::kGzip},
       gzip(text) + std::string(8, '\0'),
       "content_coding_trailing"},
      {"deflate_trailing", {Coding::kDeflate}, deflate_zlib(text) + "s", "content_coding_trailing"},
      {"raw_trailing", {Coding::kDeflate}, deflate_raw(text) + "s", "content_coding_trailing"},
      {"br_trailing", {Coding::kBrotli}, brotli(text) + "s", "content_coding_trailing"},
      {"zstd_trailing", {Coding::kZstd}, zstd(text) + "secret", "content_coding_trailing"},
      {"gzip_half_magic", {Coding::kGzip}, gzip(text) + "\x1f", "content_coding_truncated"},
      {"zstd_half_magic", {Coding::kZstd}, zstd(text) + "\x28\xb5", "content_coding_truncated"},
      {"zstd_window", {Coding::kZstd}, zstd(prose(3000), 24), "content_coding_too_large"},
      {"inner_trailing",
       {Coding::kBrotli, Coding::kGzip},
       gzip(brotli(text) + "s"),
       "content_coding_trailing"},
      {"inner_nothing", {Coding::kBrotli, Coding::kGzip}, gzip(""), "content_coding_truncated"},
  };
  return cases;
}

class ProblemTest : public ::testing::TestWithParam<ProblemCase> {};
INSTANTIATE_TEST_SUITE_P(All, ProblemTest, ::testing::ValuesIn(problems()),
                         [](const auto& each) { return each.param.name; });

TEST_P(ProblemTest, IsToldHoweverItIsCut) {
  const ProblemCase& c = GetParam();
  EXPECT_EQ(decode(c.codings, c.bytes).code, c.code);
  for (std::size_t cut = 0; cut <= c.bytes.size(); ++cut) {
    EXPECT_EQ(decode(c.codings, c.bytes, {}, {cut}).code, c.code) << "cut at " << cut;
  }
  std::vector<std::size_t> every(c.bytes.size());
  std::iota(every.begin(), every.end(), 0u);
  EXPECT_EQ(decode(c.codings, c.bytes, {}, every).code, c.code);
}

TEST(ContentDecoder, EveryPrefixIsTruncated) {
  const std::string text = prose(3000);
  for (const Coding coding : kAll) {
    const std::string bytes = encode(coding, text);
    for (std::size_t size = 1; size < bytes.size(); ++size) {
      const Decoded decoded = decode({coding}, std::string_view(bytes).substr(0, size));
      ASSERT_EQ(decoded.code, "content_coding_truncated") << to_text(coding) << " after " << size;
      ASSERT_TRUE(text.starts_with(decoded.text));
    }
  }
}

TEST(ContentDecoder, TheSameHoweverItIsCut) {
  const std::string text = prose(4000);
  const std::vector<std::pair<std::vector<Coding>, std::string>> samples = {
      {{Coding::kGzip}, gzip(text) + gzip(text)},
      {{Coding::kDeflate}, deflate_zlib(text)},
      {{Coding::kDeflate}, deflate_raw(text)},
      {{Coding::kBrotli}, brotli(text)},
      {{Coding::kZstd}, zstd(text) + zstd(text)},
      {{Coding::kGzip, Coding::kZstd, Coding::kBrotli}, brotli(zstd(gzip(text)))}};
  for (const auto& [codings, bytes] : samples) {
    const Decoded whole = decode(codings, bytes);
    ASSERT_EQ(whole.code, "");
    std::vector<std::size_t> every(bytes.size());
    std::iota(every.begin(), every.end(), 0u);
    EXPECT_EQ(decode(codings, bytes, {}, every), whole);
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
      ASSERT_EQ(decode(codings, bytes, {}, {cut}), whole) << "cut at " << cut;
    }
  }
}

// --- Bombs ---

TEST(ContentDecoder, TheLimitIsExact) {
  const std::string text = prose(1000);
  for (const Coding coding : kAll) {
    const std::string bytes = encode(coding, text);
    EXPECT_EQ(decode({coding}, bytes, {.decoded_bytes = 1000}).code, "");
    const Decoded less = decode({coding}, bytes, {.decoded_bytes = 999});
    EXPECT_EQ(less.code, "content_coding_too_large");
    EXPECT_EQ(less.text, text.substr(0, 999)) << "what fits is handed out";
    EXPECT_THAT(less.message, HasSubstr("999"));
  }
}

TEST(ContentDecoder, TheLimitHoldsWithinAStackToo) {
  // Small as sent and at its end, and 8 MiB in between.
  const std::string inner =
      zstd("small") + std::string("\x50\x2a\x4d\x18\0\0\x80\0", 8) + std::string(8u << 20, '\0');
  EXPECT_EQ(decode({Coding::kZstd}, inner).text, "small");
  EXPECT_EQ(decode({Coding::kZstd, Coding::kGzip}, gzip(inner), {.decoded_bytes = 1u << 20}).code,
            "content_coding_too_large");
}

// The peak of this process's memory since the last call, in bytes above what it had then.
class Peak {
 public:
  Peak() {
    std::ofstream("/proc/self/clear_refs") << 5;  // resets the high-water mark: proc(5)
    before_ = read("VmRSS:");
  }
  [[nodiscard]] std::size_t growth() const {
    const std::size_t now = read("VmHWM:");
    return now - std::min(now, before_);
  }

 private:
  static std::size_t read(const std::string& name) {
    std::ifstream status("/proc/self/status");
    std::string word;
    std::size_t kib = 0;
    while (status >> word && word != name) {
    }
    status >> kib;
    return kib << 10;
  }
  std::size_t before_ = 0;
};

TEST(Peak, SeesWhatIsTouched) {
  const Peak peak;
  const std::string much(64u << 20, 'x');
  EXPECT_EQ(much.back(), 'x');
  EXPECT_GT(peak.growth(), 60u << 20);
}

// A first part, and one that can be repeated without end; 1 MiB of zeros each.
struct Bomb {
  std::string first;
  std::string again;
};
Bomb bomb(Coding coding) {
  const std::string zeros(1u << 20, '\0');
  switch (coding) {
    case Coding::kGzip: {
      // Blocks behind a full flush stand for themselves.
      const std::string bytes = deflated(zeros, 16, nullptr, Z_FULL_FLUSH);
      return {bytes, bytes.substr(10)};
    }
    case Coding::kDeflate: {
      const std::string bytes = deflated(zeros, -1, nullptr, Z_FULL_FLUSH);
      return {bytes, bytes};
    }
    case Coding::kBrotli:
      return {brotli_flushed(zeros, 1),
              brotli_flushed(zeros, 2).substr(brotli_flushed(zeros, 1).size())};
    case Coding::kZstd: {
      const std::string bytes = zstd(zeros);
      return {bytes, bytes};
    }
  }
  return {};
}

class CountingSink : public DecodedSink {
 public:
  void on_decoded(std::string_view bytes) override { count += bytes.size(); }
  std::uint64_t count = 0;
};

TEST(ContentDecoder, ABombOfTenGigabytesCostsItsLimit) {
  for (const Coding coding : kAll) {
    const Bomb made = bomb(coding);
    CountingSink sink;
    {
      ContentDecoder all({coding}, {.decoded_bytes = 40u << 20});
      ASSERT_TRUE(all.feed(made.first, sink));
      for (int i = 1; i < 40; ++i) ASSERT_TRUE(all.feed(made.again, sink)) << to_text(coding);
      ASSERT_EQ(sink.count, 40u << 20) << "it is no bomb: " << to_text(coding);
    }
    sink.count = 0;
    const Peak peak;
    ContentDecoder decoder({coding});
    bool good = decoder.feed(made.first, sink);
    for (int i = 1; i < 10'240 && good; ++i) good = decoder.feed(made.again, sink);
    ASSERT_FALSE(good) << to_text(coding);
    EXPECT_EQ(decoder.problem()->code, "content_coding_too_large") << to_text(coding);
    EXPECT_EQ(sink.count, 16u << 20);
    EXPECT_LT(peak.growth(), 24u << 20) << to_text(coding);
  }
}

TEST(ContentDecoder, ALargeWindowThatIsNotFilledCostsNothing) {
  const std::string bytes = brotli("small", BROTLI_MAX_WINDOW_BITS);
  std::vector<ContentDecoder> decoders;
  const Peak peak;
  Collector sink;
  for (int i = 0; i < 64; ++i) {
    decoders.emplace_back(std::vector<Coding>{Coding::kBrotli});
    ASSERT_TRUE(decoders.back().feed(bytes, sink));
  }
  EXPECT_LT(peak.growth(), 64u << 20);
}

}  // namespace
}  // namespace writ::protocol
