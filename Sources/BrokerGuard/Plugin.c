#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>
#include <mqtt_protocol.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "BrokerGuard.h"
#include "Certificate.h"
#include "Control.h"
#include "Guard.h"
#include "Report.h"

// The header leaves it empty, and everything else of this library is hidden.
#undef mosq_plugin_EXPORT
#define mosq_plugin_EXPORT __attribute__((visibility("default")))

enum { report_room = 65536, status_room = 1024, password_room = 256, feeders_limit = 8 };

// A gateway's connection that has said hello.
typedef struct {
    const struct mosquitto *client;
    char id[guard_client_id_limit + 1];
} feeder;

// The broker is single-threaded and loads the plugin once.
typedef struct {
    guard *guard;
    // In the order of their hellos. Figures go to all of them, reports to the last.
    feeder feeders[feeders_limit];
    size_t feeder_count;
    bool status_is_due, is_reloading;
    uint32_t told_s;
    char report[report_room];
} plugin;

static guard_time now(void) {
    struct timespec steady, day;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &steady);
    clock_gettime(CLOCK_REALTIME_COARSE, &day);
    return (guard_time){
        .ms = (uint32_t)((uint64_t)steady.tv_sec * 1000 + (uint64_t)steady.tv_nsec / 1000000),
        .s = (uint32_t)steady.tv_sec,
        .unix_ms = (uint64_t)day.tv_sec * 1000 + (uint64_t)day.tv_nsec / 1000000,
    };
}

typedef enum { no_certificate, certificate_read, certificate_failed } certificate_outcome;

// The broker has checked it in the handshake; it asks for one on listeners with require_certificate only.
static certificate_outcome read_certificate(const struct mosquitto *client, guard_certificate *into) {
    X509 *held = mosquitto_client_certificate(client);
    if (held == NULL) return no_certificate;
    bool is_read = guard_certificate_read(held, into);
    X509_free(held);
    return is_read ? certificate_read : certificate_failed;
}

static int on_login(int event, void *data, void *context) {
    (void)event;
    plugin *self = context;
    const struct mosquitto_evt_basic_auth *login = data;
    guard_login asked = {
        .client = login->client, .client_id = mosquitto_client_id(login->client), .user = login->username,
        .password = login->password, .address = mosquitto_client_address(login->client),
    };
    guard_certificate certificate;
    switch (read_certificate(login->client, &certificate)) {
    case no_certificate: break;
    case certificate_failed: return MOSQ_ERR_UNKNOWN;
    case certificate_read:
        asked.certificate = certificate.digest;
        // From now on the broker knows the client by this name, as if it had said it; it proves nothing.
        if (asked.user == NULL && *certificate.common_name) {
            if (mosquitto_set_username(login->client, certificate.common_name) != MOSQ_ERR_SUCCESS) {
                return MOSQ_ERR_UNKNOWN;
            }
            asked.user = certificate.common_name;
        }
        break;
    }
    // After a reload the broker asks anew for those who are connected, and for sessions without a connection.
    guard_outcome outcome =
        self->is_reloading ? guard_recheck(self->guard, &asked, now()) : guard_connect(self->guard, &asked, now());
    // Any other error ends the connection without an answer: a device must not take it for a word about its key.
    if (outcome == guard_not_ready || outcome == guard_no_memory) return MOSQ_ERR_UNKNOWN;
    return outcome == guard_admitted ? MOSQ_ERR_SUCCESS : MOSQ_ERR_AUTH;
}

static int on_access(int event, void *data, void *context) {
    (void)event;
    plugin *self = context;
    const struct mosquitto_evt_acl_check *asked = data;
    const char *user = mosquitto_client_username(asked->client);
    bool is_allowed = false;
    switch (asked->access) {
    case MOSQ_ACL_WRITE: {
        // Version 3.1.1 acknowledges what is refused. QoS 0 has no acknowledgement.
        bool is_heard = asked->qos == 0 || mosquitto_client_protocol_version(asked->client) >= 5;
        switch (guard_publish(self->guard, user, asked->topic, asked->payloadlen, asked->retain, is_heard, now())) {
        case guard_allowed: is_allowed = true; break;
        case guard_denied: break;
        // Any other error ends the connection: the message is not acknowledged, and comes again.
        case guard_cut_off: return MOSQ_ERR_UNKNOWN;
        }
        break;
    }
    case MOSQ_ACL_READ: is_allowed = guard_read(self->guard, user, asked->topic); break;
    case MOSQ_ACL_SUBSCRIBE: is_allowed = guard_subscribe(self->guard, user, asked->topic, now()); break;
    case MOSQ_ACL_UNSUBSCRIBE: is_allowed = true; break;
    default: break;
    }
    return is_allowed ? MOSQ_ERR_SUCCESS : MOSQ_ERR_ACL_DENIED;
}

