package import Runtime

/// Which devices' open commands the broker does not have as they are.
package protocol CommandOutbox: Sendable {
    /// Some of those that have changed, or of whose commands one is over by that time.
    func waiting(at time: Timestamp, _ limit: Int) async throws -> [WaitingDevice]
    /// The broker has them; those that have changed meanwhile go on waiting.
    func delivered(_ devices: [DeliveredCommands]) async throws
    /// The broker may have lost what it had: all wait again of whom it may still hold something.
    func startAgain(at time: Timestamp) async throws
}

package struct DeliveredCommands: Sendable, Hashable {
    package var waiting: WaitingDevice
    /// When the first of the commands that were delivered is over; nil if there were none.
    package var due: Timestamp?

    package init(_ waiting: WaitingDevice, due: Timestamp?) {
        self.waiting = waiting
        self.due = due
    }
}

package struct PostgresCommandOutbox: CommandOutbox {
    private let pool: PostgresPool

    package init(pool: PostgresPool) { self.pool = pool }

    package func waiting(at time: Timestamp, _ limit: Int) async throws -> [WaitingDevice] {
        try await query(Self.waiting(.int8(Int64(limit)), .timestamp(time))).map { row in
            WaitingDevice(try row.text(0), revision: try row.int8(1))
        }
    }

    package func delivered(_ devices: [DeliveredCommands]) async throws {
        _ = try await query(
            Self.delivered(
                .textArray(devices.map(\.waiting.id)), .int8Array(devices.map(\.waiting.revision)),
                .nullableTimestampArray(devices.map(\.due))))
    }

    package func startAgain(at time: Timestamp) async throws { _ = try await query(Self.startAgain(.timestamp(time))) }

    /// Written with the event that changes what is open.
    static func change(of device: String) -> SideRow { SideRow(change, [.text(device)]) }

    /// The same of a device that may never have had a command.
    static func end(of device: String) -> SideRow { SideRow(end, [.text(device)]) }

    private func query(_ statement: BoundStatement) async throws -> Rows {
        try await pool.withConnection { connection in try await connection.query(statement, timeout: .seconds(30)) }
    }

    private static let change = Statement(
        "change commands",
        """
        insert into command_messages (device) select $2 where fleetlog_accepted($1)
        on conflict (device) do update set revision = command_messages.revision + 1
        """)

    private static let end = Statement(
        "end commands",
        "update command_messages set revision = revision + 1 where device = $2 and fleetlog_accepted($1)")

    private static let waiting = Statement(
        "waiting commands",
        """
        (select device, revision from command_messages where revision > delivered_revision limit $1)
        union
        (select device, revision from command_messages where due_time <= $2 limit $1)
        order by device limit $1
        """)

    /// Until `held_time` the broker may hold a message with commands that are over or cancelled.
    private static let delivered = Statement(
        "delivered commands",
        """
        update command_messages m
        set delivered_revision = d.revision, due_time = d.due, held_time = greatest(m.held_time, d.due)
        from unnest($1::text[], $2::bigint[], $3::timestamptz[]) as d (device, revision, due)
        where m.device = d.device
        """)

    private static let startAgain = Statement(
        "deliver commands again",
        "update command_messages set delivered_revision = 0 where delivered_revision > 0 and held_time > $1")
}
