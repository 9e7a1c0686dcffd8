import Aggregates
import Crypto
import Foundation
import Runtime
import Synchronization

@testable import Gateway

/// Who may come in, as a test has it.
final class AccessInMemory: DeviceAccessSource {
    private struct State {
        var all: [String: DeviceAccess] = [:]
        var revision: Int64 = 0
        var used: [String] = []
        var learned: [LearnedKey] = []
        /// Up to which revision somebody has followed the changes.
        var followed: Int64 = 0
        var isAway = false
        var refused = 0
    }

    private let state = Mutex(State())

    var used: [String] { state.withLock { $0.used } }
    var followed: Int64 { state.withLock { $0.followed } }
    var learned: [LearnedKey] { state.withLock { $0.learned } }

    /// Gives the device these keys, numbered from 1, and no others.
    func set(_ device: String, _ state: DeviceAccess.State = .active, keys: String?...) {
        set(
            device, state,
            keys: keys.enumerated().compactMap { at, key in
                key.map { .init(number: UInt16(at + 1), proof: .sha256(Array(SHA256.hash(data: Data($0.utf8))))) }
            })
    }

    func set(_ device: String, _ access: DeviceAccess.State, keys: [DeviceAccess.Key]) {
        state.withLock { state in
            state.revision += 1
            state.all[device] = DeviceAccess(device: device, revision: state.revision, state: access, keys: keys)
        }
    }

    /// While it is away nobody can ask it for changes.
    var isAway: Bool {
        get { state.withLock { $0.isAway } }
        set { state.withLock { $0.isAway = newValue } }
    }

    /// How often it was asked while it was away.
    var refused: Int { state.withLock { $0.refused } }

    /// As if the device's keys had ended, so long ago that nothing tells of it any more.
    func forgetKeys(of device: String) { state.withLock { $0.all[device]?.keys = [] } }

    /// As if the database were of an earlier time.
    func restore(_ earlier: AccessInMemory) {
        let before = earlier.state.withLock { $0 }
        state.withLock { $0 = before }
    }

    func extent() async throws -> (revision: Int64, devices: Int) {
        state.withLock { ($0.revision, $0.all.count) }
    }

    func page(after device: String, limit: Int) async throws -> [DeviceAccess] {
        state.withLock {
            Array($0.all.values.filter { $0.device > device }.sorted { $0.device < $1.device }.prefix(limit))
        }
    }

    func page(of type: DeviceTypeName, after device: String, limit: Int) async throws -> [DeviceAccess] {
        state.withLock {
            Array(
                $0.all.values.filter { $0.type == type && $0.device > device }.sorted { $0.device < $1.device }
                    .prefix(limit))
        }
    }

    func changes(after revision: Int64, limit: Int) async throws -> [DeviceAccess] {
        try state.withLock { state in
            if state.isAway {
                state.refused += 1
                throw Unreachable()
            }
            state.followed = max(state.followed, revision)
            return Array(
                state.all.values.filter { $0.revision > revision }.sorted { $0.revision < $1.revision }.prefix(limit))
        }
    }

    func expired(since time: Timestamp) async throws -> [DeviceAccess] { [] }

    func access(of devices: [String]) async throws -> [DeviceAccess] {
        state.withLock { state in devices.compactMap { state.all[$0] } }
    }

    func note(used: [(device: String, number: UInt16)], learned: [LearnedKey]) async throws {
        state.withLock { state in
            state.used += used.map { "\($0.device)/\($0.number)" }
            state.learned += learned
        }
    }
}

private struct Unreachable: Error {}
