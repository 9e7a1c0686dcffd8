import Foundation
import HTTPTypes
import Projections
import Runtime

/// What `GET /api/v1/metrics/{metric}` asks for, checked.
struct MetricQuestion {
    enum Resolution: String, CaseIterable {
        case raw
        case minute = "1m"
        case hour = "1h"
        case day = "1d"

        /// The longest range that may be asked for at once.
        var mostSeconds: Int64 {
            switch self {
            case .raw: 31 * 86_400
            case .minute: 7 * 86_400
            case .hour: 366 * 86_400
            case .day: 3_660 * 86_400
            }
        }

        /// The finest one that does not make an answer longer than a screen can show.
        static func suiting(_ seconds: Int64) -> Resolution {
            switch seconds {
            case ...3_600: .raw
            case ...86_400: .minute
            case ...(62 * 86_400): .hour
            default: .day
            }
        }

        var windows: WindowsWanted.Resolution? { WindowsWanted.Resolution(rawValue: rawValue) }
    }

    let metric: String
    let device: String
    private(set) var from: Timestamp
    private(set) var to: Timestamp
    let resolution: Resolution
    let limit: Int

    /// The metrics that the name stands for; those nested below them belong to it as well.
    var metrics: [String] { metric == "location" ? ["location", "latitude", "longitude", "altitude"] : [metric] }

    /// Whether a metric is wanted.
    func includes(_ name: String) -> Bool {
        metrics.contains {
            name == $0 || name.hasPrefix($0) && name.utf8.dropFirst($0.utf8.count).first == UInt8(ascii: ".")
        }
    }
}

extension Problem {
    static let unknownMetric = Problem(
        .notFound, "unknown-metric", "There is no such metric",
        "The device has reported no metric of this name, and its type names none.", field: "metric")
}

/// Where a page of windows has ended.
enum WindowCursor {
    private struct Place: Codable {
        var m: String
        var s: Int64
        var a: String
    }

    static func encode(_ place: WindowsWanted.Place) -> String {
        let place = Place(m: place.metric, s: place.start.microseconds, a: place.account)
        return ((try? JSONEncoder().encode(place)) ?? Data()).base64URLText
    }

    static func decode(_ text: String?) throws(Problem) -> WindowsWanted.Place? {
        guard let text else { return nil }
        guard text.utf8.count <= 1_000, let data = Data(base64URLText: text),
            let place = try? JSONDecoder().decode(Place.self, from: data)
        else { throw .malformed("after", "after must be what an earlier answer gave as next.") }
        return .init(metric: place.m, start: Timestamp(microseconds: place.s), account: place.a)
    }
}

extension MetricQuestion {
    /// - Parameter now: where it ends if it does not say so.
    init(_ exchange: Exchange, now: Timestamp) throws(Problem) {
        let query = exchange.query
        try query.allow(["device_id", "from", "to", "resolution", "after", "limit"] + PastQuestion.parameters)
        // The one part of a path that may be any text.
        guard let metric = exchange.parameter("metric").removingPercentEncoding,
            (1...128).contains(metric.utf8.count), !metric.utf8.contains(0)
        else { throw .unknownMetric }
        self.metric = metric
        guard let device = query["device_id"] else {
            throw .malformed("device_id", "device_id must name the device whose readings are wanted.")
        }
        self.device = device
        to = try query.time("to") ?? now
        from = try query.time("from") ?? to - .seconds(86_400)
        guard from < to else { throw .malformed("from", "from must be before to.") }
        let seconds = (to - from).components.seconds
        if let text = query["resolution"] {
            guard let wanted = Resolution(rawValue: text) else {
                throw .malformed("resolution", "resolution must be raw, 1m, 1h or 1d.")
            }
            resolution = wanted
        } else {
            resolution = .suiting(seconds)
        }
        guard seconds <= resolution.mostSeconds else {
            throw .malformed(
                "from",
                "from and to may be \(resolution.mostSeconds / 86_400) days apart at a resolution of \(resolution.rawValue)."
            )
        }
        limit = try query.limit(default: 1_000, most: 10_000)
        if resolution == .day {
            // A day of which some hours were left out would look like one in which nothing was measured then.
            from = from.startOfDay
            to = (to - .microseconds(1)).startOfDay + .seconds(86_400)
        }
    }
}

extension Timestamp {
    /// Of UTC.
    fileprivate var startOfDay: Timestamp {
        let day: Int64 = 86_400_000_000
        let within = microseconds % day
        return Timestamp(microseconds: microseconds - (within < 0 ? within + day : within))
    }
}
