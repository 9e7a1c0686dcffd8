-- What a device or a person proves itself with. Only verifiers and hashes are kept, never a key or a token.
create table device_credentials (
    device text not null,
    key_id text not null,
    -- PBKDF2-SHA512 in the form of Mosquitto's password file: $7$iterations$salt$hash
    verifier text not null,
    created_time timestamptz not null default now(),
    primary key (device, key_id)
);

create table api_tokens (
    id text primary key,
    name text not null,
    -- SHA-256 of the token, which is 256 random bits.
    secret_hash bytea not null unique,
    -- All accounts if null.
    account text,
    -- What may be done with it: 'admin' reads and writes, 'reader' reads.
    role text not null check (role in ('admin', 'reader')),
    created_time timestamptz not null default now(),
    expires_time timestamptz
);

grant select, insert, update, delete on device_credentials, api_tokens to fleetlog_server;
