/// Whether the server can do its work right now.
package protocol ReadinessCheck: Sendable {
    /// Why it cannot, in sentences for operators; empty if it can.
    func reasonsAgainst() async -> [String]
}
