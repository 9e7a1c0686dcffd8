#include "KeyedHash.h"

#include <string.h>

static uint64_t turned(uint64_t word, int bits) { return word << bits | word >> (64 - bits); }

static void round_of(uint64_t v[4]) {
    v[0] += v[1];
    v[1] = turned(v[1], 13) ^ v[0];
    v[0] = turned(v[0], 32);
    v[2] += v[3];
    v[3] = turned(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = turned(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = turned(v[1], 17) ^ v[2];
    v[2] = turned(v[2], 32);
}

uint64_t guard_hash(guard_hash_key key, const void *bytes, size_t length) {
    uint64_t v[4] = {
        key.k0 ^ 0x736f6d6570736575, key.k1 ^ 0x646f72616e646f6d, key.k0 ^ 0x6c7967656e657261,
        key.k1 ^ 0x7465646279746573,
    };
    const uint8_t *rest = bytes;
    for (size_t words = length / 8; words > 0; words--, rest += 8) {
        uint64_t word;
        memcpy(&word, rest, 8);
        v[3] ^= word;
        round_of(v);
        v[0] ^= word;
    }
    uint64_t last = (uint64_t)length << 56;
    for (size_t at = 0; at < length % 8; at++) last |= (uint64_t)rest[at] << (8 * at);
    v[3] ^= last;
    round_of(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for (int times = 0; times < 3; times++) round_of(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}
