package import Aggregates
package import Runtime

/// What lets a device in at the broker, as of a revision.
package struct DeviceAccess: Sendable, Equatable {
    package enum State: String, Sendable {
        case active, quarantined, removed
    }

    package struct Key: Sendable, Equatable {
        package enum Proof: Sendable, Equatable {
            case sha256([UInt8])
            /// PBKDF2-SHA512, as keys were kept until migration 14.
            case derived(rounds: UInt32, salt: [UInt8], hash: [UInt8])
            /// SHA-256 of a certificate.
            case certificate([UInt8])
        }

        package var number: UInt16
        package var proof: Proof
        package var expires: Timestamp?

        package init(number: UInt16, proof: Proof, expires: Timestamp? = nil) {
            self.number = number
            self.proof = proof
            self.expires = expires
        }
    }

    package var device: String
    package var revision: Int64
    package var state: State
    package var keys: [Key]
    /// Nil if it is not known.
    package var type: DeviceTypeName?
    /// The device's own.
    package var limits: MessageLimits?

    package init(
        device: String, revision: Int64, state: State = .active, keys: [Key], type: DeviceTypeName? = nil,
        limits: MessageLimits? = nil
    ) {
        self.device = device
        self.revision = revision
        self.state = state
        self.keys = keys
        self.type = type
        self.limits = limits
    }
}

/// A key whose hash the broker's guard has learned at a login.
package struct LearnedKey: Sendable, Equatable {
    package var device: String
    package var number: UInt16
    package var sha256: [UInt8]
}

/// Where it is written down who may come in.
package protocol DeviceAccessSource: Sendable {
    /// The newest revision and the number of devices.
    func extent() async throws -> (revision: Int64, devices: Int)
    /// In the order of the devices' ids; empty after the last one.
    func page(after device: String, limit: Int) async throws -> [DeviceAccess]
    /// Those of a type, in the order of the devices' ids; empty after the last one.
    func page(of type: DeviceTypeName, after device: String, limit: Int) async throws -> [DeviceAccess]
    /// In the order of the revisions.
    func changes(after revision: Int64, limit: Int) async throws -> [DeviceAccess]
    /// Devices with a key whose time has run out since then.
    func expired(since time: Timestamp) async throws -> [DeviceAccess]
    func access(of devices: [String]) async throws -> [DeviceAccess]
    func note(used: [(device: String, number: UInt16)], learned: [LearnedKey]) async throws
}
