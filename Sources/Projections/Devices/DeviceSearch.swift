import Aggregates
import Runtime

/// A question for a page of devices: one of the ``DeviceSearchStatement``s, and what is asked for.
struct DeviceSearch {
    private let filter: DeviceFilter
    private let scope: AccountScope
    private let order: DeviceOrder
    private let place: DevicePlace?
    private let limit: Int
    /// The live one if nil.
    private let generation: Int32?
    /// As of which it is, if it is not the live one.
    private let position: Int64?

    init(
        _ filter: DeviceFilter, scope: AccountScope, in order: DeviceOrder, after place: DevicePlace?, limit: Int,
        generation: Int32?, position: Int64? = nil
    ) {
        self.filter = filter
        self.scope = scope
        self.order = order
        self.place = place
        self.limit = limit
        self.generation = generation
        self.position = position
    }

    var statement: BoundStatement {
        let asked = DeviceSearchStatement(order: order, isWide: isWide)
        return asked.statement.bind(narrow + (isWide ? wide : []) + (asked.keyParameter == nil ? [] : [key]))
    }

    /// Whether it says something that the narrow rows do not hold.
    private var isWide: Bool {
        !order.isNarrow || filter.state != nil || filter.connectivity != nil || filter.hasDrifted
            || filter.isSilentSince != nil
            || filter.hasReadingSince != nil
    }

    private var narrow: [PostgresValue] {
        let area = filter.area
        let crosses = area.map { $0.west > $0.east } ?? false
        return [
            .int8(Int64(limit)), generation.map { .int4($0) } ?? .null, scope.parameter,
            filter.text.map { .text(Self.escaped($0)) } ?? .null,
            filter.labels.isEmpty ? .null : .text(ViewJSON.encode(filter.labels)),
            filter.type.map { .text($0.rawValue) } ?? .null, filter.place.map { .text(Self.escaped($0)) } ?? .null,
            area.map { .float8($0.west) } ?? .null, area.map { .float8(crosses ? 180 : $0.east) } ?? .null,
            area.map { .float8($0.south) } ?? .null, area.map { .float8($0.north) } ?? .null,
            area.flatMap { crosses ? .float8($0.east) : nil } ?? .null,
            place.map { .text($0.id) } ?? .null,
        ]
    }

    private var wide: [PostgresValue] {
        let presence = filter.connectivity == .flapping ? nil : filter.connectivity
        return [
            presence.map { .text($0.rawValue) } ?? .null, .bool(filter.connectivity == .flapping),
            .bool(filter.hasDrifted), filter.isSilentSince.map { .timestamp($0) } ?? .null,
            filter.hasReadingSince.map { .timestamp($0) } ?? .null,
            filter.state.map { .text($0.rawValue) } ?? .null, position.map { .int8($0) } ?? .null,
        ]
    }

    private var key: PostgresValue {
        switch place?.key {
        case nil, .some(.none): .null
        case .text(let text): .text(text)
        case .time(let time): time.map { .timestamp($0) } ?? .null
        }
    }

    /// A text in which nothing stands for something else in `like`.
    private static func escaped(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("%", with: "\\%").replacing("_", with: "\\_")
    }
}
