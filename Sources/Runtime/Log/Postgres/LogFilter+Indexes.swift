/// What a filter means for the ways into the log.
extension LogFilter {
    /// Whether nothing but reading all there is finds what passes: what devices and workflows did has no index of its own.
    var hasNoIndex: Bool {
        guard stream == nil, correlationID == nil, type == nil else { return false }
        switch principal {
        case nil, .user: return false
        case .device, .workflow, .system: return true
        }
    }

    /// Whether no reading can pass, whatever types there are: people record none, and requests lead to none.
    var excludesTelemetry: Bool {
        if case .user? = principal { return true }
        return correlationID != nil
    }
}
