import Aggregates
import HTTPTypes
import Hummingbird
import Projections
import Runtime

/// What has become otherwise of one thing between two instants, and by which events.
struct DifferenceRoutes: Sendable {
    let store: any EventStore
    let devices: Directory<Device>
    let accounts: Directory<Account>
    let rollouts: Directory<Rollout>

    var all: [Route] {
        [
            route("devices", devices, shows: .device, missing: .noDevice) { id, memory, first throws(Problem) in
                let row = DeviceRow(id: id, memory, registeredTime: first.recordedTime, lastSeenTime: nil)
                return try Self.tree(DeviceAnswer(row))
            },
            route("accounts", accounts, shows: .account, missing: .noAccount) { _, memory, first throws(Problem) in
                try Self.tree(WholeAccountAnswer(memory, openedTime: first.recordedTime))
            },
            route("rollouts", rollouts, missing: .noRollout) { _, memory, first throws(Problem) in
                try Self.tree(try RolloutAnswer(memory, first: first))
            },
        ]
    }

    private func route<D>(
        _ kind: String, _ directory: Directory<D>, shows data: PersonalData? = nil, missing: Problem,
        _ answer: @escaping StreamDifference<D>.Answer
    ) -> Route {
        let difference = StreamDifference(store: store, directory: directory, missing: missing, answer: answer)
        return .guarded(.get, "/api/v1/\(kind)/{id}/diff", needs: .readLog, shows: data, difference.respond)
    }

    private static func tree(_ answer: some Encodable) throws(Problem) -> JSONTree {
        do {
            return try JSONTree(of: answer)
        } catch {
            throw .internalFailure(cause: "an answer cannot be compared: \(error)")
        }
    }
}
