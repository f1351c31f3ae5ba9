#include "audit/key.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "audit/fixture.h"
#include "audit/json.h"

namespace writ::audit {
namespace {

using testing::HasSubstr;

using KeyTest = AuditTest;

TEST_F(KeyTest, IsMadeOnceForItsOwnerOnly) {
  const std::string path = root_ + "/k";
  auto made = Key::create(path);
  ASSERT_TRUE(made.has_value()) << made.error().message;
  struct stat info {};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
  EXPECT_EQ(info.st_size, 32);
  EXPECT_FALSE(Key::create(path).has_value());
  auto loaded = Key::load(path);
  ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
  EXPECT_EQ(*loaded->id(), *made->id());
  EXPECT_FALSE(std::filesystem::exists(path + ".new"));
}

TEST_F(KeyTest, IsRefusedWhenOthersCouldKnowIt) {
  const std::string path = root_ + "/k";
  ASSERT_TRUE(Key::create(path).has_value());
  for (const mode_t mode : {0640u, 0604u, 0620u, 0601u}) {
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
    auto loaded = Key::load(path);
    ASSERT_FALSE(loaded.has_value()) << mode;
    EXPECT_EQ(loaded.error().code, ErrorCode::kDenied);
    EXPECT_THAT(loaded.error().message, HasSubstr("chmod 0600"));
  }
}

TEST_F(KeyTest, IsRefusedWhenItIsNotAKey) {
  EXPECT_EQ(Key::load(root_ + "/none").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(Key::load(root_).error().code, ErrorCode::kDenied);
  for (const std::size_t size : {0, 31, 33}) {
    const std::string path = root_ + "/k" + std::to_string(size);
    write_bytes(path, std::string(size, 'x'));
    ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
    EXPECT_EQ(Key::load(path).error().code, ErrorCode::kCorrupt) << size;
  }
  ASSERT_TRUE(Key::create(root_ + "/real").has_value());
  std::filesystem::create_symlink(root_ + "/real", root_ + "/link");
  EXPECT_FALSE(Key::load(root_ + "/link").has_value());
}

TEST(MacTest, IsHmacSha256) {
  // RFC 4231, test case 2.
  auto mac = Mac::create(as_bytes("Jefe"));
  ASSERT_TRUE(mac.has_value());
  for (int round = 0; round < 2; ++round) {  // the object is fresh again after finish()
    mac->update(as_bytes("what do ya want "));
    mac->update(as_bytes("for nothing?"));
    EXPECT_EQ(to_hex(mac->finish()),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  }
}

TEST(DigestTest, DependsOnKeyAndBytesOnlyNotOnTheirPieces) {
  MacValue secret{};
  auto one = Key::from_bytes(secret).digest_stream();
  secret[31] = 1;
  auto other = Key::from_bytes(secret).digest_stream();
  ASSERT_TRUE(one && other);
  one->update("hello world");
  const std::string whole = one->finish_hex();
  EXPECT_EQ(whole.size(), 64u);
  for (const char c : std::string_view("hello world")) one->update({&c, 1});
  EXPECT_EQ(one->finish_hex(), whole);
  one->update("hello worle");
  EXPECT_NE(one->finish_hex(), whole);
  other->update("hello world");
  EXPECT_NE(other->finish_hex(), whole);
}

TEST(JsonTest, HasTheNamesOfTheProto) {
  auto record = decision("c1", v1::VERDICT_DENY);
  record.set_sequence(7);
  auto text = to_json(record);
  ASSERT_TRUE(text.has_value());
  EXPECT_THAT(*text, HasSubstr("\"call_id\":\"c1\""));
  EXPECT_THAT(*text, HasSubstr("\"verdict\":\"VERDICT_DENY\""));
  EXPECT_THAT(*text, HasSubstr("\"sequence\":\"7\""));
  EXPECT_EQ(text->find('\n'), std::string::npos);
}

}  // namespace
}  // namespace writ::audit
