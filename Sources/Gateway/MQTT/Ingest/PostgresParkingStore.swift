package import Runtime

/// Parked messages in the table of that name. They are written with an append, so that they share a commit with events
/// that are on their way.
package struct PostgresParkingStore: ParkingStore {
    private let pool: PostgresPool
    private let log: any EventStore

    /// - Parameter log: the one in the same database.
    package init(pool: PostgresPool, log: any EventStore) {
        self.pool = pool
        self.log = log
    }

    package func park(_ messages: [ParkedMessage], under fence: StreamVersion) async throws(ParkingError) {
        guard let last = messages.last else { return }
        let rows = SideRow(
            Self.insert,
            [
                .textArray(messages.map(\.device)), .textArray(messages.map(\.received.topic)),
                .bytesArray(messages.map(\.received.payload)), .int8Array(messages.map(\.stamp.generation)),
                .textArray(messages.map { $0.stamp.earlier.map(String.init).joined(separator: ",") }),
                .int8Array(messages.map(\.stamp.number)), .timestampArray(messages.map(\.receivedTime)),
                .textArray(messages.map { String($0.reason.prefix(1_000)) }),
                .int8Array(messages.map { Int64($0.received.contentType.rawValue) }),
                .text(last.device), .int8(last.stamp.generation), .int8(last.stamp.number),
                .timestamp(last.receivedTime),
            ])
        do throws(EventStoreError) {
            let outcome = try await log.append(Append([], conditions: [fence], sideRows: [rows]))
            if case .accepted = outcome { return }
        } catch {
            throw .unavailable(reason: error.debugDescription)
        }
        throw .fenced
    }

    package func queues() async throws(ParkingError) -> [String: ParkedQueue] {
        try await attempt { connection in
            var queues: [String: ParkedQueue] = [:]
            for row in try await connection.query(Self.queues()) {
                queues[try row.text(0)] = ParkedQueue(count: Int(try row.int8(1)), oldest: try row.timestamp(2))
            }
            return queues
        }
    }

    package func first(
        _ limit: Int, of device: String
    ) async throws(ParkingError) -> [(id: Int64, message: ParkedMessage)] {
        try await attempt { connection in
            try await connection.query(Self.first(.text(device), .int8(Int64(limit)))).map { row in
                (try row.int8(0), try ParkedMessage(row, of: device))
            }
        }
    }

    package func remove(_ ids: [Int64]) async throws(ParkingError) {
        _ = try await attempt { connection in try await connection.query(Self.delete(.int8Array(ids))) }
    }

    package func removal(of id: Int64) -> SideRow? { SideRow(Self.deleteWithEvents, [.int8(id)]) }

    private func attempt<Value: Sendable>(
        _ body: (PostgresConnection) async throws -> Value
    ) async throws(ParkingError) -> Value {
        do {
            return try await pool.withConnection(body)
        } catch {
            throw .unavailable(reason: (error as? PostgresError)?.debugDescription ?? "\(error)")
        }
    }

    /// An append without events is sent again if the answer to its COMMIT is lost. If it was committed, the last of its
    /// messages is the newest of that message's device, since one server parks at a time, and one append after the other.
    private static let insert = Statement(
        "park messages",
        """
        insert into parked_messages (device, topic, payload, generation, earlier_generations, delivery_number,
            received_time, reason, content_type)
        select device, topic, payload, generation, string_to_array(earlier, ',')::bigint[], number, received, reason,
            content_type
        from unnest($2::text[], $3::text[], $4::bytea[], $5::bigint[], $6::text[], $7::bigint[], $8::timestamptz[],
            $9::text[], $10::bigint[]) with ordinality
            as message (device, topic, payload, generation, earlier, number, received, reason, content_type, place)
        where fleetlog_accepted($1) and not exists (
            select from (
                select generation, delivery_number, received_time from parked_messages
                where device = $11::text order by id desc limit 1
            ) as newest
            where (newest.generation, newest.delivery_number, newest.received_time) = ($12, $13, $14::timestamptz))
        order by place
        """)

    private static let queues = Statement(
        "queues of parked messages",
        "select device, count(*), min(received_time) from parked_messages group by device")

    private static let first = Statement(
        "first parked messages",
        """
        select id, topic, payload, generation, earlier_generations, delivery_number, received_time, reason,
            content_type::bigint
        from parked_messages where device = $1 order by id limit $2
        """)

    private static let deleteWithEvents = Statement(
        "remove a parked message with its events",
        "delete from parked_messages where id = $2 and fleetlog_accepted($1)")

    private static let delete = Statement("remove parked messages", "delete from parked_messages where id = any ($1)")
}

extension ParkedMessage {
    fileprivate init(_ row: Row, of device: String) throws(PostgresError) {
        self.init(
            device: device,
            received: ReceivedMessage(
                topic: try row.text(1), payload: try row.bytes(2), packetID: 0,
                contentType: ContentType(rawValue: Int16(clamping: try row.int8(8))) ?? .none),
            stamp: DeliveryStamp(
                generation: try row.int8(3), earlier: try row.int8Array(4), number: try row.int8(5)),
            receivedTime: try row.timestamp(6), reason: try row.text(7))
    }
}
