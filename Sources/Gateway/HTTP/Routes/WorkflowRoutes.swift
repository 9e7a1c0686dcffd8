import HTTPTypes
import Hummingbird
import Runtime
import Workflows

/// How the workflows are doing, and another attempt for an instance that stopped.
struct WorkflowRoutes: Sendable {
    let queries: any WorkflowQueries

    var all: [Route] {
        [
            .guarded(.get, "/api/v1/workflows", needs: .manageWorkflows, list),
            .guarded(.get, "/api/v1/workflows/{name}/stopped", needs: .manageWorkflows, stopped),
            .guarded(
                .post, "/api/v1/workflows/{name}/stopped/{key}/retry", needs: .manageWorkflows,
                records: .instanceRetryRequested,
                retry),
        ]
    }

    private func list(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow()
        return try .json(ListAnswer(items: try await statuses().map { WorkflowAnswer($0) }, next: nil))
    }

    private func stopped(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow("limit")
        let (name, limit) = (exchange.parameter("name"), try exchange.query.limit())
        guard try await statuses().contains(where: { $0.name == name }) else { throw .noWorkflow }
        let instances: [StoppedInstance]
        do throws(EventStoreError) {
            instances = try await queries.stopped(name, limit: limit)
        } catch {
            throw Problem(error)
        }
        return try .json(ListAnswer(items: instances.map { StoppedAnswer($0) }, next: nil))
    }

    private func retry(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow()
        let isAskedFor: Bool
        do throws(EventStoreError) {
            isAskedFor = try await queries.retry(exchange.parameter("name"), key: exchange.parameter("key"))
        } catch {
            throw Problem(error)
        }
        guard isAskedFor else { throw .noStoppedInstance }
        return Response(status: .accepted)
    }

    private func statuses() async throws(Problem) -> [WorkflowStatus] {
        do throws(EventStoreError) {
            return try await queries.workflows()
        } catch {
            throw Problem(error)
        }
    }
}

private struct WorkflowAnswer: Encodable {
    var name: String
    var position: Int64
    var tether: Tether
    var instances: Int64
    var stopped: Int64
    var timers: Int64
    var commands: Int64

    struct Tether: Encodable {
        var events: Int64
        var seconds: Double
    }

    init(_ status: WorkflowStatus) {
        name = status.name
        position = status.position
        tether = Tether(events: status.tether, seconds: status.tetherSeconds)
        instances = status.instances
        stopped = status.stopped
        timers = status.timers
        commands = status.commands
    }
}

private struct StoppedAnswer: Encodable {
    var key: String
    var position: Int64
    var reason: String
    var time: String
    var isToBeRetried: Bool

    init(_ instance: StoppedInstance) {
        key = instance.key
        position = instance.position
        reason = instance.reason
        time = instance.time.description
        isToBeRetried = instance.isToBeRetried
    }
}