// What a property holds, in bytes. The broker hands out copies only; what it has no memory for counts as nothing.
static uint32_t length_of(const mosquitto_property *property) {
    int kind = mosquitto_property_identifier(property);
    char *name = NULL, *text = NULL;
    void *data = NULL;
    uint16_t length = 0;
    switch (kind) {
    case MQTT_PROP_USER_PROPERTY: mosquitto_property_read_string_pair(property, kind, &name, &text, false); break;
    case MQTT_PROP_CONTENT_TYPE:
    case MQTT_PROP_RESPONSE_TOPIC: mosquitto_property_read_string(property, kind, &text, false); break;
    case MQTT_PROP_CORRELATION_DATA: mosquitto_property_read_binary(property, kind, &data, &length, false); break;
    default: break;
    }
    size_t bytes = 5 + (name ? strlen(name) : 0) + (text ? strlen(text) : 0) + length;
    free(name);
    free(text);
    free(data);
    return (uint32_t)bytes;
}

// The payload's length, which on_access is told, does not say what else a message carries.
static bool may_carry(plugin *self, const struct mosquitto *client, const mosquitto_property *properties) {
    uint32_t count = 0, bytes = 0;
    for (; properties; properties = mosquitto_property_next(properties)) {
        count++;
        bytes += length_of(properties);
        // Nobody asks how much more there is.
        if (count > guard_properties_limit || bytes > guard_property_bytes_limit) break;
    }
    const char *user = mosquitto_client_username(client), *address = mosquitto_client_address(client);
    return guard_carry(self->guard, user, address, count, bytes, now());
}

// The broker owns what is added, and frees it with the message.
static int on_message(int event, void *data, void *context) {
    (void)event;
    plugin *self = context;
    struct mosquitto_evt_message *message = data;
    if (guard_is_gateway(self->guard, mosquitto_client_username(message->client))) return MOSQ_ERR_SUCCESS;
    // The connection ends: the message is not acknowledged.
    if (!may_carry(self, message->client, message->properties)) return MOSQ_ERR_UNKNOWN;
    char arrival[guard_arrival_room];
    guard_write_arrival(self->guard->arrival_key, message->topic, now().unix_ms, arrival);
    int added = mosquitto_property_add_string_pair(
        &message->properties, MQTT_PROP_USER_PROPERTY, GUARD_ARRIVAL_PROPERTY, arrival);
    return added == MOSQ_ERR_NOMEM ? MOSQ_ERR_NOMEM : MOSQ_ERR_SUCCESS;
}

static void forget_feeder(plugin *self, const struct mosquitto *client) {
    size_t kept = 0;
    for (size_t at = 0; at < self->feeder_count; at++) {
        if (self->feeders[at].client != client) self->feeders[kept++] = self->feeders[at];
    }
    self->feeder_count = kept;
}

static void add_feeder(plugin *self, const struct mosquitto *client) {
    const char *id = mosquitto_client_id(client);
    if (id == NULL || strlen(id) > guard_client_id_limit) return;
    forget_feeder(self, client);
    if (self->feeder_count == feeders_limit) forget_feeder(self, self->feeders[0].client);
    feeder *added = &self->feeders[self->feeder_count++];
    added->client = client;
    memcpy(added->id, id, strlen(id) + 1);
    self->status_is_due = true;
}

static int on_disconnect(int event, void *data, void *context) {
    (void)event;
    plugin *self = context;
    const struct mosquitto_evt_disconnect *gone = data;
    forget_feeder(self, gone->client);
    // With version 5 a clean start says nothing about the end, and for how long the session is kept is not to be had here.
    guard_keeping keeping = !mosquitto_client_clean_session(gone->client) ? guard_session_kept
        : mosquitto_client_protocol_version(gone->client) >= 5          ? guard_session_doubtful
                                                                        : guard_session_over;
    guard_disconnected(self->guard, gone->client, mosquitto_client_id(gone->client), keeping);
    return MOSQ_ERR_SUCCESS;
}

// Who publishes here has passed on_access, which lets the gateway alone.
static int on_control(int event, void *data, void *context) {
    (void)event;
    plugin *self = context;
    const struct mosquitto_evt_control *message = data;
    bool was_ready = self->guard->is_ready;
    switch (guard_control(self->guard, message->payload, message->payloadlen, now())) {
    case guard_control_done:
        if (self->guard->is_ready && !was_ready) {
            mosquitto_log_printf(MOSQ_LOG_NOTICE, "BrokerGuard knows %u devices.", self->guard->table.devices.in_use);
        }
        break;
    case guard_control_hello: add_feeder(self, message->client); break;
    case guard_control_malformed:
        mosquitto_log_printf(MOSQ_LOG_ERR, "BrokerGuard cannot read a message of the gateway.");
        return MOSQ_ERR_INVAL;
    case guard_control_no_memory: return MOSQ_ERR_NOMEM;
    }
    return MOSQ_ERR_SUCCESS;
}

