import Aggregates
import Foundation
import Projections
import Runtime

/// What a request asks of the list of devices.
struct DeviceQuestion {
    static let parameters = [
        "text", "label", "type", "state", "connectivity", "clock", "account", "bbox", "place", "silentSince",
        "readingSince", "sort", "after", "limit",
    ]

    let scope: AccountScope
    var filter: DeviceFilter
    let order: DeviceOrder
    let place: DevicePlace?
    let limit: Int

    init(_ query: QueryParameters, _ caller: Caller) throws(Problem) {
        scope = try caller.scope.narrowed(by: query["account"])
        filter = DeviceFilter(connectivity: try query.connectivity(), hasDrifted: try query.clockHasDrifted())
        filter.text = try query.text("text", limit: 200)
        filter.labels = try query.labels()
        filter.type = try query.text("type", limit: 64).map { DeviceType($0) }
        filter.state = try query.deviceState()
        filter.area = try query.area()
        filter.place = try query.text("place", limit: 200)
        filter.isSilentSince = try query.time("silentSince")
        filter.hasReadingSince = try query.time("readingSince")
        order = try query.deviceOrder()
        place = try DeviceCursor.decode(query["after"], in: order)
        limit = try query.limit()
    }
}

extension QueryParameters {
    fileprivate func text(_ name: String, limit: Int) throws(Problem) -> String? {
        guard let text = self[name] else { return nil }
        guard (1...limit).contains(text.utf8.count), !text.utf8.contains(0) else {
            throw .malformed(name, "\(name) must be a text of 1 to \(limit) bytes.")
        }
        return text
    }

    private static let mostLabels = 16

    /// `label=floor:3`, as often as there are labels; the key ends at the first colon.
    fileprivate func labels() throws(Problem) -> [String: String] {
        let texts = all("label")
        guard texts.count <= Self.mostLabels else {
            throw .malformed("label", "label may be given \(Self.mostLabels) times.")
        }
        var labels: [String: String] = [:]
        for text in texts {
            let halves = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard halves.count == 2, !halves[0].isEmpty, text.utf8.count <= 321, !text.utf8.contains(0) else {
                throw .malformed("label", "label must be a key and a value, such as floor:3.")
            }
            let (key, value) = (String(halves[0]), String(halves[1]))
            if let other = labels.updateValue(value, forKey: key), other != value {
                throw .malformed("label", "A device has one label \(key); two values are asked for.")
            }
        }
        return labels
    }

    fileprivate func deviceState() throws(Problem) -> Device.Status? {
        guard let text = self["state"] else { return nil }
        if let state = Device.Status(rawValue: text), state != .unregistered { return state }
        throw .malformed("state", "state must be one of: provisioned, active, quarantined, retired.")
    }

    /// The order of RFC 7946: west, south, east, north.
    fileprivate func area() throws(Problem) -> GeographicArea? {
        guard let text = self["bbox"] else { return nil }
        let numbers = text.split(separator: ",", omittingEmptySubsequences: false).map { Double($0) ?? .nan }
        guard numbers.count == 4,
            let area = GeographicArea(west: numbers[0], south: numbers[1], east: numbers[2], north: numbers[3])
        else {
            throw .malformed("bbox", "bbox must be west,south,east,north in degrees, such as 5.8,47.2,15.1,55.1.")
        }
        return area
    }

    fileprivate func deviceOrder() throws(Problem) -> DeviceOrder {
        guard let text = self["sort"] else { return .byID }
        let isDescending = text.hasPrefix("-")
        guard let key = DeviceOrder.Key(rawValue: String(text.dropFirst(isDescending ? 1 : 0))) else {
            let known = DeviceOrder.Key.allCases.map(\.rawValue).joined(separator: ", ")
            throw .malformed("sort", "sort must be one of \(known), with a - before it from the greatest to the least.")
        }
        return DeviceOrder(by: key, isDescending: isDescending)
    }
}

/// The opaque cursor of a list of devices, which belongs to one order.
enum DeviceCursor {
    private static let list = "devices"
    private static let limit = 1_000

    static func encode(_ place: DevicePlace, in order: DeviceOrder) -> String {
        var fields = [name(of: order), place.id]
        switch place.key {
        case .none: break
        case .text(let text): fields.append(text)
        case .time(let time): fields.append(time.map { "\($0.microseconds)" } ?? "")
        }
        return ListCursor.encode(fields.joined(separator: "\n"), of: list)
    }

    static func decode(_ text: String?, in order: DeviceOrder) throws(Problem) -> DevicePlace? {
        guard let plain = try ListCursor.decode(text, of: list, limit: limit) else { return nil }
        let fields = plain.split(separator: "\n", maxSplits: 2, omittingEmptySubsequences: false)
        guard fields.count >= 2, !plain.utf8.contains(0) else { throw foreign }
        guard fields[0] == name(of: order) else {
            throw .malformed(
                "after",
                "after is a place in a list that is sorted by \(fields[0]): give the same sort, or begin without after."
            )
        }
        return DevicePlace(try key(fields.count > 2 ? String(fields[2]) : nil, order.key), id: String(fields[1]))
    }

    private static func key(_ text: String?, _ key: DeviceOrder.Key) throws(Problem) -> DevicePlace.Key {
        switch (key, text) {
        case (.id, nil): return .none
        case (.name, let text?), (.serial, let text?), (.state, let text?): return .text(text)
        case (.lastReading, ""?): return .time(nil)
        case (.registered, let text?), (.lastReading, let text?):
            guard let microseconds = Int64(text) else { throw foreign }
            return .time(Timestamp(microseconds: microseconds))
        case (.id, _?), (_, nil): throw foreign
        }
    }

    private static var foreign: Problem { .malformed("after", "after must be what an earlier answer gave as next.") }

    private static func name(of order: DeviceOrder) -> String { (order.isDescending ? "-" : "") + order.key.rawValue }
}
