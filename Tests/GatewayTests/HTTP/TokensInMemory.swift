import Gateway
import Runtime
import Synchronization

final class TokensInMemory: TokenStore {
    private let tokens = Mutex<[[UInt8]: APIToken]>([:])
    /// While set, nobody can look anything up.
    let failure = Mutex<TokenStoreError?>(nil)
    let lookUps = Mutex(0)

    func token(hash: [UInt8]) async throws(TokenStoreError) -> APIToken? {
        lookUps.withLock { $0 += 1 }
        if let failure = failure.withLock({ $0 }) { throw failure }
        return tokens.withLock { $0[hash] }
    }

    func add(_ token: APIToken, hash: [UInt8], by principal: Principal) async throws(TokenStoreError) {
        tokens.withLock { $0[hash] = token }
    }

    func addFirst(_ token: APIToken, hash: [UInt8]) async throws(TokenStoreError) -> Bool {
        tokens.withLock { tokens in
            guard tokens.isEmpty else { return false }
            tokens[hash] = token
            return true
        }
    }
}

/// Notes whose credentials changed.
final class CredentialChangesHeard: CredentialChanges {
    let devices = Mutex<[String]>([])

    func changed(devices changed: [String]) async { devices.withLock { $0 += changed } }
}

final class ReadinessSwitch: ReadinessCheck {
    let reasons = Mutex<[String]>([])

    func reasonsAgainst() async -> [String] { reasons.withLock { $0 } }
}

/// No device has a key.
struct NoDeviceKeys: DeviceKeys {
    func verify(device: String, key: String) async throws(DeviceKeysError) -> Bool { false }
    func credentials(of device: String) async throws(DeviceKeysError) -> [DeviceCredential] { [] }
    func isRegistered(certificate sha256: [UInt8]) async throws(DeviceKeysError) -> Bool { false }
}
