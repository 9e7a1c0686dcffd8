import Projections
import Runtime

/// The view `devices` as a later program might fold it.
enum RenamedDevices: Projection {
    static let name = DevicesProjection.name
    static let category = DevicesProjection.category
    static let definition = DevicesProjection.definition + 1

    static func evolve(_ row: inout DeviceRow?, with event: RecordedEvent) throws(EventCodecError) {
        try DevicesProjection.evolve(&row, with: event)
        guard let name = row?.name else { return }
        row?.name = name.uppercased()
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
