import Aggregates
import Glibc
import Projections
import Runtime
import Synchronization

/// The view `devices`, by code that is broken for some devices until it is mended.
enum FaultyDevices: Projection {
    enum Fault {
        /// From the device's event of this version on.
        case throwing(Int64)
        case hanging(Int64)
        case swelling(Int64)
    }
    static let faults = Mutex<[String: Fault]>([:])

    static let name = DevicesProjection.name
    static let category = DevicesProjection.category
    static let definition = DevicesProjection.definition

    static func evolve(_ row: inout DeviceRow?, with event: RecordedEvent) throws(EventCodecError) {
        let id = event.stream.id
        switch faults.withLock({ $0[id] }) {
        case .throwing(let version) where event.version >= version: throw .malformed(type: event.type, reason: "broken")
        case .hanging(let version) where event.version >= version:
            while faults.withLock({ $0[id] }) != nil { usleep(1_000) }
            throw .malformed(type: event.type, reason: "nobody waits for this")
        case .swelling(let version) where event.version >= version:
            try DevicesProjection.evolve(&row, with: event)
            row?.name = String(repeating: "x", count: 300_000)
        default: try DevicesProjection.evolve(&row, with: event)
        }
    }

    static func id(of row: DeviceRow) -> String { DevicesProjection.id(of: row) }
    static func load(_ ids: [String], generation: Int32) -> BoundStatement {
        DevicesProjection.load(ids, generation: generation)
    }
    static func page(after id: String, limit: Int64, generation: Int32) -> BoundStatement {
        DevicesProjection.page(after: id, limit: limit, generation: generation)
    }
    static func decode(_ row: Runtime.Row) throws(PostgresError) -> DeviceRow { try DevicesProjection.decode(row) }
    static func store(_ rows: [DeviceRow], generation: Int32) -> BoundStatement {
        DevicesProjection.store(rows, generation: generation)
    }
    static func digests(of generations: [Int32]) -> BoundStatement { DevicesProjection.digests(of: generations) }
}
