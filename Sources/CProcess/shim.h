// What glibc offers for processes and Swift's Glibc module leaves out.
#include <spawn.h>
#include <sys/pidfd.h>

int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *, int);
int posix_spawn_file_actions_addchdir_np(posix_spawn_file_actions_t *, const char *);

enum { spawn_new_session = 0x80 };  // POSIX_SPAWN_SETSID
