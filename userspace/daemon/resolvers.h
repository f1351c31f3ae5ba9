// The resolvers that the host asks for names, as resolv.conf(5) says.
//
// Owner: the daemon; loop thread only.
#pragma once

#include <sys/stat.h>

#include <string>
#include <string_view>
#include <vector>

#include "writ/abi.h"

namespace writ::daemon {

// As glibc reads them, but for its bound of three: other clients ask the others too. At most
// WRIT_RESOLVERS_MAX; none: what glibc then asks, 127.0.0.1, and ::1.
std::vector<writ_address> read_resolvers(std::string_view resolv_conf);
// "10.0.0.2, ::1".
std::string to_text(const std::vector<writ_address>& resolvers);

// Looks at the file again when it is another one than it was.
class Resolvers {
 public:
  // `path` need not be there.
  explicit Resolvers(std::string path) : path_(std::move(path)) {}

  // True: the resolvers may be others than before. Always so the first time.
  bool look();
  [[nodiscard]] const std::vector<writ_address>& addresses() const { return addresses_; }
  // Where they come from, for people.
  [[nodiscard]] std::string source() const;

 private:
  std::string path_;
  bool looked_ = false;
  bool readable_ = false;
  struct stat seen_ = {};
  std::vector<writ_address> addresses_;
};

}  // namespace writ::daemon
