import Foundation
import Metrics
import Runtime
import Synchronization

/// The notices that wait to be sent: at most one a second a device, and bounded in number.
final class OutgoingNotices: Sendable {
    struct Outgoing: Sendable {
        let topic: String
        let payload: [UInt8]
    }

    private struct State {
        var waiting: [Outgoing] = []
        var lastNotice: [String: ContinuousClock.Instant] = [:]
    }

    private let state = Mutex(State())
    private let capacity: Int
    private let dropped = Counter(label: "fleetlog_notices_dropped_total")

    init(capacity: Int) { self.capacity = capacity }

    /// Returns whether the notice waits and is the first to do so.
    func add(_ notice: Notice, to device: String, at time: ContinuousClock.Instant = .now) -> Bool {
        let (isFirst, lost) = state.withLock { state -> (Bool, Int) in
            if let last = state.lastNotice[device], time - last < .seconds(1) { return (false, 1) }
            if state.lastNotice.count >= capacity {
                state.lastNotice = state.lastNotice.filter { time - $1 < .seconds(1) }
            }
            state.lastNotice[device] = time
            let overflow = max(0, state.waiting.count + 1 - capacity)
            state.waiting.removeFirst(overflow)
            state.waiting.append(Self.outgoing(notice, to: device))
            return (state.waiting.count == 1, overflow)
        }
        if lost > 0 { dropped.increment(by: lost) }
        return isFirst
    }

    func takeAll() -> [Outgoing] {
        state.withLock { state in
            defer { state.waiting = [] }
            return state.waiting
        }
    }

    private struct Body: Encodable {
        let ts: Timestamp
        let reason: String
        let detail: String
    }

    private static func outgoing(_ notice: Notice, to device: String) -> Outgoing {
        let body = Body(ts: .now(), reason: notice.reason, detail: notice.detail)
        // Two texts and a time always have a JSON form.
        let payload = (try? JSONEncoder().encode(body)).map { Array($0) } ?? []
        return Outgoing(topic: DeviceTopic.notices(of: device), payload: payload)
    }
}
