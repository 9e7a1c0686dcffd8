package import Aggregates
package import Runtime

/// Questions about the whole fleet, for all accounts at once: who may see less is shown less of the answer.
package protocol FleetOverviewQueries: Sendable {
    func fleetCounts() async throws(QueryError) -> [FleetCount]
    func recentTraffic() async throws(QueryError) -> [StreamTraffic]
    /// Alerts that are not cleared.
    func alertCounts() async throws(QueryError) -> [AlertCount]
}

/// How many devices of an account are alike, and what they have sent.
package struct FleetCount: Sendable, Hashable {
    package var account: AccountID
    package var type: DeviceType
    package var state: Device.Status
    package var presence: Connectivity.Presence
    package var devices: Int64
    package var drifted: Int64 = 0
    package var readings: Int64 = 0
    package var duplicates: Int64 = 0
    package var flagged: Int64 = 0
    package var refused: Int64 = 0
    package var late: Int64 = 0

    package init(
        account: AccountID, type: DeviceType, state: Device.Status, presence: Connectivity.Presence, devices: Int64
    ) {
        self.account = account
        self.type = type
        self.state = state
        self.presence = presence
        self.devices = devices
    }
}

/// What a stream has got lately: of the last events of the log, those of the last minute.
package struct StreamTraffic: Sendable, Hashable {
    package var stream: String
    package var account: AccountID
    package var events: Int64
    /// Those that devices' messages have led to.
    package var messages: Int64
    /// Over how many seconds the answer counts, the same for all its streams.
    package var seconds: Double

    package init(stream: String, account: AccountID, events: Int64, messages: Int64, seconds: Double) {
        self.stream = stream
        self.account = account
        self.events = events
        self.messages = messages
        self.seconds = seconds
    }
}

package struct AlertCount: Sendable, Hashable {
    package var account: AccountID
    package var state: Alert.Status
    package var severity: Severity
    package var alerts: Int64

    package init(account: AccountID, state: Alert.Status, severity: Severity, alerts: Int64) {
        self.account = account
        self.state = state
        self.severity = severity
        self.alerts = alerts
    }
}

extension PostgresFleetQueries: FleetOverviewQueries {
    package func fleetCounts() async throws(QueryError) -> [FleetCount] {
        try await read(OverviewStatements.devices(try generation(of: DevicesProjection.name))) {
            row throws(PostgresError) in
            guard let state = Device.Status(rawValue: try row.text(2)),
                let presence = Connectivity.Presence(rawValue: try row.text(3))
            else { throw .decoding(.init(column: 2, wanted: "a device state", found: "another text")) }
            var count = FleetCount(
                account: AccountID(try row.text(0)), type: DeviceType(try row.text(1)), state: state,
                presence: presence, devices: try row.int8(4))
            count.drifted = try row.int8(5)
            count.readings = try row.int8(6)
            count.duplicates = try row.int8(7)
            count.flagged = try row.int8(8)
            count.refused = try row.int8(9)
            count.late = try row.int8(10)
            return count
        }
    }

    package func recentTraffic() async throws(QueryError) -> [StreamTraffic] {
        try await read(OverviewStatements.traffic(past.map { .int8($0.position) } ?? .null)) {
            row throws(PostgresError) in
            StreamTraffic(
                stream: try row.text(0), account: AccountID(try row.text(1)), events: try row.int8(2),
                messages: try row.int8(3), seconds: try row.float8(4))
        }
    }

    package func alertCounts() async throws(QueryError) -> [AlertCount] {
        try await read(OverviewStatements.alerts(try generation(of: AlertsProjection.name))) {
            row throws(PostgresError) in
            guard let state = Alert.Status(rawValue: try row.text(1)),
                let severity = Severity(rawValue: try row.text(2))
            else { throw .decoding(.init(column: 1, wanted: "an alert's state", found: "another text")) }
            return AlertCount(
                account: AccountID(try row.text(0)), state: state, severity: severity, alerts: try row.int8(3))
        }
    }
}

private enum OverviewStatements {
    static let devices = Statement(
        "count_fleet",
        """
        select account, type, state, connectivity ->> 'presence', count(*), count(clock_drift),
            sum(telemetry_count)::int8, sum(duplicate_count)::int8, sum(flagged_count)::int8, sum(refused_count)::int8,
            sum(late_count)::int8
        from devices
        where generation = coalesce($1::int4, (select live_generation from projections where name = 'devices'))
        group by 1, 2, 3, 4
        """)

    /// Up to a position, or to the end of the log: a minute, or less if more events than are looked at came in it.
    static let traffic = Statement(
        "recent_traffic",
        """
        with last as (
            select coalesce($1::int8, position) as position,
                case when $1::int8 is null then clock_timestamp()
                    else (select recorded_time from events where position = $1::int8) end as time
            from log_head
        ), recent as (
            select stream, account, type, recorded_time from events
            where position > (select position - 10000 from last) and position <= (select position from last)
                and recorded_time > (select time - interval '1 minute' from last)
        ), span as (
            select case when count(*) < 10000 then 60
                else greatest(0.001, extract(epoch from (select time from last) - min(recorded_time))) end as seconds
            from recent
        )
        select stream, account, count(*),
            count(*) filter (where type in ('TelemetryRecorded', 'MessageRefused', 'DeviceConnected',
                'DeviceDisconnected', 'ConfigurationReported')),
            (select seconds from span)::float8
        from recent group by stream, account
        """)

    static let alerts = Statement(
        "count_alerts",
        """
        select account, state, severity, count(*) from alerts
        where generation = coalesce($1::int4, (select live_generation from projections where name = 'alerts'))
            and state in ('open', 'acknowledged')
        group by account, state, severity
        """)
}
