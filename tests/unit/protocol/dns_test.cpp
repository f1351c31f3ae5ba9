// DNS answers: what they say of addresses, and everything that is none.
#include "protocol/dns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace writ::protocol {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string u16(unsigned value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value & 0xff)};
}

// "www.acme.test" as labels.
std::string labels(const std::string& name) {
  std::string wire;
  for (std::size_t at = 0; at < name.size();) {
    const std::size_t end = std::min(name.find('.', at), name.size());
    wire += static_cast<char>(end - at);
    wire += name.substr(at, end - at);
    at = end + 1;
  }
  return wire + '\0';
}

constexpr unsigned kA = 1;
constexpr unsigned kCname = 5;
constexpr unsigned kTxt = 16;
constexpr unsigned kAaaa = 28;

std::string record(const std::string& owner, unsigned type, unsigned ttl, const std::string& data) {
  return labels(owner) + u16(type) + u16(1) + u16(ttl >> 16) + u16(ttl & 0xffff) +
         u16(static_cast<unsigned>(data.size())) + data;
}

struct Parts {
  std::string question = "www.acme.test";
  std::vector<std::string> records;
  unsigned flags = 0x8180;  // an answer, recursion wanted and had
  unsigned questions = 1;
  unsigned klass = 1;
};

std::string answer(const Parts& parts) {
  std::string wire = u16(7) + u16(parts.flags) + u16(parts.questions) +
                     u16(static_cast<unsigned>(parts.records.size())) + u16(0) + u16(0);
  for (unsigned i = 0; i < parts.questions; ++i)
    wire += labels(parts.question) + u16(kA) + u16(parts.klass);
  for (const std::string& one : parts.records) wire += one;
  return wire;
}

// "a.b.c.d ttl", or hex of IPv6.
std::vector<std::string> text_of(const std::optional<DnsAnswer>& read) {
  std::vector<std::string> all;
  if (!read) return {"unread"};
  for (const DnsAddress& one : read->addresses) {
    std::string text;
    const bool ipv4 = one.address[10] == 0xff && one.address[11] == 0xff;
    for (std::size_t i = ipv4 ? 12 : 0; i < 16; ++i)
      text += (text.empty() ? "" : ".") + std::to_string(one.address[i]);
    all.push_back(text + " " + std::to_string(one.ttl.count()));
  }
  return all;
}

const std::string kTen2("\x0a\0\0\x02", 4);
const std::string kTen3("\x0a\0\0\x03", 4);
const std::string kSix("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07", 16);

TEST(Dns, AddressesOfTheName) {
  const auto read = read_dns_answer(answer(
      {.records = {record("www.acme.test", kA, 300, kTen2), record("WWW.acme.TEST", kA, 60, kTen3),
                   record("www.acme.test", kAaaa, 5, kSix)}}));
  EXPECT_EQ(read->name, "www.acme.test");
  EXPECT_THAT(text_of(read),
              ElementsAre("10.0.0.2 300", "10.0.0.3 60", "32.1.13.184.0.0.0.0.0.0.0.0.0.0.0.7 5"));
}

TEST(Dns, AChainIsFollowedWhereverItsLinksStand) {
  const auto read = read_dns_answer(
      answer({.question = "WwW.acme.test",
              .records = {record("edge.cdn.test", kA, 300, kTen2),
                          record("www.acme.test", kCname, 900, labels("acme.cdn.test")),
                          record("acme.cdn.test", kCname, 20, labels("edge.cdn.test"))}}));
  EXPECT_EQ(read->name, "www.acme.test");
  EXPECT_THAT(text_of(read), ElementsAre("10.0.0.2 20"));
}

TEST(Dns, WhatIsOfAnotherNameIsNotOfThisOne) {
  EXPECT_THAT(text_of(read_dns_answer(answer({.records = {record("bank.test", kA, 300, kTen2)}}))),
              IsEmpty());
  EXPECT_THAT(
      text_of(read_dns_answer(answer({.records = {record("www.acme.test", kTxt, 300, "\1x")}}))),
      IsEmpty());
}

TEST(Dns, AChainThatComesBackEnds) {
  const auto read =
      read_dns_answer(answer({.records = {record("www.acme.test", kCname, 9, labels("b.test")),
                                          record("b.test", kCname, 9, labels("www.acme.test")),
                                          record("www.acme.test", kA, 9, kTen2)}}));
  EXPECT_THAT(text_of(read), ElementsAre("10.0.0.2 9", "10.0.0.2 9"));
}

TEST(Dns, NamesArePointersToo) {
  std::string wire = answer({});
  wire[7] = 1;  // one record,
  wire +=
      u16(0xc00c) + u16(kA) + u16(1) + u16(0) + u16(44) + u16(4) + kTen2;  // of the question's name
  EXPECT_THAT(text_of(read_dns_answer(wire)), ElementsAre("10.0.0.2 44"));
  wire[wire.size() - 16] = static_cast<char>(0xc0);
  wire[wire.size() - 15] = static_cast<char>(wire.size() - 16);  // which points to itself
  EXPECT_FALSE(read_dns_answer(wire));
}

TEST(Dns, ThatThereIsNothingIsAnAnswer) {
  const auto read = read_dns_answer(
      answer({.records = {record("www.acme.test", kA, 300, kTen2)}, .flags = 0x8183}));
  ASSERT_TRUE(read);
  EXPECT_THAT(read->addresses, IsEmpty());
}

TEST(Dns, WhatIsNoAnswerToOneQuestion) {
  const std::vector<std::string> good = {record("www.acme.test", kA, 300, kTen2)};
  ASSERT_TRUE(read_dns_answer(answer({.records = good})));
  EXPECT_FALSE(read_dns_answer(""));
  EXPECT_FALSE(read_dns_answer(answer({.records = good, .flags = 0x0100}))) << "a question";
  EXPECT_FALSE(read_dns_answer(answer({.records = good, .flags = 0xa180}))) << "an update";
  EXPECT_FALSE(read_dns_answer(answer({.records = good, .questions = 2})));
  EXPECT_FALSE(read_dns_answer(answer({.records = good, .questions = 0})));
  EXPECT_FALSE(read_dns_answer(answer({.records = good, .klass = 3}))) << "not IN";
  EXPECT_FALSE(read_dns_answer(answer({.question = "a\nb.test", .records = good})));
  EXPECT_FALSE(read_dns_answer(answer({.question = "", .records = good}))) << "the root";
  EXPECT_FALSE(read_dns_answer(answer({.records = good}) + "more"));
}

TEST(Dns, ATtlOf32BitsIsNone) {
  EXPECT_THAT(text_of(read_dns_answer(
                  answer({.records = {record("www.acme.test", kA, 0x80000000u, kTen2)}}))),
              ElementsAre("10.0.0.2 0"));
}

TEST(Dns, NoMoreAddressesThanItsBound) {
  Parts parts;
  for (int i = 0; i < 200; ++i) parts.records.push_back(record("www.acme.test", kA, 60, kTen2));
  EXPECT_THAT(read_dns_answer(answer(parts))->addresses, SizeIs(kMaxDnsAddresses));
}

TEST(Dns, CutAnywhereItIsNotRead) {
  const std::string whole =
      answer({.records = {record("www.acme.test", kCname, 900, labels("acme.cdn.test")),
                          record("acme.cdn.test", kA, 300, kTen2),
                          record("acme.cdn.test", kAaaa, 300, kSix)}});
  ASSERT_THAT(read_dns_answer(whole)->addresses, SizeIs(2));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(read_dns_answer(whole.substr(0, size))) << size;
  }
}

}  // namespace
}  // namespace writ::protocol
