#include "kernel/cgroup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

namespace writ::kernel {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFolder = "/writ";

// Of a session's cgroup in somebody else's.
constexpr const char* kOwnPrefix = "/writ-";

// Removes empty cgroups from the leaves up; a cgroup's files cannot be removed and need not be.
bool remove_tree(const std::string& path) {
  std::error_code error;
  std::vector<std::string> children;
  for (const auto& entry : fs::directory_iterator(path, error)) {
    if (entry.is_directory(error)) children.push_back(entry.path());
  }
  bool all = true;
  for (const std::string& child : children) all = remove_tree(child) && all;
  return all && rmdir(path.c_str()) == 0;
}

void collect(const std::string& path, std::vector<pid_t>& out) {
  std::ifstream in(path + "/cgroup.procs");
  pid_t pid = 0;
  while (in >> pid) out.push_back(pid);
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(path, error)) {
    if (entry.is_directory(error)) collect(entry.path(), out);
  }
}

}  // namespace

Result<CgroupMount> find_cgroup2(const std::string& mountinfo) {
  std::ifstream in(mountinfo);
  std::string line;
  while (std::getline(in, line)) {
    // id parent major:minor root mountpoint options... - type source superoptions (proc(5))
    const auto dash = line.find(" - cgroup2 ");
    if (dash == std::string::npos) continue;
    std::istringstream fields(line);
    std::string skip;
    std::string root;
    CgroupMount mount;
    fields >> skip >> skip >> skip >> root >> mount.path;
    mount.depth =
        root == "/" ? 0 : static_cast<std::uint32_t>(std::count(root.begin(), root.end(), '/'));
    return mount;
  }
  return fail(ErrorCode::kUnavailable,
              "no cgroup2 hierarchy is mounted (mount -t cgroup2 none /sys/fs/cgroup)");
}

std::uint32_t level_of(const CgroupMount& mount, const std::string& path) {
  const auto below = std::string_view(path).substr(std::min(path.size(), mount.path.size()));
  return mount.depth + static_cast<std::uint32_t>(std::count(below.begin(), below.end(), '/'));
}

Result<SessionCgroup> SessionCgroup::create(const CgroupMount& mount, const std::string& name) {
  const std::string parent = mount.path + kFolder;
  if (mkdir(parent.c_str(), 0755) != 0 && errno != EEXIST) {
    return fail_errno(errno, "make the cgroup {}", parent);
  }
  return make(mount, parent + "/" + name);
}

Result<SessionCgroup> SessionCgroup::create_below(const CgroupMount& mount,
                                                  const std::string& parent,
                                                  const std::string& name) {
  if (parent == mount.path || parent == mount.path + "/") return create(mount, name);
  return make(mount, parent + kOwnPrefix + name);
}

Result<SessionCgroup> SessionCgroup::make(const CgroupMount& mount, const std::string& path) {
  if (mkdir(path.c_str(), 0755) != 0) return fail_errno(errno, "make the cgroup {}", path);
  SessionCgroup cgroup;
  if (Status opened = cgroup.open(mount, path); !opened) return tl::unexpected(opened.error());
  return cgroup;
}

Result<SessionCgroup> SessionCgroup::take(const CgroupMount& mount, const std::string& path) {
  SessionCgroup cgroup;
  if (Status opened = cgroup.open(mount, path); !opened) return tl::unexpected(opened.error());
  cgroup.foreign_ = true;
  return cgroup;
}

Result<SessionCgroup> SessionCgroup::reopen(const CgroupMount& mount, const std::string& path,
                                            std::uint64_t id) {
  SessionCgroup cgroup;
  Status opened = cgroup.open(mount, path);
  if (!opened || cgroup.id_ != id) {
    return fail(ErrorCode::kNotFound, "the cgroup {} is gone", path);
  }
  const bool ours = path.starts_with(mount.path + kFolder + "/") ||
                    path.substr(path.rfind('/')).starts_with(kOwnPrefix);
  cgroup.foreign_ = !ours;
  return cgroup;
}

Status SessionCgroup::open(const CgroupMount& mount, const std::string& path) {
  struct stat info = {};
  if (stat(path.c_str(), &info) != 0) return fail_errno(errno, "stat {}", path);
  path_ = path;
  id_ = info.st_ino;
  level_ = level_of(mount, path);
  events_.reset(::open((path + "/cgroup.events").c_str(), O_RDONLY | O_CLOEXEC));
  if (!events_) return fail_errno(errno, "open {}/cgroup.events", path);
  return {};
}

bool SessionCgroup::exists() const {
  struct stat info = {};
  return stat(path_.c_str(), &info) == 0 && info.st_ino == id_;
}

Status SessionCgroup::add(pid_t pid) const {
  const std::string file = path_ + "/cgroup.procs";
  const UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  const std::string text = std::to_string(pid);
  if (!fd || write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return fail_errno(errno, "move process {} into {}", pid, path_);
  }
  return {};
}

std::vector<pid_t> SessionCgroup::processes() const { return processes_in(path_); }

std::vector<pid_t> processes_in(const std::string& path) {
  std::vector<pid_t> all;
  collect(path, all);
  return all;
}

bool SessionCgroup::populated() const {
  char text[256] = {};
  const ssize_t size = pread(events_.get(), text, sizeof text - 1, 0);
  return size > 0 && std::string_view(text).find("populated 1") != std::string_view::npos;
}

bool SessionCgroup::remove() { return foreign_ || remove_tree(path_); }

Result<std::string> cgroup_of(const CgroupMount& mount, pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/cgroup");
  std::string line;
  while (std::getline(in, line)) {
    // The line of the cgroup2 hierarchy, cgroups(7).
    if (line.starts_with("0::")) return mount.path + line.substr(3);
  }
  return fail(ErrorCode::kNotFound, "process {} has ended", pid);
}

std::vector<pid_t> process_tree(pid_t root) {
  std::multimap<pid_t, pid_t> children;
  std::error_code error;
  bool there = false;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    pid_t pid = 0;
    const std::string name = entry.path().filename();
    const auto [end, bad] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (bad != std::errc() || end != name.data() + name.size()) continue;
    there = there || pid == root;
    // proc(5), stat: the fields behind the name, which is in brackets and may hold any character.
    std::ifstream in(entry.path() / "stat");
    std::string stat;
    std::getline(in, stat);
    const auto bracket = stat.rfind(')');
    char state = 0;
    pid_t parent = 0;
    if (bracket != std::string::npos &&
        std::sscanf(stat.c_str() + bracket + 1, " %c %d", &state, &parent) == 2) {  // NOLINT
      children.emplace(parent, pid);
    }
  }
  std::vector<pid_t> all;
  if (there) all.push_back(root);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto [begin, end] = children.equal_range(all[i]);
    for (auto it = begin; it != end; ++it) all.push_back(it->second);
  }
  return all;
}

std::vector<std::string> left_sessions(const CgroupMount& mount,
                                       const std::set<std::string>& known) {
  std::vector<std::string> left;
  std::error_code error;
  std::vector<std::string> found;
  for (const auto& entry : fs::directory_iterator(mount.path + kFolder, error)) {
    if (entry.is_directory(error) && !known.contains(entry.path())) found.push_back(entry.path());
  }
  for (const std::string& path : found) {
    if (!remove_tree(path)) left.push_back(path);
  }
  return left;
}

void remove_sessions_folder(const CgroupMount& mount) {
  (void)rmdir((mount.path + kFolder).c_str());  // fails when it is not empty, as it should
}

}  // namespace writ::kernel
