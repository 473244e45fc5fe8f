// Preloaded into user-mode Linux 6.1 by lab/esp-kernel.
//
// UML keeps a process's floating-point state in a buffer of fixed size and hands it back with PTRACE_SETREGSET. On CPUs
// whose XSAVE area is larger (AMX) the host refuses a short buffer and UML stops at start. This wrapper of ptrace pads
// the buffer to the host's size and clears the bits of those components that it does not hold.
#define _GNU_SOURCE
#include <cpuid.h>
#include <dlfcn.h>
#include <elf.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/uio.h>

enum { most = 65536, xstate_bv_at = 512, header_end = 576 };

static long host_ptrace(int request, pid_t pid, void *address, void *data) {
  static long (*next)(int, pid_t, void *, void *);
  if (!next) next = (long (*)(int, pid_t, void *, void *))dlsym(RTLD_NEXT, "ptrace");
  return next(request, pid, address, data);
}

// The components that lie wholly within `size` bytes (Intel SDM volume 1, section 13.2).
static uint64_t components_within(size_t size) {
  uint64_t held = 3;  // x87 and SSE: the legacy area
  for (unsigned i = 2; i < 63; ++i) {
    unsigned length, offset, c, d;
    __cpuid_count(0xd, i, length, offset, c, d);
    if (length != 0 && offset != 0 && (size_t)offset + length <= size) held |= UINT64_C(1) << i;
  }
  return held;
}

long ptrace(enum __ptrace_request request, ...) {
  va_list arguments;
  va_start(arguments, request);
  pid_t pid = va_arg(arguments, pid_t);
  void *address = va_arg(arguments, void *);
  void *data = va_arg(arguments, void *);
  va_end(arguments);

  if (request != PTRACE_SETREGSET || (uintptr_t)address != NT_X86_XSTATE)
    return host_ptrace((int)request, pid, address, data);

  static _Alignas(64) unsigned char area[most];
  static size_t full;
  const struct iovec *given = data;
  if (full == 0) {
    struct iovec all = {area, sizeof area};
    if (host_ptrace(PTRACE_GETREGSET, pid, address, &all) == 0) full = all.iov_len;
  }
  if (given->iov_len < header_end || given->iov_len >= full) return host_ptrace((int)request, pid, address, data);

  memset(area, 0, full);
  memcpy(area, given->iov_base, given->iov_len);
  uint64_t present;
  memcpy(&present, area + xstate_bv_at, sizeof present);
  present &= components_within(given->iov_len);
  memcpy(area + xstate_bv_at, &present, sizeof present);
  struct iovec padded = {area, full};
  return host_ptrace((int)request, pid, address, &padded);
}
