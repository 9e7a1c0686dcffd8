#ifndef GUARD_VERIFIER_H
#define GUARD_VERIFIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GUARD_DIGEST_BYTES 32
#define GUARD_SALT_LIMIT 64
#define GUARD_ROUNDS_LIMIT 1000

// PBKDF2-SHA512, as Mosquitto's password files had it.
typedef struct {
    uint32_t rounds;
    uint8_t salt_length;
    uint8_t salt[GUARD_SALT_LIMIT];
    uint8_t hash[64];
} guard_derived;

void guard_digest(const char *secret, size_t length, uint8_t digest[GUARD_DIGEST_BYTES]);
// Takes the same time wherever the two differ.
bool guard_equal(const uint8_t *a, const uint8_t *b, size_t length);
bool guard_derives(const guard_derived *derived, const char *secret, size_t length);
bool guard_random(void *bytes, size_t length);

#endif
