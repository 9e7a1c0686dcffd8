#include <zlib.h>

/* inflateInit2 is a macro, which Swift does not see; 15 + 16 is the largest window, and gzip's header only. */
static inline int fleetlog_inflate_gzip(z_stream *stream) { return inflateInit2(stream, 15 + 16); }
