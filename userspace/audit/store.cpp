#include "audit/store.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>

#include "util/unique_fd.h"

namespace writ::audit {
namespace {

// A writer may be between the halves of a write just now; after so many looks it is damage.
constexpr int kLooks = 3;
constexpr useconds_t kLookEveryUs = 2000;

Result<CheckpointFile> look(const std::string& path, Mac& mac) {
  CheckpointFile file;
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd) {
    if (errno != ENOENT) return fail_errno(errno, "open the audit checkpoint {}", path);
    file.problem = "the checkpoint is missing";
    return file;
  }
  file.exists = true;
  std::array<std::uint8_t, kCheckpointFileBytes + 1> bytes{};
  const ssize_t got = ::pread(fd.get(), bytes.data(), bytes.size(), 0);
  if (got < 0) return fail_errno(errno, "read the audit checkpoint {}", path);
  if (got != static_cast<ssize_t>(kCheckpointFileBytes)) {
    file.problem = fmt::format("the checkpoint is not {} bytes long", kCheckpointFileBytes);
    file.offset = std::min<std::uint64_t>(static_cast<std::uint64_t>(got), kCheckpointFileBytes);
  }
  std::array<std::uint64_t, 2> generations{};
  for (std::size_t slot = 0; slot < 2; ++slot) {
    const std::size_t at = slot * kCheckpointSlotBytes;
    if (got < static_cast<ssize_t>(at + kCheckpointSlotBytes)) break;
    const auto found = decode_checkpoint(
        std::span<const std::uint8_t, kCheckpointSlotBytes>(&bytes[at], kCheckpointSlotBytes), mac);
    // The slot is part of what a generation says: a copy of one slot over the other is a change
    // too.
    if (!found || found->generation % 2 != slot) {
      file.problem = fmt::format("slot {} of the checkpoint is not what was written", slot);
      file.offset = at;
      continue;
    }
    generations[slot] = found->generation;
    if (!file.newest || found->generation > file.newest->generation) file.newest = found;
  }
  if (file.problem.empty() &&
      std::max(generations[0], generations[1]) - std::min(generations[0], generations[1]) != 1) {
    file.problem = "the two slots of the checkpoint were not written one after the other";
  }
  return file;
}

}  // namespace

Result<Listing> list_segments(const std::string& dir) {
  std::error_code error;
  std::filesystem::directory_iterator entries(dir, error);
  if (error) return fail_errno(error.value(), "list the audit directory {}", dir);
  Listing listing;
  while (entries != std::filesystem::directory_iterator()) {
    const std::string name = entries->path().filename().string();
    if (const auto first = parse_segment_name(name)) {
      listing.segments.push_back({*first, entries->path().string()});
    } else if (name.starts_with("segment-")) {
      listing.strangers.push_back(name);
    }
    entries.increment(error);
    if (error) return fail_errno(error.value(), "list the audit directory {}", dir);
  }
  std::sort(listing.segments.begin(), listing.segments.end(),
            [](const auto& a, const auto& b) { return a.first_sequence < b.first_sequence; });
  std::sort(listing.strangers.begin(), listing.strangers.end());
  return listing;
}

std::string checkpoint_path(const std::string& dir) { return dir + "/checkpoint"; }
std::string default_key_path(const std::string& dir) { return dir + "/audit.key"; }

Result<CheckpointFile> read_checkpoint(const std::string& dir, const Key& key) {
  auto mac = key.checkpoint_mac();
  if (!mac) return tl::unexpected(mac.error());
  for (int tries = 1;; ++tries) {
    auto file = look(checkpoint_path(dir), *mac);
    if (!file || file->problem.empty() || tries == kLooks) return file;
    ::usleep(kLookEveryUs);
  }
}

Status sync_directory(const std::string& dir) {
  const UniqueFd fd(::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return fail_errno(errno, "sync the audit directory {}", dir);
  return {};
}

}  // namespace writ::audit
