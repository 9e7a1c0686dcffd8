/// Who may ingest. Several servers ask; one is let in at a time.
package protocol IngestLease: Sendable {
    /// Waits for the role, runs `body` while it lasts, and cancels `body` when it is lost. Returns when `body` has.
    func lead(_ body: @escaping @Sendable () async -> Void) async
}
