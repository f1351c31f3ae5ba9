#include "kernel/elf_symbols.h"

#include <fcntl.h>
#include <gelf.h>

#include <algorithm>
#include <memory>

#include "util/unique_fd.h"

namespace writ::kernel {
namespace {

struct ElfEnd {
  void operator()(Elf* elf) const { elf_end(elf); }
};

// The offset in the file of a virtual address, by the loadable segment that holds it.
std::uint64_t file_offset(Elf* elf, std::uint64_t address) {
  std::size_t count = 0;
  if (elf_getphdrnum(elf, &count) != 0) return 0;
  for (std::size_t i = 0; i < count; ++i) {
    GElf_Phdr segment;
    if (gelf_getphdr(elf, static_cast<int>(i), &segment) == nullptr) continue;
    if (segment.p_type == PT_LOAD && address >= segment.p_vaddr &&
        address < segment.p_vaddr + segment.p_filesz) {
      return address - segment.p_vaddr + segment.p_offset;
    }
  }
  return 0;
}

}  // namespace

Result<std::map<std::string, std::uint64_t>> exported_functions(
    const std::string& path, const std::vector<std::string>& names) {
  elf_version(EV_CURRENT);
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return fail_errno(errno, "open {}", path);
  const std::unique_ptr<Elf, ElfEnd> elf(elf_begin(file.get(), ELF_C_READ_MMAP, nullptr));
  if (!elf || elf_kind(elf.get()) != ELF_K_ELF) {
    return fail(ErrorCode::kInvalid, "{} is not an ELF file", path);
  }
  std::map<std::string, std::uint64_t> found;
  for (Elf_Scn* section = elf_nextscn(elf.get(), nullptr); section != nullptr;
       section = elf_nextscn(elf.get(), section)) {
    GElf_Shdr header;
    if (gelf_getshdr(section, &header) == nullptr || header.sh_type != SHT_DYNSYM ||
        header.sh_entsize == 0) {
      continue;
    }
    Elf_Data* data = elf_getdata(section, nullptr);
    if (data == nullptr) continue;
    const auto count = static_cast<int>(header.sh_size / header.sh_entsize);
    for (int i = 0; i < count; ++i) {
      GElf_Sym symbol;
      if (gelf_getsym(data, i, &symbol) == nullptr) continue;
      if (GELF_ST_TYPE(symbol.st_info) != STT_FUNC || symbol.st_value == 0) continue;
      const char* name = elf_strptr(elf.get(), header.sh_link, symbol.st_name);
      if (name == nullptr) continue;
      if (std::find(names.begin(), names.end(), name) == names.end()) continue;
      if (const std::uint64_t offset = file_offset(elf.get(), symbol.st_value)) {
        found[name] = offset;
      }
    }
  }
  return found;
}

}  // namespace writ::kernel
