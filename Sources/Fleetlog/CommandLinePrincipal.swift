import Foundation
import Gateway
import Runtime

extension Principal {
    /// Whoever runs this command, by the name that the machine knows them by. No id of a token has a colon.
    static var commandLine: Principal {
        let name = getpwuid(geteuid()).map { String(cString: $0.pointee.pw_name) } ?? "uid-\(geteuid())"
        return .user("command-line:\(name)")
    }
}

extension LogAccess {
    /// Does something to the installation, and has the log say so first.
    func administer<Value>(
        _ kind: AdministrativeAct.Kind, _ subject: String? = nil, _ details: [String: String] = [:],
        ended: AdministrativeAct.Kind? = nil, _ work: () async throws -> Value
    ) async throws -> Value {
        try await Administration(store: store).perform(
            AdministrativeAct(kind, .init(subject, details)), .init(by: .commandLine), ended: ended, work)
    }
}
