// Session cgroups: <cgroup2 mount>/writ/<session>, a cgroup below that of the process that was
// bound, or a unit's or container's own.
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
  // Below `parent`, so that what limits its processes goes on doing so; in the hierarchy's root as
  // create(), since that is nobody's.
  static Result<SessionCgroup> create_below(const CgroupMount& mount, const std::string& parent,
                                            const std::string& name);

  // Somebody else's: a unit's, a container's.
  static Result<SessionCgroup> take(const CgroupMount& mount, const std::string& path);
  // One that an earlier writd had. kNotFound: it is gone, or another one of that name (its inode
  // differs).
  static Result<SessionCgroup> reopen(const CgroupMount& mount, const std::string& path,
                                      std::uint64_t id);

  // What the kernel side calls it: the inode number of its folder.
  [[nodiscard]] std::uint64_t id() const { return id_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  // Depth below the root of the hierarchy, for bpf_get_current_ancestor_cgroup_id().
  [[nodiscard]] std::uint32_t level() const { return level_; }
  // Somebody else made it and will remove it.
  [[nodiscard]] bool foreign() const { return foreign_; }
  [[nodiscard]] bool exists() const;
  // Becomes readable for exceptions (EPOLLPRI) when `populated` changes; cgroup-v2.rst.
  [[nodiscard]] int events_fd() const { return events_.get(); }

  Status add(pid_t pid) const;
  [[nodiscard]] std::vector<pid_t> processes() const;  // those in sub-cgroups included
  [[nodiscard]] bool populated() const;
  // Removes it and empty cgroups below; false while something is in it. A foreign one is left.
  bool remove();

 private:
  static Result<SessionCgroup> make(const CgroupMount& mount, const std::string& path);
  Status open(const CgroupMount& mount, const std::string& path);

  std::string path_;
  std::uint64_t id_ = 0;
  std::uint32_t level_ = 0;
  bool foreign_ = false;
  UniqueFd events_;
};

// Those in the cgroup at `path` and below it; none where it is gone.
std::vector<pid_t> processes_in(const std::string& path);

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

// Depth of the cgroup at `path` (below the mount) in the hierarchy.
std::uint32_t level_of(const CgroupMount& mount, const std::string& path);

}  // namespace writ::kernel
