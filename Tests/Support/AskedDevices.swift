import Aggregates
package import Projections
package import Runtime

extension [DeviceRow] {
    /// What a list of devices has to answer, said row by row.
    package func asked(
        scope: AccountScope, where filter: DeviceFilter, in order: DeviceOrder, after place: DevicePlace?, limit: Int
    ) -> [DeviceRow] {
        let rows = self.filter { scope.includes($0.account) && filter.admits($0) }
            .sorted { SortedPlace($0.place(in: order), order) < SortedPlace($1.place(in: order), order) }
        let listed = order.isDescending ? rows.reversed() : rows
        let behind = listed.filter { row in
            guard let place else { return true }
            let (own, last) = (SortedPlace(row.place(in: order), order), SortedPlace(place, order))
            return order.isDescending ? own < last : last < own
        }
        return [DeviceRow](behind.prefix(limit))
    }
}

/// A place that compares as the database compares it: texts by their bytes, names in small letters.
private struct SortedPlace: Comparable {
    let time: Timestamp
    let text: [UInt8]
    let id: [UInt8]

    init(_ place: DevicePlace, _ order: DeviceOrder) {
        switch place.key {
        case .none: (time, text) = (Timestamp(microseconds: 0), [])
        case .text(let key):
            let compared = order.key == .name ? key.lowercased() : key
            (time, text) = (Timestamp(microseconds: 0), [UInt8](compared.utf8))
        case .time(let key): (time, text) = (key ?? Timestamp(microseconds: .min), [])
        }
        id = [UInt8](place.id.utf8)
    }

    static func < (left: SortedPlace, right: SortedPlace) -> Bool {
        if left.time != right.time { return left.time < right.time }
        if left.text != right.text { return left.text.lexicographicallyPrecedes(right.text) }
        return left.id.lexicographicallyPrecedes(right.id)
    }
}

extension DeviceFilter {
    fileprivate func admits(_ row: DeviceRow) -> Bool {
        let words = [row.id, row.serial, row.name, row.type.rawValue] + row.labels.map { "\($0):\($1)" }
        let silence = isSilentSince.map { time in row.lastObservedTime.map { $0 < time } ?? true } ?? true
        let reading = hasReadingSince.map { time in row.lastObservedTime.map { $0 >= time } ?? false } ?? true
        return text.map { text in words.contains { $0.lowercased().contains(text.lowercased()) } } ?? true
            && labels.allSatisfy { row.labels[$0] == $1 } && type.map { $0 == row.type } ?? true
            && state.map { $0 == row.state } ?? true && admits(row.connectivity)
            && (!hasDrifted || row.clock.drift != nil) && area.map { $0.holds(row.location) } ?? true
            && place.map { row.location?.text?.lowercased().hasPrefix($0.lowercased()) ?? false } ?? true
            && silence && reading
    }

    private func admits(_ shown: Aggregates.Connectivity) -> Bool {
        switch connectivity {
        case nil: true
        case .flapping?: shown.flappingUntil.map { $0 > .now() } ?? false
        case let wanted?: wanted.rawValue == shown.presence.rawValue
        }
    }
}

extension GeographicArea {
    fileprivate func holds(_ location: Location?) -> Bool {
        guard let latitude = location?.latitude, let longitude = location?.longitude else { return false }
        let isBetween =
            west <= east ? west <= longitude && longitude <= east : west <= longitude || longitude <= east
        return isBetween && south <= latitude && latitude <= north
    }
}
