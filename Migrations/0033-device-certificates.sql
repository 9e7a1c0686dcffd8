-- A device may prove itself by an X.509 certificate too. Of it a fingerprint is kept, what a person knows it by, and its
-- end, which is also when it stops to count (expires_time).
alter table device_credentials
    add column certificate_sha256 bytea,
    add column certificate_subject text,
    add column certificate_not_after timestamptz,
    drop constraint device_credentials_check;

-- Not valid: what is there satisfied the constraint before, and need not be read again under the lock.
alter table device_credentials
    add constraint device_credentials_check check (
        case
            when certificate_sha256 is null then verifier is not null or key_hash is not null
            else length(certificate_sha256) = 32 and certificate_subject is not null
                and certificate_not_after is not null and verifier is null and key_hash is null
        end
    ) not valid;

-- Each certificate that was ever registered, for which device. It is that one's for good: what was revoked does not come
-- back, and no two devices are let in by the same.
create table device_certificates (
    sha256 bytea primary key check (length(sha256) = 32),
    device text collate "C" not null
);

grant select, insert on device_certificates to fleetlog_server;
