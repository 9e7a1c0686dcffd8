#ifndef GUARD_CERTIFICATE_H
#define GUARD_CERTIFICATE_H

#include <stdbool.h>

#include "Guard.h"

// What is looked at of an X.509 certificate.
typedef struct {
    uint8_t digest[GUARD_DIGEST_BYTES];
    // Empty if it is longer than a user name, or holds a null character.
    char common_name[guard_user_limit + 1];
} guard_certificate;

// Takes an X509 of OpenSSL. False without memory.
bool guard_certificate_read(const void *x509, guard_certificate *into);

#endif
