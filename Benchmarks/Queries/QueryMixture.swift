import Foundation
import Runtime

/// What a page, a phone and an operator ask for, mixed; the same every time.
struct QueryMixture: Sendable {
    /// The routes, and how many of a hundred requests each takes.
    enum Kind: String, CaseIterable, Sendable {
        case device, list, search, map, minutes, hours, days, raw, rolling, states, fleet, alerts, activity, accounts

        var share: Int {
            switch self {
            case .device: 23
            case .list: 8
            case .search: 8
            case .map: 3
            case .minutes: 18
            case .hours: 8
            case .days: 3
            case .raw: 9
            case .rolling: 3
            case .states: 3
            case .fleet: 5
            case .alerts: 4
            case .activity: 2
            case .accounts: 3
            }
        }
    }

    private static let kinds = Kind.allCases.flatMap { Array(repeating: $0, count: $0.share) }

    let devices: Int
    /// Of the readings.
    let start: Timestamp
    let end: Timestamp

    func question(_ number: Int) -> (kind: Kind, path: String) {
        let random = SampleEvents.mixed(UInt64(number))
        let kind = Self.kinds[Int(random % UInt64(Self.kinds.count))]
        return (kind, path(of: kind, SampleEvents.mixed(random)))
    }

    private func path(of kind: Kind, _ random: UInt64) -> String {
        let number = Int(random % UInt64(devices))
        let (device, other) = ("bench\(number)", Int(random >> 32))
        switch kind {
        case .device: return "/api/v1/devices/\(device)"
        case .list: return "/api/v1/devices?limit=50" + (other.isMultiple(of: 2) ? "" : "&sort=-lastReading")
        case .search: return "/api/v1/devices?limit=50&" + search(number, other)
        case .map: return "/api/v1/devices?limit=200&bbox=" + box(other)
        case .minutes: return windows("1m", of: device, hour(other))
        case .hours: return windows("1h", of: device, start..<end)
        case .days: return windows("1d", of: device, start..<end)
        case .raw: return windows("raw", of: device, hour(other))
        case .rolling: return "/api/v1/devices/\(device)/rolling?metric=temperature&window=15m&" + range(hour(other))
        case .states: return "/api/v1/devices/\(device)/states?" + range(start..<end)
        case .fleet: return ["/api/v1/fleet", "/api/v1/dashboard/devices", "/api/v1/dashboard/metrics"][other % 3]
        case .alerts: return ["/api/v1/alerts?limit=50", "/api/v1/dashboard/alerts"][other % 2]
        case .activity: return "/api/v1/activity?limit=50"
        case .accounts: return "/api/v1/accounts?limit=50"
        }
    }

    private func search(_ number: Int, _ other: Int) -> String {
        switch other % 4 {
        case 0: "text=Device%20\(number)"
        case 1: "label=floor:\(other & 15)"
        case 2: "type=temperature&state=active"
        default: "text=S-\(number / 10)&label=floor:\(other & 15)"
        }
    }

    private func windows(_ resolution: String, of device: String, _ time: Range<Timestamp>) -> String {
        "/api/v1/metrics/temperature?device_id=\(device)&resolution=\(resolution)"
            + "&" + range(time)
    }

    private func range(_ time: Range<Timestamp>) -> String { "from=\(time.lowerBound)&to=\(time.upperBound)" }

    /// With some hundred devices in it.
    private func box(_ random: Int) -> String {
        let (west, south) = (5 + Double(random % 95) / 10, 47 + Double(random / 95 % 75) / 10)
        return "\(west),\(south),\(west + 0.5),\(south + 0.5)"
    }

    /// One at any minute, if there is one.
    private func hour(_ random: Int) -> Range<Timestamp> {
        let minutes = max(1, Int((end - start) / .seconds(60)) - 60)
        let begin = start + .seconds(60) * (random % minutes)
        return begin..<min(end, begin + .seconds(3_600))
    }
}
