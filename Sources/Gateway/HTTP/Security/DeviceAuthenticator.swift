import Crypto
import Foundation
import HTTPTypes
import Runtime
import Synchronization

/// A device whose key holds. Nothing but the ``DeviceAuthenticator`` makes one.
struct ProvenDevice: Sendable {
    let id: String

    fileprivate init(_ id: String) { self.id = id }
}

/// What a request says of the device that sends it: its key, and its id unless that is left to the body.
struct DeviceClaim: Sendable {
    let peer: Peer
    let key: String
    let device: String?
}

/// Finds out which device asks, by its own key.
///
/// A device names itself as MQTT has it, user name and password in `Authorization: Basic`; or it sends its key alone as
/// a bearer token, and its id as `device_id` in the query or in the body. An address pays for wrong keys; a device that
/// proved itself lately is always looked up, so that its neighbours at the same address cannot shut it out.
final class DeviceAuthenticator: Sendable {
    private static let capacity = 100_000

    private let keys: any DeviceKeys
    private let failures: FailureBudget
    /// Hashes of devices and keys that have held.
    private let known = Mutex<Set<[UInt8]>>([])

    init(keys: any DeviceKeys, failures: FailureBudget = FailureBudget()) {
        self.keys = keys
        self.failures = failures
    }

    /// - Throws: 401 for a header that holds no key, before the body is read.
    func claim(of exchange: Exchange) throws(Problem) -> DeviceClaim {
        let words = exchange.header(.authorization)?.split(separator: " ", maxSplits: 1) ?? []
        let named = exchange.query["device_id"]
        switch (words.first?.lowercased(), words.dropFirst().first) {
        case ("bearer", let key?):
            return DeviceClaim(peer: exchange.peer, key: String(key), device: named)
        case ("basic", let text?):
            guard let data = Data(base64Encoded: String(text)), let pair = String(validating: data, as: UTF8.self),
                let colon = pair.firstIndex(of: ":")
            else { throw .deviceUnauthorized }
            let device = String(pair[..<colon])
            if let named, named != device { throw .foreignDevice }
            return DeviceClaim(peer: exchange.peer, key: String(pair[pair.index(after: colon)...]), device: device)
        default: throw .deviceUnauthorized
        }
    }

    /// - Throws: 401 for a wrong key, 429 for one too many.
    func prove(_ claim: DeviceClaim, is device: String) async throws(Problem) -> ProvenDevice {
        let pair = Array(SHA256.hash(data: Data("\(device)\n\(claim.key)".utf8)))
        if !known.withLock({ $0.contains(pair) }) { try failures.check(claim.peer) }
        let holds: Bool
        do throws(DeviceKeysError) {
            holds = try await keys.verify(device: device, key: claim.key)
        } catch {
            throw Problem(error)
        }
        guard holds, StreamName("device-\(device)") != nil else {
            known.withLock { _ = $0.remove(pair) }
            try failures.charge(claim.peer)
            throw .deviceUnauthorized
        }
        known.withLock { known in
            if known.count >= Self.capacity { known.removeAll() }
            known.insert(pair)
        }
        return ProvenDevice(device)
    }
}
