import Aggregates
import Projections
import Runtime

/// Whether a device is there, as JSON.
struct ConnectivityAnswer: Encodable {
    var state: String
    /// When its status or its silence led to that; absent if a message did.
    var since: Timestamp?
    var sessions: Int64
    /// What it says that it runs.
    var firmware: String?
    /// Absent unless it has come and gone too often.
    var flappingUntil: Timestamp?

    init(_ connectivity: Connectivity) {
        state = connectivity.presence.rawValue
        since = connectivity.since
        sessions = connectivity.sessions
        firmware = connectivity.firmware
        flappingUntil = connectivity.flappingUntil
    }
}

extension QueryParameters {
    /// The filter of the list of devices; nil if it is not given.
    func connectivity() throws(Problem) -> DeviceFilter.Connectivity? {
        guard let text = self["connectivity"] else { return nil }
        guard let wanted = DeviceFilter.Connectivity(rawValue: text) else {
            let known = DeviceFilter.Connectivity.allCases.map(\.rawValue).joined(separator: ", ")
            throw .malformed("connectivity", "connectivity must be one of \(known).")
        }
        return wanted
    }
}
