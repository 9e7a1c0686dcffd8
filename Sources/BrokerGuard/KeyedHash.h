#ifndef GUARD_KEYED_HASH_H
#define GUARD_KEYED_HASH_H

#include <stddef.h>
#include <stdint.h>

// SipHash-1-3. Names come from strangers: without a secret they could choose ones that all fall into one bucket.
typedef struct {
    uint64_t k0, k1;
} guard_hash_key;

uint64_t guard_hash(guard_hash_key key, const void *bytes, size_t length);

#endif
