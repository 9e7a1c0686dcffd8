import Runtime

extension ArmedFailpoint {
    /// The failpoint that is set; nil if none is.
    ///
    /// Release builds have no failpoints, and refuse one instead of running on as if it would be honoured.
    init?(_ sources: SettingsSources, exist: Bool = Failpoint.exist) throws(SettingsError) {
        guard let (text, origin) = sources.value("failpoint") else { return nil }
        guard exist else { throw SettingsError("\(origin) is set: only a debug build has failpoints") }
        guard let failpoint = ArmedFailpoint(text) else {
            throw SettingsError(
                "\(origin) is '\(text)': give a name, or name:n for the n-th time; the names are "
                    + Failpoint.allCases.map(\.rawValue).joined(separator: ", "))
        }
        self = failpoint
    }
}
