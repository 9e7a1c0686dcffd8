import Foundation
import Support
import Synchronization

/// The interface of the real server over streams in memory. It can be told to lose and to double readings.
final class FakeFleetlog: Sendable {
    private struct State {
        var streams: [String: [Int64?]] = [:]
        var registrations: [String] = []
        var keys: Set<String> = []
        var busy = 0
        var keyless = 0
        var streamReads = 0
        var ids: [String]
        /// Of the devices in the one rollout that there is.
        var installations: [String: String] = [:]
    }

    private let state: Mutex<State>
    /// Small, so that every test turns pages.
    static let page = 7

    /// Registers devices under `ids`, one after the other; the key of `d1` is `key-d1`.
    init(ids: [String]) { state = Mutex(State(ids: ids)) }

    var registrations: Int { state.withLock { $0.registrations.count } }
    /// How often events of a stream were asked for.
    var streamReads: Int { state.withLock { $0.streamReads } }
    /// Idempotency keys seen.
    var keys: Set<String> { state.withLock { $0.keys } }

    /// The next so many requests are answered 503.
    func beBusy(_ times: Int) { state.withLock { $0.busy = times } }
    /// The next so many registrations are answered as repeated ones, without the key.
    func forgetKeys(_ times: Int) { state.withLock { $0.keyless = times } }

    func store(_ seq: Int64, of device: String) { state.withLock { $0.streams[device]?.append(seq) } }

    /// Stores what a real server would: each number once.
    func storeOnce(_ seq: Int64, of device: String) {
        state.withLock { if $0.streams[device]?.contains(seq) == false { $0.streams[device]?.append(seq) } }
    }

    func setInstallation(_ installation: String, of device: String) {
        state.withLock { $0.installations[device] = installation }
    }

    func forget(device: String) { state.withLock { $0.streams[device] = nil } }

    func answer(_ request: FakeServer.Request) -> FakeServer.Answer {
        guard request.headers["authorization"] == "Bearer good" else {
            return .init(status: 401, body: #"{"title":"Unauthorized","detail":"The token is not known."}"#)
        }
        return state.withLock { state in
            if state.busy > 0 {
                state.busy -= 1
                return .init(status: 503, headers: ["Retry-After": "0"], body: #"{"title":"Busy"}"#)
            }
            let parts = request.path.split(separator: "/").dropFirst(2).map(String.init)
            switch (request.method, parts.first) {
            case ("POST", "devices"): return register(request, &state)
            case ("GET", "devices"): return device(parts[1], state)
            case ("POST", "rollouts"): return .init(status: 201, body: #"{"id":"r1"}"#)
            case ("GET", "rollouts"): return installations(request, state)
            case ("GET", "streams"):
                state.streamReads += 1
                return events(String(parts[1].dropFirst("device-".count)), request, state)
            default: return .init(status: 404, body: #"{"title":"Not found"}"#)
            }
        }
    }

    private func register(_ request: FakeServer.Request, _ state: inout State) -> FakeServer.Answer {
        guard let key = request.headers["idempotency-key"], state.keys.insert(key).inserted, !state.ids.isEmpty else {
            return .init(status: 422, body: #"{"detail":"no id left"}"#)
        }
        if state.keyless > 0 {
            state.keyless -= 1
            return .init(status: 201, body: #"{"id":"ghost"}"#)
        }
        let id = state.ids.removeFirst()
        state.streams[id] = [nil]
        state.registrations.append(id)
        return .init(status: 201, body: #"{"id":"\#(id)","apiKey":"key-\#(id)","state":"active","version":1}"#)
    }

    private func installations(_ request: FakeServer.Request, _ state: State) -> FakeServer.Answer {
        let rest = state.installations.sorted { $0.key < $1.key }.filter { $0.key > request.query["after"] ?? "" }
        let page = rest.prefix(Self.page)
        let items = page.map { #"{"device":"\#($0)","state":"\#($1)"}"# }.joined(separator: ",")
        let next = page.count < rest.count ? page.last.map { "\"\($0.key)\"" } : nil
        return .init(body: #"{"items":[\#(items)],"next":\#(next ?? "null")}"#)
    }

    private func device(_ id: String, _ state: State) -> FakeServer.Answer {
        guard let stream = state.streams[id] else { return .init(status: 404, body: #"{"title":"Not found"}"#) }
        return .init(body: #"{"id":"\#(id)","state":"active","version":\#(stream.count)}"#)
    }

    private func events(_ id: String, _ request: FakeServer.Request, _ state: State) -> FakeServer.Answer {
        guard let stream = state.streams[id], let after = request.query["after"].flatMap(Int.init) else {
            return .init(status: 404, body: #"{"title":"Not found"}"#)
        }
        let end = min(stream.count, after + Self.page)
        let items = (min(after, end)..<end).map { index in
            let (type, data) =
                stream[index].map { ("TelemetryRecorded", #"{"metrics":{},"seq":\#($0)}"#) }
                ?? ("DeviceRegistered", #"{"serial":"x"}"#)
            return #"{"position":1,"version":\#(index + 1),"type":"\#(type)","data":\#(data)}"#
        }
        let next = end < stream.count ? "\"\(end)\"" : "null"
        return .init(body: #"{"items":[\#(items.joined(separator: ","))],"next":\#(next)}"#)
    }
}
