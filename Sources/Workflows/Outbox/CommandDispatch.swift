package import Aggregates
import Runtime

/// Knows where each command of the outbox goes.
package struct CommandDispatch: Sendable {
    private let devices: any CommandSink<Device.Command>
    private let alerts: any CommandSink<Alert.Command>
    private let rollouts: any CommandSink<Rollout.Command>

    package init(
        devices: any CommandSink<Device.Command>, alerts: any CommandSink<Alert.Command>,
        rollouts: any CommandSink<Rollout.Command>
    ) {
        self.devices = devices
        self.alerts = alerts
        self.rollouts = rollouts
    }

    /// Sends commands, each aggregate's in order; the verdicts lie as the commands do.
    func send(_ commands: [OutboundCommand<OutgoingCommand>]) async -> [CommandVerdict] {
        var devices = Batches<Device.Command>()
        var alerts = Batches<Alert.Command>()
        var rollouts = Batches<Rollout.Command>()
        for (index, outbound) in commands.enumerated() {
            switch outbound.command {
            case .alert(let id, let command): alerts.add(command, of: outbound, at: index, to: id)
            case .rollout(let id, let command): rollouts.add(command, of: outbound, at: index, to: id)
            case .silence(let id, let lastSeenTime):
                devices.add(.fallSilent(lastSeenTime: lastSeenTime), of: outbound, at: index, to: id)
            case .commandTimeout(let id, let command):
                devices.add(.timeOutCommand(id: command), of: outbound, at: index, to: id)
            }
        }
        var verdicts = [CommandVerdict](repeating: .unavailable(reason: "no answer"), count: commands.count)
        await devices.send(to: self.devices, into: &verdicts)
        await alerts.send(to: self.alerts, into: &verdicts)
        await rollouts.send(to: self.rollouts, into: &verdicts)
        return verdicts
    }
}

/// Commands for aggregates of one kind, by aggregate.
private struct Batches<Command: Sendable> {
    private var batches: [(id: String, commands: [OutboundCommand<Command>])] = []
    private var places: [[Int]] = []
    private var batchOfID: [String: Int] = [:]

    mutating func add(
        _ command: Command, of outbound: OutboundCommand<OutgoingCommand>, at place: Int, to id: String
    ) {
        let batch: Int
        if let known = batchOfID[id] {
            batch = known
        } else {
            batch = batches.count
            batchOfID[id] = batch
            batches.append((id, []))
            places.append([])
        }
        batches[batch].commands.append(
            OutboundCommand(id: outbound.id, command: command, context: outbound.context, fence: outbound.fence))
        places[batch].append(place)
    }

    func send(to sink: any CommandSink<Command>, into verdicts: inout [CommandVerdict]) async {
        if batches.isEmpty { return }
        for (places, answers) in zip(places, await sink.send(batches)) {
            for (place, answer) in zip(places, answers) { verdicts[place] = answer }
        }
    }
}
