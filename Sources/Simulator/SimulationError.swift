/// Why a simulation cannot go on; the description says what to do.
package enum SimulationError: Error, Sendable, CustomStringConvertible {
    /// A setting cannot be meant as it is.
    case setting(String)
    /// The server does not take the token.
    case unauthorized(detail: String)
    /// The server answered, but not as hoped.
    case refused(request: String, status: Int, detail: String)
    /// The server did not answer, or kept saying that it is too busy.
    case unreachable(request: String, reason: String)
    case stateFile(path: String, reason: String)
    case system(String)
    case cancelled

    package var description: String {
        switch self {
        case .setting(let reason): reason
        case .unauthorized(let detail):
            "the server does not accept the token (\(detail)): pass one that may register devices, "
                + "such as the admin token in .fleetlog/admin-token"
        case .refused(let request, let status, let detail): "\(request) was answered \(status): \(detail)"
        case .unreachable(let request, let reason): "\(request) got no answer: \(reason)"
        case .stateFile(let path, let reason):
            "\(path) cannot be used (\(reason)): repair it, or remove it to start with a new fleet"
        case .system(let reason): reason
        case .cancelled: "the simulation was cancelled before it began"
        }
    }
}
