extension PostgresConnection {
    /// Takes the rows of a `copy ... to stdout (format binary)`, as many as fit into `byteLimit` but at least one.
    ///
    /// A copy takes no parameters; what it depends on has to be set on the connection. One that is cut at the limit is
    /// cancelled, so that Postgres keeps no snapshot for rows that nobody takes.
    /// - Parameter timeout: counts from the call; the copy is then cancelled and `timedOut` thrown.
    package func copyOut(
        _ statement: Statement, byteLimit: Int, timeout: Duration? = nil
    ) async throws(PostgresError) -> CopiedRows {
        let id = newConversation()
        copies[id] = CopiedRows(byteLimit: byteLimit)
        defer { copies[id] = nil }
        do throws(PostgresError) {
            _ = try await converse(.copy(statement), as: id, timeout: timeout, uncancellable: false)
        } catch .cancelled where copies[id]?.isCut == true && !Task.isCancelled {
            // As it should be.
        }
        guard let rows = copies[id] else { throw .misuse("the rows of a copy were taken twice") }
        return rows
    }

    /// Hands rows to a `copy ... from stdin (format binary)`, all of them or none.
    ///
    /// They are held twice until Postgres has taken them, so that whoever has many sends them in several parts.
    package func copyIn(
        _ statement: Statement, _ rows: consuming CopyBuffer, timeout: Duration? = nil
    ) async throws(PostgresError) {
        let id = newConversation()
        rowsToCopy[id] = rows.ended()
        defer { rowsToCopy[id] = nil }
        _ = try await converse(.copy(statement), as: id, timeout: timeout, uncancellable: false)
    }

    /// Sends the rows that the copy under way waits for; false if it cannot be done.
    func sendCopy() -> Bool {
        guard let id = pipeline.running, let rows = rowsToCopy[id] else { return false }
        return wire?.sendCopy(rows) == true
    }

    /// Takes what has arrived of the copy under way; false if more is to come.
    func takeCopy() -> Bool {
        guard let id = pipeline.running else { return false }
        // Taken out meanwhile, or each row would copy those before it.
        var rows = copies.removeValue(forKey: id)
        let wasCut = rows?.isCut ?? true
        let step = wire?.takeCopy { rows?.take($0) }
        let isCut = rows?.isCut ?? true
        copies[id] = rows
        switch step {
        case .end: pipeline.endCopy()
        case .wait:
            if isCut, !wasCut { giveUp(id, .cancelled) }
            return false
        case .failed, nil:
            lose(wire?.message ?? "")
            return false
        }
        return true
    }
}
