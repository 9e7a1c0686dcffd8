import HTTPTypes
import Hummingbird
import Runtime

/// One method at one path, and who may use it.
///
/// There are three ways to build a route, and no fourth: open to everybody, guarded by a permission, or for a device with
/// its own key. Only a guarded route's work is ever given a caller, so work on anybody's data cannot be built without
/// naming its permission.
package struct Route: Sendable {
    typealias OpenWork = @Sendable (Exchange) async throws(Problem) -> Response
    typealias GuardedWork = @Sendable (Exchange, Caller) async throws(Problem) -> Response

    typealias DeviceWork = @Sendable (Exchange, DeviceClaim, ProvenDevice?) async throws(Problem) -> Response

    enum Access: Sendable {
        case open(OpenWork)
        /// The device is proven if the header or the query names it; otherwise the work must see to that.
        case device(bodyLimit: Int, DeviceWork)
        case guarded(Permission, GuardedWork)
    }

    let method: HTTPRequest.Method
    /// Parameters stand in braces: `/api/v1/devices/{id}`.
    package let path: String
    let access: Access
    /// What its answers hold of people; then nothing is answered before the log says who reads it.
    package let shownData: PersonalData?
    /// What is recorded before its work is begun.
    let act: AdministrativeAct.Kind?
    /// Which fields of the body are recorded with it.
    let actFields: [String]

    /// A route that needs no token.
    static func open(
        _ method: HTTPRequest.Method, _ path: String, _ work: @escaping OpenWork
    ) -> Route {
        Route(method: method, path: path, access: .open(work))
    }

    static func guarded(
        _ method: HTTPRequest.Method, _ path: String, needs permission: Permission, shows data: PersonalData? = nil,
        records act: AdministrativeAct.Kind? = nil, with actFields: [String] = [], _ work: @escaping GuardedWork
    ) -> Route {
        Route(
            method: method, path: path, access: .guarded(permission, work), shownData: data, act: act,
            actFields: actFields)
    }

    /// A route that needs a device's own key.
    static func device(
        _ method: HTTPRequest.Method, _ path: String, bodyLimit: Int, _ work: @escaping DeviceWork
    ) -> Route {
        Route(method: method, path: path, access: .device(bodyLimit: bodyLimit, work))
    }

    package var methodName: String { method.rawValue }

    private init(
        method: HTTPRequest.Method, path: String, access: Access, shownData: PersonalData? = nil,
        act: AdministrativeAct.Kind? = nil, actFields: [String] = []
    ) {
        self.method = method
        self.path = path
        self.access = access
        self.shownData = shownData
        self.act = act
        self.actFields = actFields
    }

    var segments: [Substring] { path.split(separator: "/", omittingEmptySubsequences: true) }

    func matches(_ path: some StringProtocol) -> Bool {
        let given = path.split(separator: "/", omittingEmptySubsequences: true)
        let own = segments
        return given.count == own.count && zip(own, given).allSatisfy { $0.hasPrefix("{") || $0 == $1 }
    }
}

/// What a token must allow.
package enum Permission: Sendable, CaseIterable {
    case readFleet
    case readLog
    case manageDevices
    case acknowledgeAlerts
    case manageRollouts
    case renameAccounts
    /// Settings and mailboxes.
    case configureAccounts
    case redeliver
    /// Opening, closing, activating: for tokens that are bound to no account.
    case manageAccounts
    /// Looking after what runs for all accounts together.
    case manageWorkflows
    /// Having views built anew, which takes the machine's time and the disk's space.
    case manageViews
    /// Seeing which streams cannot be read, of whatever account, and having them tried again.
    case manageStreams
    /// One's own session, nothing else.
    case useSession

    func isGranted(to caller: Caller) -> Bool {
        switch self {
        case .readFleet, .readLog, .useSession: true
        case .manageDevices, .acknowledgeAlerts, .manageRollouts, .renameAccounts, .configureAccounts, .redeliver:
            caller.role == .admin
        case .manageAccounts, .manageWorkflows, .manageStreams, .manageViews:
            caller.role == .admin && caller.scope == .all
        }
    }
}
