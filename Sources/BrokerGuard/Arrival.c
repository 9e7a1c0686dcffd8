#include "Arrival.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "Verifier.h"

static const char purpose[] = "fleetlog-arrival\n";

guard_hash_key guard_arrival_key(const char *gateway_password) {
    char secret[sizeof purpose - 1 + GUARD_DIGEST_BYTES];
    memcpy(secret, purpose, sizeof purpose - 1);
    guard_digest(gateway_password, strlen(gateway_password), (uint8_t *)secret + sizeof purpose - 1);
    uint8_t digest[GUARD_DIGEST_BYTES];
    guard_digest(secret, sizeof secret, digest);
    guard_hash_key key;
    memcpy(&key.k0, digest, sizeof key.k0);
    memcpy(&key.k1, digest + sizeof key.k0, sizeof key.k1);
    return key;
}

void guard_write_arrival(
    guard_hash_key key, const char *topic, uint64_t unix_ms, char into[guard_arrival_room]) {
    uint64_t said[2] = {unix_ms, guard_hash(key, topic, strlen(topic))};
    snprintf(into, guard_arrival_room, "%" PRIu64 ":%016" PRIx64, unix_ms, guard_hash(key, said, sizeof said));
}
