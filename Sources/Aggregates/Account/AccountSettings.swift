/// The numbers that an account's workflows go by.
package struct AccountSettings: Sendable, Codable, Equatable {
    package struct Overheating: Sendable, Codable, Equatable {
        /// The average in degrees Celsius above which a device overheats.
        package var limit: Double
        /// How many readings the average is taken over.
        package var n: Int
        /// How long the average must be above the limit, in seconds of observed time.
        package var seconds: Int
        /// The average at or below which an alert is cleared; below `limit`, so that it does not flicker.
        package var clear: Double

        package init(limit: Double = 50, n: Int = 5, seconds: Int = 60, clear: Double? = nil) {
            self.limit = limit
            self.n = n
            self.seconds = seconds
            self.clear = clear ?? limit - 2
        }
    }

    package struct Silence: Sendable, Codable, Equatable {
        /// How long a device may be silent before it is offline, in seconds; nil means its type's own interval.
        package var seconds: Int?
        /// How long it may then be offline before an alert is raised, in seconds.
        package var grace: Int

        package init(seconds: Int? = nil, grace: Int = 60) {
            self.seconds = seconds
            self.grace = grace
        }
    }

    package var overheating: Overheating
    package var silence: Silence

    package init(overheating: Overheating = Overheating(), silence: Silence = Silence()) {
        self.overheating = overheating
        self.silence = silence
    }
}

extension AccountSettings {
    func check() throws(Account.Rejection) {
        try Self.check("overheating.limit", (-1_000...1_000).contains(overheating.limit), "must be from -1000 to 1000")
        try Self.check("overheating.n", (1...1_000).contains(overheating.n), "must be from 1 to 1000")
        try Self.check("overheating.seconds", Self.seconds.contains(overheating.seconds), "must be from 0 to 86400")
        try Self.check(
            "overheating.clear", (-1_000...overheating.limit).contains(overheating.clear),
            "must be from -1000 to the limit")
        try Self.check(
            "silence.seconds", (1...Self.seconds.upperBound).contains(silence.seconds ?? 1), "must be from 1 to 86400")
        try Self.check("silence.grace", Self.seconds.contains(silence.grace), "must be from 0 to 86400")
    }

    private static let seconds = 0...86_400

    private static func check(_ field: String, _ holds: Bool, _ reason: String) throws(Account.Rejection) {
        if !holds { throw .malformed(field: field, reason: reason) }
    }
}
