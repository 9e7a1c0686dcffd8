package import Runtime

/// Sends commands to the aggregates of a directory.
package struct DirectorySink<D: Decider>: CommandSink {
    private let directory: Directory<D>

    package init(_ directory: Directory<D>) { self.directory = directory }

    package func send(_ batches: [(id: String, commands: [OutboundCommand<D.Command>])]) async -> [[CommandVerdict]] {
        let results = await directory.send(
            batches.map { batch in
                (
                    id: batch.id,
                    envelopes: batch.commands.map { outbound in
                        CommandEnvelope(
                            id: outbound.id, outbound.command, context: outbound.context, fence: outbound.fence)
                    }
                )
            })
        return results.map { $0.map { CommandVerdict($0) } }
    }
}

extension CommandVerdict {
    fileprivate init<Rejection>(_ result: Result<CommandReceipt, DispatchError<Rejection>>) {
        switch result {
        case .success(let receipt):
            switch receipt.effect {
            case .recorded: self = .accepted
            case .unchanged: self = .unchanged
            case .duplicate: self = .duplicate
            }
        case .failure(let error):
            switch error {
            case .rejected(let rejection): self = .rejected(reason: "\(rejection)")
            case .stale(let version): self = .rejected(reason: "the aggregate stands at version \(version)")
            case .invalid(let reason): self = .invalid(reason: reason)
            case .reused: self = .invalid(reason: "its id was used for another command")
            case .fenced: self = .fenced
            case .overloaded: self = .unavailable(reason: "overloaded")
            case .contended: self = .unavailable(reason: "contended")
            case .unavailable(let reason), .broken(let reason): self = .unavailable(reason: reason)
            }
        }
    }
}
