/// The statements that a connection knows by name.
///
/// A statement is prepared with the types of its parameters. A null has none, so a statement first used with a null
/// may need a second preparation later, under a name with a number.
struct PreparedStatements {
    private struct Variant {
        let name: String
        let types: [UInt32]
    }

    private struct Entry {
        let sql: String
        var variants: [Variant] = []
        /// Never goes back: a name whose preparation failed is not used again.
        var count = 0
    }

    private var entries: [String: Entry] = [:]

    /// Decides what is to be prepared before `conversation`, and takes it as prepared from now on.
    mutating func plan(for conversation: Pipeline.Conversation) -> Result<Pipeline.Plan, PostgresError> {
        guard case .batch(let batch) = conversation.content else { return .success(Pipeline.Plan()) }
        for bound in batch {
            if let problem = bound.problem { return .failure(.misuse("\(bound.statement.name): \(problem)")) }
            if let entry = entries[bound.statement.name], bound.statement.isPrepared,
                entry.sql != bound.statement.sql
            {
                return .failure(.misuse("two statements are named '\(bound.statement.name)'"))
            }
        }
        var plan = Pipeline.Plan()
        plan.names.reserveCapacity(batch.count)
        for (index, bound) in batch.enumerated() {
            guard bound.statement.isPrepared else {
                plan.names.append(nil)
                continue
            }
            var entry = entries[bound.statement.name] ?? Entry(sql: bound.statement.sql)
            if let known = entry.variants.first(where: { bound.parameters.fit($0.types) }) {
                plan.names.append(known.name)
                continue
            }
            entry.count += 1
            let name = entry.count == 1 ? bound.statement.name : "\(bound.statement.name)#\(entry.count)"
            let types = bound.parameters.slots.map(\.type)
            entry.variants.append(Variant(name: name, types: types))
            entries[bound.statement.name] = entry
            plan.prepares.append((name, index, types))
            plan.names.append(name)
        }
        return .success(plan)
    }

    mutating func forget(_ name: String) {
        let base = name.prefix { $0 != "#" }
        entries[String(base)]?.variants.removeAll { $0.name == name }
    }
}

extension EncodedParameters {
    /// A null goes with any type.
    fileprivate func fit(_ types: [UInt32]) -> Bool {
        slots.count == types.count && zip(slots, types).allSatisfy { $0.range == nil || $0.type == $1 }
    }
}

extension BoundStatement {
    /// Why the protocol cannot carry it.
    fileprivate var problem: String? {
        if parameters.slots.count > 65_535 { return "more than 65,535 parameters" }
        let limit = 1 << 30
        if parameters.slots.contains(where: { ($0.range?.count ?? 0) >= limit }) {
            return "a parameter of 1 GB or more"
        }
        if parameters.bytes.count > 2_000_000_000 { return "parameters of more than 2 GB" }
        let length = statement.name.utf8.count  // Postgres cuts names at 63 bytes
        if statement.isPrepared && (length == 0 || length > 56 || statement.name.utf8.contains(UInt8(ascii: "#"))) {
            return "a prepared statement's name must have 1 to 56 bytes and no '#'"
        }
        return nil
    }
}
