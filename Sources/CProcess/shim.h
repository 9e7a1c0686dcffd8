// What glibc offers for processes, and for the files they write, and Swift's Glibc module leaves out.
#include <spawn.h>
#include <sys/pidfd.h>
#include <sys/types.h>

int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *, int);
int posix_spawn_file_actions_addchdir_np(posix_spawn_file_actions_t *, const char *);

enum { spawn_new_session = 0x80 };  // POSIX_SPAWN_SETSID

int fallocate(int, int, off_t, off_t);

enum { collapse_range = 0x08 };  // FALLOC_FL_COLLAPSE_RANGE
