#include "audit/disk.h"

#include <unistd.h>

namespace writ::audit {
namespace {

class RealDisk final : public Disk {
 public:
  ssize_t write_at(int fd, const void* bytes, std::size_t count, std::uint64_t offset) override {
    return ::pwrite(fd, bytes, count, static_cast<off_t>(offset));
  }
  int truncate(int fd, std::uint64_t size) override {
    return ::ftruncate(fd, static_cast<off_t>(size));
  }
  int sync(int fd) override { return ::fdatasync(fd); }
};

}  // namespace

Disk& real_disk() {
  static RealDisk disk;
  return disk;
}

}  // namespace writ::audit
