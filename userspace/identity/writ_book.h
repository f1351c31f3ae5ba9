// The book of writs says which writs count at this instant: in memory, and the one that decides.
//
//   book.restore(stored, now);                            // once, at the start
//   auto handle = book.add(std::move(*writ), now);        // memory first ...
//   if (!book.active(*handle, now)) deny();               // each call: no search, no allocation
//   book.revoke(*handle, "user sarah", now);              // from here on active() is false
//   auto batch = book.take_changes();                     // ... then a worker's
//   ChangeSink::apply()
//
// A writ counts only while each writ it was delegated from does: revoking or ending one reaches all
// below it, and nothing else. A tenant's names find that tenant's writs only. It holds at most
// `max_writs`, and of one user at most `max_writs_per_user`, so that nobody can crowd others out.
//
// Owner: the daemon; loop thread only.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "identity/writ_store.h"

namespace writ::identity {

// In order of precedence: a revoked writ that has also expired is revoked.
enum class WritState { kRevoked, kExpired, kNotYet, kActive };
std::string_view to_text(WritState state);  // "revoked", "expired", "not_yet", "active"

// Names one writ of one book for as long as the book knows it; afterwards it names none.
struct WritHandle {
  std::uint32_t slot = ~std::uint32_t{0};
  std::uint32_t generation = 0;
  bool operator==(const WritHandle&) const = default;
};

// One line of the book. The pointers hold until the next call that is not const.
struct WritEntry {
  WritHandle handle;
  const Writ* writ = nullptr;
  WritState state = WritState::kExpired;
  const Revocation* revocation = nullptr;  // when revoked
};

struct BookOptions {
  std::size_t max_writs = 65'536;
  std::size_t max_writs_per_user = 4'096;
  std::chrono::seconds keep_dead = std::chrono::hours(24);  // for list(); less when room is short
};

class WritBook {
 public:
  explicit WritBook(BookOptions options = {}) : options_(options) {}
  WritBook(const WritBook&) = delete;
  WritBook& operator=(const WritBook&) = delete;

  // Fills an empty book with what the store knew; nothing of it becomes a change again. A writ
  // whose parent is gone, or could not have passed it on, counts as expired. What has been dead for
  // `keep_dead` is left out, and all that is dead when room is short.
  void restore(StoredWrits stored, TimePoint now);

  // kInvalid: check_writ() refuses it, or the id is known; kDenied: its parent is not active, or it
  // is not what its parent could pass on; kUnavailable: no room.
  Result<WritHandle> add(Writ writ, TimePoint now);

  // Ends it and all below it, and returns how many writs that were not revoked before are now. `by`
  // is cut to kMaxRevokedBy printable bytes. A handle of no writ: 0.
  std::size_t revoke(WritHandle handle, std::string_view by, TimePoint now);

  // The same without blame: its session is over. No effect on what is revoked or expired.
  void end(WritHandle handle, TimePoint now);

  // Whether the writ counts. O(1), allocates nothing.
  [[nodiscard]] bool active(WritHandle handle, TimePoint now) const;

  // kExpired for a handle that names none any more.
  [[nodiscard]] WritState state(WritHandle handle, TimePoint now) const;

  // nullptr: the handle names none. Valid until the next call that is not const.
  [[nodiscard]] const Writ* get(WritHandle handle) const;
  [[nodiscard]] std::optional<WritEntry> entry(WritHandle handle, TimePoint now) const;

  // By id or a prefix of at least kMinPrefix digits that no other writ of that tenant shares.
  // Without a tenant (root): of any. kInvalid: too short, no id, or ambiguous; kNotFound.
  [[nodiscard]] Result<WritHandle> find(std::optional<std::string_view> tenant,
                                        std::string_view id_or_prefix) const;

  // In order of their beginning; without a tenant (root): all.
  [[nodiscard]] std::vector<WritEntry> list(std::optional<std::string_view> tenant,
                                            TimePoint now) const;

  // What must still become durable, in order, and the revision that is durable once it has. The
  // caller keeps a batch until its sink took it.
  struct Batch {
    std::uint64_t revision = 0;
    std::vector<Change> changes;
  };
  [[nodiscard]] Batch take_changes();

  // Grows with each change, so that a caller sees that there is something to look at anew.
  [[nodiscard]] std::uint64_t revision() const { return revision_; }

  // Forgets what has been dead for `keep_dead`. Now and then.
  void prune(TimePoint now);

  [[nodiscard]] std::size_t size() const { return by_id_.size(); }

  static constexpr std::size_t kMinPrefix = 4;
  static constexpr std::size_t kMaxRevokedBy = 256;
  static constexpr std::size_t kMaxPending = 65'536;  // changes of add(); revoke() is never refused

 private:
  struct Slot {
    std::unique_ptr<Writ> writ;  // none: free
    std::uint32_t generation = 0;
    bool revoked = false;
    TimePoint begins;  // of it and all above it
    TimePoint ends;    // TimePoint::max(): open
    std::unique_ptr<Revocation> revocation;
    std::vector<WritHandle> children;
  };

  const Slot* slot_of(WritHandle handle) const;
  Slot* slot_of(WritHandle handle);
  WritHandle handle_of(std::uint32_t slot) const { return {slot, slots_[slot].generation}; }
  static bool dead(const Slot& slot, TimePoint now) { return slot.revoked || slot.ends <= now; }
  const Slot* parent_of(const Writ& writ) const;
  Status check_parent(const Writ& writ, TimePoint now) const;
  Status make_room(const Writ& writ, TimePoint now);
  WritHandle insert(Writ writ);
  void forget(std::uint32_t slot);
  void prune_older(TimePoint than, TimePoint now);
  std::size_t revoke_below(WritHandle handle, TimePoint at, std::string_view by,
                           std::string_view cause, bool write_down);
  // The slots of a writ and of all below it, the writ first.
  std::vector<std::uint32_t> with_descendants(WritHandle handle) const;
  void changed(Change change);

  const BookOptions options_;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
  std::map<std::string, std::uint32_t, std::less<>> by_id_;
  std::map<std::string, std::size_t, std::less<>> per_user_;  // key: tenant/user
  std::vector<Change> changes_;
  std::uint64_t revision_ = 0;
  TimePoint no_room_until_ = TimePoint::min();
};

}  // namespace writ::identity
