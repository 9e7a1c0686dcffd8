#include "Certificate.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>

static void read_common_name(X509_NAME *subject, guard_certificate *into) {
    int at = subject ? X509_NAME_get_index_by_NID(subject, NID_commonName, -1) : -1;
    const ASN1_STRING *name = at < 0 ? NULL : X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
    if (name == NULL) return;
    const unsigned char *bytes = ASN1_STRING_get0_data(name);
    int length = ASN1_STRING_length(name);
    if (length <= 0 || length > guard_user_limit || memchr(bytes, 0, (size_t)length)) return;
    memcpy(into->common_name, bytes, (size_t)length);
}

bool guard_certificate_read(const void *x509, guard_certificate *into) {
    memset(into, 0, sizeof *into);
    unsigned int length = 0;
    if (X509_digest(x509, EVP_sha256(), into->digest, &length) != 1 || length != sizeof into->digest) return false;
    read_common_name(X509_get_subject_name(x509), into);
    return true;
}
