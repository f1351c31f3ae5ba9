// Session cgroups: <cgroup2 mount>/writ/<session>.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "util/result.h"
#include "util/unique_fd.h"

namespace writ::kernel {

struct CgroupMount {
  std::string path;
  std::uint32_t depth =
      0;  // of the mount's root in the hierarchy; 0 unless it is a container's part
};

// Reads the cgroup2 mount point from `mountinfo` (/proc/self/mountinfo). Error when there is none.
Result<CgroupMount> find_cgroup2(const std::string& mountinfo);

// One session's cgroup. Removing it needs it to be empty.
class SessionCgroup {
 public:
  static Result<SessionCgroup> create(const CgroupMount& mount, const std::string& name);

  // One that is there already, of an earlier writd. kNotFound: it is gone, or another one of that
  // name (its inode differs).
  static Result<SessionCgroup> reopen(const std::string& path, std::uint64_t id);

  // What the kernel side calls it: the inode number of its folder.
  [[nodiscard]] std::uint64_t id() const { return id_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  // Becomes readable for exceptions (EPOLLPRI) when `populated` changes; cgroup-v2.rst.
  [[nodiscard]] int events_fd() const { return events_.get(); }

  Status add(pid_t pid) const;
  [[nodiscard]] std::vector<pid_t> processes() const;  // those in sub-cgroups included
  [[nodiscard]] bool populated() const;
  // Removes it and empty cgroups below; false while something is in it.
  bool remove();

 private:
  std::string path_;
  std::uint64_t id_ = 0;
  UniqueFd events_;
};

// Cgroups of sessions that an earlier writd left; empty ones are removed, the others returned
// (their paths).
// `known` are left as they are.
std::vector<std::string> left_sessions(const CgroupMount& mount,
                                       const std::set<std::string>& known);

// Where a process is: its path below the mount. kNotFound: it has ended.
Result<std::string> cgroup_of(const CgroupMount& mount, pid_t pid);

// The process and all that descend from it, parents first. Empty: it has ended.
std::vector<pid_t> process_tree(pid_t root);

// Removes the folder that holds session cgroups, if it is empty.
void remove_sessions_folder(const CgroupMount& mount);

// Depth of session cgroups, for bpf_get_current_ancestor_cgroup_id().
inline std::uint32_t session_level(const CgroupMount& mount) { return mount.depth + 2; }

}  // namespace writ::kernel
