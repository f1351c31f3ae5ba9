#include "policy/address.h"

#include <gtest/gtest.h>

namespace writ::policy {
namespace {

TEST(AddressRange, Table) {
  struct Case {
    const char* range;
    const char* address;
    bool inside;
  };
  const Case cases[] = {
      {"127.0.0.0/8", "127.255.1.2", true},
      {"127.0.0.0/8", "128.0.0.1", false},
      {"10.1.2.3", "10.1.2.3", true},
      {"10.1.2.3", "10.1.2.4", false},
      {"0.0.0.0/0", "9.9.9.9", true},
      {"0.0.0.0/0", "::1", false},
      {"::/0", "::1", true},
      {"::/0", "1.2.3.4", false},
      {"10.128.0.0/9", "10.200.0.1", true},
      {"10.128.0.0/9", "10.127.255.255", false},
      {"192.168.1.252/30", "192.168.1.255", true},
      {"192.168.1.252/30", "192.168.1.251", false},
      {"fe80::/10", "febf::1", true},
      {"fe80::/10", "fec0::1", false},
      {"2001:db8::1/128", "2001:db8::1", true},
      {"2001:db8::1/128", "2001:db8::2", false},
      {"127.0.0.0/8", "::ffff:127.0.0.1", true},
      {"::ffff:127.0.0.0/104", "127.0.0.1", true},
      {"::ffff:127.0.0.0/104", "128.0.0.1", false},
  };
  for (const Case& c : cases) {
    const Result<AddressRange> range = parse_range(c.range);
    ASSERT_TRUE(range) << c.range;
    const auto address = parse_address(c.address);
    ASSERT_TRUE(address) << c.address;
    EXPECT_EQ(contains(*range, *address), c.inside) << c.range << " " << c.address;
  }
}

TEST(AddressRange, Refuses) {
  for (const char* bad : {"", "10", "10.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1",
                          "10.0.0.0/8x", "/8", "::/129", "10.0.0.1/8", "fe80::1/10", "localhost",
                          "10.0.0.0/8/8", "::ffff:1.2.3.4/95", "10.0.0.0/ 8", "1.2.3.4\n"})
    EXPECT_FALSE(parse_range(bad)) << bad;
  EXPECT_FALSE(parse_address("fe80::1%eth0"));
  EXPECT_FALSE(parse_address(std::string_view("1.2.3.4\0", 8)));
}

TEST(AddressRange, Overlap) {
  const auto ranges = [](std::initializer_list<const char*> texts) {
    std::vector<AddressRange> all;
    for (const char* text : texts) all.push_back(parse_range(text).value());
    return all;
  };
  EXPECT_TRUE(overlap(ranges({"10.0.0.0/8"}), ranges({"1.1.1.1", "10.9.0.0/16"})));
  EXPECT_TRUE(overlap(ranges({"10.9.0.0/16"}), ranges({"10.0.0.0/8"})));
  EXPECT_FALSE(overlap(ranges({"10.0.0.0/8"}), ranges({"11.0.0.0/8"})));
  EXPECT_FALSE(overlap(ranges({"0.0.0.0/0"}), ranges({"::/0"})));
  EXPECT_FALSE(overlap({}, ranges({"::/0"})));
}

}  // namespace
}  // namespace writ::policy
