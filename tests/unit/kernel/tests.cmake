writ_unit_test(kernel/audience LIBS writ_kernel)
writ_unit_test(kernel/cgroup LIBS writ_kernel)
writ_unit_test(kernel/elf_symbols LIBS writ_kernel)
writ_unit_test(kernel/process_facts LIBS writ_kernel)