static void tell(plugin *self, const feeder *to, const char *topic, size_t length) {
    if (length) mosquitto_broker_publish_copy(to->id, topic, (int)length, self->report, 0, false, NULL);
}

// Between two rounds of the broker: only here may a client be disconnected, since no packet of it is being handled.
static int on_tick(int event, void *data, void *context) {
    (void)event;
    (void)data;
    plugin *self = context;
    self->is_reloading = false;
    for (const struct mosquitto *client; (client = guard_next_doomed(self->guard));) {
        char id[65536];
        snprintf(id, sizeof id, "%s", mosquitto_client_id(client));
        mosquitto_kick_client_by_clientid(id, true);
    }
    guard_time time = now();
    if (self->feeder_count == 0 || (!self->status_is_due && time.s == self->told_s)) return MOSQ_ERR_SUCCESS;
    self->status_is_due = false;
    self->told_s = time.s;
    size_t length = guard_write_status(self->guard, self->report, status_room);
    for (size_t at = 0; at < self->feeder_count; at++) tell(self, &self->feeders[at], GUARD_STATUS_TOPIC, length);
    length = guard_write_report(self->guard, self->report, report_room, time);
    tell(self, &self->feeders[self->feeder_count - 1], GUARD_REPORT_TOPIC, length);
    return MOSQ_ERR_SUCCESS;
}

static int on_reload(int event, void *data, void *context) {
    (void)event;
    (void)data;
    ((plugin *)context)->is_reloading = true;
    return MOSQ_ERR_SUCCESS;
}

static bool read_password(const char *path, char password[password_room]) {
    FILE *file = fopen(path, "re");
    if (file == NULL) return false;
    bool is_read = fgets(password, password_room, file) != NULL;
    fclose(file);
    if (is_read) password[strcspn(password, "\r\n")] = 0;
    return is_read && *password;
}

static bool listen(mosquitto_plugin_id_t *identifier, plugin *self) {
    const struct {
        int event;
        MOSQ_FUNC_generic_callback call;
        const char *topic;
    } callbacks[] = {
        {MOSQ_EVT_BASIC_AUTH, on_login, NULL},       {MOSQ_EVT_ACL_CHECK, on_access, NULL},
        {MOSQ_EVT_MESSAGE, on_message, NULL},        {MOSQ_EVT_DISCONNECT, on_disconnect, NULL},
        {MOSQ_EVT_CONTROL, on_control, GUARD_CONTROL_TOPIC}, {MOSQ_EVT_TICK, on_tick, NULL},
        {MOSQ_EVT_RELOAD, on_reload, NULL},
    };
    for (size_t at = 0; at < sizeof callbacks / sizeof *callbacks; at++) {
        int code = mosquitto_callback_register(
            identifier, callbacks[at].event, callbacks[at].call, callbacks[at].topic, self);
        if (code != MOSQ_ERR_SUCCESS) return false;
    }
    return true;
}

mosq_plugin_EXPORT int mosquitto_plugin_version(int count, const int *versions) {
    for (int at = 0; at < count; at++) {
        if (versions[at] == MOSQ_PLUGIN_VERSION) return MOSQ_PLUGIN_VERSION;
    }
    return -1;
}

mosq_plugin_EXPORT int mosquitto_plugin_init(
    mosquitto_plugin_id_t *identifier, void **context, struct mosquitto_opt *options, int count) {
    const char *user = "fleetlog", *file = NULL;
    for (int at = 0; at < count; at++) {
        if (strcmp(options[at].key, "gateway_user") == 0) user = options[at].value;
        if (strcmp(options[at].key, "gateway_password_file") == 0) file = options[at].value;
    }
    char password[password_room];
    if (file == NULL || !read_password(file, password)) {
        mosquitto_log_printf(MOSQ_LOG_ERR, "BrokerGuard needs plugin_opt_gateway_password_file, a file with a password.");
        return MOSQ_ERR_INVAL;
    }
    plugin *self = calloc(1, sizeof *self);
    if (self) self->guard = guard_create(user, password);
    if (self == NULL || self->guard == NULL || !listen(identifier, self)) return MOSQ_ERR_NOMEM;
    *context = self;
    return MOSQ_ERR_SUCCESS;
}

mosq_plugin_EXPORT int mosquitto_plugin_cleanup(void *context, struct mosquitto_opt *options, int count) {
    (void)options;
    (void)count;
    plugin *self = context;
    if (self == NULL) return MOSQ_ERR_SUCCESS;
    guard_destroy(self->guard);
    free(self);
    return MOSQ_ERR_SUCCESS;
}
