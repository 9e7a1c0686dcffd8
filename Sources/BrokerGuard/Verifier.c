#include "Verifier.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

void guard_digest(const char *secret, size_t length, uint8_t digest[GUARD_DIGEST_BYTES]) {
    SHA256((const unsigned char *)secret, length, digest);
}

bool guard_equal(const uint8_t *a, const uint8_t *b, size_t length) { return CRYPTO_memcmp(a, b, length) == 0; }

bool guard_derives(const guard_derived *derived, const char *secret, size_t length) {
    uint8_t hash[sizeof derived->hash];
    if (derived->rounds > GUARD_ROUNDS_LIMIT || derived->salt_length > GUARD_SALT_LIMIT) return false;
    int done = PKCS5_PBKDF2_HMAC(
        secret, (int)length, derived->salt, derived->salt_length, (int)derived->rounds, EVP_sha512(), sizeof hash, hash);
    return done == 1 && guard_equal(hash, derived->hash, sizeof hash);
}

bool guard_random(void *bytes, size_t length) { return RAND_bytes(bytes, (int)length) == 1; }
