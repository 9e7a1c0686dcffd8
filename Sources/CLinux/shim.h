#include <malloc.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/random.h>

// prctl takes any number of arguments, which Swift cannot call.
static inline void clinux_name_this_thread(const char *name) {
    prctl(PR_SET_NAME, name);
}
