/// How a database's schema compares with the program's migrations.
package struct MigrationStatus: Sendable, Hashable {
    struct Entry: Sendable, Hashable {
        let name: String
        let checksum: [UInt8]
    }

    /// Known to both, in order.
    package let applied: [String]
    /// Known to the program only.
    package let pending: [String]
    /// Known to the database only: it is newer than the program.
    package let unknown: [String]
    /// Applied with another text.
    package let changed: [String]
    /// Pending, though a later one is applied.
    package let outOfOrder: [String]

    /// Both in order of name.
    init(known: [Entry], applied entries: [Entry]) {
        let checksums = Dictionary(known.map { ($0.name, $0.checksum) }, uniquingKeysWith: { first, _ in first })
        let names = Set(entries.map(\.name))
        applied = entries.map(\.name).filter { checksums[$0] != nil }
        unknown = entries.map(\.name).filter { checksums[$0] == nil }
        changed = entries.filter { entry in checksums[entry.name].map { $0 != entry.checksum } ?? false }.map(\.name)
        let pending = known.map(\.name).filter { !names.contains($0) }
        let latest = applied.last
        self.pending = pending
        outOfOrder = pending.filter { name in
            latest.map { name.utf8.lexicographicallyPrecedes($0.utf8) } ?? false
        }
    }

    /// Whether the program may serve from this database.
    package var isCurrent: Bool { pending.isEmpty && unknown.isEmpty && changed.isEmpty }

    /// - Throws: if the database cannot be brought forward by this program.
    package func verify() throws(MigrationError) {
        if !unknown.isEmpty { throw .unknown(unknown) }
        if !changed.isEmpty { throw .changed(changed) }
        if !outOfOrder.isEmpty { throw .outOfOrder(outOfOrder) }
    }
}
