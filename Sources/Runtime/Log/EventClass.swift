/// How long an event is of use, which decides about the partitions that it is kept in.
package enum EventClass: Int32, Sendable, Hashable {
    /// Kept for as long as the log.
    case lifecycle = 0
    /// Comes by the thousand a second, and may leave when it is old.
    case telemetry = 1
}

/// The types of events that may be telemetry, by category, so that a reader of others can pass the partitions by.
package struct TelemetryTypes: Sendable {
    /// Nil if nothing is known; then all partitions are looked at.
    private let typesByCategory: [String: Set<String>]?

    /// - Parameter typesByCategory: all that ever were telemetry.
    package init(_ typesByCategory: [String: Set<String>]) { self.typesByCategory = typesByCategory }

    private init() { typesByCategory = nil }

    package static let unknown = TelemetryTypes()

    /// Category and type of each.
    package var all: [(category: String, type: String)] {
        (typesByCategory ?? [:]).flatMap { category, types in types.map { (category, $0) } }
    }

    /// Whether telemetry can be in the category, and of the type; nil stands for any.
    func mayInclude(category: String?, type: String?) -> Bool {
        guard let typesByCategory else { return true }
        let types =
            category.map { typesByCategory[$0] ?? [] } ?? typesByCategory.values.reduce(into: []) { $0.formUnion($1) }
        return type.map(types.contains) ?? !types.isEmpty
    }
}
