/// An account for the simulated fleet alone, with settings that show what happens sooner than real ones would.
package struct OwnAccount: Sendable, Equatable {
    package struct Settings: Sendable, Encodable, Equatable {
        package struct Overheating: Sendable, Encodable, Equatable {
            package var limit: Double
            package var n: Int
            package var seconds: Int
        }

        package struct Silence: Sendable, Encodable, Equatable {
            package var seconds: Int
            package var grace: Int
        }

        package var overheating: Overheating
        package var silence: Silence
    }

    package var id: String
    package var name: String
    package var settings: Settings

    /// For a fleet whose devices report every few seconds.
    package static let demonstration = OwnAccount(
        id: "simulation", name: "Simulated fleet",
        settings: Settings(
            overheating: .init(limit: 45, n: 3, seconds: 10), silence: .init(seconds: 30, grace: 15)))
}
